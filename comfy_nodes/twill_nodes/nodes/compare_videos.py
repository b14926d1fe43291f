# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Compare Videos: PSNR, SSIM and a picture of the difference."""

from comfy_api.v0_0_2 import io, ui

from .. import metrics
from .sockets import CATEGORY


class CompareVideos(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="TwillCompareVideos",
            display_name="Compare Videos",
            category=CATEGORY,
            description="How near two clips are, frame by frame: PSNR over the whole clip, mean SSIM on luma, and a "
            "picture of the difference. Compare clips from the same noise.",
            search_aliases=["psnr", "ssim", "compare images", "difference", "quality"],
            inputs=[
                io.Image.Input("a", tooltip="Frames of the first clip."),
                io.Image.Input("b", tooltip="Frames of the second clip, of the same size and number."),
                io.Float.Input(
                    "gain",
                    default=5.0,
                    min=1.0,
                    max=100.0,
                    step=0.5,
                    tooltip="The difference picture is this many times brighter than the difference.",
                ),
            ],
            outputs=[
                io.Float.Output(display_name="psnr_db", tooltip="PSNR in dB over the whole clip; higher is nearer."),
                io.Float.Output(display_name="ssim", tooltip="Mean SSIM on luma; 1 is equal."),
                io.Image.Output(display_name="difference", tooltip="Absolute difference of every frame, brightened."),
                io.String.Output(display_name="text", tooltip="Both numbers in words."),
            ],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, a, b, gain: float) -> io.NodeOutput:
        if a.shape != b.shape:
            raise ValueError(
                f"the clips differ in size: {[*a.shape]} and {[*b.shape]} (frames, height, width, channels)"
            )
        if min(a.shape[1:3]) < 11:
            raise ValueError(f"frames of {a.shape[2]}x{a.shape[1]} pixels are too small; SSIM needs 11x11")
        a, b = a[..., :3], b[..., :3]
        psnr, ssim = metrics.psnr_db(a, b), metrics.ssim(a, b)
        text = f"PSNR {psnr:.2f} dB, SSIM {ssim:.4f}" if psnr < float("inf") else "the clips are equal"
        return io.NodeOutput(psnr, ssim, metrics.difference(a, b, gain), text, ui=ui.PreviewText(text))
