# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""A plan in words."""

from collections import Counter
from dataclasses import fields

from .plan_store import LoadedPlan


def widest_segment(plan) -> int:
    """The sparse segment that holds for most of t; the first when all are dense."""
    sparse = [i for i, segment in enumerate(plan.segments) if not segment.dense] or [0]
    return max(sparse, key=lambda i: plan.segments[i].t_end - plan.segments[i].t_begin)


def head_at(plan, layer: int, head: int) -> tuple[int, str]:
    """(flat index, words) of a head; layers are counted through all stacks, numbers beyond the last mean the last."""
    begin = 0
    for number, stack in enumerate(plan.model.stacks):
        if layer < stack.layers or number == len(plan.model.stacks) - 1:
            layer, head = min(layer, stack.layers - 1), min(head, stack.heads - 1)
            return begin + layer * stack.heads + head, f"{stack.name}, layer {layer}, head {head}"
        begin += stack.layers * stack.heads
        layer -= stack.layers
    raise ValueError("the plan's model has no stacks")


def pattern_of(plan, segment: int, index: int, expert: int = 0) -> str:
    table = plan.segments[segment]
    if table.dense:
        return "dense (the whole segment)"
    pattern = plan.patterns[table.heads[expert][index]]
    parts = " and ".join(_part_text(part, pattern.kind == "union") for part in pattern.parts)
    text = f"{pattern.kind}: {parts}" if parts else pattern.kind
    has_keys = pattern.kind not in ("skip", "mean")
    precision = table.precisions[expert][index] if table.precisions and has_keys else "bf16"
    return text if precision == "bf16" else f"{text}, {precision}"


def _part_text(part, named: bool) -> str:
    """Fields that are not 0, in the units of the plan: frames, and shares of rows and columns."""
    if hasattr(part, "boxes"):
        text = f"{len(part.boxes)} boxes of keys"
    else:
        values = {field.name: getattr(part, field.name) for field in fields(part)}
        text = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in values.items() if value)
    return f"{type(part).__name__} ({text})" if named else text or "its own place only"


def describe(loaded: LoadedPlan) -> str:
    plan = loaded.plan
    stacks = " + ".join(f"{s.name} {s.layers} x {s.heads}" for s in plan.model.stacks)
    lines = [
        f"{plan.name}",
        f"for {plan.model.family}: {stacks} heads of {plan.model.head_dim}; experts {', '.join(plan.model.experts)}",
    ]
    for segment in plan.segments:
        kinds = Counter() if segment.dense else Counter(plan.patterns[i].kind for i in segment.heads[0])
        heads = "dense" if segment.dense else ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        lines.append(f"t {segment.t_begin:g} to {segment.t_end:g}: {heads}")
    int8, with_keys = plan.precision_counts()
    lines += [f"int8: {int8} of {with_keys} heads"] * (int8 > 0)
    profile = loaded.profile()
    lines.append("carries its profile: the slider works" if profile else "no profile: the slider has 0.5 and 1 only")
    lines += [f"{key}: {value}" for key, value in plan.shown_facts().items()]
    return "\n".join(lines)
