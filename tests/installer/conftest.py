# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The wheels, made once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def make(folder: Path, *settings: str) -> Path:
    options = [option for setting in settings for option in ("--config-settings", setting)]
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps"]
    command += ["--wheel-dir", str(folder), *options, str(ROOT)]
    # The compiler's name as in other builds of this checkout, so that their compiled objects are found in the cache.
    environment = {"CXX": "c++", **os.environ}
    result = subprocess.run(command, capture_output=True, text=True, timeout=1200, env=environment)
    if result.returncode != 0:
        pytest.fail(f"pip made no wheel: {result.stdout[-3000:]}{result.stderr[-3000:]}", pytrace=False)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="session")
def binary_wheel(tmp_path_factory):
    """Without CUDA kernels, so that it takes a minute; in a folder of the build, so that a second run takes seconds."""
    settings = ("build-dir=build/wheel-test", "cmake.define.TWILL_CUDA=OFF", "cmake.define.TWILL_WARNINGS_AS_ERRORS=ON")
    return make(tmp_path_factory.mktemp("binary"), *settings)


@pytest.fixture(scope="session")
def pure_wheel(tmp_path_factory):
    return make(tmp_path_factory.mktemp("pure"), "wheel.cmake=false")
