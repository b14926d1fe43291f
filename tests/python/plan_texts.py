# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Plan files made from patterns."""

import dataclasses
import json

from twill_vdit import compiled_plan


def order_name(order):
    return f"tiles {order.frames}x{order.rows}x{order.cols}" if order.kind == "tiles" else order.kind


KINDS = {"Diagonal": "diagonal", "MultiDiagonal": "multi_diagonal", "VerticalStripe": "vertical_stripe"}


def pattern_object(pattern):
    parts = [{"kind": KINDS.get(type(p).__name__, "window"), **dataclasses.asdict(p)} for p in pattern.parts]
    made = {"kind": pattern.kind}
    if pattern.kind == "union":
        made["parts"] = parts
    elif parts:
        made |= parts[0]
    if pattern.order is not None:
        made["order"] = order_name(pattern.order)
    return made


def with_order(pattern, order):
    return dataclasses.replace(pattern, order=order) if pattern.parts else pattern


def plan_object(layers, dense_above=None):
    """One stack; layers: [layer][head] of patterns."""
    patterns = list(dict.fromkeys(pattern for layer in layers for pattern in layer))
    rows = [[patterns.index(pattern) for pattern in layer] for layer in layers]
    end = 1 if dense_above is None else dense_above
    segments = [{"t_begin": 0, "t_end": end, "heads": {"default": {"blocks": rows}}}]
    if dense_above is not None:
        segments.append({"t_begin": end, "t_end": 1, "dense": True})
    return {
        "schema_version": "1.0",
        "name": "made by a test",
        "model": {
            "family": "wan2.1-t2v",
            "experts": ["default"],
            "stacks": [{"name": "blocks", "layers": len(layers), "heads": len(layers[0])}],
            "head_dim": 64,
        },
        "patterns": [pattern_object(pattern) for pattern in patterns],
        "segments": segments,
        "provenance": {"source": "a test"},
    }


def plan_text(layers, dense_above=None):
    return json.dumps(plan_object(layers, dense_above))


def without_binary(plan, layout):
    return compiled_plan.CompiledPlan(dataclasses.replace(plan, native=None), layout)
