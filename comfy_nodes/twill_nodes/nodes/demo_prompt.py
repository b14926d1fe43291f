# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Demo Prompt: text -> CONDITIONING of the demo model."""

from comfy_api.v0_0_2 import io

from .. import demo_model, wheel
from .sockets import CATEGORY

DEFAULT = "a red ball rolls left over a striped floor, camera pans right"


class DemoPrompt(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="TwillDemoPrompt",
            display_name="Demo Prompt",
            category=CATEGORY,
            description="Text for the demo model twill_demo, which knows 45 words. An unknown word stops the workflow "
            "and the message lists the words. An empty text is the negative prompt.",
            search_aliases=["twill demo", "text encode", "prompt"],
            inputs=[
                io.String.Input(
                    "text",
                    default=DEFAULT,
                    multiline=True,
                    tooltip="A ball, cube or cone that rolls, slides, bounces, comes closer or stands still over a "
                    "striped, checkered or plain floor; by day, at night or at sunset; how the camera moves.",
                )
            ],
            outputs=[io.Conditioning.Output(display_name="conditioning", tooltip="For a sampler with the demo model.")],
        )

    @classmethod
    def execute(cls, text: str) -> io.NodeOutput:
        file = demo_model.files().get("text")
        if file is None:
            raise FileNotFoundError(wheel.why_missing() or "this twill-vdit package comes without the demo model")
        return io.NodeOutput([[demo_model.encode(text, file), {}]])
