#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
# safetensors' numpy writer stores arrays that are not row-major in the order of memory under the shape of the array.
source "$(dirname "${BASH_SOURCE[0]}")/lib/findings.sh"
packages safetensors==0.8.0 numpy==2.4.6
guess "safetensors.numpy.save_file writes the values of the array, or refuses, as safetensors.torch does"
observe <<'PYTHON'
import numpy
from finding import verdict
from safetensors.numpy import load_file, save_file

weight = numpy.arange(12, dtype=numpy.float32).reshape(3, 4)
arrays = {
    "transposed": weight.T,
    "fortran": numpy.asfortranarray(weight),
    "every_second": weight[:, ::2],
    "channels_last": weight.reshape(1, 3, 2, 2).transpose(0, 2, 3, 1),
    "contiguous": numpy.ascontiguousarray(weight.T),
}
save_file(arrays, "weights.safetensors")
read = load_file("weights.safetensors")
wrong = [name for name, array in arrays.items() if not numpy.array_equal(read[name], array)]
print("written:", arrays["every_second"].tolist(), "read:", read["every_second"].tolist())
print("read back wrong:", wrong)
verdict(wrong == ["transposed", "fortran", "every_second", "channels_last"],
        "transposed, Fortran-ordered, strided and permuted arrays come back scrambled, without an error")
PYTHON
