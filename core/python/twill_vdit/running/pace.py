# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Is sparse faster than dense here? Asked only where the binary module has no kernel and plans run in plain torch.

Measured once per kind of call: dense and sparse, one after the other. The break-even is the density at which both take
equally long, if sparse time is proportional to density.
"""

import time
from collections.abc import Callable

import torch

from twill_vdit.running.call import AttentionCall

_break_even: dict[tuple[torch.device, torch.dtype, tuple[int, ...]], float] = {}


def _seconds(run: Callable[[], object], device: torch.device) -> float:
    def wait() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    run()
    wait()
    begin = time.perf_counter()
    run()
    wait()
    return time.perf_counter() - begin


def break_even(call: AttentionCall, density: float, sparse: Callable[[], object]) -> float:
    """The density below which sparse is worth it for calls such as this one.

    Args:
        call: of the kind that is asked about.
        density: of this call.
        sparse: runs it sparse.
    """
    key = (call.q.device, call.q.dtype, tuple(call.q.shape))
    if key not in _break_even:
        q, k, v = call.q, call.k, call.v
        dense = _seconds(lambda: torch.nn.functional.scaled_dot_product_attention(q, k, v), q.device)
        _break_even[key] = density * dense / max(_seconds(sparse, q.device), 1e-9)
    return _break_even[key]
