# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Does a clip show what its prompt asks for? Finds the asked colour and how it moves.

    python presets/demo/check_following.py        # draws the clips of prompts_follow.txt, checks

Works on prompts with one coloured object and a still camera. It is a check of pixels, not a
learned judge: `ground_truth_share` says how often it is right about rendered clips, and the share
with shuffled prompts says how little passes by chance.
"""

import argparse
import json
import random
from pathlib import Path

import captions
import torch
from data import DEFAULT_SIZE, FOLDER
from scenes import render

# Hue of each colour in degrees. White has none and is not asked for in prompts_follow.txt.
HUES = {"red": 0, "orange": 27, "yellow": 52, "green": 130, "blue": 231, "purple": 281}
# Floors have a saturation of at most 0.36, skies by day of 0.55; shaded objects of 0.65 and more.
LEAST_SATURATION = 0.62
# The night sky is as saturated as an object, but darker than this (of 1).
LEAST_VALUE = 0.19
LEAST_PIXELS = 0.0025  # of the picture


def colour_share(clip: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """clip: [frames, 3, height, width] in -1..1. Returns hue in degrees and a mask of strong
    colour, both [frames, height, width]."""
    rgb = (clip.float() + 1) / 2
    high, low = rgb.max(1).values, rgb.min(1).values
    spread = (high - low).clamp(min=1e-6)
    red, green, blue = rgb.unbind(1)
    hue = torch.where(
        high == red,
        (green - blue) / spread % 6,
        torch.where(high == green, (blue - red) / spread + 2, (red - green) / spread + 4),
    )
    strong = (spread / high.clamp(min=1e-6) > LEAST_SATURATION) & (high > LEAST_VALUE)
    return hue * 60, strong


def find_colour(clip: torch.Tensor) -> tuple[str | None, torch.Tensor]:
    """The colour with the most strong pixels, and its mask [frames, height, width]."""
    hue, strong = colour_share(clip)
    names = list(HUES)
    centres = torch.tensor([HUES[n] for n in names], device=clip.device).float()
    distance = (hue[..., None] - centres + 180) % 360 - 180
    nearest = distance.abs().min(-1)
    nearest = torch.where(nearest.values < 30, nearest.indices, -1)
    counts = [((nearest == i) & strong).sum().item() for i in range(len(names))]
    best = max(range(len(names)), key=counts.__getitem__)
    if counts[best] < LEAST_PIXELS * strong.numel():
        return None, torch.zeros_like(strong)
    return names[best], (nearest == best) & strong


def find_motion(mask: torch.Tensor) -> str | None:
    """How a mask [frames, height, width] moves: a word of captions.MOTIONS."""
    frames, height, width = mask.shape
    area = mask.flatten(1).sum(1).float()
    seen = area > LEAST_PIXELS * height * width * 0.5
    if seen.sum() < frames // 3:
        return None
    x = torch.arange(width, device=mask.device).float()
    y = torch.arange(height, device=mask.device).float()
    centre_x = (mask.sum(1) * x).sum(1) / area.clamp(min=1) / width
    centre_y = (mask.sum(2) * y).sum(1) / area.clamp(min=1) / height
    t = torch.arange(frames, device=mask.device).float()[seen]
    t = t - t.mean()

    def slope(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Change over the whole clip, and what a straight line leaves."""
        values = values[seen]
        rate = (t * values).sum() / (t * t).sum()
        return rate * frames, (values - values.mean() - rate * t).std()

    sideways, _ = slope(centre_x)
    growth, _ = slope(area.clamp(min=1).log())
    _, wobble = slope(centre_y)
    if wobble > 0.018:
        return "bounces"
    if growth > 0.45 and growth > 3 * sideways.abs():
        return "closer"
    if sideways.abs() > 0.12:
        return "left" if sideways < 0 else "right"
    return "still"


def follows(clip: torch.Tensor, prompt: str) -> bool:
    """clip: [frames, 3, height, width] in -1..1; prompt: one coloured object, camera still."""
    asked = captions.parse(prompt).things[0]
    colour, mask = find_colour(clip)
    return colour == asked.colour and find_motion(mask) == asked.motion


def followed_share(clips: torch.Tensor, prompts: list[str]) -> float:
    """clips: [prompts, frames, 3, height, width]."""
    return sum(follows(c, p) for c, p in zip(clips, prompts, strict=True)) / len(prompts)


def shuffled(prompts: list[str]) -> list[str]:
    """The prompts in another order, none in its place."""
    order = list(range(len(prompts)))
    random.Random(0).shuffle(order)
    after = dict(zip(order, [*order[1:], order[0]], strict=True))
    return [prompts[after[i]] for i in range(len(prompts))]


def ground_truth_clips(prompts: list[str], seed: int, device: str, size=DEFAULT_SIZE):
    """Rendered clips of the prompts: what a perfect model would show."""
    scenes = [captions.parse(p) for p in prompts]
    seeds = [seed + i for i in range(len(prompts))]
    return render(scenes, seeds, size.frames, size.height, size.width, device)


def main() -> None:
    from export import load_model
    from sample import sample_clips

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, default=FOLDER, help="folder of the weights")
    parser.add_argument("--prompts", type=Path, default=FOLDER / "prompts_follow.txt")
    parser.add_argument("--limit", type=int, default=None, help="only the first prompts")
    parser.add_argument("--seed", type=int, default=1000)
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    dit, text, vae = load_model(options.weights, device)
    prompts = captions.read_prompts(options.prompts)[: options.limit]
    seeds = [options.seed + i for i in range(len(prompts))]
    clips = sample_clips(dit, text, vae, prompts, seeds, DEFAULT_SIZE, batch=4)
    for clip, prompt in zip(clips, prompts, strict=True):
        colour, mask = find_colour(clip)
        verdict = "ok" if follows(clip, prompt) else "MISSED"
        print(f"{verdict:7} {prompt}  ->  {colour}, {find_motion(mask)}")
    print(json.dumps({"followed_share": followed_share(clips, prompts), "clips": len(prompts)}))


if __name__ == "__main__":
    main()
