"""PUB and SUB sockets: one process takes a stream, any number follow it, and losses are events.

A PUB socket drops for a subscriber whose queue is full, and what it sends before anybody listens
is gone. Here each row of events is numbered and the publisher beats once a second (`topics.py`),
so that a subscriber knows what it lacks (`sequences.py`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import zmq

from millstream.bus import topics
from millstream.bus.addresses import Claim, socket_path
from millstream.bus.readable import Readable
from millstream.bus.sequences import Sequences
from millstream.errors import BadMessage
from millstream.model import Channel, CurrencyPair, Event, Exchange
from millstream.model.events import MarketEvent, MyOrder, MyTrade, StreamEvent

QUEUE_MESSAGES = 10_000  # for each subscriber; a message is what one turn of the loop brought a row
BEAT_S = 1.0
TICK_S = 0.5

_log = logging.getLogger(__name__)


class _Row:
    """The events of one topic that are not sent yet."""

    __slots__ = ("last", "pending", "prefix")

    def __init__(self, prefix: bytes) -> None:
        self.prefix = prefix
        self.last = 0
        self.pending: list[Event] = []


class Publisher:
    """Publishes the events of one exchange and channel. Belongs to the running event loop.

    Raises ConfigError when another one publishes them already.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        root: Path,
        exchange: Exchange,
        channel: Channel,
        *,
        queue_messages: int = QUEUE_MESSAGES,
    ) -> None:
        self.name = topics.address_name(exchange, channel)
        path = socket_path(root, self.name)
        self._claim = Claim(path, self.name)
        self._socket = context.socket(zmq.XPUB)
        self._socket.sndhwm = queue_messages
        self._socket.setsockopt(zmq.XPUB_VERBOSE, 1)  # every subscription is answered by a beat
        self._socket.bind(f"ipc://{path}")
        self._epoch = time.time_ns()
        self._rows: dict[CurrencyPair | None, _Row] = {}
        self._waiting: list[_Row] = []
        self._loop = asyncio.get_running_loop()
        self._readable = Readable(self._socket, self._on_subscription)
        self._closed = False
        self.published = 0
        self._beating = self._loop.call_later(BEAT_S, self._beat_again)

    def publish(self, event: Event) -> None:
        """Send an event with what this turn of the loop brings its row."""
        symbol = symbol_of(event)
        row = self._rows.get(symbol)
        if row is None:
            row = self._rows[symbol] = _Row(topics.prefix(self.name, topics.row_of(symbol)))
        if not row.pending:
            if not self._waiting:
                self._loop.call_soon(self.flush)
            self._waiting.append(row)
        row.pending.append(event)

    def flush(self) -> None:
        """Send what waits."""
        waiting, self._waiting = self._waiting, []
        if self._closed:
            return
        for row in waiting:
            events, row.pending = row.pending, []
            # an XPUB socket never blocks: a subscriber whose queue is full goes without
            self._socket.send(topics.pack(row.prefix, self._epoch, row.last + 1, events))
            row.last += len(events)
            self.published += len(events)
        self._readable.check()

    def close(self) -> None:
        """Say goodbye and free the address."""
        if self._closed:
            return
        self.flush()
        self._beat(leaving=True)
        self._closed = True
        self._beating.cancel()
        self._readable.close()
        self._claim.release()

    def _on_subscription(self, raw: bytes) -> None:
        if raw[:1] == b"\x01" and not self._closed:
            self.flush()
            self._beat()

    def _beat_again(self) -> None:
        self._beat()
        self._readable.check()
        self._beating = self._loop.call_later(BEAT_S, self._beat_again)

    def _beat(self, leaving: bool = False) -> None:
        rows = {topics.row_of(symbol): row.last for symbol, row in self._rows.items()}
        self._socket.send(topics.pack_beat(self.name, topics.Beat(self._epoch, rows, leaving)))


class Subscriber:
    """Follows one exchange and channel, of these pairs or of all.

    on_events: gets events in order, with what became of the link itself among them.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        root: Path,
        exchange: Exchange,
        channel: Channel,
        symbols: Sequence[CurrencyPair],
        on_events: Callable[[Sequence[Event]], None],
        *,
        queue_messages: int = QUEUE_MESSAGES,
    ) -> None:
        self.exchange, self.channel, self.symbols = exchange, channel, tuple(symbols)
        self.name = topics.address_name(exchange, channel)
        self._context, self._path = context, socket_path(root, self.name)
        self._queue_messages = queue_messages
        self._on_events = on_events
        self._stop = asyncio.Event()
        self.malformed = 0

    async def start(self) -> None:
        """Follow until `stop`. The publisher may come, go and come again."""
        wanted = frozenset(map(topics.row_of, self.symbols))
        self._sequences = Sequences(self.exchange, self.channel, wanted, time.time_ns())
        socket = self._context.socket(zmq.SUB)
        socket.rcvhwm = self._queue_messages
        socket.connect(f"ipc://{self._path}")
        for prefix in topics.subscriptions(self.name, self.symbols):
            socket.setsockopt(zmq.SUBSCRIBE, prefix)
        readable = Readable(socket, self._on_message)
        try:
            while not self._stop.is_set():
                self._give(self._sequences.tick(time.time_ns()))
                readable.check()
                try:
                    await asyncio.wait_for(self._stop.wait(), TICK_S)
                except TimeoutError:
                    continue
        finally:
            readable.close()

    async def stop(self) -> None:
        """Let `start` return."""
        self._stop.set()

    def _on_message(self, raw: bytes) -> None:
        now_ns = time.time_ns()
        try:
            said = topics.unpack(self.name, raw)
        except BadMessage as error:
            self.malformed += 1
            if self.malformed == 1:
                _log.warning("%s: %s", self.name, error)
            return
        if isinstance(said, topics.Beat):
            self._give(self._sequences.beat(said, now_ns))
            return
        count = len(said.events)
        self._give(self._sequences.data(said.row, said.epoch, said.first, count, now_ns))
        self._on_events(said.events)

    def _give(self, told: Sequence[StreamEvent]) -> None:
        if told:
            self._on_events(told)


def symbol_of(event: Event) -> CurrencyPair | None:
    """The pair an event is about; None: all of them."""
    if isinstance(event, (MarketEvent, StreamEvent, MyOrder, MyTrade)):
        return event.symbol
    return None
