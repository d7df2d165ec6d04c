"""A small TWS on 127.0.0.1 for tests: the framed text protocol, scripted by the test."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

TICKER_REQUEST = 1  # numbers of the messages that a client sends
CANCEL_TICKER = 2
OPEN_ORDERS = 5
EXECUTIONS = 7
DEPTH = 10
CANCEL_DEPTH = 11
AUTO_OPEN_ORDERS = 15
ALL_OPEN_ORDERS = 16
HISTORY = 20
CANCEL_HISTORY = 25
CURRENT_TIME = 49
MARKET_DATA_TYPE = 59
START = 71
TICK_BY_TICK = 97


def frame(*fields: object) -> bytes:
    """A message's payload: what a decoder gets."""
    return b"".join(str(field).encode() + b"\0" for field in fields)


class Client:
    """One session, seen from TWS."""

    def __init__(self, tws: Tws, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self.tws, self._reader, self._writer = tws, reader, writer
        self.versions = b""
        self.client_id: int | None = None
        self.received: list[list[str]] = []

    def send(self, *fields: object) -> None:
        self.send_raw(frame(*fields))

    def send_raw(self, *payloads: bytes) -> None:
        for payload in payloads:
            self._writer.write(struct.pack(">I", len(payload)) + payload)

    def hang_up(self) -> None:
        self._writer.transport.abort()

    def asked(self, number: int) -> list[list[str]]:
        """Every request of a kind, in order."""
        return [fields for fields in self.received if fields[0] == str(number)]

    async def run(self) -> None:
        assert await self._reader.readexactly(4) == b"API\0"
        self.versions = await self._message()
        self.send(178, "20261121 05:00:00 UTC")
        while True:
            fields = (await self._message()).decode().split("\0")[:-1]
            self.received.append(fields)
            if int(fields[0]) == START:
                self.client_id = int(fields[2])
                if self.client_id in self.tws.taken:
                    text = "Unable to connect as the client id is already in use."
                    self.send(4, 2, -1, 326, text, "")
                    self._writer.close()
                    return
                self.send(9, 1, 1)
                self.send(15, 1, "DU123456")
            elif int(fields[0]) == CURRENT_TIME:
                if self.tws.tells_time:
                    self.send(49, 1, 1_795_000_000)
            else:
                self.tws.on_message(self, fields)

    async def _message(self) -> bytes:
        (length,) = struct.unpack(">I", await self._reader.readexactly(4))
        return await self._reader.readexactly(length)


class Tws:
    """What the server saw, and what it does with each request."""

    def __init__(self, on_message: Callable[[Client, list[str]], None] | None) -> None:
        self.on_message = on_message or (lambda client, fields: None)
        self.clients: list[Client] = []
        self.forgets = False  # who was here: for long runs
        self.opened = 0
        self.taken: set[int] = set()
        self.tells_time = True
        self.url = ""


@asynccontextmanager
async def tws(
    on_message: Callable[[Client, list[str]], None] | None = None,
) -> AsyncIterator[Tws]:
    """TWS on a free port; `on_message(client, fields)` answers a request."""
    made = Tws(on_message)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = Client(made, reader, writer)
        made.clients.append(client)
        made.opened += 1
        tasks.add(asyncio.current_task())
        try:
            await client.run()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            tasks.discard(asyncio.current_task())
            if made.forgets:
                made.clients.remove(client)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    made.url = f"tws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
