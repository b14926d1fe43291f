# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""How near two clips are. Clips: [frames, height, width, 3] in 0..1, taken as 8-bit RGB."""

import math

import torch
import torch.nn.functional as functional

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


def check_clips(a: torch.Tensor, b: torch.Tensor) -> None:
    """Raises ValueError for clips of a broken model, which are alike for the wrong reason."""
    for name, clip in (("first", a), ("second", b)):
        frames = torch.isfinite(clip).flatten(1).all(1)
        if not frames.all():
            first = int((~frames).nonzero()[0])
            raise ValueError(f"the {name} clip is broken: not all values of frame {first + 1} are finite")
    if all((clip == clip[:1, :1, :1]).all() for clip in (a, b)):
        raise ValueError(
            "both clips are one colour from the first pixel to the last, as a broken model makes them: "
            "PSNR and SSIM would say nothing"
        )


def as_8_bit(clip: torch.Tensor) -> torch.Tensor:
    return (clip.detach().float().cpu().clamp(0, 1) * 255.0).round()


def psnr_db(a: torch.Tensor, b: torch.Tensor) -> float:
    """10 log10(255^2 / MSE), the mean over the whole clip; infinite for equal clips. Raises ValueError: check_clips."""
    check_clips(a, b)
    error = (as_8_bit(a).double() - as_8_bit(b).double()).square().mean().item()
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def _luma(clip: torch.Tensor) -> torch.Tensor:
    return (as_8_bit(clip).double() * torch.tensor(LUMA, dtype=torch.float64)).sum(-1)[:, None]


def ssim(a: torch.Tensor, b: torch.Tensor) -> float:
    """Mean over frames on luma, window 11x11 Gaussian of sigma 1.5, without padding (Wang et al. 2004).

    Raises ValueError: check_clips.
    """
    check_clips(a, b)
    at = torch.arange(11, dtype=torch.float64) - 5
    line = torch.exp(-(at**2) / (2 * 1.5**2))
    line = line / line.sum()

    def blurred(x: torch.Tensor) -> torch.Tensor:
        return functional.conv2d(functional.conv2d(x, line.view(1, 1, 11, 1)), line.view(1, 1, 1, 11))

    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    values = []
    for x, y in zip(_luma(a).split(1), _luma(b).split(1), strict=True):
        mean_x, mean_y = blurred(x), blurred(y)
        var_x, var_y = blurred(x * x) - mean_x**2, blurred(y * y) - mean_y**2
        both = blurred(x * y) - mean_x * mean_y
        map_ = (2 * mean_x * mean_y + c1) * (2 * both + c2)
        map_ = map_ / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))
        values.append(map_.mean().item())
    return sum(values) / len(values)


def difference(a: torch.Tensor, b: torch.Tensor, gain: float) -> torch.Tensor:
    return ((a - b).abs() * gain).clamp(0, 1)
