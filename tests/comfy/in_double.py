# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Runs ComfyUI's own code in double; after ComfyUI is started only."""

import contextlib
from collections.abc import Iterator

import torch
from torch.overrides import TorchFunctionMode


class InDouble(TorchFunctionMode):
    """Takes every request for fp32 as one for double."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is torch.Tensor.float:
            function = torch.Tensor.double
        args = [torch.float64 if x is torch.float32 else x for x in args]
        kwargs = {name: torch.float64 if x is torch.float32 else x for name, x in (kwargs or {}).items()}
        return function(*args, **kwargs)


@contextlib.contextmanager
def everything_in_double() -> Iterator[None]:
    import comfy.model_management
    import comfy.utils

    load = comfy.utils.load_torch_file

    def load_as_stored(*arguments, **options):
        with torch._C.DisableTorchFunction():
            return load(*arguments, **options)

    comfy.utils.load_torch_file = load_as_stored
    torch.set_default_dtype(torch.float64)
    single, torch.FloatTensor = torch.FloatTensor, torch.DoubleTensor
    # The fused rotation takes no double; while training, ComfyUI writes the same one out.
    comfy.model_management.in_training = True
    try:
        with InDouble():
            yield
    finally:
        comfy.utils.load_torch_file = load
        comfy.model_management.in_training = False
        torch.FloatTensor = single
        torch.set_default_dtype(torch.float32)
