"""From a stream to its followers: gather, encode once, fan out.

An observer of streams: each of its queues takes any event. What comes in during one turn of the
event loop leaves as one batch, encoded once for all followers. A follower whose queue is full gets
what it missed later, from its own backlog, and slows nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from millstream.bus.backlog import Backlog
from millstream.model import Event
from millstream.model.codec import encode_events

BATCH_EVENTS = 128  # a batch costs 25 µs whatever its size; its first event waits for its last
RETRY_S = 0.002


class Follower(Protocol):
    """Where batches go: `bus.zmq.Sender`."""

    def offer(self, body: bytes) -> bool:
        """Take a batch, or say no when full."""


class EventPublisher:
    """Publishes events in batches to any number of followers. Belongs to one event loop.

    on_full and on_room are called when a follower falls behind and when all have caught up. A local
    feed may be paused and resumed there: then nothing is conflated, and everything arrives.
    """

    def __init__(
        self,
        followers: Sequence[Follower],
        clock_ns: Callable[[], int],
        on_full: Callable[[], None] | None = None,
        on_room: Callable[[], None] | None = None,
    ) -> None:
        conflate = on_full is None
        self._outlets = [(follower, Backlog(conflate=conflate)) for follower in followers]
        self._clock_ns = clock_ns
        self._on_full = on_full
        self._on_room = on_room
        self._pending: list[Event] = []
        self._scheduled = False
        self._retry: asyncio.TimerHandle | None = None  # set while a follower is behind
        self.published = 0
        # an observer has one queue a channel; ours are all the same one
        self.ticker_queue = self.trade_queue = self.book_queue = self.candle_queue = self
        self.my_order_queue = self.my_trade_queue = self.my_order_batch_queue = self
        self.health_queue = self

    def put_nowait(self, event: Event) -> None:
        """Publish an event with the batch of this turn of the loop."""
        pending = self._pending
        pending.append(event)
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self.flush)
        elif len(pending) >= BATCH_EVENTS:
            self._send_pending()

    def flush(self) -> None:
        """Send what is pending, and what followers that were behind still lack."""
        self._scheduled = False
        self._send_pending()
        if self._retry is not None:
            self._catch_up()

    def close(self) -> None:
        """Send nothing more: the followers' sockets are about to close."""
        self._outlets = []
        if self._retry is not None:
            self._retry.cancel()

    @property
    def conflated(self) -> int:
        """Tickers, books and open candles that a newer one replaced before a follower took them."""
        return sum(backlog.conflated for _, backlog in self._outlets)

    @property
    def dropped(self) -> int:
        """Events that a follower never got; it got a `Gap` instead."""
        return sum(backlog.dropped for _, backlog in self._outlets)

    @property
    def waiting(self) -> int:
        """Events that are not yet handed to every follower."""
        return len(self._pending) + sum(len(backlog) for _, backlog in self._outlets)

    def _send_pending(self) -> None:
        events = self._pending
        if not events:
            return
        self._pending = []
        self.published += len(events)
        body = encode_events(events)
        for follower, backlog in self._outlets:
            # behind what waits there already, so that order is kept
            if len(backlog) or not follower.offer(body):
                backlog.extend(events)
                self._fall_behind()

    def _fall_behind(self) -> None:
        if self._retry is None:
            self._retry_soon()
            if self._on_full is not None:
                self._on_full()

    def _retry_soon(self) -> None:
        self._retry = asyncio.get_running_loop().call_later(RETRY_S, self.flush)

    def _catch_up(self) -> None:
        for follower, backlog in self._outlets:
            while len(backlog):
                events = backlog.take(BATCH_EVENTS, self._clock_ns())
                if not follower.offer(encode_events(events)):
                    backlog.put_back(events)
                    break
        assert self._retry is not None
        self._retry.cancel()
        if any(len(backlog) for _, backlog in self._outlets):
            self._retry_soon()
            return
        self._retry = None
        if self._on_room is not None:
            self._on_room()
