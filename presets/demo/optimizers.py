# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The optimiser of both trainings: Muon for weight matrices, AdamW for the rest, and an average."""

import math

import torch
from torch import nn


def _orthogonalise(batch: torch.Tensor) -> torch.Tensor:
    """Newton-Schulz iteration towards the nearest semi-orthogonal matrices; batch: [n, r, c].

    The quintic's coefficients are those of Muon (Jordan et al., 2024): singular values land in
    about 0.7..1.2 after five rounds, which is near enough for an update direction.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    x = batch.bfloat16() if batch.is_cuda else batch.float()
    tall = x.shape[1] > x.shape[2]
    if tall:
        x = x.mT
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(5):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.mT if tall else x).to(batch.dtype)


class Muon:
    """Momentum with orthogonalised updates; matrices of one shape are worked on together."""

    def __init__(self, weights: list[nn.Parameter], weight_decay: float, momentum: float = 0.95):
        self.weight_decay, self.momentum = weight_decay, momentum
        self._groups: dict[tuple[int, int], list[nn.Parameter]] = {}
        for weight in weights:
            rows = weight.shape[0]
            self._groups.setdefault((rows, weight.numel() // rows), []).append(weight)
        self._momenta = {
            shape: torch.zeros(len(group), *shape, device=group[0].device) for shape, group in self._groups.items()
        }

    @torch.no_grad()
    def step(self, rate: float) -> None:
        for shape, group in self._groups.items():
            gradient = torch.stack([w.grad.reshape(shape) for w in group])
            momentum = self._momenta[shape].lerp_(gradient, 1 - self.momentum)
            update = _orthogonalise(gradient.lerp(momentum, self.momentum))
            # 0.2 sqrt(max side) gives updates the root mean square of AdamW's, so that both
            # share one learning rate (Liu et al., 2025).
            size = rate * 0.2 * math.sqrt(max(shape))
            torch._foreach_mul_(group, 1 - rate * self.weight_decay)
            parts = [u.reshape(w.shape) for u, w in zip(update.unbind(0), group, strict=True)]
            torch._foreach_add_(group, parts, alpha=-size)


class Optimizer:
    """Muon for `matrices`, AdamW for `others`, gradient clipping, and a running average (EMA)."""

    def __init__(
        self,
        matrices: list[nn.Parameter],
        others: list[nn.Parameter],
        *,
        weight_decay: float,
        average: float,
        clip: float = 1.0,
    ):
        self._parameters = matrices + others
        self._muon = Muon(matrices, weight_decay)
        fused = bool(others) and others[0].is_cuda
        self._adam = torch.optim.AdamW(others, lr=0.0, betas=(0.9, 0.98), weight_decay=weight_decay, fused=fused)
        self._clip, self._average_rate, self._steps = clip, average, 0
        self._average = [p.detach().clone() for p in self._parameters]

    def step(self, matrix_rate: float, other_rate: float) -> None:
        """One update; the gradients stay in place (see `clear`)."""
        nn.utils.clip_grad_norm_(self._parameters, self._clip, foreach=True)
        for group in self._adam.param_groups:
            group["lr"] = other_rate
        self._adam.step()
        self._muon.step(matrix_rate)
        self._steps += 1
        decay = min(self._average_rate, (1 + self._steps) / (10 + self._steps))
        torch._foreach_lerp_(self._average, [p.detach() for p in self._parameters], 1 - decay)

    def clear(self) -> None:
        for parameter in self._parameters:
            parameter.grad = None

    @torch.no_grad()
    def swap_average(self) -> None:
        """Exchange weights and their average; call again to go back."""
        for parameter, average in zip(self._parameters, self._average, strict=True):
            kept = parameter.detach().clone()
            parameter.copy_(average)
            average.copy_(kept)


def learning_rate(share: float, step: int, peak: float, warmup: int) -> float:
    """Linear warm-up over steps, then a cosine over the share of the time that is spent."""
    cosine = 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))
    return peak * min(1.0, (step + 1) / warmup) * (cosine + 0.005)
