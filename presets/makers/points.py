# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Which heads keep what, by model and point, and where each choice comes from."""

import functools
import json
import math
from pathlib import Path

from makers.models import Model
from makers.patterns import DENSE, both_svg_masks, density, radial, sta_window
from makers.plans import Heads, Range, uniform

SOURCES = Path(__file__).resolve().parents[1] / "sources"

RADIAL = "Radial Attention (arXiv 2506.19852; mit-han-lab/radial-attention)"
SVG = "Sparse VideoGen (arXiv 2502.01776; svg-project/Sparse-VideoGen)"
STA = "Sliding Tile Attention's searched plan (arXiv 2502.04507; hao-ai-lab/FastVideo, Apache-2.0)"
SVOO = "SVOO's sparsity profiles (arXiv 2603.18636; Mutual-Luo/SparseVideo, Apache-2.0)"

# The authors' settings: decay, share of the frame at distance 1, dense first steps of how many.
RADIAL_WAN21 = (0.2, 0.5, 12 / 50)
RADIAL_WAN22 = (0.8, 0.5, 11 / 40)
RADIAL_HUNYUAN = (0.95, 1.0, 12 / 50)
# Decays beyond the authors', for heads that need more keys.
LEVELS = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0)


@functools.cache
def figures(name: str) -> dict:
    return json.loads((SOURCES / f"{name}.json").read_text(encoding="utf-8"))


def steps_of(model: Model, share: float) -> int:
    return math.ceil(model.steps * share - 1e-9)


def by_rule(model: Model, pattern: dict, dense_steps: int, dense_layers: set[int]) -> list[Range]:
    return [Range(0, None), Range(dense_steps, uniform(model, pattern, dense_layers))]


def first_and_last(model: Model, count: int) -> set[int]:
    return {*range(count), *range(model.layers - count, model.layers)}


def radial_preset(model: Model, setting: tuple[float, float, float], where: str) -> tuple[list[Range], dict[str, str]]:
    decay, near, share = setting
    steps = steps_of(model, share)
    return by_rule(model, radial(model.layout, decay, near), steps, {0}), {
        "source.patterns": f"published rule: {RADIAL}, decay {decay:g}, {where}; bands over frame distances, the own "
        "and the first frame whole",
        "source.heads": "every head alike: no per-head result is published for this model",
        "source.dense_layers": "the first, as the authors have it for Wan (dense_layers 1)",
        "source.dense_steps": f"the first {steps} of {model.steps}: the authors' share ({share:.0%})",
    }


def svg_preset(model: Model, share: float, dense_share: float, where: str) -> tuple[list[Range], dict[str, str]]:
    steps = steps_of(model, dense_share)
    return by_rule(model, both_svg_masks(model.layout, share), steps, first_and_last(model, 1)), {
        "source.patterns": f"published rule: {SVG}, share {share:g} {where}; SVG picks its spatial or its temporal "
        "mask for each head as it runs, this holds both",
        "source.heads": "every head alike: no per-head result is published for this model",
        "source.dense_layers": "the first (SVG: the first 3 %) and the last; SVOO's profiles of Wan and HunyuanVideo "
        "are densest there",
        "source.dense_steps": f"the first {steps} of {model.steps} ({dense_share:.0%}, {where})",
    }


def wan_levels(model: Model, decay: float, near: float) -> list[dict]:
    """Radial's mask as published, then wider ones; the last is dense."""
    wider = [value for value in LEVELS if value > decay]
    return [radial(model.layout, value, near) for value in (decay, *wider)] + [DENSE]


def heads_by_mass(model: Model, percent: list[list[int]], levels: list[dict], factor: float, dense: set[int]) -> Heads:
    """The narrowest level with at least `factor` times the keys that hold 95 % of the head's attention."""
    sizes = [density(level, model.layout) for level in levels[:-1]] + [math.inf]

    def level(share: int) -> dict:
        return levels[next(i for i, size in enumerate(sizes) if size >= factor * share / 100)]

    return [[DENSE if layer in dense else level(share) for share in row] for layer, row in enumerate(percent)]


