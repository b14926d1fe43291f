# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Whether tests of the binary module's CUDA kernels can run here."""

import torch

from twill_vdit import native


def why_no_kernel() -> str:
    """Empty where they run, else the reason for skipping."""
    if native.binary is None:
        return f"no binary module: {native.why_not}"
    if not torch.cuda.is_available():
        return "no CUDA device"
    from twill_vdit import cuda

    return cuda.why_not(torch.device("cuda", 0), torch.bfloat16, 64, 0.125)
