# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The app's ComfyUI page against an unmodified ComfyUI on the CPU, in the environment of tests/comfy."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.comfy import comfyui, server

HERE = Path(__file__).parent
BUILD = Path(os.environ.get("TWILL_BUILD_DIR", HERE.parents[1] / "build" / "ci"))
PROGRAM = BUILD / "tests" / "gui" / "test_comfy_page"


@pytest.fixture
def address(tmp_path: Path):
    """Of a ComfyUI with a damaged VAE among its models and nothing else."""
    if not PROGRAM.exists():
        pytest.skip(f"{PROGRAM} was not built: no Qt")
    environment = comfyui.make_environment()
    (tmp_path / "models" / "vae").mkdir(parents=True)
    (tmp_path / "models" / "vae" / "damaged.safetensors").write_bytes(b"no weights")
    running = server.Server(environment, tmp_path, "--disable-all-custom-nodes", package=None)
    try:
        running.wait_until_up()
        yield f"127.0.0.1:{running.port}"
    finally:
        running.stop()


@pytest.mark.slow
def test_the_page_runs_fails_and_stops_workflows(address: str, tmp_path: Path):
    places = {f"XDG_{kind}_HOME": str(tmp_path / "home") for kind in ("CONFIG", "DATA", "CACHE")}
    result = subprocess.run(
        [PROGRAM, "a_real_comfyui_runs_fails_and_stops"],
        env={**os.environ, **places, "QT_QPA_PLATFORM": "offscreen", "TWILL_COMFY_ADDRESS": address},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stdout[-4000:]
    assert " 0 skipped" in result.stdout, result.stdout[-1000:]
