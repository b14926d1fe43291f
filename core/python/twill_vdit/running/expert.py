# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Which expert of a model with two a run is of."""

from collections.abc import Sequence

# Noise starts here: a run that begins below it is the second part of a split one.
FIRST_T = 0.98


def choose_expert(experts: Sequence[str], asked: str, times: Sequence[float]) -> int:
    """Wan 2.2 has one expert for noise and one for detail; a run that does not start from noise is the second one's.

    Args:
        experts: their names, as the plan has them.
        asked: "auto", "high noise" or "low noise".
        times: t of the run's steps.

    Returns:
        Index into the experts.
    """
    if len(experts) == 1:
        return 0
    high = next((i for i, name in enumerate(experts) if "high" in name.lower()), 0)
    low = next(i for i in range(len(experts)) if i != high)
    if asked == "auto":
        return high if times and times[0] >= FIRST_T else low
    return high if asked == "high noise" else low
