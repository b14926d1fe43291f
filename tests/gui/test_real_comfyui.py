# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The app's ComfyUI page against an unmodified ComfyUI on the CPU, in the environment of tests/comfy."""

import contextlib
import os
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

from tests.comfy import comfyui

HERE = Path(__file__).parent
BUILD = Path(os.environ.get("TWILL_BUILD_DIR", HERE.parents[1] / "build" / "ci"))
PROGRAM = BUILD / "tests" / "gui" / "test_comfy_page"
START = """
import runpy, sys
from pathlib import Path
from start_comfyui import start_comfyui
start_comfyui(Path.cwd(), *sys.argv[1:])
runpy.run_path("main.py", run_name="__main__")
"""
PATIENCE_S = 180


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def address(tmp_path: Path):
    """Of a ComfyUI with a damaged VAE among its models and nothing else."""
    environment = comfyui.make_environment()
    (tmp_path / "models" / "vae").mkdir(parents=True)
    (tmp_path / "models" / "vae" / "damaged.safetensors").write_bytes(b"no weights")
    port = free_port()
    command = [environment / "bin" / "python", "-c", START, "--cpu", "--listen", "127.0.0.1", "--port", port]
    command += ["--base-directory", tmp_path, "--disable-api-nodes", "--disable-all-custom-nodes"]
    with (tmp_path / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [str(part) for part in command],
            cwd=environment / "ComfyUI",
            env={**os.environ, "PYTHONPATH": str(HERE.parent / "comfy")},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        end = time.monotonic() + PATIENCE_S
        while True:
            assert server.poll() is None and time.monotonic() < end, (tmp_path / "server.log").read_text()[-3000:]
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/system_stats", timeout=5)
                break
            time.sleep(0.5)
        yield f"127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)


def test_the_page_runs_fails_and_stops_workflows(address: str, tmp_path: Path):
    if not PROGRAM.exists():
        pytest.skip(f"{PROGRAM} was not built: no Qt")
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
