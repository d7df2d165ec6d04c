"""An account at a scripted venue: one order of 2 at 100, filled by 1 and by 1."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from tests.stream import loopback


class Account(ABC):
    """What is true of the order, and how this venue asks and tells."""

    exchange: ClassVar[str]
    quote: ClassVar[str] = "USDT"
    keys: ClassVar[dict[str, Any]] = {"api_key": "KEY", "api_secret": "secret"}
    wrong: ClassVar[dict[str, Any]] = {"api_secret": "another"}

    def __init__(self, skew_ms: int = 0) -> None:
        self.filled = 0
        self.skew_ms = skew_ms  # of the venue's clock
        self.proofs: list[str] = []  # each login's
        self.listening: list[loopback.Client] = []  # who is logged in and subscribed
        self.problems: list[str] = []

    @property
    def now_ms(self) -> int:
        """The venue's time."""
        return time.time_ns() // 1_000_000 + self.skew_ms

    @property
    def fills(self) -> range:
        """The numbers of the fills so far."""
        return range(1, self.filled + 1)

    def opened(self, client: loopback.Client) -> None:  # noqa: B027 - one needs it
        """A connection, before it says anything."""

    def expiry(self) -> bytes | None:
        """What the venue says when a login ends while its connection goes on; None: never."""
        return None

    @abstractmethod
    def hear(self, client: loopback.Client, message: Any) -> None:
        """Answer a message."""

    @abstractmethod
    def rest(self, method: str, target: str, headers: dict[str, str], body: str) -> tuple[int, Any]:
        """The answer of REST: status and JSON."""

    @abstractmethod
    def report(self, filled: int) -> list[bytes]:
        """The frames that tell the order with so much filled, and its last fill."""

    def fill(self) -> None:
        """One more; whoever listens is told."""
        self.filled += 1
        self.tell(self.filled)

    def tell(self, filled: int) -> None:
        """Tell whoever listens that so much is filled, true or not."""
        for client in self.listening:
            if client not in client.venue.gone:
                client.send(*self.report(filled))


@asynccontextmanager
async def served(account: Account) -> AsyncIterator[tuple[loopback.Venue, str]]:
    """The account behind a websocket server and a REST server; the latter's URL."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        (method, target, _), *lines = (line.split(" ", 2) for line in head.split("\r\n") if line)
        headers = {name.rstrip(":").lower(): " ".join(rest) for name, *rest in lines}
        body = (await reader.readexactly(int(headers.get("content-length", 0)))).decode()
        try:
            status, said = account.rest(method, target, headers, body)
        except Exception as error:  # a test must see it
            account.problems.append(repr(error))
            status, said = 500, {}
        text = loopback.json.dumps(said).encode()
        told = f"HTTP/1.1 {status} X\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n"
        writer.write(told.encode() + text)
        await writer.drain()
        writer.close()

    def hear(client: loopback.Client, message: Any) -> None:
        try:
            account.hear(client, message)
        except Exception as error:  # a test must see it
            account.problems.append(repr(error))

    rest = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        async with loopback.venue(hear) as server:
            yield server, f"http://127.0.0.1:{rest.sockets[0].getsockname()[1]}"
    finally:
        rest.close()