def wan_mass_preset(
    model: Model, file: str, setting: tuple[float, float, float], dense_share: float, factor: float, dense: set[int]
) -> tuple[list[Range], dict[str, str]]:
    decay, near, _ = setting
    percent = figures(file)["percent"]
    levels = wan_levels(model, decay, near)
    steps = steps_of(model, dense_share)

    def table(name: str) -> Heads:
        return heads_by_mass(model, percent[name], levels, factor, dense)

    if len(model.experts) > 1:
        # t of SVOO's steps 22 and 32 at its shift of 3, on our schedule.
        starts = [next(i for i, t in enumerate(model.times) if t < edge) for edge in (0.7105, 0.4286)]
        names = ["12-21", "22-31", "32-39"]
        firsts = [steps, *starts]
        tables = [{"high_noise": table("4-11"), "low_noise": table(name)} for name in names]
    else:
        names = ["10-19", "20-29", "30-39", "40-49"]
        firsts = [steps, 20, 30, 40]
        tables = [{"default": table(name)} for name in names]
    ranges = [Range(0, None)] + [Range(*pair) for pair in zip(firsts, tables, strict=True)]
    layers = "the first" if len(dense) == 1 else "the first and the last"
    return ranges, {
        "source.patterns": f"published rule: {RADIAL}, decay {decay:g} as the authors have it for this model, wider "
        "decays above it, dense at the top",
        "source.heads": f"per-head figures: {SVOO}: each head has the narrowest of these masks with at least "
        f"{factor:g} times the share of keys that held 95 % of its attention; SVOO counts the top keys, wherever "
        "they are, so this says how many keys a head needs and not which",
        "source.segments": "the ranges of steps that the figures were averaged over: a head changes slowly in between",
        "source.dense_layers": f"{layers} (Radial: dense_layers 1"
        + ("; SVOO's profile is densest at both ends)" if len(dense) > 1 else ")"),
        "source.dense_steps": f"the first {steps} of {model.steps} ({dense_share:.0%})",
    }


def hunyuan_windows(choice: str, range_: str) -> Heads:
    data = figures("sta_hunyuanvideo")
    windows = [sta_window(tuple(window)) for window in data["windows"]]
    full = data["windows"].index([5, 6, 10])

    def one(index: int) -> dict:
        return DENSE if index == full else windows[index]

    def union(bits: int) -> dict:
        seen = [i for i in range(len(windows)) if bits >> i & 1]
        if full in seen:
            return DENSE
        return one(seen[0]) if len(seen) == 1 else {"kind": "union", "parts": [windows[i] for i in seen]}

    make = one if choice == "most_frequent" else union
    return [[make(value) for value in row] for row in data[choice][range_]]


def widened(model: Model, heads: Heads, percent: list[list[int]], factor: float) -> Heads:
    """Dense where the window holds fewer keys than `factor` times those that hold 95 % of the head's attention, and in
    the first and last layer.
    """
    ends = {0, model.layers - 1}
    return [
        [
            DENSE if layer in ends or density(pattern, model.layout) < factor * share / 100 else pattern
            for pattern, share in zip(row, shares, strict=True)
        ]
        for layer, (row, shares) in enumerate(zip(heads, percent, strict=True))
    ]


