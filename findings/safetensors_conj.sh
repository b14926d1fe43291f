#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
# safetensors' torch writer forgets a lazy conjugation: conj() of a complex tensor is saved as the tensor itself.
source "$(dirname "${BASH_SOURCE[0]}")/lib/findings.sh"
packages torch==2.13.0 safetensors==0.8.0 numpy==2.4.6
guess "what is saved is what print shows: a rotary table saved as table.conj() turns the other way after loading"
observe <<'PYTHON'
import io

import torch
from finding import verdict
from safetensors.torch import load_file, save_file

angle = torch.outer(torch.arange(3.0), torch.tensor([1.0, 0.1]))
table = torch.polar(torch.ones_like(angle), angle)
inverse = table.conj()
print("conj() is a view:", inverse.is_conj(), "contiguous:", inverse.is_contiguous())
save_file({"inverse": inverse}, "table.safetensors")
read = load_file("table.safetensors")["inverse"]
buffer = io.BytesIO()
torch.save(inverse, buffer)
buffer.seek(0)
by_torch = torch.load(buffer)
print("given      ", inverse[1].resolve_conj().tolist())
print("safetensors", read[1].tolist())
print("torch.save ", by_torch[1].resolve_conj().tolist())
seen = torch.equal(read, table) and not torch.equal(read, inverse) and torch.equal(by_torch, inverse)
verdict(seen, "safetensors gives back the tensor without the conjugation, torch.save with it; resolve_conj() first")
PYTHON
