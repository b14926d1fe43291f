# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Socket types, and inputs that several nodes share."""

from comfy_api.v0_0_2 import io

from .. import plan_store
from ..settings import AS_SEARCHED

SparsePlan = io.Custom("SPARSE_PLAN")

CATEGORY = "Twill"
NONE = "None (dense)"


def plan_choice() -> io.Combo.Input:
    return io.Combo.Input(
        "plan",
        options=[plan_store.AUTO, NONE, *plan_store.names()],
        default=plan_store.AUTO,
        tooltip="The plan: which keys each head looks at. Auto takes that of this very model, your own in "
        "models/sparse_plans before those that come with Twill. A plan on the socket sparse_plan comes before this.",
    )


def speed_quality() -> io.Float.Input:
    return io.Float.Input(
        "speed_quality",
        default=AS_SEARCHED,
        min=0.0,
        max=1.0,
        step=0.05,
        display_mode=io.NumberDisplay.slider,
        tooltip="0.5 is the plan as it was searched, less is faster, more is nearer to dense, 1 is dense. Other values "
        "than 0.5 and 1 need a plan that carries its profile; it is then solved again, without a new search.",
    )


def adapt() -> io.Boolean.Input:
    return io.Boolean.Input(
        "adapt",
        default=False,
        optional=True,  # prompts that programs post may not know it yet
        tooltip="For clips of another size than the plan was searched at: measures the heads again in four of the "
        "clip's own steps and fits the rest of the plan to them at the same density. Needs a plan that carries its "
        "profile.",
    )


def plan_socket() -> "SparsePlan.Input":
    return SparsePlan.Input(
        "sparse_plan",
        optional=True,
        tooltip="A plan from Load Sparse Plan or Search Plan. It comes before the drop-down.",
    )
