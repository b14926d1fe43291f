# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Heads by step -> a plan's JSON."""

import json
from dataclasses import dataclass

import twill_vdit
from makers import schedules
from makers.models import Model
from makers.patterns import DENSE

# [layer][head] over all stacks, patterns as dictionaries
Heads = list[list[dict]]


@dataclass(frozen=True)
class Range:
    """Steps from `first` on, until the next range; heads: by expert, None: dense."""

    first: int
    heads: dict[str, Heads] | None


def uniform(model: Model, pattern: dict, dense_layers: set[int]) -> dict[str, Heads]:
    """One pattern for every head outside the dense layers."""
    rows: Heads = []
    for _, layers, heads in model.stacks:
        rows += [[DENSE if len(rows) + i in dense_layers else pattern] * heads for i in range(layers)]
    return dict.fromkeys(model.experts, rows)


def plan_text(model: Model, name: str, ranges: list[Range], provenance: dict[str, str]) -> str:
    """The file: patterns numbered in order of use, segments by rising t, checked and written as the library does."""
    numbers: dict[str, int] = {}

    def number(pattern: dict) -> int:
        return numbers.setdefault(json.dumps(pattern), len(numbers))

    def stacks(rows: Heads) -> dict:
        begin, by_name = 0, {}
        for stack, layers, _ in model.stacks:
            by_name[stack] = [[number(pattern) for pattern in row] for row in rows[begin : begin + layers]]
            begin += layers
        return by_name

    edges = [1.0] + [schedules.edge(list(model.times), each.first) for each in ranges[1:]] + [0.0]
    segments = []
    for i, each in enumerate(ranges):
        segment: dict = {"t_begin": edges[i + 1], "t_end": edges[i]}
        if each.heads is None:
            segment["dense"] = True
        else:
            segment["heads"] = {expert: stacks(each.heads[expert]) for expert in model.experts}
        segments.append(segment)
    plan = {
        "schema_version": "1.0",
        "name": name,
        "model": model.shape(),
        "patterns": [json.loads(text) for text in numbers],
        "segments": segments[::-1],
        "provenance": provenance,
    }
    return twill_vdit.parse_plan(json.dumps(plan), name).text


def run_density(model: Model, text: str) -> float:
    """Of the default setting, over all steps and both experts, as `twill` computes it."""
    compiled = twill_vdit.compile_plan(twill_vdit.parse_plan(text, model.label), model.layout)
    return compiled.run_density(model.times, [model.expert_at(t) for t in model.times])
