# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""A few of the kills of kills.py, which makes as many as one likes."""

import kills
import pytest


@pytest.mark.slow
@pytest.mark.parametrize("name", ["search", "generate", "generate frames", "evaluate"])
def test_a_killed_run_loses_nothing_and_the_next_leaves_nothing(twill, tiny_model, plan, name):
    tally = kills.run(twill.program, tiny_model, plan, moments=6, seed=4, names=[name])[name]
    assert tally.faults == []
    assert tally.kills == 6
