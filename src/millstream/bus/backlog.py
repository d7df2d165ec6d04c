"""What is kept for a follower that is behind: bounded, and it says what it let go.

Tickers, books and open candles conflate to the latest of their pair: only the newest one is worth
having. Everything else is kept in order until `capacity`; past that it is dropped, and counted in a
`Gap` of its channel that the follower is given as soon as there is room.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import islice

from millstream.model import (
    Book,
    Candle,
    Channel,
    Event,
    Exchange,
    Gap,
    MarketEvent,
    MyOrder,
    MyOrderBatch,
    MyTrade,
    StreamEvent,
    Ticker,
)

CAPACITY_EVENTS = 100_000
_CHANNELS: dict[type[Event], Channel] = {
    Ticker: Channel.TICKER,
    Book: Channel.BOOK,
    Candle: Channel.CANDLE,
    MyOrder: Channel.MY_ORDER,
    MyTrade: Channel.MY_TRADE,
    MyOrderBatch: Channel.MY_ORDER_BATCH,
}  # of any other: trades


class Backlog:
    """Events waiting for one follower, in order.

    conflate: False where the feed is paused instead, so that everything arrives.
    """

    def __init__(self, capacity: int = CAPACITY_EVENTS, conflate: bool = True) -> None:
        self._capacity = capacity
        self._conflate = conflate
        self._waiting: dict[Hashable, Event] = {}
        self._count = 0  # makes a key for what never conflates
        self._dropped: dict[tuple[Exchange, Channel], int] = {}
        self.conflated = 0  # events replaced by a newer one of their pair
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def extend(self, events: Sequence[Event]) -> None:
        """Keep these, conflating what can be and dropping what has no room."""
        for event in events:
            key = self._key(event)
            if self._waiting.pop(key, None) is not None:
                self.conflated += 1  # the newer one goes to the end: order of time is kept
            elif len(self._waiting) >= self._capacity:
                self._drop(event)
                continue
            self._waiting[key] = event

    def take(self, most: int, now_ns: int) -> list[Event]:
        """Up to `most` events, oldest first; gaps for what was dropped come before them."""
        taken: list[Event] = [self._gap(*where, now_ns) for where in sorted(self._dropped)]
        self._dropped.clear()
        oldest = list(islice(self._waiting, most))
        taken.extend(self._waiting.pop(key) for key in oldest)
        return taken

    def put_back(self, events: Sequence[Event]) -> None:
        """Return what `take` gave, unsent, to the front."""
        later = self._waiting
        self._waiting = {}
        self.extend(events)
        for key, event in later.items():
            if self._waiting.pop(key, None) is not None:
                self.conflated += 1
            self._waiting[key] = event

    def _key(self, event: Event) -> Hashable:
        if self._conflate and isinstance(event, (Ticker, Book)):
            return type(event), event.exchange, event.symbol
        if self._conflate and isinstance(event, Candle) and not event.closed:
            return Candle, event.exchange, event.symbol, event.interval, event.open_ns
        self._count += 1
        return self._count

    def _drop(self, event: Event) -> None:
        self.dropped += 1
        match event:
            case StreamEvent():
                where = event.exchange, event.channel
            case MarketEvent() | MyOrder() | MyTrade() | MyOrderBatch():
                where = event.exchange, _CHANNELS.get(type(event), Channel.TRADE)
            case _:
                raise TypeError(f"no stream tells {type(event).__name__}: it has no exchange")
        self._dropped[where] = self._dropped.get(where, 0) + 1

    def _gap(self, exchange: Exchange, channel: Channel, now_ns: int) -> Gap:
        missing = self._dropped[exchange, channel]
        return Gap(
            now_ns, exchange, channel, None, "", "", missing,
            f"the follower was behind and its queue full: {missing} events dropped",
        )  # fmt: skip
