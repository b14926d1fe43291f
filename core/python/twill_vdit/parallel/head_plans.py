# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Plans of the heads that one rank computes.

A plan's stacks have as many heads in each layer, and ranks have other numbers of them in each layer, segment and piece:
pieces with as many heads are the layers of one stack.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from twill_vdit.compiled_plan import CompiledPlan, compile_plan
from twill_vdit.json_reading import parse_json
from twill_vdit.parallel.shares import Heads
from twill_vdit.plan_io import parse_plan

if TYPE_CHECKING:
    from twill_vdit.plan import Plan

# Segment, expert, stack, layer, piece.
PieceSite = tuple[int, int, int, int, int]

_DENSE = {"kind": "dense"}
# Of a plan (core/plan/src/checks.h).
_MOST_STACKS, _MOST_LAYERS = 8, 1024


@dataclass(frozen=True)
class PiecePlace:
    """Where a piece stands.

    Attributes:
        compiled: a plan with one segment.
        stack: of it.
        layer: of the stack.
    """

    compiled: CompiledPlan
    stack: int
    layer: int


def compile_pieces(whole: CompiledPlan, pieces: Mapping[PieceSite, Heads]) -> dict[PieceSite, PiecePlace]:
    """Plans of these heads alone, at the same layout. A head computes there what it computes in the whole plan.

    Args:
        whole: the plan of all heads.
        pieces: those with heads.
    """
    sites: dict[int, list[PieceSite]] = {}
    for site, heads in pieces.items():
        sites.setdefault(len(heads), []).append(site)
    stacks = [(count, some) for count, alike in sorted(sites.items()) for some in _batched(alike, _MOST_LAYERS)]
    places: dict[PieceSite, PiecePlace] = {}
    for together in _batched(stacks, _MOST_STACKS):
        compiled = _compiled(whole, together, pieces)
        for stack, (_, some) in enumerate(together):
            places |= {site: PiecePlace(compiled, stack, layer) for layer, site in enumerate(some)}
    return places


def _compiled(
    whole: CompiledPlan, stacks: Sequence[tuple[int, Sequence[PieceSite]]], pieces: Mapping[PieceSite, Heads]
) -> CompiledPlan:
    text = parse_json(whole.plan.text, whole.plan.name)
    patterns: list[Any] = [*text["patterns"], _DENSE]
    names = [f"stack {number}" for number in range(len(stacks))]
    shapes = [
        {"name": name, "layers": len(sites), "heads": count} for name, (count, sites) in zip(names, stacks, strict=True)
    ]
    heads = {
        name: [_entries(whole.plan, site, pieces[site], len(patterns) - 1) for site in sites]
        for name, (_, sites) in zip(names, stacks, strict=True)
    }
    made = {
        "schema_version": text["schema_version"],
        "name": whole.plan.name,
        "model": {**text["model"], "experts": ["default"], "stacks": shapes},
        "patterns": patterns,
        "segments": [{"t_begin": 0, "t_end": 1, "heads": {"default": heads}}],
    }
    plan = parse_plan(json.dumps(made), f"the heads of one rank of {whole.plan.name}")
    return compile_plan(plan, whole.layout, whole.backend)


def _batched(each: Sequence[Any], most: int) -> list[Sequence[Any]]:
    """itertools.batched, which Python 3.12 has."""
    return [each[begin : begin + most] for begin in range(0, len(each), most)]


def _entries(plan: "Plan", site: PieceSite, heads: Heads, dense: int) -> list[Any]:
    """As a plan's JSON has them: a pattern's number, or with the precision."""
    segment, expert, stack, layer, _ = site
    table = plan.segments[segment]
    if table.dense:
        return [dense] * len(heads)
    first = plan.model.head_index(stack, layer)
    found = []
    for head in heads:
        pattern = table.heads[expert][first + head]
        precision = table.precisions[expert][first + head] if table.precisions else "bf16"
        found.append(pattern if precision == "bf16" else {"pattern": pattern, "precision": precision})
    return found
