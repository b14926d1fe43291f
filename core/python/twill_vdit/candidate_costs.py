# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""What each candidate of a profile costs on a device, as attention really runs there."""

import functools
import statistics
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from twill_vdit import backends
from twill_vdit.attention import sparse_attention
from twill_vdit.compiled_plan import compile_plan
from twill_vdit.cost_table import COST_ROUNDS, CostTable
from twill_vdit.layout import TokenLayout
from twill_vdit.plan_io import parse_plan

if TYPE_CHECKING:
    from twill_vdit import _twill


def seconds_of(run: Callable[[], object], device: torch.device) -> float:
    def wait() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    wait()
    begin = time.perf_counter()
    run()
    wait()
    return time.perf_counter() - begin


def measure(
    profile: "_twill.Profile", device: torch.device | str, dtype: torch.dtype, check_stop: Callable[[], None]
) -> CostTable:
    """Medians of three rounds over all candidates after one that warms up.

    So a machine that is slow for a while is slow for many of them, not for all times of one.
    """
    device = torch.device(device)
    frames, rows, cols, prefix, suffix = profile.layout
    layout = TokenLayout(frames=frames, rows=rows, cols=cols, prefix=prefix, suffix=suffix)
    generator = torch.Generator().manual_seed(1)
    plans = [
        parse_plan(profile.plan_of_candidate(index).to_json(), f"candidate {index}")
        for index in range(profile.candidate_count)
    ]
    heads, head_dim = plans[0].model.stacks[0].heads, plans[0].model.head_dim
    q, k, v = (torch.randn(1, heads, layout.tokens, head_dim, generator=generator).to(device, dtype) for _ in range(3))
    runs = [
        functools.partial(sparse_attention, q, k, v, compile_plan(plan, layout), layer=0, segment=0) for plan in plans
    ]
    seconds: list[list[float]] = [[] for _ in runs]
    for round_ in range(COST_ROUNDS):
        for run, of_run in zip(runs, seconds, strict=True):
            check_stop()
            took = seconds_of(run, device)
            if round_ > 0:
                of_run.append(took)
    milliseconds = [1e3 * statistics.median(of_run) / heads for of_run in seconds]
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    call = backends.Call(device, dtype, head_dim, 1.0, has_tables=True)
    kernel = backends.choose(call).name
    return CostTable(f"{name}, {str(dtype).removeprefix('torch.')}", kernel, milliseconds)
