# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Plans in the pipelines of diffusers, 0.38 and newer.

with twill_vdit.diffusers.apply_plan(pipe, "auto") as applied:
    video = pipe(prompt).frames[0]
    print(applied.report().text())
"""

from twill_vdit.diffusers.apply import AppliedPlan, apply_plan

__all__ = ["AppliedPlan", "apply_plan"]
