# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Runs the engine through the program engine_probe, and says how far a result may be from the exact one."""

import os
import subprocess
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
safetensors = pytest.importorskip("safetensors.torch")


def probe_program() -> Path:
    build = os.environ.get("TWILL_BUILD_DIR")
    if not build:
        pytest.skip("TWILL_BUILD_DIR does not name a build")
    program = Path(build) / "tests" / "engine" / "engine_probe"
    if not program.exists():
        pytest.skip("engine_probe was not built (no LibTorch)")
    return program


def patient_threads() -> dict[str, str]:
    """This environment with waiting threads asleep: spinning ones are many times slower on cores with other work."""
    return {"OMP_WAIT_POLICY": "passive", **os.environ}


def call_probe(*arguments: str | Path) -> str:
    """Run it and give what it printed."""
    command = [str(part) for part in (probe_program(), *arguments)]
    result = subprocess.run(command, env=patient_threads(), capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout


def encode_prompt(folder: Path, table: Path, prompt: str) -> torch.Tensor:
    call_probe("text", table, folder / "text.safetensors", prompt)
    return safetensors.load_file(folder / "text.safetensors")["out"]


def run_probe(folder: Path, what: str, subject: str | Path, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """Run `what` on its subject, mostly a file of weights, and give its tensor `out`."""
    tensors = {name: x.contiguous() for name, x in inputs.items()}
    safetensors.save_file(tensors, folder / "inputs.safetensors")
    call_probe(what, subject, folder / "inputs.safetensors", folder / "out.safetensors")
    return safetensors.load_file(folder / "out.safetensors")["out"]


def assert_as_exact_as(name: str, out: torch.Tensor, exact: torch.Tensor, theirs: torch.Tensor) -> None:
    """At most twice the error of the other program in the same dtype, plus the rounding of the largest value.

    The largest of a few hundred errors is luck: where it came out small, six standard deviations stand for it.
    """
    assert out.shape == exact.shape, (out.shape, exact.shape)
    assert out.dtype == torch.float32
    floor = torch.finfo(torch.float32).eps * exact.abs().max()
    own = (theirs.double() - exact).abs()
    error = (out.double() - exact).abs()
    worst = max(own.max(), 6 * own.square().mean().sqrt())
    print(f"{name}: worst {error.max():.2e} against {own.max():.2e}, mean {error.mean():.2e} against {own.mean():.2e}")
    assert error.max() <= 2 * worst + floor
    # The worst element alone would hide an error that is everywhere.
    assert error.mean() <= 2 * own.mean() + floor
