# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Listens to a ComfyUI server as its page does, and prints every message as one line of JSON.

    listen.py 127.0.0.1:8188 CLIENT_ID

Runs in ComfyUI's environment (aiohttp) until it is ended.
"""

import asyncio
import sys

import aiohttp


async def main(server: str, client: str) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"http://{server}/ws?clientId={client}") as socket,
    ):
        async for message in socket:
            if message.type == aiohttp.WSMsgType.TEXT:
                print(message.data, flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
