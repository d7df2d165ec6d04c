"""IB's tongue: a TWS on a socket of its own, that tells books row by row and numbers nothing."""

from __future__ import annotations

import asyncio
import random
import struct
from typing import Any

from tests.exchange.ib import frames, tws

TICK, LOT, ROWS = 0.5, 0.25, 10
NAMES = {"EUR": "EUR/USD", "BTC": "BTC/USD"}

Levels = tuple[tuple[float, float], ...]


class Rows:
    """One pair's book as TWS has told it to one request."""

    def __init__(self, rng: random.Random) -> None:
        self._rng, self._turn = rng, 0
        self.sides: dict[int, list[tuple[float, float]]] = {0: [], 1: []}  # asks, bids
        self.true: set[tuple[Levels, Levels]] = set()  # bids and asks of every moment

    def step(self) -> tuple[int, int, int, float, float]:
        """One more row: position, operation, side, price, size."""
        self._turn += 1
        side = self._turn % 2
        rows, sign = self.sides[side], (1, -1)[side]
        size = self._rng.randint(1, 400) * LOT
        if len(rows) < ROWS:
            position, operation = len(rows), 0
            price = 1_000.0 + sign * TICK * (1 + len(rows))
            rows.append((price, size))
        else:
            position, operation = self._rng.randrange(ROWS), 1
            price = rows[position][0]
            rows[position] = (price, size)
        self.true.add((tuple(self.sides[1]), tuple(self.sides[0])))
        return position, operation, side, price, size


class ScriptedTws:
    """Answers requests for data; `step` tells one more row, tick and trade to each."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self.books: dict[tuple[Any, str], tuple[str, Rows]] = {}  # by session and request
        self.quotes: dict[tuple[Any, str], str] = {}
        self.true: dict[str, set[tuple[Levels, Levels]]] = {name: set() for name in NAMES.values()}
        self.refuses: set[str] = set()  # currencies
        self.mute = False

    def hear(self, client: Any, fields: list[str]) -> None:
        """A request of a client."""
        number, request = int(fields[0]), fields[2]
        if number in (tws.CANCEL_DEPTH, tws.CANCEL_TICKER):
            self.books.pop((client, request), None)
            self.quotes.pop((client, request), None)
        if number not in (tws.DEPTH, tws.TICKER_REQUEST):
            return
        name = next(one for one in fields if one in (*NAMES, "XYZ"))
        if name in self.refuses:
            client.send_raw(frames.error(request, 200, "No security definition has been found"))
        elif number == tws.DEPTH:
            rows = Rows(self._rng)
            rows.true = self.true[NAMES[name]]
            self.books[client, request] = NAMES[name], rows
        else:
            self.quotes[client, request] = NAMES[name]

    def step(self) -> None:
        """One more row and quote for everybody who asked."""
        if self.mute:
            return
        for (client, request), (_, rows) in self.books.items():
            client.send_raw(frames.row(request, *rows.step()))
        for client, request in self.quotes:
            client.send_raw(frames.price(request, 1, "999.5", str(self._rng.randint(1, 400))))
            client.send_raw(frames.price(request, 2, "1000.5", "6"))

    async def run(self) -> None:
        """Move on until cancelled."""
        while True:
            self.step()
            await asyncio.sleep(0.005)

    def hang_up_in_a_frame(self, client: Any) -> None:
        """Close in the middle of a message."""
        payload = frames.row("1", 0, 0, 0, "1", "1")
        client._writer.write(struct.pack(">I", len(payload)) + payload[:5])
        client.hang_up()
