# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of a tiny autoencoder, against the frames that ComfyUI decodes with the same file."""

import shutil
import subprocess
from pathlib import Path

import pytest
import safetensors
import torch
from safetensors.torch import load_file, save_file

from tests.comfy.comfyui import HERE, make_environment
from tests.engine import probe

pytestmark = pytest.mark.slow

# By the names of their files; [channels, frames, rows, columns] of latents.
CASES = {
    "taew2_1": (16, 4, 3, 5),
    "lighttaew2_1": (16, 2, 4, 3),
    "taew2_2": (48, 3, 3, 2),
    "lighttaew2_2": (48, 1, 2, 2),
}


@pytest.fixture(scope="module")
def decoded(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tae")
    generator = torch.Generator().manual_seed(3)
    for name, shape in CASES.items():
        (folder / name).mkdir()
        latents = torch.randn(1, *shape, generator=generator)
        save_file({"latents": latents}, folder / name / "latents.safetensors")
    environment = make_environment()
    command = [environment / "bin" / "python", HERE / "tae_worker.py", environment / "ComfyUI", folder]
    result = subprocess.run(
        [str(part) for part in command], env=probe.patient_threads(), capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr[-4000:]
    return folder


@pytest.mark.parametrize("name", CASES)
def test_pictures_are_the_last_of_each_four_frames(name, decoded, tmp_path):
    with safetensors.safe_open(decoded / name / "tae.safetensors", "pt") as file:
        assert file.metadata()["comfyui"] == "0.30.0"
    file = tmp_path / f"{name}.safetensors"
    shutil.copy(decoded / name / "tae.safetensors", file)
    latents = load_file(decoded / name / "latents.safetensors")["latents"]
    pictures = probe.run_probe(tmp_path, "tae", file, {"latents": latents})
    frames = load_file(decoded / name / "frames.safetensors")
    exact = 255 * frames["exact"][::4].clamp(0, 1)
    assert pictures.shape == exact.shape
    inside = (exact > 0) & (exact < 255)
    assert inside.double().mean() > 0.9, "clamped values compare nothing"
    # Rounded to a level, and as far from the exact value as fp32 is in ComfyUI: twice that, for the order of sums.
    theirs = (255 * frames["fp32"][::4].double() - 255 * frames["exact"][::4]).abs().max()
    assert (pictures.double() - exact).abs().max() <= 0.5 + 2 * theirs + 1e-4
    # Other frames are other pictures.
    if len(frames["exact"]) > 4:
        others = 255 * frames["exact"][3::4].clamp(0, 1)
        assert (pictures[: len(others)].double() - others).abs().max() > 5
