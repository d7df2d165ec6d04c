"""Fan-out: one event to every observer's queue, and none of them in another's way.

An observer is any object with queues named for channels (`ticker_queue`, `trade_queue`, ...,
`health_queue` for the health of the streams). A queue it does not have is one it does not want.
A queue that is full or raises loses the event: counted, and told to the observer's health queue as
a `Gap` at most once a second. A queue without bounds loses nothing and grows instead: past
`GROWN` events, and at each doubling, that is told too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from millstream.model import (
    Book,
    Candle,
    Channel,
    Connected,
    Disconnected,
    Event,
    Exchange,
    Gap,
    MyOrder,
    MyOrderBatch,
    MyTrade,
    Refused,
    Resynced,
    Stale,
    Ticker,
    Trade,
)
from millstream.stream.seldom import Seldom

Put: TypeAlias = Callable[[Any], object]

QUEUES: dict[type[Event], str] = {
    Ticker: "ticker_queue",
    Trade: "trade_queue",
    Book: "book_queue",
    Candle: "candle_queue",
    MyOrder: "my_order_queue",
    MyTrade: "my_trade_queue",
    MyOrderBatch: "my_order_batch_queue",
    **dict.fromkeys((Connected, Disconnected, Gap, Stale, Resynced, Refused), "health_queue"),
}

GROWN = 10_000  # events that wait in one queue

_log = logging.getLogger(__name__)


class Outlets:
    """Where each type of event goes."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._observers: list[object] = []
        self._puts: dict[type[Event], list[tuple[Put, object]]] = {kind: [] for kind in QUEUES}
        self._reports: dict[tuple[int, Channel], Seldom] = {}  # by observer
        self._marks: dict[tuple[int, str], int] = {}  # by observer and queue: what is told next
        self.dropped: dict[Channel, int] = {}

    def bind(self, observer: object) -> None:
        """Give this observer every event it has a queue for, from now on."""
        self._observers.append(observer)
        for kind, name in QUEUES.items():
            put = getattr(getattr(observer, name, None), "put_nowait", None)
            if put is not None:
                self._puts[kind].append((put, observer))

    def publish(self, channel: Channel, events: Sequence[Event]) -> None:
        """Put every event where it belongs."""
        for event in events:
            for put, observer in self._puts[type(event)]:
                try:
                    put(event)
                except Exception as error:  # an observer's own code: it may raise anything
                    self._failed(channel, event, observer, error)

    def watch_growth(self, now_ns: int) -> None:
        """Tell of queues that nobody empties; to be called now and then."""
        for observer in self._observers:
            for name in dict.fromkeys(QUEUES.values()):
                size = _size(getattr(observer, name, None))
                mark = self._marks.get((id(observer), name), GROWN)
                if size >= mark:
                    while mark <= size:
                        mark *= 2
                    self._marks[id(observer), name] = mark
                    self._say_growth(observer, name, size, now_ns)
                elif size < GROWN // 2:
                    self._marks.pop((id(observer), name), None)

    def _say_growth(self, observer: object, name: str, size: int, now_ns: int) -> None:
        why = f"{size} events wait in {name}: the observer is too slow"
        _log.warning("%s: %s %s", self._exchange, type(observer).__name__, why)
        stem = name.removesuffix("_queue")
        channel = Channel(stem) if stem in list(Channel) else Channel.TICKER
        self._tell(observer, Stale(now_ns, self._exchange, channel, None, 0, why))

    def _failed(self, channel: Channel, event: Event, observer: object, error: Exception) -> None:
        self.dropped[channel] = self.dropped.get(channel, 0) + 1
        report = self._reports.setdefault((id(observer), channel), Seldom())
        lost = report.count(event.received_ns)
        if not lost:
            return
        name, why = type(observer).__name__, f"{type(error).__name__} {error}".strip()
        _log.warning("%s: %d events lost by observer %s: %s", channel, lost, name, why)
        reason = f"the observer's queue did not take it: {why}"
        gap = Gap(event.received_ns, self._exchange, channel, None, "", "", lost, reason)
        self._tell(observer, gap)

    def _tell(self, observer: object, event: Event) -> None:
        put = getattr(getattr(observer, "health_queue", None), "put_nowait", None)
        if put is None:
            return
        try:
            put(event)
        except Exception:
            _log.warning("%s: its health queue did not take the report either", self._exchange)


def _size(queue: Any) -> int:
    """How many wait in a queue; 0 when it does not say."""
    try:
        return int(queue.qsize()) if queue is not None else 0
    except Exception:  # an observer's own code
        return 0
