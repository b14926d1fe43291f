# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Lists of the pack agree with those of the package and of the programs."""

import json
from pathlib import Path

import numpy as np
from twill_pack.twill_nodes import layouts, pictures

from twill_vdit import families

DATA = Path(__file__).parents[2] / "data"


def colours() -> dict:
    """tests/report/test_heads_picture.cpp compares the programs with the same file."""
    return json.loads((DATA / "colours.json").read_text())


def test_every_family_of_the_package_is_known_here_in_the_same_order():
    assert [family.facts for family in layouts.FAMILIES] == list(families.FAMILIES)


def test_patterns_have_the_colours_of_the_programs():
    assert {name: list(colour) for name, colour in pictures.COLOURS.items()} == colours()["patterns"]


def test_values_have_the_colours_of_the_programs():
    rows = colours()["heat"]
    drawn = pictures.heat(np.array([row["value"] for row in rows]))
    assert drawn.tolist() == [row["colour"] for row in rows]
