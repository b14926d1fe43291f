# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The committed files of the demo model: what a Wan 2.1 reader relies on."""

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the demo model's weights are read with torch")
safetensors = pytest.importorskip("safetensors", reason="reads the demo model's weights")

import captions  # noqa: E402
from wan_dit import WanDit  # noqa: E402
from wan_vae import WanVae  # noqa: E402

DEMO = Path(captions.__file__).parent


def read(name: str) -> tuple[dict, dict]:
    with safetensors.safe_open(DEMO / name, "pt") as file:
        return file.metadata(), {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118


@pytest.mark.parametrize(("name", "model"), [("dit.safetensors", WanDit), ("vae.safetensors", WanVae)])
def test_keys_shapes_and_dtype(name: str, model: type) -> None:
    _, tensors = read(name)
    expected = model().state_dict()
    assert tensors.keys() == expected.keys()
    for key, tensor in tensors.items():
        assert tensor.shape == expected[key].shape, key
        assert tensor.dtype == torch.float16, key
        assert tensor.isfinite().all(), key


def test_upstream_key_names() -> None:
    """A few names that loaders look for, written out."""
    _, dit = read("dit.safetensors")
    assert dit["head.modulation"].shape == (1, 2, 256)
    assert dit["blocks.11.self_attn.norm_q.weight"].shape == (256,)
    assert dit["blocks.0.modulation"].shape == (1, 6, 256)
    assert dit["patch_embedding.weight"].shape == (256, 16, 1, 2, 2)
    assert "blocks.0.norm3.weight" in dit and "time_projection.1.weight" in dit
    _, vae = read("vae.safetensors")
    assert vae["decoder.head.0.gamma"].shape == (8, 1, 1, 1)
    assert vae["decoder.upsamples.3.time_conv.weight"].shape == (64, 32, 3, 1, 1)
    assert vae["encoder.downsamples.5.resample.1.weight"].shape == (16, 16, 3, 3)
    assert vae["conv1.weight"].shape == (32, 32, 1, 1, 1)


def test_metadata() -> None:
    dit, _ = read("dit.safetensors")
    assert json.loads(dit["config"]) == {"transformer": {"num_heads": 4, "text_dim": 64}}
    text, tensors = read("text.safetensors")
    words = json.loads(text["vocabulary"])
    assert words == list(captions.VOCABULARY)
    assert tensors["word_embedding.weight"].shape == (len(words), 64)
    assert tensors["position_embedding.weight"].shape == (int(text["text_len"]), 64)
    assert int(text["text_len"]) == 32


def test_sizes() -> None:
    sizes = {path.name: path.stat().st_size for path in DEMO.glob("*.safetensors")}
    assert sizes["dit.safetensors"] <= 26e6
    assert sum(sizes.values()) <= 30e6


def test_model_json() -> None:
    model = json.loads((DEMO / "model.json").read_text())
    assert model["family"] == "wan2.1-t2v"
    for name in model["files"].values():
        assert (DEMO / name).is_file()
    default = model["default"]
    assert {k: default[k] for k in ("width", "height", "frames")} in model["sizes"]
    assert default["steps"] == 20 and default["sampler"] == "euler"
    for size in model["sizes"]:
        assert size["width"] % 16 == 0 and size["height"] % 16 == 0 and size["frames"] % 4 == 1
    assert json.loads((DEMO / "metrics.json").read_text())["vae"]["held_out"]["psnr_db"] >= 30
