#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
# LyCORIS: a LoKr merged into the weights has alpha / rank squared, the same LoKr run beside them has it once.
source "$(dirname "${BASH_SOURCE[0]}")/lib/findings.sh"
packages torch==2.13.0 lycoris-lora==4.1.3 numpy==2.4.6
guess "merge_to() leaves a layer that computes what layer and LoKr computed together, at strength alpha / rank, as for a LoRA (LoCon)"
observe <<'PYTHON'
import torch
from finding import verdict
from lycoris.modules.locon import LoConModule
from lycoris.modules.lokr import LokrModule

torch.manual_seed(0)
torch.set_grad_enabled(False)
rank = 2
w1, w2 = torch.randn(8, 8), torch.randn(8, 8)
up, down = torch.randn(8, rank), torch.randn(rank, 8)
lora_up, lora_down = torch.randn(64, rank), torch.randn(rank, 64)


def build(kind, layer, alpha):
    """The module and its change of the weight at strength 1."""
    if kind == "LoCon":
        module = LoConModule.make_module_from_state_dict("m", layer, lora_up, lora_down, None, torch.tensor(alpha), None)
        return module, lora_up @ lora_down
    full = kind == "LoKr, both full"
    second = (w2, None, None) if full else (None, up, down)
    module = LokrModule.make_module_from_state_dict(
        "m", layer, w1, None, None, *second, None, None, torch.tensor(alpha), None
    )
    return module, torch.kron(w1, w2 if full else up @ down)


strength = {}
for kind in ("LoCon", "LoKr", "LoKr, both full"):
    for alpha in (1.0, 8.0):
        layer = torch.nn.Linear(64, 64, bias=False)
        before = layer.weight.clone()
        module, change = build(kind, layer, alpha)
        beside = (module(torch.eye(64)).T - before).flatten() @ change.flatten() / change.norm() ** 2
        module.merge_to(1.0)
        merged = (layer.weight - before).flatten() @ change.flatten() / change.norm() ** 2
        strength[kind, alpha] = round(float(beside), 3), round(float(merged), 3)
        print(f"{kind}, alpha {alpha:g}, rank {rank}: strength {strength[kind, alpha][0]} beside the layer, {strength[kind, alpha][1]} merged")
verdict(strength == {
            ("LoCon", 1.0): (0.5, 0.5), ("LoCon", 8.0): (4.0, 4.0),
            ("LoKr", 1.0): (0.5, 0.25), ("LoKr", 8.0): (4.0, 16.0),
            ("LoKr, both full", 1.0): (1.0, 1.0), ("LoKr, both full", 8.0): (1.0, 1.0),
        }, "alpha 8 of rank 2 is 4 beside the layer and 16 merged; with two full matrices alpha does not count at all; LoCon is right")
PYTHON
