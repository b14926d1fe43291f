# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The app's ComfyUI page against an unmodified ComfyUI on the CPU, in the environment of tests/comfy."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.comfy import comfyui, server

HERE = Path(__file__).parent
BUILD = Path(os.environ.get("TWILL_BUILD_DIR", HERE.parents[1] / "build" / "ci")).resolve()
PROGRAM = BUILD / "tests" / "gui" / "test_comfy_page"


@pytest.fixture
def start(tmp_path: Path):
    """Starts a ComfyUI with a damaged VAE among its models and nothing else; gives its address."""
    if not PROGRAM.exists():
        pytest.skip(f"{PROGRAM} was not built: no Qt")
    environment = comfyui.make_environment()
    (tmp_path / "models" / "vae").mkdir(parents=True)
    (tmp_path / "models" / "vae" / "damaged.safetensors").write_bytes(b"no weights")
    running = []

    def start(*options: str, package: Path | None) -> str:
        running.append(server.Server(environment, tmp_path, *options, package=package))
        running[0].wait_until_up()
        return f"127.0.0.1:{running[0].port}"

    yield start
    for each in running:
        each.stop()


def run_page(case: str, address: str, folder: Path) -> None:
    places = {f"XDG_{kind}_HOME": str(folder / "home") for kind in ("CONFIG", "DATA", "CACHE")}
    result = subprocess.run(
        [PROGRAM, case],
        env={**os.environ, **places, "QT_QPA_PLATFORM": "offscreen", "TWILL_COMFY_ADDRESS": address},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stdout[-4000:]
    assert " 0 skipped" in result.stdout, result.stdout[-1000:]


@pytest.mark.slow
def test_the_page_runs_fails_and_stops_workflows(start, tmp_path: Path):
    address = start("--disable-all-custom-nodes", package=None)
    run_page("a_real_comfyui_runs_fails_and_stops", address, tmp_path)


@pytest.mark.slow
def test_the_page_sends_the_open_plan(start, tmp_path: Path):
    address = start(package=BUILD / "core" / "python")
    run_page("a_real_comfyui_takes_the_open_plan", address, tmp_path)
    assert (tmp_path / "models" / "sparse_plans" / "twill-studio.json").is_file()
