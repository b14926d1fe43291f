# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""An unmodified ComfyUI in a process and an environment of its own."""

import functools
import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import safetensors.torch
import torch

from tests.engine import probe

HERE = Path(__file__).parent
DEMO = HERE.parents[1] / "presets" / "demo"
LEFT_OUT = "TWILL_WITHOUT_COMFY"


@dataclass(frozen=True)
class Call:
    """A method of comfyui_worker.Networks and what it is given."""

    what: str
    tensors: dict[str, torch.Tensor] = field(default_factory=dict)
    options: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    fp32: torch.Tensor  # as ComfyUI computes it
    exact: torch.Tensor | None  # by the same code in double; noise has none


@functools.cache
def make_environment() -> Path:
    """The folder of ComfyUI's virtual environment, made when it is not there."""
    if os.environ.get(LEFT_OUT):
        pytest.skip(f"{LEFT_OUT} is set, which leaves out the tests in ComfyUI")
    result = subprocess.run(["bash", str(HERE / "environment.sh")], capture_output=True, text=True)
    if result.returncode != 0:
        pytest.fail(
            f"ComfyUI could not be had; {LEFT_OUT}=1 leaves its tests out. {result.stderr[-2000:]}", pytrace=False
        )
    return Path(result.stdout.strip().splitlines()[-1])


def ask(environment: Path, folder: Path, calls: dict[str, Call], model: Path = DEMO) -> tuple[dict, dict[str, Answer]]:
    """What was loaded, and what `calls` on the model gave in one process, whose files stand in `folder`."""
    # Copies: safetensors refuses tensors that share memory.
    inputs = {f"{name}/{key}": x.clone() for name, call in calls.items() for key, x in call.tensors.items()}
    safetensors.torch.save_file(inputs, folder / "inputs.safetensors")
    (folder / "calls.json").write_text(json.dumps({name: [call.what, call.options] for name, call in calls.items()}))
    command = [environment / "bin" / "python", HERE / "comfyui_worker.py", environment / "ComfyUI", model, folder]
    result = subprocess.run(
        [str(part) for part in command], env=probe.patient_threads(), capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr[-4000:]
    outputs = safetensors.torch.load_file(folder / "outputs.safetensors")
    answers = {name: Answer(outputs[name], outputs.get(name + "/exact")) for name in calls}
    return json.loads((folder / "description.json").read_text()), answers
