#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
# diffusers: Kandinsky 5's transformer rounds rotated queries and keys to bfloat16, also in a model of float32.
source "$(dirname "${BASH_SOURCE[0]}")/lib/findings.sh"
packages torch==2.13.0 diffusers==0.42.1 numpy==2.4.6
guess "a transformer in float32 computes its attention in float32"
observe <<'PYTHON'
import diffusers
import torch
from diffusers.models.transformers import transformer_kandinsky, transformer_wan
from finding import verdict


def attended_in(transformer, module, arguments):
    """Dtype of the queries of self-attention, and whether their numbers are all of bfloat16."""
    seen = []
    attention = module.dispatch_attention_fn

    def note(query, key, value, **more):
        seen.append(query)
        return attention(query, key, value, **more)

    module.dispatch_attention_fn = note
    with torch.no_grad():
        transformer.eval()(**arguments)
    module.dispatch_attention_fn = attention
    query = max(seen, key=lambda each: each.shape[1])
    return query.dtype, torch.equal(query, query.to(torch.bfloat16).to(query.dtype))


torch.manual_seed(0)
kandinsky = diffusers.Kandinsky5Transformer3DModel(
    in_visual_dim=4, in_text_dim=16, in_text_dim2=8, time_dim=16, out_visual_dim=4, model_dim=32, ff_dim=32,
    num_text_blocks=1, num_visual_blocks=1, axes_dims=(4, 6, 6),
)
found = attended_in(kandinsky, transformer_kandinsky, {
    "hidden_states": torch.randn(1, 2, 8, 8, 4), "encoder_hidden_states": torch.randn(1, 5, 16),
    "timestep": torch.tensor([500.0]), "pooled_projections": torch.randn(1, 8),
    "visual_rope_pos": [torch.arange(2), torch.arange(4), torch.arange(4)], "text_rope_pos": torch.arange(5),
})
wan = diffusers.WanTransformer3DModel(
    patch_size=(1, 2, 2), num_attention_heads=2, attention_head_dim=16, in_channels=4, out_channels=4, text_dim=16,
    freq_dim=32, ffn_dim=32, num_layers=1, rope_max_seq_len=32,
)
other = attended_in(wan, transformer_wan, {
    "hidden_states": torch.randn(1, 4, 2, 8, 8), "encoder_hidden_states": torch.randn(1, 7, 16),
    "timestep": torch.tensor([500]),
})
print(f"parameters: {next(kandinsky.parameters()).dtype}, {next(wan.parameters()).dtype}")
for name, (dtype, coarse) in {"Kandinsky 5": found, "Wan": other}.items():
    print(f"{name}: queries of {dtype}, {'all' if coarse else 'not'} of bfloat16's numbers")
verdict(found[1] and not other[1], "Kandinsky 5's queries lose 16 bits in a model of float32, Wan's none")
PYTHON
