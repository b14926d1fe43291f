# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Opens ComfyUI's page in headless Chromium, loads workflows, and keeps a picture of each.

    open_page.py http://127.0.0.1:8188 FOLDER [--run] WORKFLOW.json...

Runs in ComfyUI's environment (aiohttp). Prints one JSON object per workflow: nodes without a class, errors of the
page, and the file of the picture; then one with the toasts that the page shows when told of one. With --run the
workflow is queued and the picture is taken when it is done.
"""

import asyncio
import base64
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import aiohttp

SIZE = (1600, 900)
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
READY = "!!(window.app && window.app.graph && window.app.extensionManager && document.querySelector('canvas'))"
LOAD = """(async () => {
  await window.app.loadGraphData(%s);
  await new Promise((done) => setTimeout(done, 1500));
  const ids = window.LiteGraph.registered_node_types;
  const nodes = window.app.graph._nodes;
  const canvas = window.app.canvas;
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const node of nodes) {
    left = Math.min(left, node.pos[0]); top = Math.min(top, node.pos[1] - 40);
    right = Math.max(right, node.pos[0] + node.size[0]); bottom = Math.max(bottom, node.pos[1] + node.size[1]);
  }
  const scale = Math.min(1, (innerWidth - 120) / (right - left), (innerHeight - 140) / (bottom - top));
  canvas.ds.scale = scale;
  canvas.ds.offset = [80 / scale - left, 90 / scale - top];
  canvas.setDirty(true, true);
  return { nodes: nodes.length, unknown: nodes.map((n) => n.type).filter((type) => !(type in ids)) };
})()"""
# As the server's message arrives; what then stands in the page.
TOAST = """(async () => {
  const detail = { severity: "warn", summary: "Twill: planted", detail: "a sentence" };
  window.app.api.dispatchCustomEvent("twill.toast", detail);
  await new Promise((done) => setTimeout(done, 1000));
  return [...document.querySelectorAll(".p-toast-message")].map((each) => each.innerText);
})()"""
API_FORM = "(async () => (await window.app.graphToPrompt()).output)()"
QUEUE = "(async () => { await window.app.queuePrompt(0); return true; })()"


class Page:
    """One page, spoken to by the DevTools protocol."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._next = 0
        self.errors: list[str] = []

    async def call(self, method: str, **parameters) -> dict:
        self._next += 1
        number = self._next
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            message = await asyncio.wait_for(self._socket.receive_json(), 120)
            if message.get("method") == "Runtime.exceptionThrown":
                details = message["params"]["exceptionDetails"]
                self.errors.append(details.get("exception", {}).get("description", details["text"])[:500])
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]

    async def value_of(self, script: str):
        result = await self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, json.dumps(result["exceptionDetails"])[:2000]
        return result["result"].get("value")

    async def wait_for(self, script: str, seconds: float) -> None:
        for _ in range(int(seconds * 2)):
            if await self.value_of(script):
                return
            await asyncio.sleep(0.5)
        raise TimeoutError(f"not within {seconds} s: {script}")

    async def picture(self, file: Path) -> None:
        shot = await self.call("Page.captureScreenshot", format="png")
        file.write_bytes(base64.b64decode(shot["data"]))


async def end_group(process: asyncio.subprocess.Process) -> None:
    """Ends a process and all that it started: a browser's children write into its profile after it is gone."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(process.wait(), 10)
    with contextlib.suppress(ProcessLookupError):
        for _ in range(100):
            os.killpg(process.pid, signal.SIGKILL)
            await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def chromium(folder: Path):
    """The port on which a browser of our own answers; ended when left, with all its children."""
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    assert program, f"none of {', '.join(CHROMIUM)} is installed"
    process = await asyncio.create_subprocess_exec(
        *(program, "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", "--hide-scrollbars"),
        *(f"--user-data-dir={folder}", f"--window-size={SIZE[0]},{SIZE[1]}", "about:blank"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "HOME": str(folder)},
        start_new_session=True,
    )
    try:
        port_file = folder / "DevToolsActivePort"
        for _ in range(120):
            if port_file.exists() and port_file.read_text().strip():
                break
            await asyncio.sleep(0.5)
        yield int(port_file.read_text().split()[0])
    finally:
        await end_group(process)


async def open_page(session: aiohttp.ClientSession, port: int, url: str) -> Page:
    async with session.get(f"http://127.0.0.1:{port}/json") as answer:
        target = next(each for each in await answer.json() if each["type"] == "page")
    page = Page(await session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0))
    await page.call("Runtime.enable")
    await page.call("Page.enable")
    size = {"width": SIZE[0], "height": SIZE[1], "deviceScaleFactor": 1, "mobile": False}
    await page.call("Emulation.setDeviceMetricsOverride", **size)
    await page.call("Page.navigate", url=url)
    await page.wait_for(READY, 90)
    await page.value_of("new Promise((done) => setTimeout(() => done(true), 3000))")
    return page


async def show(page: Page, session, url: str, file: Path, folder: Path, run: bool) -> dict:
    before = len(page.errors)
    found = await page.value_of(LOAD % file.read_text(encoding="utf-8"))
    found["api_form"] = await page.value_of(API_FORM)
    if run:
        await page.value_of(QUEUE)
        await asyncio.sleep(2)
        while True:
            async with session.get(f"{url}/queue") as answer:
                queue = await answer.json()
            if not queue["queue_running"] and not queue["queue_pending"]:
                break
            await page.value_of("true")
            await asyncio.sleep(1)
        await page.value_of("new Promise((done) => setTimeout(() => done(true), 3000))")
    picture = folder / f"{file.stem}.png"
    await page.picture(picture)
    return {"workflow": file.stem, **found, "errors": page.errors[before:], "picture": str(picture)}


async def main(url: str, folder: Path, files: list[Path], run: bool) -> None:
    # What a browser leaves behind in its profile is no finding of this test.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        async with chromium(Path(profile)) as port, aiohttp.ClientSession() as session:
            page = await open_page(session, port, url)
            for file in files:
                print(json.dumps(await show(page, session, url, file, folder, run)), flush=True)
            print(json.dumps({"workflow": "toast", "shown": await page.value_of(TOAST)}), flush=True)


if __name__ == "__main__":
    arguments = [argument for argument in sys.argv[1:] if argument != "--run"]
    Path(arguments[1]).mkdir(parents=True, exist_ok=True)
    asyncio.run(main(arguments[0], Path(arguments[1]), [Path(x) for x in arguments[2:]], "--run" in sys.argv))
