#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
# NVFP4 in three libraries: the same 16 weights, three orders of their nibbles.
source "$(dirname "${BASH_SOURCE[0]}")/lib/findings.sh"
packages torch==2.13.0 torchao==0.18.0 comfy-kitchen==0.2.40 gguf==0.19.0 numpy==2.4.6
guess "NVFP4 is one format: blocks of 16 e2m1 values with an e4m3 scale, so packed bytes can be moved from one library to another"
observe <<'PYTHON'
import comfy_kitchen
import gguf
import numpy
import torch
from finding import verdict
from torchao.prototype.mx_formats.nvfp4_tensor import NVFP4Tensor

codes = [1, 2, 3, 4, 5, 6, 7, 0, 1, 1, 2, 2, 3, 3, 4, 7]  # e2m1 codes; a block with a 6 has the scale 1
value = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0]
block = torch.zeros(16, 16)
block[0] = torch.tensor([value[code] for code in codes])
packed = {
    "torchao": NVFP4Tensor.to_nvfp4(block).qdata[0].tolist(),
    "comfy-kitchen": comfy_kitchen.quantize_nvfp4(block, torch.tensor(1.0))[0].view(torch.uint8)[0].tolist(),
}
# gguf reads NVFP4 only: the place of each nibble is found by reading blocks with a single one set.
kind = gguf.GGMLQuantizationType.NVFP4
place = {}
for byte in range(8):
    for shift in (0, 4):
        raw = numpy.zeros((1, 36), numpy.uint8)
        raw[0, :4] = 0x38  # four e4m3 scales of 1
        raw[0, 4 + byte] = 1 << shift
        place[int(numpy.nonzero(gguf.quants.dequantize(raw, kind)[0])[0][0])] = byte, shift
packed["gguf"] = [sum(codes[i] << shift for i, (at, shift) in place.items() if at == byte) for byte in range(8)]
for library, data in packed.items():
    print(f"{library:13}", " ".join(f"{byte:02x}" for byte in data))
low_first = [codes[2 * i] | codes[2 * i + 1] << 4 for i in range(8)]
high_first = [codes[2 * i] << 4 | codes[2 * i + 1] for i in range(8)]
halves = [codes[i] | codes[i + 8] << 4 for i in range(8)]
verdict(packed == {"torchao": low_first, "comfy-kitchen": high_first, "gguf": halves},
        "low nibble first in torchao, high nibble first in comfy-kitchen, element i beside i + 8 in gguf: bytes moved over "
        "keep their scales and their histogram, but the weights change places")
PYTHON
