# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Sparse Plan Preview: what a plan keeps, for all heads and for one."""

from comfy_api.v0_0_2 import io, ui

from .. import pictures, plan_text
from .sockets import CATEGORY, SparsePlan


class SparsePlanPreview(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        def number(name: str, tooltip: str) -> io.Int.Input:
            return io.Int.Input(name, default=0, min=0, max=999, tooltip=tooltip)

        return io.Schema(
            node_id="TwillSparsePlanPreview",
            display_name="Sparse Plan Preview",
            category=CATEGORY,
            description="Draws all heads of a segment of a plan, and one head large: its measured map, if the "
            "plan carries a profile, beside what the plan keeps of it.",
            search_aliases=["attention map", "heads map", "show plan", "twill"],
            inputs=[
                SparsePlan.Input("sparse_plan", tooltip="The plan to be drawn."),
                number("segment", "Segment of the plan, from clean (0) to noise. Beyond the last: the last."),
                number("layer", "Layer of the head that is drawn large, counted through all stacks."),
                number("head", "Head of that layer."),
            ],
            outputs=[
                io.Image.Output(display_name="heads", tooltip="All heads, rows are layers."),
                io.Image.Output(display_name="head", tooltip="One head: measured on the left, kept on the right."),
                io.String.Output(display_name="info", tooltip="What the plan says of this head."),
            ],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, sparse_plan, segment: int, layer: int, head: int) -> io.NodeOutput:
        segment = min(segment, len(sparse_plan.plan.segments) - 1)
        heads = pictures.heads_map(sparse_plan, segment)
        index, where = plan_text.head_at(sparse_plan.plan, layer, head)
        one = pictures.one_head(sparse_plan, segment, index)
        info = f"{where}: {plan_text.pattern_of(sparse_plan.plan, segment, index)}"
        shown = ui.PreviewImage(heads, cls=cls).as_dict() | ui.PreviewText(info).as_dict()
        return io.NodeOutput(heads, one, info, ui=shown)
