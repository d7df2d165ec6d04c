"""A scripted venue on loopback: a real websocket server and a REST server around a true market.

A fault hits the next frame of market data of one line, after it got its number: drop, duplicate,
reorder, stall (nothing for a while, and lost), close, close in the middle of a frame, garble (half
of the frame, as a whole one).
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.exchange.scripted.market import PairMarket
from tests.exchange.scripted.tongue import Tongue
from tests.stream import loopback

FAULTS = ("drop", "duplicate", "reorder", "stall", "close", "close_in_a_frame", "garble")


class Line:
    """One connection, seen from the venue."""

    def __init__(self, client: loopback.Client, said: Counter[str]) -> None:
        self.client, self._said = client, said
        self.subscribed: set[tuple[str, str]] = set()  # our channel, our pair
        self.numbers = 0  # frames, where the venue counts them
        self.known: dict[str, Any] = {}  # what a tongue keeps of this line
        self.fault = ""  # the next frame's
        self.fault_on: tuple[str, str] | None = None  # only where the frame is about this
        self.silent_until = 0.0
        self.stall_s = 0.3
        self._late: dict[tuple[str, str], bytes] = {}  # sent after the next about the same

    def answer(self, *frames: bytes) -> None:
        """Acknowledgements and the like: faults are for data."""
        if time.monotonic() >= self.silent_until:
            self._send(*frames)

    def tell(self, about: tuple[str, str], *frames: bytes) -> None:
        """Market data, with whatever fault is due."""
        for frame in frames:
            fault = self.fault if self.fault_on in (None, about) else ""
            if time.monotonic() < self.silent_until:
                self._said["lost while silent"] += 1
            elif fault:
                self.fault = ""
                self._said[fault] += 1
                self._faulty(fault, about, frame)
            else:
                self._send(frame)
                if about in self._late:
                    self._send(self._late.pop(about))

    def _faulty(self, fault: str, about: tuple[str, str], frame: bytes) -> None:
        transport = self.client.transport
        if fault == "duplicate":
            self._send(frame, frame)
        elif fault == "reorder":
            self._late[about] = frame
        elif fault == "garble":
            self._send(frame[: len(frame) // 2])
        elif fault == "stall":
            self.silent_until = time.monotonic() + self.stall_s
        elif fault == "close":
            transport.send_close(1001)
            transport.disconnect()
            self.silent_until = float("inf")
        elif fault == "close_in_a_frame":
            size = len(frame)
            header = b"\x81\x7f" + size.to_bytes(8, "big")
            if size < 126:
                header = bytes((0x81, size))
            elif size < 1 << 16:
                header = b"\x81\x7e" + size.to_bytes(2, "big")
            transport.underlying_transport.write(header + frame[: size // 2])
            transport.disconnect()
            self.silent_until = float("inf")

    def _send(self, *frames: bytes) -> None:
        self._said["frames"] += len(frames)
        self.client.send(*frames)


class ScriptedVenue:
    """A market, its tongue, and the lines to whoever is connected."""

    def __init__(self, tongue: Tongue, seed: int, deep: int = 0) -> None:
        self.tongue, self.said = tongue, Counter[str]()
        self.rng = random.Random(f"{tongue.exchange} {seed}")
        now_ms = time.time_ns() // 1_000_000
        self.pairs = {
            pair: PairMarket(pair, random.Random(f"{tongue.exchange} {pair} {seed}"), now_ms, deep)
            for pair in (f"BTC/{tongue.quote}", f"ETH/{tongue.quote}")
        }
        self.lines: dict[loopback.Client, Line] = {}
        self.opened = 0
        self.refuses = False  # every subscription
        self.opening: tuple[str, tuple[str, str] | None] = ("", None)  # the next line's fault
        self.cut_answers = 0  # so many REST answers end in the middle
        self.garbled_answers = 0  # so many REST answers are whole, and no JSON
        self.forgets = False  # who was here: for long runs
        self.mute = False  # acknowledges, and then sends nothing
        self.url, self.rest_url = "", ""
        self.server: loopback.Venue | None = None

    def named(self, name: str) -> PairMarket | None:
        """The pair with this name of the venue's."""
        for pair in self.pairs.values():
            if self.tongue.name(pair.pair) == name:
                return pair
        return None

    def hear(self, client: loopback.Client, message: Any) -> None:
        """A message of a client."""
        self.tongue.hear(self, self.line(client), message)

    def line(self, client: loopback.Client) -> Line:
        """The client's line."""
        if client not in self.lines:
            self.opened += 1
            made = self.lines[client] = Line(client, self.said)
            (made.fault, made.fault_on), self.opening = self.opening, ("", None)
        return self.lines[client]

    def step(self) -> None:
        """The market moves, and whoever subscribed is told."""
        self._forget()
        if self.mute:
            return
        for pair in self.pairs.values():
            changes = pair.changes(self.tongue.most_changes)
            self.tongue.tick(pair, changes)
            deal = pair.deal() if self.rng.random() < 0.5 else None
            for line in list(self.lines.values()):
                self._tell(line, pair, changes, deal)

    def _tell(self, line: Line, pair: PairMarket, changes: Any, deal: Any) -> None:
        tongue, name = self.tongue, pair.pair
        if ("book", name) in line.subscribed:
            line.tell(("book", name), *tongue.book(line, pair, changes))
        if ("ticker", name) in line.subscribed:
            line.tell(("ticker", name), tongue.ticker(line, pair))
        if deal is not None and ("trade", name) in line.subscribed:
            line.tell(("trade", name), tongue.trade(line, pair, deal))
        if deal is not None and pair.bar is not None and ("candle", name) in line.subscribed:
            line.tell(("candle", name), tongue.candle(line, pair, pair.bar))

    def _forget(self) -> None:
        for client in [one for one in self.lines if one.transport.is_disconnected]:
            del self.lines[client]
            if self.forgets and self.server is not None and client in self.server.gone:
                self.server.clients.remove(client)
                self.server.gone.remove(client)

    async def run(self, every_s: float) -> None:
        """Move on until cancelled."""
        while True:
            self.step()
            await asyncio.sleep(every_s)


@asynccontextmanager
async def scripted(
    tongue: Tongue, seed: int, every_s: float = 0.01, deep: int = 0
) -> AsyncIterator[ScriptedVenue]:
    """A venue on free ports whose market moves."""
    made = ScriptedVenue(tongue, seed, deep)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        path = request.split(" ", 2)[1]
        status, body = tongue.rest(made, path)
        if made.garbled_answers:
            made.garbled_answers -= 1
            made.said["garbled answers"] += 1
            body = body[: len(body) // 2]
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        if made.cut_answers:
            made.cut_answers -= 1
            made.said["cut answers"] += 1
            body = body[: len(body) // 2]
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    rest = await asyncio.start_server(answer, "127.0.0.1", 0)
    made.rest_url = f"http://127.0.0.1:{rest.sockets[0].getsockname()[1]}"
    async with loopback.venue(made.hear) as server:
        made.server, made.url = server, server.url
        moving = asyncio.create_task(made.run(every_s))
        try:
            yield made
        finally:
            moving.cancel()
            rest.close()
