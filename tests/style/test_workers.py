# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""What tests/conftest.py promises of pytest's workers holds with the versions that are installed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import tree

CONFTEST = tree.ROOT / "tests" / "conftest.py"
TEST = """
import os
from pathlib import Path

import pytest


{mark}
@pytest.mark.parametrize("case", range(4))
def test_made_up(case):
    with Path(os.environ["TOLD"]).open("a") as told:
        print(Path(__file__).stem, os.environ["PYTEST_XDIST_WORKER"], file=told)
"""


def test_a_file_stays_whole_and_slow_ones_come_first(tmp_path):
    shutil.copy(CONFTEST, tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = slow: takes long\n")
    for name, mark in (("a", ""), ("b", ""), ("c", "@pytest.mark.slow"), ("d", "@pytest.mark.slow")):
        (tmp_path / f"test_{name}.py").write_text(TEST.format(mark=mark))
    told = tmp_path / "told"
    command = [sys.executable, "-m", "pytest", "-q", "--numprocesses", "2", "--dist", "loadfile", tmp_path]
    # This test may run in a worker itself.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    subprocess.run(command, cwd=tmp_path, env={**environment, "TOLD": str(told)}, check=True, capture_output=True)
    ran = [tuple(line.split()) for line in told.read_text().splitlines()]
    assert len(ran) == 16
    assert len(set(ran)) == 4, "a file was taken by two workers"
    for worker in ("gw0", "gw1"):
        files = list(dict.fromkeys(file for file, by in ran if by == worker))
        assert files[0] in ("test_c", "test_d"), ran


def test_what_is_taken_apart_is_there():
    text = CONFTEST.read_text()
    named = [word for word in text.split('"') if word.startswith("tests/") and word.endswith(".py")]
    assert named and all((tree.ROOT / Path(name)).is_file() for name in named)
