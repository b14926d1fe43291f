# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Cards whose kernels were measured: there the choice is a rule, and nothing is timed.

Speeds are over the portable kernel's in the same run, for rates of different runs cannot be compared: the median over
all rows of a result file with the head_dim (tests/bench/results; tests/python/test_card_rules.py compares). A kernel
of another version than stands here is not known, so a card whose kernels have changed is timed again.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class MeasuredSpeed:
    """One kernel on one card.

    Attributes:
        card: as torch and the result file call it.
        head_dim: of the rows.
        kernel: name and version.
        times_portable: its speed over the portable kernel's.
        file: the result.
    """

    card: str
    head_dim: int
    kernel: str
    times_portable: float
    file: str


# The run with the Hopper kernel is one of its own: what follows it is slower, for it draws more power. So the portable
# kernel's rate there is not the one of the other runs.
_KERNELS, _HOPPER, _INT8 = "kernels_h200.json", "hopper_h200.json", "int8_h200.json"
SPEEDS = (
    MeasuredSpeed("NVIDIA H200", 64, "hopper 3", 1.92, _HOPPER),
    MeasuredSpeed("NVIDIA H200", 64, "portable 2", 1.0, _KERNELS),
    MeasuredSpeed("NVIDIA H200", 64, "compact 1", 0.985, _KERNELS),
    MeasuredSpeed("NVIDIA H200", 64, "int8 2", 1.34, _INT8),
    MeasuredSpeed("NVIDIA H200", 96, "portable 2", 1.0, _KERNELS),
    MeasuredSpeed("NVIDIA H200", 96, "compact 1", 0.68, _KERNELS),
    MeasuredSpeed("NVIDIA H200", 96, "int8 2", 1.27, _INT8),
    MeasuredSpeed("NVIDIA H200", 128, "hopper 3", 2.27, _HOPPER),
    MeasuredSpeed("NVIDIA H200", 128, "portable 2", 1.0, _KERNELS),
    MeasuredSpeed("NVIDIA H200", 128, "compact 1", 0.73, _KERNELS),
    MeasuredSpeed("NVIDIA H200", 128, "int8 2", 1.45, _INT8),
    MeasuredSpeed("NVIDIA H200", 256, "portable 2", 1.0, _KERNELS),
    MeasuredSpeed("NVIDIA H200", 256, "compact 1", 1.0, _KERNELS),
)


def speeds_on(card: str, head_dim: int) -> Mapping[str, MeasuredSpeed]:
    """What was measured on a card, by kernel; empty where nothing was."""
    return {each.kernel: each for each in SPEEDS if (each.card, each.head_dim) == (card, head_dim)}
