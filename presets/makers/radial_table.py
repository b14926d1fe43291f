# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""How many cells the presets by Radial Attention's mask keep, and how many the published mask would."""

import collections
import functools
import json

import numpy as np

import twill_vdit
from makers import radial_cells
from makers.models import Model
from makers.patterns import DENSE, density, one_head_plan, radial
from makers.plans import Heads
from makers.points import LEVELS, build
from twill_vdit.patterns import keeps

HEAD = (
    "| plan | decay | the rule, by token | ours, by token | the authors' blocks of 128 | ours, computed | "
    "the whole run, authors' blocks | the whole run, ours |",
    "|---|---|---|---|---|---|---|---|",
)
QUERIES = 97  # evenly spaced, of the column `ours, by token`


@functools.cache
def ours_by_token(pattern: str, layout: twill_vdit.TokenLayout) -> float:
    """Share of the cells that a pattern keeps by its definition, at evenly spaced queries."""
    made = twill_vdit.parse_plan(one_head_plan(pattern)).patterns[0]
    queries = np.unique(np.linspace(0, layout.tokens - 1, QUERIES).round().astype(np.int64))
    return float(keeps(made, layout, queries, np.arange(layout.tokens)).mean())


def decays_of(model: Model, setting: tuple[float, float, float]) -> dict[str, float]:
    """By our pattern: the decay that it follows."""
    decay, near, _ = setting
    levels = (decay, *(value for value in LEVELS if value > decay))
    return {json.dumps(radial(model.layout, value, near)): value for value in reversed(levels)}


def published_run_density(model: Model, point: str, setting: tuple[float, float, float]) -> float:
    """Of the default setting, with the authors' blocks in the place of our bands, over all steps."""
    near, decays = setting[1], decays_of(model, setting)

    def share(pattern: dict) -> float:
        return 1.0 if pattern == DENSE else radial_cells.by_block(model.layout, decays[json.dumps(pattern)], near)

    def mean_share(heads: dict[str, Heads] | None, expert: str) -> float:
        if heads is None:
            return 1.0
        patterns = [pattern for row in heads[expert] for pattern in row]
        one_of_each = {id(pattern): pattern for pattern in patterns}  # few, and each is shared by many heads
        shares = {key: share(pattern) for key, pattern in one_of_each.items()}
        return sum(shares[id(pattern)] for pattern in patterns) / len(patterns)

    ranges, _ = build(model, point)
    ends = [each.first for each in ranges[1:]] + [model.steps]
    total = 0.0
    for each, end in zip(ranges, ends, strict=True):
        experts = collections.Counter(model.experts[model.expert_at(t)] for t in model.times[each.first : end])
        total += sum(steps * mean_share(each.heads, expert) for expert, steps in experts.items())
    return total / model.steps


def row(model: Model, point: str, setting: tuple[float, float, float], ours: float) -> str:
    decay, near, _ = setting
    layout, pattern = model.layout, radial(model.layout, decay, near)
    shares = (
        radial_cells.by_token(layout, decay, near),
        ours_by_token(json.dumps(pattern), layout),
        radial_cells.by_block(layout, decay, near),
        density(pattern, layout),
        published_run_density(model, point, setting),
        ours,
    )
    cells = (f"`{model.folder}/{model.prefix}{point}.json`", f"{decay:g}", *(f"{each:.3f}" for each in shares))
    return f"| {' | '.join(cells)} |"


def sentence(model: Model, point: str, setting: tuple[float, float, float], ours: float) -> str:
    return (
        f"more than published: over all steps {ours:.4f} of dense attention's cells, with the authors' blocks of "
        f"128 x 128 tokens in the place of our bands {published_run_density(model, point, setting):.4f}"
    )
