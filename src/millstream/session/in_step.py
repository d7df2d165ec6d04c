"""A market that goes on only when everybody has done with what it said: the past, played.

Live, the market does not wait, and the paper venue's delay is real. A folder of candles played at
any speed must give the same trades each time. So its events go in steps: the venue hears a step
first, what that fills is told to the robots, then the robots hear it, then their orders take
effect; and only then comes the next step.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from time import time_ns
from typing import NamedTuple, Protocol

from millstream.bus import FirstThen, Inbox, Receiver, Sender
from millstream.model import Event
from millstream.model.codec import encode_events
from millstream.orders.store import Change, OrderStore
from millstream.session.learned import LearnedQueue

LOOK_EVERY_S = 0.0005
_LOOKS_AT_ONCE = 20  # turns of the loop before it sleeps between two looks
BATCH_EVENTS = 128


class Sending(Protocol):
    """Where batches go: `bus.Sender`."""

    def send(self, body: bytes, timeout_ms: int = ...) -> bool:
        """Hand over a batch; False when there was no room for long."""


class _CountedSender:
    """Counts what is on its way to somebody."""

    def __init__(self, sender: Sender, sent: list[int]) -> None:
        self._sender, self._sent, self._number = sender, sent, len(sent)
        sent.append(0)  # each sender has a place of its own: no two threads write to one

    def send(self, body: bytes, timeout_ms: int = 10_000) -> bool:
        """As of the sender; counted before anybody can have received it."""
        self._sent[self._number] += 1
        if self._sender.send(body, timeout_ms):
            return True
        self._sent[self._number] -= 1
        return False


class _CountedReceiver:
    """Who asks for the next message has done with the one before."""

    def __init__(self, receiver: Receiver | FirstThen, done: list[int]) -> None:
        self._receiver, self._done, self._taken = receiver, done, 0

    def receive(self, timeout_ms: int) -> bytes | None:
        """As of the receiver."""
        self._done[0] = self._taken
        body = self._receiver.receive(timeout_ms)
        self._taken += body is not None
        return body


class _CountedInbox:
    """The same for several receivers at once."""

    def __init__(self, inbox: Inbox, done: list[int]) -> None:
        self._inbox, self._done, self._taken = inbox, done, 0

    def receive(self, timeout_ms: int) -> list[tuple[str, bytes]]:
        """As of the inbox."""
        self._done[0] = self._taken
        found = self._inbox.receive(timeout_ms)
        self._taken += len(found)
        return found


class Traffic:
    """Knows whether anything is still on its way between robots, orders and the store.

    watched: False where nobody asks: then nothing is counted, and everything is handed back as it
    is.
    """

    def __init__(self, store: OrderStore, watched: bool = True) -> None:
        self._store, self._watched = store, watched
        self._told = store.revision  # the last change that the robots were sent
        self._sent: dict[str, list[int]] = {"robots": [], "orders": []}
        self._done: dict[str, list[int]] = {"robots": [0], "orders": [0]}

    def to_robots(self, sender: Sender) -> Sending:
        """A sender to the robots' endpoint, counted."""
        return _CountedSender(sender, self._sent["robots"]) if self._watched else sender

    def to_orders(self, sender: Sender) -> Sending:
        """A sender to one of the endpoints of the orders' thread, counted."""
        return _CountedSender(sender, self._sent["orders"]) if self._watched else sender

    def robots(self, receiver: Receiver | FirstThen) -> Receiver | FirstThen | _CountedReceiver:
        """Where the robots' thread receives."""
        return _CountedReceiver(receiver, self._done["robots"]) if self._watched else receiver

    def orders(self, inbox: Inbox) -> Inbox | _CountedInbox:
        """Where the orders' thread receives."""
        return _CountedInbox(inbox, self._done["orders"]) if self._watched else inbox

    def changes(self, changes: Iterable[Change]) -> Iterator[Change]:
        """The store's changes for the robots; who asks for the next one has sent the one before."""
        for change in changes:
            yield change
            self._told = change.revision

    def quiet(self) -> bool:
        """Nothing is on its way, and nobody is at work."""
        before = self._look()
        # Counts only grow: the same twice means that all of them held at one moment in between.
        return before is not None and before == self._look()

    def _look(self) -> tuple[int, ...] | None:
        counts = []
        for name, sent in self._sent.items():
            done, total = self._done[name][0], sum(sent)
            if done < total:
                return None
            counts.append(total)
        revision = self._store.revision
        return (*counts, revision) if self._told >= revision else None


