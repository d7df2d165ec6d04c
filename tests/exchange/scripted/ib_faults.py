"""A TWS with faults by chance, and a witness of what IB's stream tells of it.

IB numbers nothing: a frame that TCP loses cannot be seen and cannot happen. The faults are those
that can: a hang-up, also in the middle of a message, silence, half of a message, and a row of a
book that cannot follow.
"""

from __future__ import annotations

import random
import time
from collections import Counter, OrderedDict
from types import SimpleNamespace
from typing import Any

from tests.exchange.ib import frames, tws
from tests.exchange.scripted.ib import ScriptedTws
from tests.exchange.scripted.market import REMEMBERED, keep

from millstream.model import (
    Book,
    Candle,
    Channel,
    CurrencyPair,
    Disconnected,
    Event,
    Gap,
    Resynced,
    Ticker,
    Trade,
)

FAULTS = ("hang up", "hang up in a frame", "stall", "garble", "a row that cannot follow")
PAIRS = ("btc/usd", "eth/usd")
SHOWN = 20  # problems


class FaultyTws(ScriptedTws):
    """Remembers the last moments of each book, and is told which fault comes next."""

    def __init__(self, seed: int, server: tws.Tws) -> None:
        super().__init__(seed)
        self.tongue, self.server = SimpleNamespace(exchange="ib"), server
        server.forgets = True
        self.said, self.fault, self._silent_until = Counter[str](), "", 0.0
        self.true = {name: Moments() for name in self.true}

    @property
    def opened(self) -> int:
        """Sessions so far."""
        return self.server.opened

    def inject(self, chance: random.Random) -> None:
        """One more fault, or the one that hits the next row of a book."""
        fault = chance.choice(FAULTS)
        clients = {client for client, _ in self.books}
        if fault == "stall":
            self.said[fault] += 1
            self._silent_until = time.monotonic() + chance.choice((0.1, 0.5, 2.0))
        elif fault.startswith("hang up"):
            for client in clients:
                self.said[fault] += 1
                self._forget(client)
                self.hang_up_in_a_frame(client) if "frame" in fault else client.hang_up()
        else:
            self.fault = fault

    def heal(self) -> None:
        """No more faults."""
        self.fault, self._silent_until = "", 0.0

    def step(self) -> None:
        """The market moves."""
        self.mute = time.monotonic() < self._silent_until
        for client in {client for client, _ in self.books} - set(self.server.clients):
            self._forget(client)
        for known in self.bars.values():
            del known.all[:-REMEMBERED]
        del self.dealt[:-REMEMBERED]
        super().step()

    def tell(self, client: Any, payload: bytes) -> None:
        """A message, with whatever fault is due."""
        fault, is_row = self.fault, payload.startswith(b"12\0")
        self.said["frames"] += 1
        if fault and is_row:
            self.fault = ""
            self.said[fault] += 1
            if fault == "garble":
                payload = payload[: len(payload) // 2]
            else:
                request = payload.split(b"\0")[2].decode()
                client.send_raw(frames.row(request, 15, 0, 1, "0.5", "5"))
        client.send_raw(payload)

    def _forget(self, client: Any) -> None:
        for asked in (self.books, self.quotes, self.tapes, self.charts):
            for key in [key for key in asked if key[0] is client]:
                del asked[key]


class Moments(OrderedDict[Any, int]):
    """The last moments of one book, numbered."""

    number = 0

    def add(self, moment: Any) -> None:
        """One more."""
        self.number += 1
        keep(self, moment, self.number)


class TwsWitness:
    """All queues of an observer in one: each event compared with what TWS has told."""

    def __init__(self, venue: FaultyTws) -> None:
        for channel in Channel:
            setattr(self, f"{channel.value}_queue", self)
        self.health_queue = self
        self.venue, self.told, self.problems = venue, Counter[str](), []
        self.pairs = tuple(CurrencyPair.parse(name) for name in PAIRS)
        self.books: dict[CurrencyPair, int] = {}
        self.invalid: set[CurrencyPair] = set()
        self._closed: dict[CurrencyPair, int] = {}  # the last bar that was told to be over

    def put_nowait(self, event: Event) -> None:
        """One event."""
        self.told[type(event).__name__] += 1
        if isinstance(event, Book):
            self._book(event)
        elif isinstance(event, Trade):
            self.told["trades compared"] += 1
            second = event.exchange_ns // 1_000_000_000
            if (str(event.symbol), second, event.price, event.volume) not in self.venue.dealt:
                self._problem(f"a trade that never was: {event}")
        elif isinstance(event, Ticker):
            if (event.bid_price, event.ask_price, event.ask_volume) != (999.5, 1000.5, 6.0):
                self._problem(f"a ticker that never was: {event}")
        elif isinstance(event, Candle):
            self._candle(event)
        elif isinstance(event, Gap) and event.channel is Channel.BOOK and event.symbol is not None:
            self.invalid.add(event.symbol)
        elif isinstance(event, Disconnected) and event.channel is Channel.BOOK:
            self.books.clear()
            self.invalid.update(self.pairs)
        elif isinstance(event, Resynced) and event.symbol is not None:
            self.invalid.discard(event.symbol)

    def _book(self, book: Book) -> None:
        self.told["books compared"] += 1
        moment = self.venue.true[str(book.symbol)].get((book.bids, book.asks))
        if moment is None:
            self._problem(f"a book that TWS never told: {book}")
            return
        if book.symbol in self.invalid:
            self._problem(f"an invalid book was served: {book}")
        if moment < self.books.get(book.symbol, 0):
            self._problem(f"a book went back: {book}")
        self.books[book.symbol] = moment

    def _candle(self, candle: Candle) -> None:
        if not candle.closed:
            return
        bar = candle.open_ns // 1_000_000_000, int(candle.volume)
        if bar not in self.venue.bars[str(candle.symbol)].all:
            self._problem(f"a closed bar that never was: {candle}")
        if bar[0] <= self._closed.get(candle.symbol, 0):
            self._problem(f"a bar was closed twice: {candle}")
        self._closed[candle.symbol] = bar[0]

    def _problem(self, what: str) -> None:
        self.told["problems"] += 1
        if len(self.problems) < SHOWN:
            self.problems.append(what)
