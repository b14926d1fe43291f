# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Load Sparse Plan: a file -> SPARSE_PLAN, what is in it, and a picture of its heads."""

from comfy_api.v0_0_2 import io, ui

from .. import pictures, plan_store, plan_text
from . import choice
from .sockets import CATEGORY, SparsePlan


class LoadSparsePlan(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="TwillLoadSparsePlan",
            display_name="Load Sparse Plan",
            category=CATEGORY,
            description="Reads a plan from models/sparse_plans or from those that come with Twill. A file that changed "
            "is read again. A damaged file stops the workflow with the reason.",
            search_aliases=["load plan", "twill plan", "sparse attention plan"],
            inputs=[
                io.Combo.Input(
                    "plan",
                    options=plan_store.names(),
                    tooltip="A file in models/sparse_plans, or a plan that comes with Twill.",
                ),
            ],
            outputs=[
                SparsePlan.Output(display_name="sparse_plan", tooltip="For Apply Sparse Plan and the samplers."),
                io.String.Output(display_name="info", tooltip="What the plan is for, its segments and its heads."),
                io.Image.Output(display_name="heads", tooltip="Every head of the widest sparse segment."),
            ],
            has_intermediate_output=True,
        )

    @classmethod
    def fingerprint_inputs(cls, plan: str) -> str:
        return choice.stamp(plan)

    @classmethod
    def execute(cls, plan: str) -> io.NodeOutput:
        loaded = plan_store.load(plan)
        info = plan_text.describe(loaded)
        heads = pictures.heads_map(loaded, plan_text.widest_segment(loaded.plan))
        shown = ui.PreviewImage(heads, cls=cls).as_dict() | ui.PreviewText(info).as_dict()
        return io.NodeOutput(loaded, info, heads, ui=shown)
