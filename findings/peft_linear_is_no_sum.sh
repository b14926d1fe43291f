#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
# peft's "linear" mix of two LoRAs is not the sum of the two: it multiplies one's up by the other's down matrix too.
source "$(dirname "${BASH_SOURCE[0]}")/lib/findings.sh"
packages torch==2.13.0 peft==0.21.2 transformers==5.23.0 numpy==2.4.6
guess "add_weighted_adapter([a, b], [1, 1], combination_type='linear') changes the weights as a and b active together do, and svd comes near"
observe <<'PYTHON'
import torch
from finding import verdict
from peft import LoraConfig, get_peft_model

torch.manual_seed(0)
settings = LoraConfig(r=4, lora_alpha=4, target_modules=["0"])
model = get_peft_model(torch.nn.Sequential(torch.nn.Linear(64, 64, bias=False)), settings, adapter_name="first")
model.add_adapter("second", settings)
layer = model.base_model.model[0].requires_grad_(False)
for name in ("first", "second"):
    torch.nn.init.normal_(layer.lora_A[name].weight)
    torch.nn.init.normal_(layer.lora_B[name].weight)
a, b = (layer.get_delta_weight(name) for name in ("first", "second"))
cross = sum(layer.lora_B[x].weight @ layer.lora_A[y].weight for x, y in (("first", "second"), ("second", "first")))
error = {}
for kind in ("linear", "svd", "cat"):
    model.add_weighted_adapter(["first", "second"], [1.0, 1.0], kind, combination_type=kind)
    layer.requires_grad_(False)
    error[kind] = float((layer.get_delta_weight(kind) - (a + b)).norm() / (a + b).norm())
    print(f"{kind:7} rank {layer.lora_A[kind].weight.shape[0]}: relative difference to a + b {error[kind]:.2g}")
left = layer.get_delta_weight("linear") - (a + b + cross)
print(f"linear minus (a + b + up_a down_b + up_b down_a): {float(left.abs().max()):.1e}")
seen = error["linear"] > 0.8 and error["svd"] > 0.2 and error["cat"] < 1e-5 and float(left.abs().max()) < 1e-4
verdict(seen, f"linear is off by {error['linear']:.0%} of the sum (its cross terms), svd by {error['svd']:.0%} (cut to rank 4); only cat is the sum")
PYTHON
