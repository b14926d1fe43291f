# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""mypy, in the version that installer/requirements-test.txt pins, on the Python package."""

import subprocess
import sys

import pytest

import tree

# Mistakes of a user that the types of the package are to name, in one file so that mypy runs once.
MISTAKES = """\
import torch
import twill_vdit
from twill_vdit import _twill, running

plan: int = twill_vdit.read_plan("plan.json")  # another type
twill_vdit.compile_plan(twill_vdit.read_plan("plan.json"))  # an argument missing
twill_vdit.sparse_attention(torch.zeros(1), torch.zeros(1), torch.zeros(1), "plan", layer=0)  # lazily imported
_twill.Plan("{}", "plan").segment_at("0.5")  # of the binary module
running.Run("plan", 0, twill_vdit.families)  # of a public module
"""


@pytest.mark.slow
def test_the_package_has_no_error_of_types_and_a_users_are_named(tmp_path):
    mistakes = tmp_path / "mistakes.py"
    mistakes.write_text(MISTAKES)
    command = [sys.executable, "-m", "mypy", "core/python/twill_vdit", str(mistakes)]
    result = subprocess.run(command, cwd=tree.ROOT, capture_output=True, text=True)
    errors = [line for line in result.stdout.splitlines() if ": error: " in line]
    assert [line for line in errors if "mistakes.py" not in line] == [], result.stdout[-4000:]
    wrong = {number for number, line in enumerate(MISTAKES.splitlines(), 1) if "# " in line}
    named = {int(line.split("mistakes.py:")[1].split(":")[0]) for line in errors}
    assert named == wrong, result.stdout[-4000:] + result.stderr[-2000:]
