#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
# diffusers: the attention backend of one model becomes that of every model in the process, and a reset does not undo it.
source "$(dirname "${BASH_SOURCE[0]}")/lib/findings.sh"
packages torch==2.13.0 diffusers==0.42.1 numpy==2.4.6
guess "model.set_attention_backend() is about this model, and reset_attention_backend() brings back what was before"
observe <<'PYTHON'
import diffusers
import torch
from finding import verdict

torch.manual_seed(0)
inputs = torch.randn(1, 4, 2, 8, 8), torch.tensor([500]), torch.randn(1, 7, 16)


def model():
    return diffusers.WanTransformer3DModel(
        patch_size=(1, 2, 2), num_attention_heads=2, attention_head_dim=12, in_channels=4, out_channels=4, text_dim=16,
        freq_dim=32, ffn_dim=32, num_layers=2, rope_max_seq_len=32,
    ).eval()


def kernel(transformer):
    """The kernel of scaled_dot_product_attention that a forward pass runs."""
    with torch.no_grad(), torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        transformer(*inputs)
    names = {event.key for event in profile.key_averages()}
    return "math" if "aten::_scaled_dot_product_attention_math" in names else "flash"


first, second = model(), model()
story = [("nothing set, second model", kernel(second))]
first.set_attention_backend("_native_math")
story += [("set on the first, second model", kernel(second)), ("a model made afterwards", kernel(model()))]
first.reset_attention_backend()
story += [("reset on the first, first model", kernel(first)), ("second model", kernel(second))]
for what, name in story:
    print(f"{what}: {name}")
verdict([name for _, name in story] == ["flash", "math", "math", "math", "math"],
        "setting the backend of one model switches all others without one of their own, older and newer, and stays after the reset")
PYTHON
