"""IB's tongue: a TWS on a socket of its own, that tells books row by row and numbers nothing."""

from __future__ import annotations

import asyncio
import random
import struct
from typing import Any

from tests.exchange.ib import frames, tws

TICK, LOT, ROWS = 0.5, 0.25, 10
NAMES = {"EUR": "EUR/USD", "BTC": "BTC/USD", "ETH": "ETH/USD"}
BEGAN_S, BAR_S = 1_795_190_280, 60

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


class Bars:
    """One pair's bars: the last one changes, and now and then another begins."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.all: list[tuple[int, int]] = [(BEGAN_S, 100)]  # begin in s, and volume

    def step(self) -> None:
        """The last bar grows, or the next begins."""
        begin, volume = self.all[-1]
        if self._rng.random() < 0.2:
            self.all.append((begin + BAR_S, 100))
        else:
            self.all[-1] = begin, volume + 1

    def update(self, request: str) -> bytes:
        """What TWS says of a change: count, date, open, close, high, low, average, volume."""
        begin, volume = self.all[-1]
        return frames.bar_update(request, 4, begin, 1, 1.5, 2, 0.5, 1, volume)

    def answer(self, request: str) -> bytes:
        """What TWS says when it is asked."""
        rows = [(begin, 1, 2, 0.5, 1.5, volume, 1, 4) for begin, volume in self.all]
        return frames.bars(request, *rows)


class ScriptedTws:
    """Answers requests for data; `step` tells one more row, tick, trade and bar to each."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self.books: dict[tuple[Any, str], tuple[str, Rows]] = {}  # by session and request
        self.quotes: dict[tuple[Any, str], str] = {}
        self.tapes: dict[tuple[Any, str], str] = {}
        self.charts: dict[tuple[Any, str], str] = {}
        self.dealt: list[tuple[str, int, float, float]] = []  # pair, second, price, size
        self.bars = {name: Bars(self._rng) for name in NAMES.values()}
        self.true: dict[str, set[tuple[Levels, Levels]]] = {name: set() for name in NAMES.values()}
        self.refuses: set[str] = set()  # currencies
        self.mute = False

    def hear(self, client: Any, fields: list[str]) -> None:
        """A request of a client."""
        number, request = int(fields[0]), fields[2] if len(fields) > 2 else ""
        if number in (tws.CANCEL_DEPTH, tws.CANCEL_TICKER):
            self.books.pop((client, request), None)
            self.quotes.pop((client, request), None)
        if number in (tws.TICK_BY_TICK, tws.HISTORY):
            request = fields[1]
        elif number not in (tws.DEPTH, tws.TICKER_REQUEST):
            return
        name = next(one for one in fields if one in (*NAMES, "XYZ"))
        if name in self.refuses:
            client.send_raw(frames.error(request, 200, "No security definition has been found"))
        elif number == tws.DEPTH:
            rows = Rows(self._rng)
            rows.true = self.true[NAMES[name]]
            self.books[client, request] = NAMES[name], rows
        elif number == tws.TICK_BY_TICK:
            self.tapes[client, request] = NAMES[name]
        elif number == tws.HISTORY:
            client.send_raw(self.bars[NAMES[name]].answer(request))
            self.charts[client, request] = NAMES[name]
        else:
            self.quotes[client, request] = NAMES[name]

    def step(self) -> None:
        """One more row and quote for everybody who asked."""
        if self.mute:
            return
        for (client, request), (_, rows) in self.books.items():
            self.tell(client, frames.row(request, *rows.step()))
        for client, request in self.quotes:
            client.send_raw(frames.price(request, 1, "999.5", str(self._rng.randint(1, 400))))
            client.send_raw(frames.price(request, 2, "1000.5", "6"))
        for (client, request), name in self.tapes.items():
            deal = BEGAN_S + len(self.dealt) // 7, self._rng.randint(1, 9) * TICK, LOT
            self.dealt.append((name, *deal))
            client.send_raw(frames.trade(request, *deal))
        for bars in self.bars.values():
            bars.step()
        for (client, request), name in self.charts.items():
            client.send_raw(self.bars[name].update(request))

    def tell(self, client: Any, payload: bytes) -> None:
        """One row of a book."""
        client.send_raw(payload)

    def forget(self) -> None:
        """Nobody is connected any more."""
        for asked in (self.books, self.quotes, self.tapes, self.charts):
            asked.clear()

    async def run(self, every_s: float = 0.005) -> None:
        """Move on until cancelled."""
        while True:
            self.step()
            await asyncio.sleep(every_s)

    def hang_up_in_a_frame(self, client: Any) -> None:
        """Close in the middle of a message."""
        payload = frames.row("1", 0, 0, 0, "1", "1")
        client._writer.write(struct.pack(">I", len(payload)) + payload[:5])
        client.hang_up()
