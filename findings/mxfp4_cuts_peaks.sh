#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
# MXFP4 cuts the largest weights of a block, by up to a quarter, in gguf and in torchao's default.
source "$(dirname "${BASH_SOURCE[0]}")/lib/findings.sh"
packages torch==2.13.0 torchao==0.18.0 gguf==0.19.0 numpy==2.4.6
guess "a block's scale comes from its largest weight, so that one is kept and rounding hurts the small ones"
observe <<'PYTHON'
import gguf
import numpy
import torch
from finding import verdict
from torchao.prototype.mx_formats.config import ScaleCalculationMode
from torchao.prototype.mx_formats.mx_tensor import MXTensor

kind = gguf.GGMLQuantizationType.MXFP4


def by_gguf(block):
    return gguf.quants.dequantize(gguf.quants.quantize(block.numpy(), kind), kind)


def by_torchao(block, mode):
    return MXTensor.to_mx(block, torch.float4_e2m1fn_x2, 32, mode).dequantize(torch.float32).numpy()


peaks = {}
for largest in (5.9, 6.5, 7.0, 7.9):
    block = torch.full((1, 32), 0.4)
    block[0, 0] = largest
    peaks[largest] = [
        float(read[0, 0])
        for read in (by_gguf(block), by_torchao(block, ScaleCalculationMode.FLOOR), by_torchao(block, ScaleCalculationMode.RCEIL))
    ]
    print(f"largest weight {largest}: gguf {peaks[largest][0]}, torchao's default FLOOR {peaks[largest][1]}, RCEIL {peaks[largest][2]}")
weights = torch.randn(4096, 32, generator=torch.Generator().manual_seed(0)).contiguous()
peak, top = weights.abs().max(1, keepdim=True)
read = torch.tensor(by_gguf(weights)).abs().gather(1, top)
steps = peak / 2.0 ** (peak.log2().floor() - 2)  # 4 to 8; e2m1 ends at 6
beyond = steps > 6
cut = float(beyond.float().mean())
kept = read / peak
print(f"normal weights: {cut:.0%} of blocks have a peak beyond 6 steps; it comes back times {float(kept[beyond].min()):.2f} to 1")
seen = all(three[:2] == [6.0, 6.0] for three in peaks.values()) and peaks[7.9][2] == 8.0
seen &= cut > 0.2 and bool((read[beyond] / peak[beyond] - 6 / steps[beyond]).abs().max() < 1e-5)
verdict(seen, f"the scale is the power of two below, so all between 6 and 8 steps becomes 6: in {cut:.0%} of normal blocks the peak is cut")
PYTHON
