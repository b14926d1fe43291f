# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The pack inside an unmodified ComfyUI: runs tests/comfy/pack there, each of its files as one test here."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.comfy.comfyui import make_environment
from tests.engine import probe

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FILES = sorted(file.name for file in (HERE / "pack").glob("test_*.py"))


@pytest.mark.parametrize("file", FILES)
def test_inside_comfyui(file):
    build = os.environ.get("TWILL_BUILD_DIR")
    if not build:
        pytest.skip("TWILL_BUILD_DIR names no build")
    environment = make_environment()
    command = [environment / "bin" / "python", "-m", "pytest", HERE / "pack" / file, "--rootdir", HERE / "pack"]
    more = {
        "TWILL_COMFYUI": str(environment / "ComfyUI"),
        "TWILL_BUILD_DIR": str(Path(build).resolve()),
        "TWILL_PRESETS": str(ROOT / "presets"),
    }
    result = subprocess.run(
        [*map(str, command), "-q", "-p", "no:cacheprovider"],
        env={**probe.patient_threads(), **more},
        cwd=HERE / "pack",
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, (result.stdout + result.stderr)[-6000:]
    assert re.search(r"[1-9]\d* passed", result.stdout), result.stdout[-2000:]
    assert " skipped" not in result.stdout, result.stdout[-2000:]
