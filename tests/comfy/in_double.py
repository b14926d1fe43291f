# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""ComfyUI's own code in double; for a process that has started ComfyUI."""

import contextlib

import comfy.model_management
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
def everything_in_double():
    torch.set_default_dtype(torch.float64)
    single, torch.FloatTensor = torch.FloatTensor, torch.DoubleTensor
    # The fused rotation takes no double; while training, ComfyUI writes the same one out.
    comfy.model_management.in_training = True
    try:
        with InDouble():
            yield
    finally:
        comfy.model_management.in_training = False
        torch.FloatTensor = single
        torch.set_default_dtype(torch.float32)
