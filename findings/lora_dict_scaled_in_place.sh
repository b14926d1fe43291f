#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
# diffusers scales some matrices of a Wan LoRA in the caller's dict: the second expert gets alpha / rank twice there.
source "$(dirname "${BASH_SOURCE[0]}")/lib/findings.sh"
packages torch==2.13.0 diffusers==0.42.1 peft==0.21.2 transformers==5.23.0 safetensors==0.8.0 numpy==2.4.6
guess "one state dict can be loaded into both experts of Wan 2.2: loading reads it"
observe <<'PYTHON'
import diffusers
import torch
from diffusers.loaders.lora_pipeline import WanLoraLoaderMixin
from finding import verdict

diffusers.logging.set_verbosity_error()
rank, alpha = 4, 1.0
generator = torch.Generator().manual_seed(0)
lora = {}
for layer, outputs in (("self_attn.q", 24), ("cross_attn.k", 24), ("ffn.0", 32)):
    name = f"diffusion_model.blocks.0.{layer}"
    lora[f"{name}.lora_down.weight"] = torch.randn(rank, 24, generator=generator)
    lora[f"{name}.lora_up.weight"] = torch.randn(outputs, rank, generator=generator)
    lora[f"{name}.alpha"] = torch.tensor(alpha)
layers = {"self_attn.q": "blocks.0.attn1.to_q", "cross_attn.k": "blocks.0.attn2.to_k", "ffn.0": "blocks.0.ffn.net.0.proj"}


def model():
    return diffusers.WanTransformer3DModel(
        patch_size=(1, 2, 2), num_attention_heads=2, attention_head_dim=12, in_channels=4, out_channels=4, text_dim=16,
        freq_dim=32, ffn_dim=32, num_layers=2, rope_max_seq_len=32,
    ).eval()


strength = []
for expert in ("high noise", "low noise"):
    transformer = model()
    WanLoraLoaderMixin.load_lora_into_transformer(
        WanLoraLoaderMixin.lora_state_dict(lora), transformer, adapter_name="lora"
    )
    strength.append({})
    for original, converted in layers.items():
        layer = transformer.get_submodule(converted)
        strength[-1][original] = layer.get_delta_weight("lora").norm().item()
    print(expert, {name: round(value, 3) for name, value in strength[-1].items()})
ratio = {name: round(strength[1][name] / strength[0][name], 4) for name in layers}
print("second over first:", ratio, "with alpha / rank =", alpha / rank)
verdict(ratio == {"self_attn.q": 1.0, "cross_attn.k": alpha / rank, "ffn.0": alpha / rank},
        "in the second model self-attention has the LoRA in full, cross-attention and the feed-forward network alpha / rank of it; pass the path or a copy")
PYTHON
