# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The pack inside an unmodified ComfyUI: runs the files of tests/comfy/pack there.

Some six seconds go by until ComfyUI is imported, so files share a process; the longest ones have one each, so that two
workers end together.
"""

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
LONG = ["test_search.py", "test_one_search.py", "test_layouts.py"]
OTHERS = [file for file in FILES if file not in LONG]
PROCESSES = {**{file: [file] for file in LONG}, "others 1": OTHERS[::2], "others 2": OTHERS[1::2]}


@pytest.mark.parametrize("name", PROCESSES)
def test_inside_comfyui(name):
    build = os.environ.get("TWILL_BUILD_DIR")
    if not build:
        pytest.skip("TWILL_BUILD_DIR names no build")
    environment = make_environment()
    files = [HERE / "pack" / file for file in PROCESSES[name]]
    command = [environment / "bin" / "python", "-m", "pytest", *files, "--rootdir", HERE / "pack"]
    more = {
        "TWILL_COMFYUI": str(environment / "ComfyUI"),
        "TWILL_BUILD_DIR": str(Path(build).resolve()),
        "TWILL_PRESETS": str(ROOT / "presets"),
    }
    result = subprocess.run(
        [*map(str, command), "-v", "-p", "no:cacheprovider"],
        env={**probe.patient_threads(), **more},
        cwd=HERE / "pack",
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, (result.stdout + result.stderr)[-6000:]
    passed = set(re.findall(r"^(\w+\.py)::.* PASSED", result.stdout, re.MULTILINE))
    assert passed == set(PROCESSES[name]), result.stdout[-2000:]
    assert " skipped" not in result.stdout, result.stdout[-2000:]
