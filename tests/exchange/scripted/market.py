"""The truth of a scripted venue: seeded books that change one price at a time, and trades.

Every change has a number and a millisecond of its own, so that any Book that a stream serves names
the one moment it must equal. Prices are multiples of 0.5 and volumes of 0.25: exact as floats.
"""

from __future__ import annotations

import random
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

REMEMBERED = 2_000  # moments of one pair: more than a minute at 25 frames a second
SERVED = 10  # levels of each side that are compared
TICK, LOT = 0.5, 0.25

Levels = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One price has another volume now; 0: it is gone."""

    number: int
    side: str  # "bid" or "ask"
    price: float
    volume: float
    time_ms: int


@dataclass(frozen=True, slots=True)
class Deal:
    """A trade; side is the taker's."""

    number: int
    price: float
    volume: float
    side: str  # "buy" or "sell"
    time_ms: int


@dataclass(frozen=True, slots=True)
class Bar:
    """A running candle."""

    open_ms: int
    time_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    trades: int


@dataclass
class PairMarket:
    """One pair: its book, its trades, and what they were a while ago."""

    pair: str  # "BTC/USDT"
    rng: random.Random
    time_ms: int
    deep: int = 0  # further levels on each side, far away, for a snapshot of some megabytes
    number: int = 1_000
    deal_number: int = 5_000
    frames: int = 0
    bids: dict[float, float] = field(default_factory=dict)
    asks: dict[float, float] = field(default_factory=dict)
    truth: OrderedDict[int, tuple[int, Levels, Levels]] = field(default_factory=OrderedDict)
    deals: OrderedDict[int, Deal] = field(default_factory=OrderedDict)
    tops: OrderedDict[tuple[float, ...], None] = field(default_factory=OrderedDict)
    bars: OrderedDict[tuple[float, ...], None] = field(default_factory=OrderedDict)
    bar: Bar | None = None

    def __post_init__(self) -> None:
        for step in range(1, 26 + self.deep):
            self.bids[1_000_000.0 - step * TICK] = self._lots()
            self.asks[1_000_000.0 + step * TICK] = self._lots()
        self.remember()

    def top(self, count: int = SERVED) -> tuple[Levels, Levels]:
        """The best levels of both sides."""
        bids = tuple((price, self.bids[price]) for price in sorted(self.bids, reverse=True)[:count])
        return bids, tuple((price, self.asks[price]) for price in sorted(self.asks)[:count])

    def change(self) -> Change:
        """One more change; the book is never crossed and never thin."""
        rng, side = self.rng, self.rng.choice(("bid", "ask"))
        levels, sign = (self.bids, -1.0) if side == "bid" else (self.asks, 1.0)
        best_bid, best_ask = max(self.bids), min(self.asks)
        best = best_bid if side == "bid" else best_ask
        what = rng.random()
        if what < 0.15 and len(levels) > 15:
            price, volume = best, 0.0
        elif what < 0.35 and best_ask - best_bid > TICK and len(levels) < 60 + self.deep:
            price, volume = best - sign * TICK, self._lots()
        else:
            price = best + sign * TICK * rng.randrange(14)
            gone = rng.random() < 0.3 and len(levels) > 20
            volume = 0.0 if gone and price in levels else self._lots()
        if volume:
            levels[price] = volume
        else:
            del levels[price]
        self.number += 1
        self.time_ms += 1
        return Change(self.number, side, price, volume, self.time_ms)

    def changes(self, most: int) -> list[Change]:
        """What one frame tells, and the moment after it is remembered."""
        made = [self.change() for _ in range(self.rng.randint(1, most))]
        self.frames += 1
        self.remember()
        return made

    def deal(self) -> Deal:
        """One more trade."""
        self.deal_number += 1
        self.time_ms += 1
        side = self.rng.choice(("buy", "sell"))
        price = min(self.asks) if side == "buy" else max(self.bids)
        made = Deal(self.deal_number, price, self._lots(), side, self.time_ms)
        keep(self.deals, made.number, made)
        self._candle(made)
        self.remember()
        return made

    def remember(self) -> None:
        """What is true now, under its millisecond."""
        bids, asks = self.top()
        keep(self.truth, self.time_ms, (self.frames, bids, asks))
        keep(self.tops, (*bids[0], *asks[0]), None)

    def _candle(self, deal: Deal) -> None:
        open_ms, bar = deal.time_ms // 300_000 * 300_000, self.bar
        if bar is None or bar.open_ms != open_ms:
            bar = Bar(open_ms, deal.time_ms, deal.price, deal.price, deal.price, deal.price, 0.0, 0)
        self.bar = Bar(
            open_ms,
            deal.time_ms,
            bar.open,
            max(bar.high, deal.price),
            min(bar.low, deal.price),
            deal.price,
            bar.volume + deal.volume,
            bar.trades + 1,
        )
        now = self.bar
        keep(self.bars, (now.open_ms, now.open, now.high, now.low, now.close, now.volume), None)

    def _lots(self) -> float:
        return self.rng.randint(1, 400) * LOT


def keep(known: OrderedDict[Any, Any], key: Any, value: Any) -> None:
    """Remember this as the newest, and forget the oldest."""
    known[key] = value
    known.move_to_end(key)
    if len(known) > REMEMBERED:
        known.popitem(last=False)
