# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Compares the engine, through the program engine_probe, with diffusers: random weights, original key names."""

import contextlib
import os
import subprocess
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")
safetensors = pytest.importorskip("safetensors.torch")
save_file = safetensors.save_file


def probe_program() -> Path:
    build = os.environ.get("TWILL_BUILD_DIR")
    if not build:
        pytest.skip("TWILL_BUILD_DIR does not name a build")
    program = Path(build) / "tests" / "engine" / "engine_probe"
    if not program.exists():
        pytest.skip("engine_probe was not built (no LibTorch)")
    return program


def call_probe(*arguments: str | Path) -> None:
    result = subprocess.run([str(part) for part in (probe_program(), *arguments)], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def encode_prompt(folder: Path, table: Path, prompt: str) -> torch.Tensor:
    call_probe("text", table, folder / "text.safetensors", prompt)
    return safetensors.load_file(folder / "text.safetensors")["out"]


def run_probe(folder: Path, what: str, weights: Path, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """Run `what` on safetensors weights and give its tensor `out`."""
    save_file({name: x.contiguous() for name, x in inputs.items()}, folder / "inputs.safetensors")
    call_probe(what, weights, folder / "inputs.safetensors", folder / "out.safetensors")
    return safetensors.load_file(folder / "out.safetensors")["out"]


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


def assert_as_exact_as(name: str, out: torch.Tensor, exact: torch.Tensor, theirs: torch.Tensor) -> None:
    """At most twice the error of diffusers in the same dtype, plus the rounding of the largest value."""
    assert out.shape == exact.shape, (out.shape, exact.shape)
    assert out.dtype == torch.float32
    floor = torch.finfo(torch.float32).eps * exact.abs().max()
    own = (theirs.double() - exact).abs()
    error = (out.double() - exact).abs()
    print(f"{name}: worst {error.max():.2e} against {own.max():.2e}, mean {error.mean():.2e} against {own.mean():.2e}")
    assert error.max() <= 2 * own.max() + floor
    # The worst element alone would hide an error that is everywhere.
    assert error.mean() <= 2 * own.mean() + floor
