# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The numbers that the rules name are those of the result files."""

import json
import statistics
from pathlib import Path

import pytest

from twill_vdit import card_rules

RESULTS = Path(__file__).parents[1] / "bench/results"
HEAD_DIMS = {"cogvideox-1.5": 64, "head-dim-96": 96, "head-dim-256": 256}  # 128 of all others


def rows_of(speed):
    """Of the result file, where both kernels ran."""
    result = json.loads((RESULTS / speed.file).read_text())
    assert result["run"]["device"] == speed.card
    name = speed.kernel.split()[0]
    return [
        (row[name]["ms"], row["portable"]["ms"])
        for row in result["attention"]
        if HEAD_DIMS.get(row["shape"], 128) == speed.head_dim
        and "ms" in row.get(name, {})
        and "ms" in row.get("portable", {})
    ]


@pytest.mark.parametrize("speed", card_rules.SPEEDS, ids=lambda each: f"{each.card}-{each.head_dim}-{each.kernel}")
def test_a_speed_is_the_median_of_the_file(speed):
    rows = rows_of(speed)
    assert len(rows) >= 3
    assert speed.times_portable == pytest.approx(statistics.median(portable / ms for ms, portable in rows), abs=0.005)


def test_every_card_and_head_dim_has_the_portable_kernel_to_compare_with():
    for card, head_dim in {(each.card, each.head_dim) for each in card_rules.SPEEDS}:
        speeds = card_rules.speeds_on(card, head_dim)
        assert next(speed for kernel, speed in speeds.items() if kernel.startswith("portable")).times_portable == 1.0


def test_a_card_that_nobody_measured_has_none():
    assert card_rules.speeds_on("NVIDIA GeForce RTX 4090", 128) == {}
    assert card_rules.speeds_on("NVIDIA H200", 80) == {}
