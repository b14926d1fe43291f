#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
# Small weights: GGUF's 8-bit format loses what its 4-bit format keeps, since the scale is a float16.
source "$(dirname "${BASH_SOURCE[0]}")/lib/findings.sh"
packages gguf==0.19.0 numpy==2.4.6
guess "Q8_0 is closer to the weights than Q4_0, whatever their size: both scale each block of 32 by its own maximum"
observe <<'PYTHON'
import gguf
import numpy
from finding import verdict

formats = ("Q8_0", "Q5_0", "Q4_0")
pattern = numpy.random.default_rng(0).uniform(-1, 1, (1, 32)).astype(numpy.float32)
pattern[0, 0] = 1
error = {}
for size in (1e-1, 1e-4, 1e-5, 5e-6, 3e-6):
    weights = pattern * numpy.float32(size)
    for name in formats:
        kind = gguf.GGMLQuantizationType[name]
        read = gguf.quants.dequantize(gguf.quants.quantize(weights, kind), kind)
        error[name, size] = float(numpy.linalg.norm(read - weights) / numpy.linalg.norm(weights))
    print(f"largest weight {size:g}: relative error", {name: round(error[name, size], 4) for name in formats})
print("the scale of Q8_0 is maximum / 127, that of Q4_0 maximum / 8; float16 ends at 6e-8")
seen = error["Q8_0", 0.1] < 0.01 < error["Q4_0", 0.1] and error["Q8_0", 3e-6] == 1.0
seen &= error["Q8_0", 5e-6] > 2 * error["Q4_0", 5e-6] and error["Q4_0", 3e-6] < 0.2
verdict(seen, f"blocks up to 5e-6: error {error['Q8_0', 5e-6]:.2f} at 8 bits, {error['Q4_0', 5e-6]:.2f} at 4; "
              "up to 3e-6 all weights are zero at 8 bits and kept at 4")
PYTHON
