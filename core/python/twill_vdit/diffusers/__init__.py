# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Plans in the pipelines of diffusers, 0.38 and newer.

with twill_vdit.diffusers.apply_plan(pipe, "auto") as applied:
    video = pipe(prompt).frames[0]
    print(applied.report().text())

found = twill_vdit.diffusers.search_plan(pipe, ["a red ball"], density=0.4)
"""

from twill_vdit.diffusers.apply import AppliedPlan, apply_plan
from twill_vdit.diffusers.searching import Cancelled, FoundPlan, Progress, search_plan

__all__ = ["AppliedPlan", "Cancelled", "FoundPlan", "Progress", "apply_plan", "search_plan"]
