# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""What a compiled plan is told of a forward's time, on each device."""

from typing import TYPE_CHECKING

import torch

from twill_vdit import backends
from twill_vdit.errors import Error, require

if TYPE_CHECKING:
    from twill_vdit.compiled_plan import CompiledPlan
    from twill_vdit.cuda import DevicePlan
    from twill_vdit.runtime_kernels.launching import DeviceWords


def set_time(plan: "CompiledPlan", t: float, expert: int, device: torch.device | str) -> None:
    """The work of CompiledPlan.set_time."""
    device = torch.device(device)
    segment = plan.segment_at(t)
    experts = len(plan.plan.model.experts)
    require(0 <= expert < experts, f"expert {expert} is not one of the model's {experts}", "model")
    if device.type == "cuda":
        if device.index is None:
            device = torch.device("cuda", torch.cuda.current_device())
        require(
            not torch.cuda.is_current_stream_capturing(),
            "set_time: call it before a CUDA graph is captured or replayed, not inside",
        )
        _make_tables(plan, device)
        of_plan: list[DevicePlan | DeviceWords] = [
            *(tables for (where, _), tables in plan.on_devices.items() if where == device),
            *(tables for (where, _), tables in plan.words_on_devices.items() if where == device),
        ]
        for on_device in of_plan:
            on_device.set_variant(on_device.tables.variant(segment, expert))
    plan.places[device] = (segment, expert)


def _make_tables(plan: "CompiledPlan", device: torch.device) -> None:
    """Of the form that captured graphs of the plan hold; all 16-bit dtypes have the same.

    Tables of another one may be there, which a graph was captured with before forms were timed.
    """
    call = backends.Call(device, torch.bfloat16, plan.plan.model.head_dim, has_tables=plan.native is not None)
    try:
        choice = backends.choose(call, plan.backend, in_graph=True)
    except Error:  # the wanted form does not run: the call itself will say so
        return
    choice.make_tables(plan, device)
