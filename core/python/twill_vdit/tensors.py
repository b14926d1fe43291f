# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""A torch tensor as the binary module takes it; the caller keeps the tensor alive until the call returns."""

import torch

from twill_vdit.errors import require

DTYPES = {torch.float32: "float32", torch.bfloat16: "bfloat16", torch.float16: "float16"}
TensorTuple = tuple[int, tuple[int, ...], tuple[int, ...], str]


def argument(x: torch.Tensor) -> TensorTuple:
    """(address, shape, strides in elements, dtype)."""
    require(x.dtype in DTYPES, f"dtype {x.dtype} is not one of {', '.join(DTYPES.values())}")
    return x.data_ptr(), tuple(x.shape), tuple(x.stride()), DTYPES[x.dtype]


def cpu_argument(x: torch.Tensor) -> TensorTuple:
    require(x.device.type == "cpu", f"a tensor stands on {x.device}, the kernels of this build take the CPU's")
    return argument(x)
