# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The demo model's VAE: quality, latent statistics, and upstream's chunked maths."""

import re
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the VAE runs in torch")
pytest.importorskip("safetensors", reason="reads the demo model's weights")

import captions  # noqa: E402
from data import HELD_OUT_SEED, ClipSize, draw_clips, psnr  # noqa: E402
from export import load_vae  # noqa: E402
from train_vae import decode_normalised, encode_normalised  # noqa: E402
from wan_vae import WanVae  # noqa: E402

DEMO = Path(captions.__file__).parent


def test_round_trip_of_held_out_clips() -> None:
    vae = load_vae(DEMO)
    size = ClipSize(96, 96, 9)
    for _, clip in draw_clips(2, size, HELD_OUT_SEED + 900_000, "cpu", batch=2):
        got = decode_normalised(vae, encode_normalised(vae, clip))
        # 34.7 dB on 96 whole clips (metrics.json); a smaller picture has more edges per pixel.
        assert psnr(got, clip).min() >= 27
        assert psnr(got, clip).mean() >= 29


def test_latents_have_the_statistics_of_wan() -> None:
    """After normalising with Wan's fixed mean and deviation: about 0 and 1 over many scenes."""
    vae = load_vae(DEMO)
    latents = [
        encode_normalised(vae, clip)
        for _, clip in draw_clips(16, ClipSize(96, 96, 5), HELD_OUT_SEED + 800_000, "cpu", 4)
    ]
    channels = torch.cat(latents).transpose(0, 1).flatten(1)
    # Over whole training clips: means within 0.07, deviation 1.00 (metrics.json). Few, short and
    # small clips have more edges, and a scene's sky and floor move a channel's mean.
    assert channels.mean(1).abs().max() < 0.6
    assert channels.std(1).min() > 0.7 and channels.std(1).max() < 1.5
    assert abs(channels.mean()) < 0.2 and 0.88 < channels.std() < 1.2


def to_diffusers(key: str) -> str:
    """The name that diffusers gives to a parameter of the original VAE."""
    renames = {
        r"middle\.0\.": "mid_block.resnets.0.",
        r"middle\.1\.": "mid_block.attentions.0.",
        r"middle\.2\.": "mid_block.resnets.1.",
        r"residual\.0\.": "norm1.",
        r"residual\.2\.": "conv1.",
        r"residual\.3\.": "norm2.",
        r"residual\.6\.": "conv2.",
        r"shortcut\.": "conv_shortcut.",
        r"head\.0\.": "norm_out.",
        r"head\.2\.": "conv_out.",
        r"^(encoder|decoder)\.conv1\.": r"\1.conv_in.",
        r"^conv1\.": "quant_conv.",
        r"^conv2\.": "post_quant_conv.",
        r"\.downsamples\.": ".down_blocks.",
    }
    for pattern, name in renames.items():
        key = re.sub(pattern, name, key)
    found = re.search(r"\.upsamples\.(\d+)\.", key)
    if found:
        level, place = divmod(int(found[1]), 4)
        part = "upsamplers.0" if place == 3 else f"resnets.{place}"
        key = key.replace(found[0], f".up_blocks.{level}.{part}.")
    return key


@pytest.mark.parametrize("trained", [False, True])
def test_whole_clip_pass_equals_chunked_passes(trained: bool) -> None:
    diffusers = pytest.importorskip("diffusers", reason="the chunked reference is diffusers'")
    torch.manual_seed(0)
    if trained:
        vae = load_vae(DEMO)
    else:
        vae = WanVae(8).eval()
        for parameter in vae.parameters():  # biases and gains away from 0 and 1
            parameter.data += 0.1 * torch.randn_like(parameter)
    reference = diffusers.AutoencoderKLWan(base_dim=8).eval()
    reference.load_state_dict({to_diffusers(k): v for k, v in vae.state_dict().items()})
    with torch.no_grad():
        for frames in (1, 13):
            clip = torch.rand(1, 3, frames, 32, 48) * 2 - 1
            want = reference.encode(clip).latent_dist.mean
            torch.testing.assert_close(vae.encode(clip), want, atol=2e-4, rtol=1e-4)
            want = reference.decode(want).sample
            got = vae.decode(reference.encode(clip).latent_dist.mean)
            torch.testing.assert_close(got, want, atol=2e-4, rtol=1e-4)
