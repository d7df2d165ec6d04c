"""A consumer of a few lines: what is sent and what comes, letter by letter."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager

from tests.frames.live import TOKEN
from websockets.asyncio.client import connect

PATH = "/api/v1/message/ws"


@asynccontextmanager
async def raw(port, token=TOKEN, **options):
    query = f"?token={token}" if token else ""
    url = f"ws://127.0.0.1:{port}{PATH}{query}"
    async with connect(url, open_timeout=60, close_timeout=1, **options) as websocket:
        yield websocket


async def ask(websocket, **request):
    await websocket.send(json.dumps(request))


async def answer(websocket):
    return json.loads(await websocket.recv())
