# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The models that have presets: shape, default setting, and other sizes that a preset must serve.

Layers, heads, patch and VAE strides, default size, steps and shift stand in presets/models.json, from the models'
repositories and diffusers.
"""

from dataclasses import dataclass

import twill_vdit
from makers import schedules
from twill_vdit import families


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


def model_of(name: str, label: str, **more) -> Model:
    """Shape and default setting from models.json; what only presets need is given here."""
    facts = families.MODELS[name]
    size = facts.size(label)
    values = {
        "label": label,
        "folder": name,
        "prefix": size.prefix,
        "stacks": size.stacks,
        "head_dim": size.head_dim,
        "size": f"{size.width}x{size.height}, {size.frames} frames",
        "layout": facts.layout(size.width, size.height, size.frames),
        "experts": facts.experts,
        "boundary": facts.boundary,
        **more,
    }
    return Model(**values)


def by_unipc(name: str, label: str, **more) -> Model:
    size = families.MODELS[name].size(label)
    return model_of(
        name,
        label,
        sampler=f"UniPC, shift {size.shift:g}, {size.steps} steps",
        times=tuple(schedules.flow(size.steps, size.shift, 0.001)),
        **more,
    )


def by_euler(name: str, label: str, note: str = "", **more) -> Model:
    size = families.MODELS[name].size(label)
    return model_of(
        name,
        label,
        sampler=f"Euler, shift {size.shift:g}{note}, {size.steps} steps",
        times=tuple(schedules.flow(size.steps, size.shift)),
        **more,
    )


def wan_14b(name: str, label: str, **more) -> Model:
    layouts = (grid(21, 30, 52), grid(21, 80, 45), grid(9, 45, 80))
    return by_unipc(name, label, attention_share=0.72, other_layouts=layouts, **more)


COGVIDEOX = families.MODELS["cogvideox-1.5"].sizes[0]
MOCHI = families.MODELS["mochi-1"].sizes[0]

MODELS = [
    by_unipc(
        "wan2.1-t2v",
        "Wan 2.1 T2V 1.3B",
        attention_share=0.71,
        other_layouts=(grid(21, 52, 30), grid(9, 30, 52), grid(21, 32, 32)),
        large=False,
    ),
    wan_14b(
        "wan2.1-t2v",
        "Wan 2.1 T2V 14B",
        published="1.58x Sparse-vDiT, 1.58x SVG, 1.60x SVG2 (720p, 81 frames); 1.77x Radial (69 frames)",
    ),
    wan_14b("wan2.1-i2v", "Wan 2.1 I2V 14B", published="1.56x SVG, 1.58x SVG2"),
    wan_14b("wan2.2-t2v", "Wan 2.2 T2V A14B"),
    wan_14b("wan2.2-i2v", "Wan 2.2 I2V A14B"),
    by_unipc(
        "wan2.2-ti2v",
        "Wan 2.2 TI2V 5B",
        attention_share=0.54,
        other_layouts=(grid(31, 40, 22), grid(16, 22, 40), grid(31, 15, 26)),
        large=False,
    ),
    by_euler(
        "hunyuanvideo",
        "HunyuanVideo 1.0",
        attention_share=0.87,
        other_layouts=(grid(33, 34, 60, suffix=256), grid(30, 48, 80, suffix=256), grid(17, 45, 80, prefix=256)),
        published="1.85x Sparse-vDiT, 1.91x SVG, 2.30x SVG2 (129 frames); 1.89x STA, 1.88x Radial (117 frames)",
        text="256 text tokens behind",
    ),
    by_euler(
        "hunyuanvideo-1.5",
        "HunyuanVideo 1.5",
        attention_share=0.90,
        other_layouts=(grid(31, 30, 53, suffix=1985), grid(31, 80, 45, suffix=1985), grid(16, 30, 53, prefix=1256)),
        text="1,985 text and picture tokens behind, padding counted",
    ),
    model_of(
        "cogvideox-1.5",
        COGVIDEOX.label,
        sampler=f"DDIM, trailing timesteps, {COGVIDEOX.steps} steps",
        times=tuple(schedules.trailing(COGVIDEOX.steps)),
        attention_share=0.71,
        other_layouts=(grid(21, 48, 85, prefix=226), grid(11, 85, 48, prefix=226), grid(7, 48, 85, prefix=226)),
        published="1.76x Sparse-vDiT, 1.64x SVG",
        text="226 text tokens in front",
    ),
    model_of(
        "mochi-1",
        MOCHI.label,
        sampler=f"Euler, linear-quadratic schedule (threshold 0.025), {MOCHI.steps} steps",
        times=tuple(schedules.linear_quadratic(MOCHI.steps, 0.025)),
        attention_share=0.65,
        other_layouts=(grid(14, 30, 53, suffix=256), grid(28, 53, 30, suffix=256), grid(28, 30, 30, suffix=256)),
        text="256 text tokens behind",
        large=False,
    ),
    by_euler(
        "ltx-video",
        "LTX-Video 2B",
        " (exp 2.05, the largest of its dynamic ones)",
        attention_share=0.48,
        other_layouts=(grid(21, 16, 22), grid(16, 38, 22), grid(33, 22, 38)),
        large=False,
    ),
]
