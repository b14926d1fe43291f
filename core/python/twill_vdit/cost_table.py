# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""What each candidate of a profile costs; candidate_costs.py measures it."""

from dataclasses import dataclass

REPEATS = 3
COST_ROUNDS = 1 + REPEATS  # the first warms up; check_stop is called once for each candidate in each


@dataclass(frozen=True)
class CostTable:
    """milliseconds: of one head, [candidates]."""

    device: str
    kernel: str
    milliseconds: list[float]
