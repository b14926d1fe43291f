# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Apply Sparse Plan: MODEL -> MODEL, for any sampler after it."""

from comfy_api.v0_0_2 import io

from ..settings import Settings, parse_blocks
from . import choice
from .sockets import CATEGORY, adapt, plan_choice, plan_socket, speed_quality


class ApplySparsePlan(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="TwillApplySparsePlan",
            display_name="Apply Sparse Plan",
            category=CATEGORY,
            description="Lets a video model attend sparsely, by a plan of which keys each head looks at. Any sampler "
            "works after it. What the plan cannot serve runs dense and is reported.",
            search_aliases=["sparse attention", "twill", "speed up video", "fast attention", "sparse-vdit"],
            inputs=[
                io.Model.Input("model", tooltip="A video model. Patches that are on it stay on it."),
                plan_choice(),
                speed_quality(),
                io.Float.Input(
                    "start_percent",
                    default=0.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    advanced=True,
                    tooltip="Dense before this share of the sampling run, whatever the plan says.",
                ),
                io.Float.Input(
                    "end_percent",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    advanced=True,
                    tooltip="Dense after this share of the sampling run, whatever the plan says.",
                ),
                io.String.Input(
                    "dense_blocks",
                    default="",
                    advanced=True,
                    tooltip="Blocks that stay dense, such as 0, 2-4, -1. Negative numbers count from the last block.",
                ),
                io.Int.Input(
                    "min_tokens",
                    default=1024,
                    min=0,
                    max=1 << 24,
                    advanced=True,
                    tooltip="Calls with fewer tokens stay dense: short ones gain nothing.",
                ),
                io.Combo.Input(
                    "expert",
                    options=["auto", "high noise", "low noise"],
                    default="auto",
                    advanced=True,
                    tooltip="For plans of models with two experts (Wan 2.2): which of them this model is. Auto: a run "
                    "that starts from pure noise is the high noise expert's.",
                ),
                adapt(),
                plan_socket(),
            ],
            outputs=[io.Model.Output(display_name="model", tooltip="The model with the plan, or as it was.")],
        )

    @classmethod
    def validate_inputs(cls, dense_blocks: str = "") -> bool | str:
        try:
            parse_blocks(dense_blocks, 1)
        except ValueError as error:
            return str(error)
        return True

    @classmethod
    def fingerprint_inputs(cls, plan: str, **_) -> str:
        return choice.stamp(plan)

    @classmethod
    def execute(
        cls,
        model,
        plan,
        speed_quality,
        start_percent,
        end_percent,
        dense_blocks,
        min_tokens,
        expert,
        adapt=False,
        sparse_plan=None,
    ) -> io.NodeOutput:
        settings = Settings(speed_quality, start_percent, end_percent, dense_blocks, min_tokens, expert, adapt)
        return io.NodeOutput(choice.patched_model(model, plan, sparse_plan, settings))
