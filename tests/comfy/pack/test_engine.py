# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The demo model by a plan: in ComfyUI through the pack, and in the engine; both in fp32 from the same noise."""

import copy
import json
import os
import subprocess
from pathlib import Path

import comfy.sample
import comfy.sd
import pytest
import safetensors.torch
import torch
from made_plans import relative
from small_models import normal
from twill_pack.twill_nodes import demo_model, plan_store
from twill_pack.twill_nodes.patch.apply import apply_plan, patch_of
from twill_pack.twill_nodes.settings import Settings

PROBE = Path(os.environ["TWILL_BUILD_DIR"]) / "tests" / "engine" / "engine_probe"
PRESETS = Path(os.environ["TWILL_PRESETS"])
PLAN = PRESETS / "demo" / "plan.json"
SHIFT = json.loads((PRESETS / "demo" / "model.json").read_text())["default"]["shift"]
PROMPT = (PRESETS / "demo" / "prompts_test.txt").read_text().splitlines()[0]
STEPS = 10


def probe(what: str, subject: Path, inputs: dict, folder: Path) -> torch.Tensor:
    safetensors.torch.save_file({name: x.contiguous() for name, x in inputs.items()}, folder / "in.safetensors")
    command = [PROBE, what, subject, folder / "in.safetensors", folder / "out.safetensors"]
    result = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_WAIT_POLICY": "passive"},
    )
    assert result.returncode == 0, result.stderr
    return safetensors.torch.load_file(folder / "out.safetensors")["out"]


@pytest.fixture(scope="module")
def model():
    loaded = comfy.sd.load_diffusion_model(str(demo_model.files()["dit"]))
    sampling = copy.deepcopy(loaded.get_model_object("model_sampling"))
    sampling.set_parameters(shift=SHIFT, multiplier=1000)
    loaded.add_object_patch("model_sampling", sampling)
    return loaded


def sampled(model, noise, context) -> torch.Tensor:
    prompt = [[context, {}]]
    latents = comfy.sample.sample(
        model, noise, STEPS, 1.0, "euler", "simple", prompt, prompt, torch.zeros_like(noise), disable_pbar=True
    )
    return model.model.process_latent_in(latents)


@pytest.mark.skipif(not PROBE.exists(), reason="engine_probe was not built (no LibTorch)")
def test_the_engine_gives_the_same_clip(model, tmp_path):
    context, noise = demo_model.encode(PROMPT, demo_model.files()["text"]), normal(4, 1, 16, 5, 16, 24)
    patched, why = apply_plan(model, plan_store.load("preset: demo/plan"), Settings(min_tokens=0))
    assert why == ""
    out = sampled(patched, noise, context)
    assert patch_of(patched).report.fallbacks == {}
    inputs = {"x": noise, "context": context, "steps": torch.tensor(STEPS), "shift": torch.tensor(SHIFT).double()}
    expected = probe(f"sparse={PLAN}", demo_model.files()["dit"], inputs, tmp_path)
    dense = sampled(model, noise, context)
    assert relative(dense, expected) > 1e-2, "a plan that changes nothing shows nothing"
    assert relative(out, expected) < 1e-3


@pytest.mark.skipif(not PROBE.exists(), reason="engine_probe was not built (no LibTorch)")
@pytest.mark.parametrize("prompt", [PROMPT, "", " A red  BALL,rolls left , "])
def test_demo_prompt_is_the_engines(prompt, tmp_path):
    command = [PROBE, "text", demo_model.files()["text"], tmp_path / "out.safetensors", prompt]
    subprocess.run([str(part) for part in command], check=True)
    expected = safetensors.torch.load_file(tmp_path / "out.safetensors")["out"]
    assert torch.equal(demo_model.encode(prompt, demo_model.files()["text"]), expected)
