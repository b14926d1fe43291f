# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The Wan VAE against diffusers' AutoencoderKLWan."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engine import parity
from tests.engine.parity import diffusers, save_file, torch

pytestmark = pytest.mark.slow  # all of it together


@dataclass(frozen=True)
class Case:
    why: str
    width: int = 8
    batch: int = 1
    latent: tuple[int, int, int] = (2, 4, 4)
    most_bytes: int = 0


CASES = [
    Case("one_frame", latent=(1, 4, 4)),
    Case("two_frames", latent=(2, 3, 5)),
    Case("all_five_at_once", latent=(5, 4, 6), most_bytes=1 << 40),
    Case("one_by_one", latent=(5, 4, 6), most_bytes=1),
    Case("ragged_groups", latent=(5, 5, 3), most_bytes=300_000),
    Case("groups_of_some", latent=(4, 4, 4), most_bytes=200_000),
    Case("batch_of_two", batch=2, latent=(3, 2, 4)),
    Case("width_12_fills_no_vector", width=12, latent=(3, 4, 4)),
    Case("width_16", width=16, latent=(2, 4, 4)),
]

RESIDUAL = [("norm1", "residual.0"), ("conv1", "residual.2"), ("norm2", "residual.3"), ("conv2", "residual.6")]


def original_name(name: str) -> str:
    parts = name.split(".")
    if parts[0] in ("quant_conv", "post_quant_conv"):
        return {"quant_conv": "conv1", "post_quant_conv": "conv2"}[parts[0]] + "." + parts[1]
    net, layer, rest = parts[0], parts[1], parts[2:]
    simple = {"conv_in": "conv1", "norm_out": "head.0", "conv_out": "head.2"}
    if layer in simple:
        return ".".join([net, simple[layer], *rest])
    if layer == "mid_block":
        place = "1" if rest[0] == "attentions" else str(2 * int(rest[1]))
        head, rest = f"{net}.middle.{place}", rest[2:]
    elif layer == "down_blocks":
        head, rest = f"{net}.downsamples.{rest[0]}", rest[1:]
    else:
        inner = int(rest[2]) if rest[1] == "resnets" else 3
        head, rest = f"{net}.upsamples.{4 * int(rest[0]) + inner}", rest[3:]
    tail = ".".join(rest)
    for theirs, original in RESIDUAL:
        if tail.startswith(theirs + "."):
            return f"{head}.{original}{tail.removeprefix(theirs)}"
    return f"{head}.{tail.replace('conv_shortcut', 'shortcut')}"


def make_model(case: Case, seed: int, file: Path) -> torch.nn.Module:
    model = diffusers.AutoencoderKLWan(base_dim=case.width).eval()
    parity.randomise(model, seed)
    save_file({original_name(name): x.contiguous() for name, x in model.state_dict().items()}, file)
    return model


def latent_statistics(model: torch.nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
    shape = (1, model.config.z_dim, 1, 1, 1)
    wide = {"dtype": torch.float64}
    return torch.tensor(model.config.latents_mean, **wide).view(shape), torch.tensor(
        model.config.latents_std, **wide
    ).view(shape)


@torch.inference_mode()
def decode_theirs(model: torch.nn.Module, latents: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    mean, std = latent_statistics(model)
    with parity.double_stays_double():
        return model.to(dtype).decode((latents.to(dtype) * std.to(dtype) + mean.to(dtype)), return_dict=False)[0]


@torch.inference_mode()
def encode_theirs(model: torch.nn.Module, video: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    mean, std = latent_statistics(model)
    with parity.double_stays_double():
        latents = model.to(dtype).encode(video.to(dtype), return_dict=False)[0].mode()
    return (latents - mean.to(dtype)) / std.to(dtype)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.why)
def test_decode_matches_diffusers(case, tmp_path):
    seed = 200 + CASES.index(case)
    model = make_model(case, seed, tmp_path / "vae.safetensors")
    generator = torch.Generator().manual_seed(seed)
    latents = torch.randn(case.batch, 16, *case.latent, generator=generator)
    theirs = decode_theirs(model, latents, torch.float32)
    exact = decode_theirs(model, latents, torch.float64)
    assert (exact.abs() < 1).double().mean() > 0.5, "the clamp would hide what is compared"
    inputs = {"latents": latents, "most_bytes": torch.tensor(case.most_bytes)}
    out = parity.run_probe(tmp_path, "vae_decode", tmp_path / "vae.safetensors", inputs)
    parity.assert_as_exact_as(case.why, out, exact, theirs)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.why)
def test_encode_matches_diffusers(case, tmp_path):
    seed = 300 + CASES.index(case)
    model = make_model(case, seed, tmp_path / "vae.safetensors")
    generator = torch.Generator().manual_seed(seed)
    frames, rows, cols = case.latent
    video = torch.rand(case.batch, 3, 4 * frames - 3, 8 * rows, 8 * cols, generator=generator) * 2 - 1
    theirs = encode_theirs(model, video, torch.float32)
    exact = encode_theirs(model, video, torch.float64)
    inputs = {"video": video, "most_bytes": torch.tensor(case.most_bytes)}
    out = parity.run_probe(tmp_path, "vae_encode", tmp_path / "vae.safetensors", inputs)
    parity.assert_as_exact_as(case.why, out, exact, theirs)