class _Step(NamedTuple):
    market: list[Event]  # for the venue on paper and then the robots
    robots: list[Event]  # for the robots alone, after those


class StepPublisher:
    """Publishes step by step. Belongs to one event loop.

    An observer of a feed: what it is given in one turn of the loop is one step. The feed is told to
    pause meanwhile. market: on the way to the venue. robots: on the way to the robots. learned:
    where what other bots tell waits for its step. market_of: the market's events in it, and the
    time they are to bear.
    """

    def __init__(
        self,
        market: Sending,
        robots: Sending,
        quiet: Callable[[], bool],
        pause: Callable[[], None],
        resume: Callable[[], None],
        learned: LearnedQueue,
        market_of: Callable[[Event, int], Sequence[Event]] | None = None,
    ) -> None:
        self._market, self._robots, self._quiet = market, robots, quiet
        self._learned, self._market_of = learned, market_of
        self._pause, self._resume = pause, resume
        self._steps: deque[_Step] = deque()
        self._gathered: _Step | None = None  # of this turn
        self._task: asyncio.Task[None] | None = None
        self.ticker_queue = self.trade_queue = self.book_queue = self.candle_queue = self
        self.my_order_queue = self.my_trade_queue = self.my_order_batch_queue = self
        self.health_queue = self

    def put_nowait(self, event: Event) -> None:
        """Add an event to the step of this turn."""
        if self._gathered is None:
            self._gathered = _Step([], [])
            self._steps.append(self._gathered)
            self._begin()
            asyncio.get_running_loop().call_soon(self._turn_over)
        self._gathered.market.append(event)

    def learn(self, event: Event) -> None:
        """Add a step of its own: what another bot told."""
        self._learned.put(event)
        self._begin()

    def close(self) -> None:
        """Send nothing more: the others' sockets are about to close."""
        self._steps.clear()
        if self._task is not None:
            self._task.cancel()

    @property
    def waiting(self) -> int:
        """Steps that have not been taken whole."""
        return len(self._steps) + len(self._learned)

    def _begin(self) -> None:
        if self._task is None:
            self._pause()
            self._task = asyncio.get_running_loop().create_task(self._go())

    def _turn_over(self) -> None:
        self._gathered = None

    async def _go(self) -> None:
        while self._steps or self._learned:
            await asyncio.sleep(0)  # the rest of this turn belongs to the step
            if not self._steps:
                self._steps.append(_Step([], self._learned.take()))
            step = self._steps[0]
            if self._market_of is not None:
                # Stamped only now: an order of the step before rests since a moment ago.
                for event in step.robots:
                    step.market.extend(self._market_of(event, time_ns()))
            if step.market:
                _send(self._market, step.market)
                await self._everybody()
            _send(self._robots, [*step.market, *step.robots])
            await self._everybody()
            self._steps.popleft()
        self._task = None
        self._resume()

    async def _everybody(self) -> None:
        """Wait until nobody has anything to do."""
        looks = 0
        while not self._quiet():
            looks += 1
            await asyncio.sleep(0 if looks < _LOOKS_AT_ONCE else LOOK_EVERY_S)


def _send(sender: Sending, events: Sequence[Event]) -> None:
    for first in range(0, len(events), BATCH_EVENTS):
        sender.send(encode_events(events[first : first + BATCH_EVENTS]))
