# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""PSNR and SSIM against their definitions, written out by loops."""

import math

import pytest
import torch
from twill_pack.twill_nodes import metrics


def clips(seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    a = torch.rand(2, 14, 13, 3, generator=generator)
    return a, (a + 0.1 * torch.randn(a.shape, generator=generator)).clamp(0, 1)


def ssim_by_loops(a: torch.Tensor, b: torch.Tensor) -> float:
    weight = [[math.exp(-((i - 5) ** 2 + (j - 5) ** 2) / (2 * 1.5**2)) for j in range(11)] for i in range(11)]
    total = sum(map(sum, weight))
    frames = []
    for x, y in zip(a, b, strict=True):
        luma = [
            [[sum(w * round(v * 255) for w, v in zip((0.299, 0.587, 0.114), p, strict=True)) for p in row] for row in f]
            for f in (x.tolist(), y.tolist())
        ]
        values = []
        for top in range(len(luma[0]) - 10):
            for left in range(len(luma[0][0]) - 10):
                sums = [0.0] * 5
                for i in range(11):
                    for j in range(11):
                        w = weight[i][j] / total
                        p, q = luma[0][top + i][left + j], luma[1][top + i][left + j]
                        for n, v in enumerate((p, q, p * p, q * q, p * q)):
                            sums[n] += w * v
                mp, mq = sums[0], sums[1]
                c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
                value = (2 * mp * mq + c1) * (2 * (sums[4] - mp * mq) + c2)
                values.append(value / ((mp**2 + mq**2 + c1) * (sums[2] - mp**2 + sums[3] - mq**2 + c2)))
        frames.append(sum(values) / len(values))
    return sum(frames) / len(frames)


def test_ssim_is_the_definition():
    a, b = clips()
    assert metrics.ssim(a, b) == pytest.approx(ssim_by_loops(a, b), abs=1e-9)
    assert metrics.ssim(a, a) == pytest.approx(1.0)


def test_psnr_is_the_definition():
    a, b = clips()
    errors = [
        (round(x * 255) - round(y * 255)) ** 2 for x, y in zip(a.flatten().tolist(), b.flatten().tolist(), strict=True)
    ]
    assert metrics.psnr_db(a, b) == pytest.approx(10 * math.log10(255**2 / (sum(errors) / len(errors))))
    assert metrics.psnr_db(a, a) == math.inf


def test_the_difference_is_brightened_and_stays_in_range():
    a, b = clips()
    assert torch.equal(metrics.difference(a, b, 2.0), ((a - b).abs() * 2).clamp(max=1))


@pytest.mark.parametrize("measure", [metrics.psnr_db, metrics.ssim])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_clip_that_is_not_finite_is_named(measure, value):
    a, b = clips()
    broken = b.clone()
    broken[1, 3, 4, 2] = value
    with pytest.raises(ValueError, match="the second clip is broken: not all values of frame 2 are finite"):
        measure(a, broken)
    with pytest.raises(ValueError, match="the first clip is broken"):
        measure(broken, broken)


@pytest.mark.parametrize("measure", [metrics.psnr_db, metrics.ssim])
def test_two_clips_of_one_colour_are_not_compared(measure):
    a, _ = clips()
    black = torch.zeros_like(a)
    for other in (black, torch.ones_like(a)):
        with pytest.raises(ValueError, match="both clips are one colour from the first pixel to the last"):
            measure(black, other)
    assert measure(black, a) < 20