def hunyuan_preset(model: Model, point: str) -> tuple[list[Range], dict[str, str]]:
    names = ["15-19", "20-29", "30-39", "40-49"]
    choice = "most_frequent" if point == "balanced" else "all_seen"
    steps, factor = (5, 0.5) if point == "fast" else (15, 1.0)
    ranges = [Range(0, None)]
    for first, name in zip((steps, 20, 30, 40), names, strict=True):
        heads = hunyuan_windows(choice, name)
        if point != "balanced":
            heads = widened(model, heads, figures("svoo_hunyuanvideo")["percent"][name], factor)
        ranges.append(Range(first, {"default": heads}))
    provenance = {
        "source.patterns": f"per-head result: {STA}; a window of n tiles of 6x8x8 tokens became a window as many "
        "tokens across around the query; ours is clamped at the borders, STA's is shifted, so ours holds fewer "
        "keys there",
        "source.segments": "STA's steps 15-19, 20-29, 30-39 and 40-49; 1.7 % of its windows change from step to step",
    }
    if point == "balanced":
        provenance |= {
            "source.heads": "for each range of steps the window that STA's plan has most often for the head",
            "source.dense_layers": "none, as in STA's plan",
            "source.dense_steps": "the first 15 of 50, as in STA's plan",
        }
        return ranges, provenance
    provenance |= {
        "source.heads": "for each range of steps the union of all windows that STA's plan has for the head; dense "
        f"where that holds fewer than {factor:g} times the keys that held 95 % of the head's attention by {SVOO}",
        "source.dense_layers": "the first and the last: densest in SVOO's profile",
        "source.dense_steps": "the first 15 of 50, as in STA's plan",
    }
    if point == "fast":
        provenance["source.dense_steps"] = (
            f"the first 5 of 50: {SVG}, HunyuanVideo at 720p (first_times_fp 0.1, share 0.25, 29.16 dB and 1.91x in "
            "SVG2's table 1, arXiv 2505.18875); steps 5-14 use the windows of 15-19, for which STA has none"
        )
    return ranges, provenance


def names_of(model: Model) -> list[str]:
    return ["quality", "balanced", *(["fast"] if model.folder == "hunyuanvideo" else [])]


def radial_setting(model: Model, point: str) -> tuple[float, float, float] | None:
    """Of the presets by Radial's mask; None: by another rule."""
    match model.folder, model.prefix:
        case "hunyuanvideo", _:
            return None
        case "wan2.1-t2v", "14b-":
            return RADIAL_WAN21
        case "wan2.2-t2v", _:
            return RADIAL_WAN22
        case _ if point == "quality":
            return None
        case "wan2.2-i2v", _:
            return RADIAL_WAN22
        case "hunyuanvideo-1.5", _:
            return RADIAL_HUNYUAN
    return RADIAL_WAN21


def build(model: Model, point: str) -> tuple[list[Range], dict[str, str]]:
    """(ranges of steps, provenance of each choice)"""
    quality = point == "quality"
    ends = first_and_last(model, 1)
    match model.folder, model.prefix:
        case "hunyuanvideo", _:
            return hunyuan_preset(model, point)
        case "wan2.1-t2v", "14b-":
            how = (0.3, 1.5, ends) if quality else (RADIAL_WAN21[2], 1.0, {0})
            return wan_mass_preset(model, "svoo_wan2.1-t2v-14b", RADIAL_WAN21, *how)
        case "wan2.2-t2v", _:
            how = (0.35, 1.5, ends) if quality else (RADIAL_WAN22[2], 1.0, {0})
            return wan_mass_preset(model, "svoo_wan2.2-t2v-a14b", RADIAL_WAN22, *how)
        case (("wan2.1-i2v" | "wan2.2-i2v"), _) if quality:
            return svg_preset(model, 0.3, 0.35, "as SVG has it for Wan 2.1 I2V at 720p")
        case (("wan2.1-t2v" | "wan2.2-ti2v"), _) if quality:
            return svg_preset(model, 0.25, 0.3, "as SVG has it for Wan 2.1 T2V 14B at 720p")
        case "hunyuanvideo-1.5", _ if quality:
            return svg_preset(model, 0.25, 0.3, "SVG's for HunyuanVideo 1.0, more dense steps than its 10 %")
        case _, _ if quality:
            return svg_preset(model, 0.25, 0.3, "SVG's for CogVideoX, more dense steps than its 20 %")
        case "wan2.2-i2v", _:
            return radial_preset(model, RADIAL_WAN22, "as the authors have it for Wan 2.2 T2V")
        case _ if model.folder.startswith("wan"):
            return radial_preset(model, RADIAL_WAN21, "as the authors have it for Wan 2.1 T2V 14B")
        case "hunyuanvideo-1.5", _:
            return radial_preset(model, RADIAL_HUNYUAN, "as the authors have it for HunyuanVideo 1.0")
    return radial_preset(model, RADIAL_WAN21, "as the authors have it for Wan 2.1, the narrowest that they publish")
