# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""RMS norm, SiLU and the stacking of three time taps as one Triton kernel each way.

These three steps stand before every convolution of the VAE and are bound by memory: fused, a
training step reads and writes each activation once.
"""

import torch
import triton
import triton.language as tl

_ROWS = 128  # positions per program


@triton.jit
def _forward(x_ptr, gamma_ptr, out_ptr, positions, frames, total, channels: tl.constexpr, rows: tl.constexpr):
    row = tl.program_id(0).to(tl.int64) * rows + tl.arange(0, rows)
    column = tl.arange(0, channels)
    inside = (row < total)[:, None]
    x = tl.load(x_ptr + row[:, None] * channels + column[None, :], mask=inside, other=0.0).to(tl.float32)
    gamma = tl.load(gamma_ptr + column)[None, :]
    root_c: tl.constexpr = channels**0.5
    scale = root_c / tl.sqrt(tl.maximum(tl.sum(x * x, 1), 1e-24))
    n = x * scale[:, None] * gamma
    y = n / (1 + tl.exp(-n))
    frame = (row // positions) % frames
    for tap in tl.static_range(3):
        # This frame is tap 2 of itself, tap 1 of the next frame, tap 0 of the one after.
        ahead = 2 - tap
        target = (row + ahead * positions)[:, None] * (3 * channels) + tap * channels + column[None, :]
        tl.store(out_ptr + target, y, mask=inside & (frame + ahead < frames)[:, None])
        # Frames before the first are zero.
        own = row[:, None] * (3 * channels) + tap * channels + column[None, :]
        tl.store(out_ptr + own, tl.zeros_like(y), mask=inside & (frame < ahead)[:, None])


@triton.jit
def _backward(
    x_ptr, gamma_ptr, dout_ptr, dx_ptr, dgamma_ptr, positions, frames, total,
    channels: tl.constexpr, rows: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64) * rows + tl.arange(0, rows)
    column = tl.arange(0, channels)
    inside = (row < total)[:, None]
    x = tl.load(x_ptr + row[:, None] * channels + column[None, :], mask=inside, other=0.0).to(tl.float32)
    gamma = tl.load(gamma_ptr + column)[None, :]
    root_c: tl.constexpr = channels**0.5
    scale = root_c / tl.sqrt(tl.maximum(tl.sum(x * x, 1), 1e-24))
    unit = x * scale[:, None]
    n = unit * gamma
    sigmoid = 1 / (1 + tl.exp(-n))
    frame = (row // positions) % frames
    dy = tl.zeros_like(x)
    for tap in tl.static_range(3):
        ahead = 2 - tap
        source = (row + ahead * positions)[:, None] * (3 * channels) + tap * channels + column[None, :]
        keep = inside & (frame + ahead < frames)[:, None]
        dy += tl.load(dout_ptr + source, mask=keep, other=0.0).to(tl.float32)
    dn = dy * sigmoid * (1 + n * (1 - sigmoid))
    dunit = dn * gamma
    mean = tl.sum(dunit * unit, 1) / channels
    dx = (dunit - unit * mean[:, None]) * scale[:, None]
    tl.store(dx_ptr + row[:, None] * channels + column[None, :], dx, mask=inside)
    tl.store(dgamma_ptr + tl.program_id(0) * channels + column, tl.sum(dn * unit, 0))


class _NormSiluTaps(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: torch.Tensor, gamma: torch.Tensor) -> torch.Tensor:
        batch, frames, height, width, channels = x.shape
        out = x.new_empty(batch, frames, height, width, 3 * channels)
        total = batch * frames * height * width
        grid = (triton.cdiv(total, _ROWS),)
        _forward[grid](x, gamma, out, height * width, frames, total, channels=channels, rows=_ROWS)
        ctx.save_for_backward(x, gamma)
        return out

    @staticmethod
    def backward(ctx, dout: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x, gamma = ctx.saved_tensors
        batch, frames, height, width, channels = x.shape
        total = batch * frames * height * width
        grid = (triton.cdiv(total, _ROWS),)
        dx = torch.empty_like(x)
        partial = torch.empty(grid[0], channels, device=x.device)
        _backward[grid](
            x, gamma, dout.contiguous(), dx, partial, height * width, frames, total,
            channels=channels, rows=_ROWS,
        )  # fmt: skip
        return dx, partial.sum(0).view_as(gamma)


def norm_silu_taps(x: torch.Tensor, gamma: torch.Tensor) -> torch.Tensor:
    """x: [batch, frames, height, width, channels]; returns [..., 3 * channels], x's dtype.

    channels must be a power of two.
    """
    return _NormSiluTaps.apply(x.contiguous(), gamma.contiguous())
