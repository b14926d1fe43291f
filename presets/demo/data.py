# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Which clips are drawn for training and for measuring: sizes, seeds and captions."""

from dataclasses import dataclass
from pathlib import Path

import captions
import torch
from scenes import render

FOLDER = Path(__file__).resolve().parent
# Clip seeds: training clips of training seed s start at s * SEED_STRIDE; held-out ones are above.
SEED_STRIDE = 10_000_000
HELD_OUT_SEED = 2_000_000_000


@dataclass(frozen=True)
class ClipSize:
    """Pixels and frames of a clip."""

    width: int
    height: int
    frames: int

    @property
    def latent(self) -> tuple[int, int, int]:
        """Latent frames, rows, columns."""
        return (self.frames - 1) // 4 + 1, self.height // 8, self.width // 8

    @property
    def tokens(self) -> int:
        frames, rows, columns = self.latent
        return frames * (rows // 2) * (columns // 2)

    def __str__(self) -> str:
        return f"{self.width}x{self.height}x{self.frames}"


DEFAULT_SIZE = ClipSize(256, 256, 49)
SIZES = tuple(
    ClipSize(width, height, frames) for width, height in ((256, 256), (320, 192), (192, 320)) for frames in (33, 49, 81)
)


def draw_clips(count: int, size: ClipSize, seed: int, device: torch.device | str, batch: int = 16):
    """Yield (scenes, clip [batch, frames, 3, height, width] in -1..1) of training clips."""
    held_out = captions.held_out_scenes(FOLDER)
    scenes = captions.sample_training_scenes(count, seed, held_out)
    for start in range(0, count, batch):
        part = scenes[start : start + batch]
        seeds = [seed + start + i for i in range(len(part))]
        yield part, render(part, seeds, size.frames, size.height, size.width, device)


def psnr(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """8-bit PSNR in dB per clip; a, b: [batch, ...] in -1..1."""

    def eight_bit(x: torch.Tensor) -> torch.Tensor:
        return ((x.float().clamp(-1, 1) + 1) * 127.5).round().flatten(1)

    mse = (eight_bit(a) - eight_bit(b)).square().mean(1).clamp(min=1e-10)
    return 10 * torch.log10(255.0**2 / mse)
