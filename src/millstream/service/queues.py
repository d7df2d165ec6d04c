"""A service's queues: bounded, and they say what they do when full.

Tickers, books and open candles conflate to the latest of their pair. Everything else is kept in
order until `capacity`; past that `put_nowait` raises QueueFull, which the stream counts and tells
as a `Gap`. A queue that nobody reads takes nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Hashable
from typing import Any

from millstream.model import Book, Candle, Event, Ticker

CAPACITY_EVENTS = 100_000


class EventQueue:
    """One channel's events on their way to one service; an observer's `<channel>_queue`."""

    def __init__(self, read: bool = True, capacity: int = CAPACITY_EVENTS) -> None:
        self._read = read
        self._capacity = capacity
        self._order: deque[Event | Hashable] = deque()
        self._latest: dict[Hashable, Event] = {}
        self._waiter: asyncio.Future[None] | None = None
        self.conflated = 0  # events that a newer one of their pair replaced
        self.dropped = 0

    def qsize(self) -> int:
        """How many events wait."""
        return len(self._order)

    def empty(self) -> bool:
        """True when none waits."""
        return not self._order

    def put_nowait(self, event: Event) -> None:
        """Take an event; raises asyncio.QueueFull."""
        if not self._read:
            return
        key = _pair_of(event)
        if key is None:
            self._put(event, event)
        elif key in self._latest:
            self._latest[key] = event  # in the place of the older one
            self.conflated += 1
        else:
            self._put(key, event)
            self._latest[key] = event

    async def get(self) -> Any:
        """The next event, waiting for it."""
        while not self._order:
            await self.wait()
        return self.get_nowait()

    def get_nowait(self) -> Any:
        """The next event; raises asyncio.QueueEmpty."""
        if not self._order:
            raise asyncio.QueueEmpty
        first = self._order.popleft()
        return first if isinstance(first, Event) else self._latest.pop(first)

    async def wait(self) -> None:
        """Return when there is something. A queue is read from its first wait on."""
        self._read = True
        while not self._order:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    def _put(self, place: Event | Hashable, event: Event) -> None:
        if len(self._order) >= self._capacity:
            self.dropped += 1
            raise asyncio.QueueFull(f"{self._capacity} events wait already")
        self._order.append(place)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _pair_of(event: Event) -> Hashable | None:
    """What an event conflates with; None: with nothing."""
    if isinstance(event, (Ticker, Book)):
        return event.exchange, event.symbol
    if isinstance(event, Candle) and not event.closed:
        return event.exchange, event.symbol, event.interval, event.open_ns
    return None
