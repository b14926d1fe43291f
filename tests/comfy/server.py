# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""A ComfyUI server of the tests' own on 127.0.0.1, with the pack in custom_nodes, and what can be asked of it."""

import contextlib
import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PACK = ROOT / "comfy_nodes"
WIDGETS = {"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"}
START = """
import runpy, sys
from pathlib import Path
from start_comfyui import start_comfyui
start_comfyui(Path.cwd(), *sys.argv[1:])
runpy.run_path("main.py", run_name="__main__")
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def vae_dtype() -> str:
    """bf16 as on a GPU, where the processor multiplies it; elsewhere its convolutions take minutes a clip."""
    cpu = Path("/proc/cpuinfo")
    takes_bf16 = cpu.exists() and "avx512_bf16" in cpu.read_text(encoding="utf-8")
    return "--bf16-vae" if takes_bf16 else "--fp32-vae"


class Server:
    """folder: ComfyUI's base directory, with models, user, output and custom_nodes/twill."""

    def __init__(
        self, environment: Path, folder: Path, *options: str, package: Path | None, pack: Path | None = PACK
    ) -> None:
        """package: the folder that holds twill_vdit, or None; pack: what custom_nodes gets, None: it has it already."""
        self.folder = folder
        self.port = free_port()
        self.log = folder / "server.log"
        for name in ("custom_nodes", "models", "input", "output", "user", "temp"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        if pack is not None:
            with contextlib.suppress(FileExistsError):
                (folder / "custom_nodes" / "twill").symlink_to(pack)
        paths = [str(HERE), *([str(package)] if package else [])]
        self._log_file = self.log.open("ab")
        self.process = subprocess.Popen(
            [
                *(str(environment / "bin" / "python"), "-c", START, "--cpu", "--listen", "127.0.0.1"),
                *("--port", str(self.port), "--base-directory", str(folder), "--disable-api-nodes"),
                *("--use-pytorch-cross-attention", vae_dtype(), *options),
            ],
            cwd=environment / "ComfyUI",
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            stdout=self._log_file,
            stderr=subprocess.STDOUT,
        )

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def ask(self, path: str, data: dict | None = None, timeout: float = 60) -> dict:
        body = None if data is None else json.dumps(data).encode()
        return self._send(urllib.request.Request(self.url(path), body, {"Content-Type": "application/json"}), timeout)

    def put(self, path: str, body: bytes) -> dict:
        request = urllib.request.Request(self.url(path), body, {"Content-Type": "application/json"}, method="PUT")
        return self._send(request, timeout=60)

    def _send(self, request: urllib.request.Request, timeout: float) -> dict:
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            return {"status": error.code, **json.loads(error.read() or b"{}")}
        return json.loads(text) if text.strip() else {}

    def page(self, path: str) -> str:
        with urllib.request.urlopen(self.url(path), timeout=60) as answer:
            return answer.read().decode()

    def wait_until_up(self, seconds: float = 180) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.process.poll() is None, f"the server ended: {self.log.read_text()[-3000:]}"
            with contextlib.suppress(OSError):
                self.ask("/system_stats", timeout=5)
                return
            time.sleep(0.5)
        raise AssertionError(f"no answer in {seconds} s: {self.log.read_text()[-3000:]}")

    def queue(self, prompt: dict, client: str = "") -> str:
        """client: id of the page that hears of it."""
        answer = self.ask("/prompt", {"prompt": prompt, **({"client_id": client} if client else {})})
        assert "prompt_id" in answer, json.dumps(answer)[:3000]
        return answer["prompt_id"]

    def result(self, prompt_id: str, seconds: float = 600) -> dict:
        """The history entry of a prompt that ended, well or not."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.process.poll() is None, f"the server ended: {self.log.read_text()[-3000:]}"
            history = self.ask(f"/history/{prompt_id}")
            if prompt_id in history:
                return history[prompt_id]
            time.sleep(0.3)
        raise AssertionError(f"prompt not done in {seconds} s: {self.log.read_text()[-3000:]}")

    def run(self, prompt: dict, seconds: float = 600, client: str = "") -> dict:
        return self.result(self.queue(prompt, client), seconds)

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._log_file.close()


def failure(entry: dict) -> str:
    """The error text of a history entry; empty when it went well."""
    for kind, message in entry["status"]["messages"]:
        if kind == "execution_error":
            return message["exception_message"]
        if kind == "execution_interrupted":
            return "interrupted"
    return ""


def api_form(workflow: dict, about: dict[str, dict]) -> dict:
    """The page's form of a workflow -> the form that /prompt takes. Node ids stay."""
    origins = {link[0]: (str(link[1]), link[2]) for link in workflow["links"]}
    prompt = {}
    for node in workflow["nodes"]:
        inputs = about[node["type"]]["input"]
        links = {socket_["name"]: socket_.get("link") for socket_ in node["inputs"]}
        values, given = list(node["widgets_values"]), {}
        for name, spec in {**inputs.get("required", {}), **inputs.get("optional", {})}.items():
            if links.get(name) is not None:
                given[name] = list(origins[links[name]])
            elif isinstance(spec[0], list) or spec[0] in WIDGETS:
                given[name] = values.pop(0)
                if len(spec) > 1 and spec[1].get("control_after_generate"):
                    values.pop(0)
        prompt[str(node["id"])] = {"class_type": node["type"], "inputs": given}
    return prompt
