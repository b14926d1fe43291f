# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Both of Wan's VAEs in tiles against diffusers' AutoencoderKLWan, as it is and with `enable_tiling`."""

from pathlib import Path

import pytest

from tests.engine import parity, small_wan22, test_parity_vae, test_parity_vae22
from tests.engine.parity import torch
from tests.engine.test_parity_vae import decode_theirs, encode_theirs

pytestmark = pytest.mark.slow  # all of it together

LATENT = (2, 18, 34)
# Of three by two, each smaller than diffusers' tiles below with what is around it.
TILES = torch.tensor([2, 3])


def make_model(kind: str, file: Path) -> tuple[torch.nn.Module, int, int]:
    """A model, the channels of its latents and the pixels of a cell's side."""
    if kind == "wan21":
        return test_parity_vae.make_model(test_parity_vae.Case("tiles"), 600, file), 16, 8
    model = test_parity_vae22.make_model(test_parity_vae22.Case("tiles", LATENT), 601, file)
    return model, small_wan22.CHANNELS, small_wan22.STRIDE


def enable_tiling(model: torch.nn.Module, stride: int) -> None:
    """Of 16 cells each, 4 of which overlap: as diffusers has it, of half the size."""
    model.enable_tiling(16 * stride, 16 * stride, 12 * stride, 12 * stride)


def in_tiles(name: str, folder: Path, what: str, inputs: dict[str, torch.Tensor], exact: torch.Tensor) -> torch.Tensor:
    """Ours in tiles, after a look whether it is as exact as without."""
    weights = folder / "vae.safetensors"
    whole = parity.run_probe(folder, what, weights, inputs)
    out = parity.run_probe(folder, what, weights, {**inputs, "tiles": TILES})
    parity.assert_as_exact_as(name, out, exact, whole)
    return out


def assert_nearer(name: str, out: torch.Tensor, exact: torch.Tensor, tiled: torch.Tensor) -> None:
    """Theirs in tiles is another picture at the seams, ours the same but for rounding."""
    ours, theirs = (out.double() - exact).abs().max(), (tiled.double() - exact).abs().max()
    print(f"{name}: in tiles {ours:.2e} off the whole, diffusers' {theirs:.2e}")
    assert ours < 1e-3 * theirs


@pytest.mark.parametrize("kind", ["wan21", "wan22"])
def test_decode_in_tiles_is_as_exact_as_without(kind, tmp_path):
    model, channels, stride = make_model(kind, tmp_path / "vae.safetensors")
    latents = torch.randn(1, channels, *LATENT, generator=torch.Generator().manual_seed(602))
    exact = decode_theirs(model, latents, torch.float64)
    assert (exact.abs() < 1).double().mean() > 0.5, "the clamp would hide what is compared"
    out = in_tiles(kind, tmp_path, "vae_decode", {"latents": latents}, exact)
    enable_tiling(model, stride)
    assert_nearer(kind, out, exact, decode_theirs(model, latents, torch.float64))


@pytest.mark.parametrize("kind", ["wan21", "wan22"])
def test_encode_in_tiles_is_as_exact_as_without(kind, tmp_path):
    model, _, stride = make_model(kind, tmp_path / "vae.safetensors")
    frames, rows, cols = LATENT
    size = (1, 3, 4 * frames - 3, stride * rows, stride * cols)
    video = torch.rand(size, generator=torch.Generator().manual_seed(603)) * 2 - 1
    exact = encode_theirs(model, video, torch.float64)
    out = in_tiles(kind, tmp_path, "vae_encode", {"video": video}, exact)
    enable_tiling(model, stride)
    assert_nearer(kind, out, exact, encode_theirs(model, video, torch.float64))
