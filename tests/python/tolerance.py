# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0

import torch

# The tensors here are tiny: handing them to several threads costs more than it saves on a busy machine.
torch.set_num_threads(1)


def assert_as_exact_as_torch(out, exact, torch_same_dtype, factor=2.0, rounds_to=None):
    """At most `factor` times the error of plain torch in the same dtype, plus the rounding floor of that dtype.

    rounds_to: what both round to on their way, where that is coarser.
    """
    floor = torch.finfo(rounds_to or out.dtype).eps * exact.abs().max()
    allowed = factor * (torch_same_dtype.double() - exact).abs().max() + floor
    errors = (out.double() - exact).abs()
    worst = errors.max()
    assert worst <= allowed, (
        f"worst error {worst:.3e}, allowed {allowed:.3e}, at {torch.unravel_index(errors.argmax(), errors.shape)}"
    )


def in_double(*tensors):
    return tuple(tensor.double() for tensor in tensors)


def masked_attention(q, k, v, mask, scale):
    """softmax(scale q k^T) v over the pairs of `mask`, in the tensors' own dtype; a row without a pair gives 0."""
    scores = (q @ k.transpose(-1, -2) * scale).masked_fill(~mask, float("-inf"))
    return torch.softmax(scores, dim=-1).nan_to_num(0.0) @ v
