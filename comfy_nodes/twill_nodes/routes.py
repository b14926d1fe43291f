# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""What the server answers besides its nodes.

PUT /twill/plans/NAME writes the plan in the body to models/sparse_plans/NAME.json, in place of what stood there; Twill
Studio sends the plan that is open so. Answers {"name": "NAME.json"}, or {"error": one sentence}.
"""

import asyncio

from . import plan_store, wheel


def take_plan(name: str, body: bytes) -> str:
    """The name of the file. Raises ValueError, WheelMissingError or twill_vdit.Error, each with one sentence."""
    name = plan_store.safe_name(name)
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise ValueError(f"the plan {name} is not UTF-8 text") from None
    package = wheel.package()
    plan = package.parse_plan(text, name)
    folder = plan_store.own_folder()
    folder.mkdir(parents=True, exist_ok=True)
    package.write_plan(folder / f"{name}.json", plan)
    return f"{name}.json"


async def put_plan(request):
    from aiohttp import web

    body = await request.read()
    try:
        return web.json_response({"name": await asyncio.to_thread(take_plan, request.match_info["name"], body)})
    except wheel.WheelMissingError as error:
        return web.json_response({"error": str(error)}, status=503)
    except (ValueError, OSError, RuntimeError) as error:
        return web.json_response({"error": str(error)}, status=400)


def register() -> None:
    """Nothing happens without a server."""
    from server import PromptServer

    server = getattr(PromptServer, "instance", None)
    if server is not None:
        server.routes.put("/twill/plans/{name}")(put_plan)
