#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
# diffusers: TaylorSeer with its default identifiers hooks nothing in a Wan transformer and says nothing.
source "$(dirname "${BASH_SOURCE[0]}")/lib/findings.sh"
packages torch==2.13.0 diffusers==0.42.1 numpy==2.4.6
guess "enable_cache(TaylorSeerCacheConfig()) predicts the attention of most steps"
observe <<'PYTHON'
import diffusers
import torch
from finding import verdict


def computed(**options):
    """How often the first block's self-attention is computed in eight steps, and the hooks of TaylorSeer."""
    torch.manual_seed(0)
    transformer = diffusers.WanTransformer3DModel(
        patch_size=(1, 2, 2), num_attention_heads=2, attention_head_dim=12, in_channels=4, out_channels=4, text_dim=16,
        freq_dim=32, ffn_dim=32, num_layers=2, rope_max_seq_len=32,
    ).eval()
    if options:
        transformer.enable_cache(diffusers.TaylorSeerCacheConfig(**options))
    calls = []
    transformer.blocks[0].attn1.to_q.register_forward_hook(lambda *_: calls.append(1))
    with torch.no_grad(), transformer.cache_context("cond"):
        for step in range(8):
            transformer(torch.randn(1, 4, 2, 8, 8), torch.tensor([900 - 100 * step]), torch.randn(1, 7, 16))
    hooked = sum(hasattr(module, "_diffusers_hook") for module in transformer.modules())
    return len(calls), hooked


plain = computed()
default = computed(cache_interval=4, disable_cache_before_step=1)
named = computed(cache_interval=4, disable_cache_before_step=1, cache_identifiers=[r"blocks\.\d+\.attn1"])
for name, (calls, hooked) in {"no cache": plain, "default": default, "attn1 named": named}.items():
    print(f"{name}: self-attention computed in {calls} of 8 steps, {hooked} modules hooked")
verdict(plain[0] == default[0] == 8 and named[0] < 8,
        "with the default identifiers every step computes everything; with those of Wan's attention most are predicted")
PYTHON
