# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""A search for a plan that makes its clips with a pipeline of diffusers."""

from twill_vdit.diffusers.searching.request import Cancelled, FoundPlan, Progress
from twill_vdit.diffusers.searching.searching import search_plan

__all__ = ["Cancelled", "FoundPlan", "Progress", "search_plan"]
