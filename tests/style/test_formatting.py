# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""clang-format and ruff, in the versions that installer/requirements-test.txt pins."""

import subprocess
import sys
from pathlib import Path

import pytest

import tree


def run(*command: str) -> None:
    result = subprocess.run(command, cwd=tree.ROOT, capture_output=True, text=True)
    assert result.returncode == 0, (result.stdout + result.stderr)[-4000:]


@pytest.mark.parametrize("arguments", [("check",), ("format", "--check")], ids=["check", "format"])
def test_ruff(arguments):
    run(sys.executable, "-m", "ruff", *arguments, "--no-cache", ".")


def test_clang_format():
    # The wheel puts the program beside the interpreter; another version on PATH would format differently.
    program = Path(sys.executable).parent / "clang-format"
    run(str(program), "--dry-run", "--Werror", *tree.files_ending(*tree.CPP))
