# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The models that have presets: shape, default setting, and other sizes that a preset must serve.

Facts from the models' repositories and diffusers: layers, heads, patch and VAE strides, default size, steps and shift.
"""

from dataclasses import dataclass

import twill_vdit
from makers import schedules


@dataclass(frozen=True)
class Model:
    """folder and prefix: presets/<folder>/<prefix><point>.json."""

    label: str
    folder: str
    prefix: str
    stacks: tuple[tuple[str, int, int], ...]  # name, layers, heads
    head_dim: int
    size: str  # the default one
    layout: twill_vdit.TokenLayout
    sampler: str
    times: tuple[float, ...]  # t of each step of the default setting
    attention_share: float  # of the FLOPs of a dense forward at the default setting, computed from the shapes
    other_layouts: tuple[twill_vdit.TokenLayout, ...]
    experts: tuple[str, ...] = ("default",)
    boundary: float = 0.0  # the first expert runs while t >= boundary; 0: one expert
    published: str = ""  # whole-run speed-ups of others on this model
    text: str = ""  # how many tokens beside the grid, and where
    large: bool = True

    @property
    def layers(self) -> int:
        return sum(layers for _, layers, _ in self.stacks)

    @property
    def steps(self) -> int:
        return len(self.times)

    def expert_at(self, t: float) -> int:
        return 1 if len(self.experts) > 1 and t < self.boundary else 0

    def shape(self) -> dict:
        return {
            "family": self.folder,
            "experts": list(self.experts),
            "stacks": [{"name": name, "layers": layers, "heads": heads} for name, layers, heads in self.stacks],
            "head_dim": self.head_dim,
        }


def grid(frames: int, rows: int, cols: int, **text: int) -> twill_vdit.TokenLayout:
    return twill_vdit.TokenLayout(frames=frames, rows=rows, cols=cols, **text)


def wan_14b(label: str, folder: str, steps: int, shift: float, **more) -> Model:
    values = {
        "prefix": "14b-",
        "stacks": (("blocks", 40, 40),),
        "head_dim": 128,
        "size": "1280x720, 81 frames",
        "layout": grid(21, 45, 80),
        "sampler": f"UniPC, shift {shift:g}, {steps} steps",
        "times": tuple(schedules.flow(steps, shift, 0.001)),
        "attention_share": 0.72,
        "other_layouts": (grid(21, 30, 52), grid(21, 80, 45), grid(9, 45, 80)),
        **more,
    }
    return Model(label=label, folder=folder, **values)


EXPERTS = {"prefix": "a14b-", "experts": ("high_noise", "low_noise")}

MODELS = [
    Model(
        label="Wan 2.1 T2V 1.3B",
        folder="wan2.1-t2v",
        prefix="1.3b-",
        stacks=(("blocks", 30, 12),),
        head_dim=128,
        size="832x480, 81 frames",
        layout=grid(21, 30, 52),
        sampler="UniPC, shift 5, 50 steps",
        times=tuple(schedules.flow(50, 5, 0.001)),
        attention_share=0.71,
        other_layouts=(grid(21, 52, 30), grid(9, 30, 52), grid(21, 32, 32)),
        large=False,
    ),
    wan_14b(
        "Wan 2.1 T2V 14B",
        "wan2.1-t2v",
        50,
        5,
        published="1.58x Sparse-vDiT, 1.58x SVG, 1.60x SVG2 (720p, 81 frames); 1.77x Radial (69 frames)",
    ),
    wan_14b("Wan 2.1 I2V 14B", "wan2.1-i2v", 40, 5, published="1.56x SVG, 1.58x SVG2"),
    wan_14b("Wan 2.2 T2V A14B", "wan2.2-t2v", 40, 12, boundary=0.875, **EXPERTS),
    wan_14b("Wan 2.2 I2V A14B", "wan2.2-i2v", 40, 5, boundary=0.9, **EXPERTS),
    Model(
        label="Wan 2.2 TI2V 5B",
        folder="wan2.2-ti2v",
        prefix="5b-",
        stacks=(("blocks", 30, 24),),
        head_dim=128,
        size="1280x704, 121 frames",
        layout=grid(31, 22, 40),
        sampler="UniPC, shift 5, 50 steps",
        times=tuple(schedules.flow(50, 5, 0.001)),
        attention_share=0.54,
        other_layouts=(grid(31, 40, 22), grid(16, 22, 40), grid(31, 15, 26)),
        large=False,
    ),
    Model(
        label="HunyuanVideo 1.0",
        folder="hunyuanvideo",
        prefix="",
        stacks=(("double_blocks", 20, 24), ("single_blocks", 40, 24)),
        head_dim=128,
        size="1280x720, 129 frames",
        layout=grid(33, 45, 80, suffix=256),
        sampler="Euler, shift 7, 50 steps",
        times=tuple(schedules.flow(50, 7)),
        attention_share=0.87,
        other_layouts=(grid(33, 34, 60, suffix=256), grid(30, 48, 80, suffix=256), grid(17, 45, 80, prefix=256)),
        published="1.85x Sparse-vDiT, 1.91x SVG, 2.30x SVG2 (129 frames); 1.89x STA, 1.88x Radial (117 frames)",
        text="256 text tokens behind",
    ),
    Model(
        label="HunyuanVideo 1.5",
        folder="hunyuanvideo-1.5",
        prefix="",
        stacks=(("double_blocks", 54, 16),),
        head_dim=128,
        size="1280x720, 121 frames",
        layout=grid(31, 45, 80, suffix=1985),
        sampler="Euler, shift 9, 50 steps",
        times=tuple(schedules.flow(50, 9)),
        attention_share=0.90,
        other_layouts=(grid(31, 30, 53, suffix=1985), grid(31, 80, 45, suffix=1985), grid(16, 30, 53, prefix=1256)),
        text="1,985 text and picture tokens behind, padding counted",
    ),
    Model(
        label="CogVideoX1.5-5B",
        folder="cogvideox-1.5",
        prefix="5b-",
        stacks=(("blocks", 42, 48),),
        head_dim=64,
        size="1360x768, 81 frames",
        layout=grid(11, 48, 85, prefix=226),
        sampler="DDIM, trailing timesteps, 50 steps",
        times=tuple(schedules.trailing(50)),
        attention_share=0.71,
        other_layouts=(grid(21, 48, 85, prefix=226), grid(11, 85, 48, prefix=226), grid(7, 48, 85, prefix=226)),
        published="1.76x Sparse-vDiT, 1.64x SVG",
        text="226 text tokens in front",
    ),
    Model(
        label="Mochi 1",
        folder="mochi-1",
        prefix="",
        stacks=(("blocks", 48, 24),),
        head_dim=128,
        size="848x480, 163 frames",
        layout=grid(28, 30, 53, suffix=256),
        sampler="Euler, linear-quadratic schedule (threshold 0.025), 64 steps",
        times=tuple(schedules.linear_quadratic(64, 0.025)),
        attention_share=0.65,
        other_layouts=(grid(14, 30, 53, suffix=256), grid(28, 53, 30, suffix=256), grid(28, 30, 30, suffix=256)),
        text="256 text tokens behind",
        large=False,
    ),
    Model(
        label="LTX-Video 2B",
        folder="ltx-video",
        prefix="2b-",
        stacks=(("transformer_blocks", 28, 32),),
        head_dim=64,
        size="1216x704, 121 frames",
        layout=grid(16, 22, 38),
        sampler="Euler, shift 7.8 (exp 2.05, the largest of its dynamic ones), 40 steps",
        times=tuple(schedules.flow(40, 7.8)),
        attention_share=0.48,
        other_layouts=(grid(21, 16, 22), grid(16, 38, 22), grid(33, 22, 38)),
        large=False,
    ),
]
