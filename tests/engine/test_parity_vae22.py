# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Wan 2.2's VAE against diffusers' AutoencoderKLWan in its residual form."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engine import parity, small_wan22
from tests.engine.parity import save_file, torch
from tests.engine.test_parity_vae import decode_theirs, encode_theirs

pytestmark = pytest.mark.slow  # all of it together


@dataclass(frozen=True)
class Case:
    why: str
    latent: tuple[int, int, int]
    most_bytes: int = 0
    batch: int = 1
    widths: tuple[int, int] = (4, 4)


CASES = [
    Case("one_frame", latent=(1, 2, 3)),
    Case("two_frames", latent=(2, 3, 2)),
    Case("three_one_by_one", latent=(3, 2, 2), most_bytes=1),
    Case("ragged_groups", latent=(3, 2, 2), most_bytes=50_000),
    Case("all_three_at_once", latent=(3, 2, 2), most_bytes=1 << 40),
    Case("batch_of_two", latent=(2, 1, 2), batch=2),
    Case("a_wider_decoder", latent=(2, 2, 2), widths=(6, 10)),
]


def make_model(case: Case, seed: int, file: Path) -> torch.nn.Module:
    model = small_wan22.make_vae(seed, *case.widths)
    tensors = {small_wan22.original_name(name): x.contiguous() for name, x in model.state_dict().items()}
    save_file(tensors, file)
    return model


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.why)
def test_decode_matches_diffusers(case, tmp_path):
    seed = 400 + CASES.index(case)
    model = make_model(case, seed, tmp_path / "vae.safetensors")
    generator = torch.Generator().manual_seed(seed)
    latents = torch.randn(case.batch, small_wan22.CHANNELS, *case.latent, generator=generator)
    theirs = decode_theirs(model, latents, torch.float32)
    exact = decode_theirs(model, latents, torch.float64)
    assert (exact.abs() < 1).double().mean() > 0.5, "the clamp would hide what is compared"
    inputs = {"latents": latents, "most_bytes": torch.tensor(case.most_bytes)}
    out = parity.run_probe(tmp_path, "vae_decode", tmp_path / "vae.safetensors", inputs)
    parity.assert_as_exact_as(case.why, out, exact, theirs)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.why)
def test_encode_matches_diffusers(case, tmp_path):
    seed = 500 + CASES.index(case)
    model = make_model(case, seed, tmp_path / "vae.safetensors")
    generator = torch.Generator().manual_seed(seed)
    frames, rows, cols = case.latent
    size = (case.batch, 3, 4 * frames - 3, small_wan22.STRIDE * rows, small_wan22.STRIDE * cols)
    video = torch.rand(size, generator=generator) * 2 - 1
    theirs = encode_theirs(model, video, torch.float32)
    exact = encode_theirs(model, video, torch.float64)
    inputs = {"video": video, "most_bytes": torch.tensor(case.most_bytes)}
    out = parity.run_probe(tmp_path, "vae_encode", tmp_path / "vae.safetensors", inputs)
    parity.assert_as_exact_as(case.why, out, exact, theirs)
