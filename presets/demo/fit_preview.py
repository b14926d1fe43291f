# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Fits the colours of previews: each colour of a latent cell as a weighted sum of its 16 channels.

    python presets/demo/fit_preview.py

encodes a few drawn clips, fits by least squares to what they show (means over 8x8 pixels and the cell's frames) and
writes preview.json beside the weights. Takes about a minute on two cores.
"""

import argparse
import json
import math
import os
from pathlib import Path

import torch
from data import FOLDER, ClipSize, draw_clips
from export import load_vae
from train_vae import encode_normalised

SIZE = ClipSize(256, 256, 33)
SEED = 77


def cell_colours(clip: torch.Tensor) -> torch.Tensor:
    """clip: [batch, frames, 3, height, width]; means over a latent cell: [batch, 3, n+1, h/8, w/8]."""
    clip = clip.transpose(1, 2)
    parts = (clip[:, :, :1], clip[:, :, 1:])
    return torch.cat([torch.nn.functional.avg_pool3d(part, (min(4, part.shape[2]), 8, 8)) for part in parts], dim=2)


def rows(x: torch.Tensor) -> torch.Tensor:
    """[batch, channels, ...] to [cells, channels] in double."""
    return x.double().movedim(1, -1).flatten(0, -2)


@torch.no_grad()
def measure(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Latents with a constant channel [cells, 17] and colours [cells, 3] of `count` clips."""
    vae = load_vae(FOLDER)
    latents, colours = [], []
    for _, clip in draw_clips(count, SIZE, seed, "cpu", batch=1):
        latents.append(rows(encode_normalised(vae, clip)))
        colours.append(rows(cell_colours(clip)))
    latent = torch.cat(latents)
    return torch.cat([latent, torch.ones(len(latent), 1, dtype=latent.dtype)], dim=1), torch.cat(colours)


def psnr_db(weights: torch.Tensor, latent: torch.Tensor, colours: torch.Tensor) -> float:
    """Of previews against cell means, both in -1..1."""
    return 10 * math.log10(4 / (latent @ weights - colours).square().mean().item())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=8)
    parser.add_argument("--out", type=Path, default=FOLDER / "preview.json")
    options = parser.parse_args()
    latent, colours = measure(options.clips, SEED)
    weights = torch.linalg.lstsq(latent, colours).solution
    mark = psnr_db(weights, *measure(2, SEED + 1000))
    table = [[round(x, 4) for x in row] for row in weights.tolist()]
    document = {
        "latent_rgb": table[:16],
        "constant": table[16],
        "provenance": {
            "script": f"presets/demo/fit_preview.py --clips {options.clips}",
            "psnr_db_of_other_clips": round(mark, 2),
        },
    }
    part = options.out.with_suffix(".part")
    part.write_text(json.dumps(document, indent=2) + "\n")
    os.replace(part, options.out)
    print(f"{options.out}: {mark:.2f} dB on clips that were not fitted to")


if __name__ == "__main__":
    main()
