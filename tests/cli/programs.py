# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0

import os
from pathlib import Path

import pytest


def built(name: str) -> Path:
    """A program of the build folder; the test skips where there is none."""
    build = os.environ.get("TWILL_BUILD_DIR")
    if not build:
        pytest.skip("TWILL_BUILD_DIR names no build")
    program = Path(build) / name
    if not program.is_file():
        pytest.skip(f"{program} was not built")
    return program
