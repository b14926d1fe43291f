# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""What a compiled plan is told of a forward's time, on each device."""

from typing import TYPE_CHECKING

import torch

from twill_vdit import backends, cuda
from twill_vdit.errors import require

if TYPE_CHECKING:
    from twill_vdit.compiled_plan import CompiledPlan


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
        if plan.native is not None and plan.backend in (backends.AUTO, "native_cuda"):
            on_device = cuda.device_plan_of(plan, device)
            on_device.set_variant(on_device.tables.variant(segment, expert))
    plan.places[device] = (segment, expert)
