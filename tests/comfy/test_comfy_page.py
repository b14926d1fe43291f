# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""ComfyUI's page in headless Chromium: it loads the example workflows and queues what they say.

Pictures stand in test-results/comfy of the build folder.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.comfy.comfyui import make_environment
from tests.comfy.server import PACK, Server, api_form

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
WORKFLOWS = sorted((PACK / "example_workflows").glob("*.json"))
SIZE = b"\x00\x00\x06\x40\x00\x00\x03\x84"  # 1600x900 in a PNG's header


@pytest.fixture(scope="module")
def shown(tmp_path_factory) -> dict[str, dict]:
    """What open_page.py found, by workflow, and the object_info of the server under "about"."""
    build = os.environ.get("TWILL_BUILD_DIR")
    if not build:
        pytest.skip("TWILL_BUILD_DIR names no build")
    if not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))):
        pytest.skip("no Chromium is installed to open the page in")
    environment = make_environment()
    folder = Path(build).resolve() / "test-results" / "comfy"
    server = Server(environment, tmp_path_factory.mktemp("page"), package=Path(build).resolve() / "core" / "python")
    try:
        server.wait_until_up()
        command = [environment / "bin" / "python", HERE / "open_page.py", server.url(""), folder, *WORKFLOWS]
        result = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=600)
        assert result.returncode == 0, result.stderr[-4000:]
        found = {each["workflow"]: each for each in map(json.loads, result.stdout.splitlines())}
        return {**found, "about": server.ask("/object_info")}
    finally:
        server.stop()


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_the_page_loads_a_workflow(file, shown):
    found, workflow = shown[file.stem], json.loads(file.read_text(encoding="utf-8"))
    assert found["unknown"] == [] and found["nodes"] == len(workflow["nodes"])
    assert found["errors"] == []
    assert SIZE in Path(found["picture"]).read_bytes()[:32]


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_the_page_queues_what_the_file_says(file, shown):
    """Values would be shifted if a node had gained an input since the file was written."""
    ours = api_form(json.loads(file.read_text(encoding="utf-8")), shown["about"])
    theirs = {number: node["inputs"] for number, node in shown[file.stem]["api_form"].items()}
    assert {number: node["inputs"] for number, node in ours.items()} == theirs


def test_the_page_shows_a_toast(shown):
    assert [text for text in shown["toast"]["shown"] if "Twill: planted" in text and "a sentence" in text]
