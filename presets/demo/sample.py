# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Draws clips from the trained model: Euler steps along the flow, dense attention."""

import itertools

import torch
from data import ClipSize
from train_dit import pad_ids, shifted
from train_vae import decode_normalised
from wan_dit import TextTable, WanDit
from wan_vae import LATENT_CHANNELS, WanVae


@torch.no_grad()
def sample_latents(
    dit: WanDit,
    text: TextTable,
    prompts: list[str],
    seeds: list[int],
    size: ClipSize,
    steps: int = 20,
    shift: float = 3.0,
) -> torch.Tensor:
    """One clip per prompt and seed: normalised latents [prompts, 16, frames, rows, columns]."""
    device = next(dit.parameters()).device
    shape = (LATENT_CHANNELS, *size.latent)
    noise = [torch.randn(shape, generator=torch.Generator().manual_seed(s)) for s in seeds]
    latent = torch.stack(noise).to(device)
    rows = text(pad_ids(prompts).to(device))
    times = shifted(torch.linspace(1, 0, steps + 1), shift).tolist()
    for now, later in itertools.pairwise(times):
        t = torch.full((len(prompts),), 1000 * now, device=device)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            velocity = dit(latent, t, rows)
        latent = latent + (later - now) * velocity.float()
    return latent


@torch.no_grad()
def sample_clips(
    dit: WanDit,
    text: TextTable,
    vae: WanVae,
    prompts: list[str],
    seeds: list[int],
    size: ClipSize,
    *,
    steps: int = 20,
    shift: float = 3.0,
    batch: int = 8,
) -> torch.Tensor:
    """As `sample_latents`, decoded: [prompts, frames, 3, height, width] in -1..1."""
    out = []
    for i in range(0, len(prompts), batch):
        part = slice(i, i + batch)
        latent = sample_latents(dit, text, prompts[part], seeds[part], size, steps, shift)
        out.append(decode_normalised(vae, latent))
    return torch.cat(out)
