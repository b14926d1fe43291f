# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Small random VAEs of Wan 2.2's form, and upstream's names of their tensors."""

from tests.engine import parity, test_parity_vae
from tests.engine.parity import diffusers, torch
from tests.engine.wan22_latents import MEAN, STD

CHANNELS, STRIDE = 48, 16


def make_vae(seed: int, encoder_width: int = 8, decoder_width: int = 8) -> torch.nn.Module:
    vae = diffusers.AutoencoderKLWan(
        base_dim=encoder_width,
        decoder_base_dim=decoder_width,
        z_dim=CHANNELS,
        latents_mean=MEAN,
        latents_std=STD,
        is_residual=True,
        in_channels=12,
        out_channels=12,
        patch_size=2,
        scale_factor_spatial=STRIDE,
    )
    parity.randomise(vae, seed)
    return vae.eval()


def original_name(name: str) -> str:
    """Each level is a list: its residual blocks, then the resampling."""
    parts = name.split(".")
    lists = {"down_blocks": ("downsamples", 2), "up_blocks": ("upsamples", 3)}
    if parts[1] not in lists:
        return test_parity_vae.original_name(name)
    levels, blocks = lists[parts[1]]
    layer = int(parts[4]) if parts[3] == "resnets" else blocks
    tail = ".".join(parts[5:] if parts[3] == "resnets" else parts[4:])
    for theirs, original in [*test_parity_vae.RESIDUAL, ("conv_shortcut", "shortcut")]:
        if tail.startswith(theirs + "."):
            tail = original + tail.removeprefix(theirs)
            break
    return f"{parts[0]}.{levels}.{parts[2]}.{levels}.{layer}.{tail}"
