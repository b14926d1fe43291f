# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Compares the engine, through the program engine_probe, with diffusers: random weights, original key names."""

import contextlib

import pytest

from tests.engine.probe import assert_as_exact_as, encode_prompt, run_probe, safetensors, torch

diffusers = pytest.importorskip("diffusers")
save_file = safetensors.save_file

__all__ = [
    "assert_as_exact_as",
    "diffusers",
    "double_stays_double",
    "encode_prompt",
    "randomise",
    "run_probe",
    "safetensors",
    "save_file",
    "torch",
]


def randomise(module: torch.nn.Module, seed: int) -> None:
    """Give every parameter, norms and biases too, values that change the result when they are left out."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in module.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if name.endswith(("norm_q.weight", "norm_k.weight", "norm2.weight", "gamma")):
            value = 1 + 0.3 * noise
        elif parameter.dim() > 1 and "scale_shift_table" not in name:
            value = noise / parameter[0].numel() ** 0.5
        else:
            value = 0.3 * noise
        parameter.data.copy_(value)


@contextlib.contextmanager
def double_stays_double():
    """`x.float()` is how diffusers protects fp32 from bf16; in a run in double it would round to fp32."""
    original = torch.Tensor.float

    def keep(self: torch.Tensor, *args: object, **options: object) -> torch.Tensor:
        return self if self.dtype == torch.float64 else original(self, *args, **options)

    torch.Tensor.float = keep
    try:
        yield
    finally:
        torch.Tensor.float = original
