# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The demo model's own weights, in the engine and in diffusers."""

import json
from pathlib import Path

import pytest

from tests.engine import parity, test_parity_dit, test_parity_vae
from tests.engine.parity import diffusers, safetensors, torch

DEMO = Path(__file__).parents[2] / "presets" / "demo"


def weight_file(name: str) -> Path:
    file = DEMO / json.loads((DEMO / "model.json").read_text())["files"][name]
    if file.stat().st_size < 1000:
        pytest.skip(f"{file.name} is a pointer to a file that was not fetched")
    return file


def load(model: torch.nn.Module, file: Path, original_name) -> torch.nn.Module:
    stored = safetensors.load_file(file)
    state = {name: stored.pop(original_name(name)).float() for name in model.state_dict()}
    assert not stored, f"{file.name} has tensors that diffusers does not know: {sorted(stored)[:3]}"
    model.load_state_dict(state)
    return model.eval()


def test_transformer(tmp_path):
    file = weight_file("dit")
    stored = safetensors.load_file(file)
    model = diffusers.WanTransformer3DModel(
        num_attention_heads=4,
        attention_head_dim=stored["head.modulation"].shape[-1] // 4,
        text_dim=stored["text_embedding.0.weight"].shape[1],
        ffn_dim=stored["blocks.0.ffn.0.weight"].shape[0],
        num_layers=sum(name.endswith("norm3.weight") for name in stored),
    )
    load(model, file, test_parity_dit.original_name)
    model.condition_embedder.timesteps_proj = test_parity_dit.DoubleWaves()
    prompt = "a red ball"
    inputs = {
        "x": torch.randn(1, 16, 4, 12, 20, generator=torch.Generator().manual_seed(1)),
        "timestep": torch.tensor([750.0]),
        "context": parity.encode_prompt(tmp_path, weight_file("text"), prompt),
    }
    theirs = test_parity_dit.run_theirs(model, inputs, torch.float32)
    exact = test_parity_dit.run_theirs(model, inputs, torch.float64)
    out = parity.run_probe(tmp_path, "dit", file, inputs)
    parity.assert_as_exact_as("demo transformer", out, exact, theirs)


def test_text_rows(tmp_path):
    file = weight_file("text")
    stored = safetensors.load_file(file)
    with safetensors.safe_open(file, "pt") as opened:
        vocabulary = json.loads(opened.metadata()["vocabulary"])
    prompt = "A red ball, camera"
    exact = torch.zeros(1, *stored["position_embedding.weight"].shape)
    for i, word in enumerate(["a", "red", "ball", ",", "camera"]):
        row = stored["word_embedding.weight"][vocabulary.index(word)].float()
        exact[0, i] = row + stored["position_embedding.weight"][i].float()
    assert torch.equal(parity.encode_prompt(tmp_path, file, prompt), exact)


@pytest.mark.parametrize("what", ["decode", "encode"])
def test_vae(what, tmp_path):
    file = weight_file("vae")
    width = safetensors.load_file(file)["decoder.head.0.gamma"].shape[0]
    model = load(diffusers.AutoencoderKLWan(base_dim=width), file, test_parity_vae.original_name)
    generator = torch.Generator().manual_seed(2)
    if what == "decode":
        inputs = {"latents": torch.randn(1, 16, 3, 10, 6, generator=generator)}
        run = test_parity_vae.decode_theirs
    else:
        inputs = {"video": torch.rand(1, 3, 9, 80, 48, generator=generator) * 2 - 1}
        run = test_parity_vae.encode_theirs
    (given,) = inputs.values()
    theirs = run(model, given, torch.float32)
    exact = run(model, given, torch.float64)
    out = parity.run_probe(tmp_path, f"vae_{what}", file, inputs)
    parity.assert_as_exact_as(f"demo VAE {what}", out, exact, theirs)
