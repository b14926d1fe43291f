# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The speed-quality slider of the nodes: one for each plan that is in use."""

import functools

from twill_vdit import Plan
from twill_vdit.running import Slider, SliderRun

from .plan_store import LoadedPlan

MOST_SLIDERS = 8


@functools.lru_cache(maxsize=MOST_SLIDERS)
def slider_of(loaded: LoadedPlan) -> Slider:
    return Slider(loaded.plan, loaded.name)


def plan_for(loaded: LoadedPlan, speed_quality: float, run: SliderRun) -> tuple[Plan, str]:
    """(plan, how it came about)."""
    return slider_of(loaded).plan_for(speed_quality, run)
