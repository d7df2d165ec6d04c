"""A real server and real clients on 127.0.0.1."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pandas as pd

from millstream.frames.client import FrameClient
from millstream.frames.columns import encode_rows
from millstream.frames.held import HeldFrames
from millstream.frames.server import FrameServer
from millstream.frames.settings import ApiServerSection, ConsumerSection, ProducerEntry
from millstream.model.frames import FrameUpdate, ProducerState, PublishFrame, Whitelist

TOKEN = "token-of-the-tests-1"
READ_ONLY = "token-to-read-only-1"
PAIR = "BTC/USDT"


def publish(rows: pd.DataFrame, replace=False, pair=PAIR, timeframe="5m", at=1_000):
    return PublishFrame(pair, timeframe, "spot", at, replace, encode_rows(rows))


@asynccontextmanager
async def serving(**changes):
    values = {
        "enabled": True,
        "listen_port": 0,
        "ws_token": TOKEN,
        "read_only_token": READ_ONLY,
        "username": "user",
        "password": "password",
        "jwt_secret_key": "x" * 40,
    }
    server = FrameServer(ApiServerSection(**(values | changes)), strategy="S", version="0")
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


class Followed:
    """A client, every event it told, and what they leave when they are applied."""

    def __init__(self, *ports, entry=None, **section):
        self.events = []
        self.held = HeldFrames()
        entries = [
            ProducerEntry(
                name=f"p{number}" if number else "p",
                host="127.0.0.1",
                port=port,
                **({"ws_token": TOKEN} | (entry or {})),
            )
            for number, port in enumerate(ports)
        ]
        values = {"enabled": True, "producers": entries, "sleep_time": 0}
        self.client = FrameClient(ConsumerSection(**(values | section)), self.take)

    def take(self, events):
        for event in events:
            self.events.append(event)
            if isinstance(event, FrameUpdate):
                assert self.held.apply(event).ok
            elif isinstance(event, Whitelist):
                self.held.set_pairs(event)
            elif isinstance(event, ProducerState):
                self.held.set_state(event)

    def states(self):
        return [event.state for event in self.events if isinstance(event, ProducerState)]

    def frame(self, pair=PAIR, producer="p", timeframe="5m"):
        return self.held.get(producer, pair, timeframe, "spot")[0]

    async def __aenter__(self):
        await self.client.start()
        return self

    async def __aexit__(self, *error):
        await self.client.stop()


async def until(condition, timeout_s=60.0):
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.005)
