#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
# The same overflow becomes different things: saturated, infinite or NaN, by library and by format.
source "$(dirname "${BASH_SOURCE[0]}")/lib/findings.sh"
packages torch==2.13.0 ml_dtypes==0.6.0 onnx==1.23.2 numpy==2.4.6
guess "a cast to float8 keeps infinity recognisable (NaN in e4m3fn), and libraries that name the same format agree"
observe <<'PYTHON'
import math

import ml_dtypes
import numpy
import onnx
import torch
from finding import verdict

values = [448.0, 480.0, 1e4, 61440.0, math.inf, -math.inf]
source = torch.tensor(values)
result = {}
for name in ("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz"):
    result["torch", name] = source.to(getattr(torch, name)).float().tolist()
    result["ml_dtypes", name] = source.numpy().astype(getattr(ml_dtypes, name)).astype(numpy.float32).tolist()
    tensor = onnx.helper.make_tensor("x", getattr(onnx.TensorProto, name.replace("_", "").upper()), [len(values)], values)
    result["onnx", name] = onnx.numpy_helper.to_array(tensor).astype(numpy.float32).tolist()
    print(name, "of", values)
    for library in ("torch", "ml_dtypes", "onnx"):
        print(f"  {library:9}", result[library, name])
scales = torch.tensor([0.0, -2.0])
ours = scales.to(torch.float8_e8m0fnu).float().tolist()
theirs = scales.numpy().astype(ml_dtypes.float8_e8m0fnu).astype(numpy.float32).tolist()
print("float8_e8m0fnu of", scales.tolist(), "\n  torch    ", ours, "\n  ml_dtypes", theirs)
e4m3 = result["torch", "float8_e4m3fn"]
seen = result["onnx", "float8_e5m2"][3:] == [57344.0, 57344.0, -57344.0]
seen &= e4m3[1:] == [448.0] * 4 + [-448.0] and math.isinf(result["torch", "float8_e5m2"][4])
seen &= all(math.isnan(x) for x in result["ml_dtypes", "float8_e4m3fn"][2:] + result["torch", "float8_e4m3fnuz"][1:])
seen &= ours == [2.0**-127, 2.0] and all(math.isnan(x) for x in theirs)
verdict(seen, "torch's e4m3fn turns infinity into 448, so no check afterwards finds it; e5m2 keeps inf (onnx: 57344), ml_dtypes gives NaN; "
              "as e8m0 torch drops the sign of -2 and makes zero 2^-127")
PYTHON
