# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Trouble on a real server: it is told once, in the log and to the page, and the server goes on.

Wrong and damaged plans, a missing package and interrupted searches are in test_comfy_server.py.
"""

import contextlib
import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.comfy.comfyui import make_environment
from tests.comfy.prompts import log_of, put_plan, search_run, small_run, texts
from tests.comfy.server import HERE, Server, failure

pytestmark = pytest.mark.slow

CLIENT = "trouble"
TROUBLE_NODES = HERE / "trouble_nodes"


def package() -> Path:
    build = os.environ.get("TWILL_BUILD_DIR")
    if not build:
        pytest.skip("TWILL_BUILD_DIR names no build")
    return Path(build).resolve() / "core" / "python"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trouble")
    (folder / "custom_nodes").mkdir()
    (folder / "custom_nodes" / TROUBLE_NODES.name).symlink_to(TROUBLE_NODES)
    server = Server(make_environment(), folder, package=package())
    try:
        server.wait_until_up()
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def listening(server: Server, tmp_path: Path):
    """What the server says to a page: a function that gives the messages so far."""
    said = tmp_path / "said"
    command = [make_environment() / "bin" / "python", HERE / "listen.py", f"127.0.0.1:{server.port}", CLIENT]
    with said.open("w") as out, subprocess.Popen([str(part) for part in command], stdout=out) as listener:

        def messages() -> list[dict]:
            return [json.loads(line) for line in said.read_text().splitlines(keepends=True) if line.endswith("\n")]

        try:
            end = time.monotonic() + 60
            while not messages():  # the server greets with its status
                assert listener.poll() is None and time.monotonic() < end
                time.sleep(0.1)
            yield messages
        finally:
            listener.terminate()


def toasts(messages: list[dict]) -> list[dict]:
    return [message["data"] for message in messages if message["type"] == "twill.toast"]


def planted(prompt: dict, where: str, after: str = "network") -> dict:
    """The prompt with trouble between a node and whatever takes its model."""
    for node in prompt.values():
        for name, value in node["inputs"].items():
            if value == [after, 0]:
                node["inputs"][name] = ["trouble", 0]
    return {**prompt, "trouble": {"class_type": "PlantTrouble", "inputs": {"model": [after, 0], "where": where}}}


def told(server: Server, tmp_path: Path, prompt: dict) -> tuple[dict, list[dict], str]:
    """(history entry, toasts, what was logged meanwhile) of a run that a page listens to."""
    before = len(log_of(server))
    with listening(server, tmp_path) as messages:
        entry = server.run(prompt, client=CLIENT)
        time.sleep(0.5)  # for the last message
        return entry, toasts(messages()), log_of(server)[before:]


def test_a_run_that_goes_well_is_quiet(server, tmp_path):
    entry, shown, logged = told(server, tmp_path, planted(small_run(), "nowhere"))
    assert failure(entry) == "" and shown == [] and "WARNING" not in logged


def test_out_of_memory_in_sparse_attention_is_dense_from_there_on(server, tmp_path):
    entry, shown, logged = told(server, tmp_path, planted(small_run(), "attention"))
    sentence = "sparse attention ran out of memory; dense from there on"
    assert failure(entry) == "" and sentence in texts(entry)
    assert [toast["severity"] for toast in shown] == ["warn"] and sentence in shown[0]["detail"]
    assert logged.count("attention ran dense against the plan") == 1
    again = server.run(planted(small_run(sampler={"seed": 8}), "nowhere"))
    assert failure(again) == "" and "nothing fell back to dense" in texts(again)


def test_out_of_memory_in_a_search_stops_it_and_it_goes_on(server):
    prompt = search_run("memory", 4)
    stopped = server.run(planted(prompt, "search"))
    assert "Search Plan ran out of memory" in failure(stopped) and "queue again to go on" in failure(stopped)
    plans = server.folder / "models" / "sparse_plans"
    assert not (plans / "memory.json").exists()
    assert failure(server.run(planted(search_run("memory", 4), "nowhere"))) == "" and (plans / "memory.json").is_file()


def test_a_plan_that_does_not_fit_is_told_once(server, tmp_path):
    plan = json.loads((package() / "twill_vdit" / "presets" / "demo" / "plan.json").read_text())
    plan.pop("profile", None)
    put_plan(server, "other.json", json.dumps(plan | {"model": plan["model"] | {"family": "mochi-1"}}))
    prompt = small_run(applied={"plan": "other.json"}, sampler={"seed": 9})
    entry, shown, logged = told(server, tmp_path, prompt)
    assert failure(entry) == ""
    assert [toast["summary"] for toast in shown] == ["Twill: the model stays dense"]
    assert "is for mochi-1, not for Wan" in shown[0]["detail"] and logged.count("the model stays dense") == 1


def test_a_dtype_without_kernels_is_dense_and_told_once(server, tmp_path):
    entry, shown, logged = told(server, tmp_path, planted(small_run(), "dtype", after="applied"))
    assert failure(entry) == "" and "dense: dtype float64" in texts(entry)
    assert len(shown) == 1 and "calls: dtype float64" in shown[0]["detail"]
    assert logged.count("attention ran dense against the plan") == 1


def test_the_server_has_survived(server):
    assert server.process.poll() is None and failure(server.run(small_run(sampler={"seed": 10}))) == ""
