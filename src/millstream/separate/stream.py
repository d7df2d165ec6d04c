"""The stream process: the exchanges' websockets, told to every robots process and to the orders."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from time import time_ns
from typing import Protocol, TypeAlias

from millstream.app import make_stream
from millstream.bus import Bus, EventPublisher, load_keys
from millstream.config import Config
from millstream.errors import BadMessage, MillstreamError
from millstream.exchange.live import VenueStream
from millstream.model import Channel, Exchange, Gap
from millstream.model.codec import encode_events
from millstream.robot import Market
from millstream.separate.letters import read_heard
from millstream.separate.places import bus_of, name_of, processes
from millstream.session.carrier import Carrier
from millstream.session.parts import DataPart, Part

__all__ = ["AwayFollower", "StreamPart", "follow_markets"]

_log = logging.getLogger(__name__)
_WAIT_MS = 200

Carry: TypeAlias = Callable[[Sequence[Market]], Callable[[], None]]


class Sender(Protocol):
    """The way to a part: `bus.Sender`, watched."""

    @property
    def there(self) -> bool:
        """Whether somebody listens at the other end."""

    def offer(self, body: bytes) -> bool:
        """Take a message, or say no when full."""


class AwayFollower:
    """A follower that may be away: nothing is kept for it then, and a `Gap` says so afterwards.

    Old prices are worth nothing to a process that has just begun; own orders come another way.
    """

    def __init__(
        self,
        name: str,
        sender: Sender,
        exchanges: Callable[[], Sequence[Exchange]],
        clock_ns: Callable[[], int],
    ) -> None:
        self.name = name
        self._sender, self._exchanges, self._clock_ns = sender, exchanges, clock_ns
        self._missed = 0  # batches, while it was away
        self._there = False

    @property
    def there(self) -> bool:
        """Whether it was there when it was last sent something."""
        return self._there

    def offer(self, body: bytes) -> bool:
        """Take a batch, or say no when full; taken and let go while it is away."""
        there = self._sender.there
        if there != self._there:
            self._there = there
            _log.warning("%s: %s", self.name, "is there" if there else "is away: waiting for it")
        if not there:
            self._missed += 1
            return True
        if self._missed and not self._sender.offer(encode_events(self._gaps())):
            return False
        self._missed = 0
        return self._sender.offer(body)

    def _gaps(self) -> list[Gap]:
        reason = f"this process was away: {self._missed} batches of events were not kept for it"
        now_ns = self._clock_ns()
        return [
            Gap(now_ns, exchange, Channel.TRADE, None, "", "", 0, reason)
            for exchange in self._exchanges()
        ]


class Hints(Protocol):
    """Where the orders call out what robots watch: `bus.Receiver`, a listener."""

    def receive(self, timeout_ms: int) -> bytes | None:
        """The latest hint, or None when none came in time."""


def follow_markets(hints: Hints, carry: Carry, stop: Callable[[], bool]) -> None:
    """Carry what robots watch, as soon as one does, until `stop()`.

    carry: makes the streams that markets still need; see `session.carrier.Carrier`. A market that
    cannot be carried is logged once; the others are.
    """
    known: set[str] = set()
    while not stop():
        body = hints.receive(_WAIT_MS)
        try:
            markets = read_heard(body).markets if body is not None else ()
        except BadMessage as error:
            _log.error("a hint that cannot be read was left out: %s", error)
            continue
        new = [market for market in markets if market not in known]
        known.update(new)
        _carry(new, carry)


def _carry(markets: Sequence[str], carry: Carry) -> None:
    """All of them together; where one cannot be, each by itself."""
    try:
        carry([Market.parse(market) for market in markets])()
    except MillstreamError as error:
        if len(markets) == 1:
            _log.error("%s is watched, and cannot be carried: %s", markets[0], error)
            return
        for market in markets:
            _carry([market], carry)


class StreamPart:
    """The streams of a session: `start` it, look at it, `stop` it, `close` it.

    Raises ConfigError.
    """

    def __init__(self, config: Config, directory: Path) -> None:
        self.directory = directory
        self.streams = [make_stream(section) for section in config.streams]
        with ExitStack() as opened:
            self.bus = opened.enter_context(Bus(load_keys(config.bus.keys)))
            ends = {name_of(one): bus_of(config, one).robo for one in processes(config)}
            ends["orders"] = config.bus.market
            self._followers = [
                AwayFollower(
                    name, self.bus.sender(endpoint, watched=True), self._exchanges, time_ns
                )
                for name, endpoint in ends.items()
            ]
            self._publisher = EventPublisher(self._followers, time_ns)
            for stream in self.streams:
                stream.bind_observer(self._publisher)
            self._data = DataPart(self.streams, [self._publisher])
            self._ending = threading.Event()
            carrier = Carrier(config.streams, make_stream, self._carry)
            self._markets = Part(
                "markets", follow_markets,
                self.bus.listener(config.bus.changes), carrier.carry, self._ending.is_set,
            )  # fmt: skip
            self._opened = opened.pop_all()

    def start(self) -> None:
        """Start the thread of all sockets, and the one that hears what robots watch."""
        self._data.start()
        self._markets.start()

    def failure(self) -> str:
        """What made a thread end before its time; "" while all is well."""
        parts = (self._data, self._markets)
        return next((f"{part.name}: {part.error}" for part in parts if part.error), "")

    def status(self) -> str:
        """One line for a screen."""
        frames = sum(one.frames for stream in self.streams for one in stream.statistics())
        away = [follower.name for follower in self._followers if not follower.there]
        waits = f"; waiting for {', '.join(away)}" if away else ""
        return f"stream: {frames:,} frames{waits}"

    def stop(self, reason: str) -> None:
        """End in good order."""
        self._ending.set()
        self._markets.finish()
        self._data.finish()

    def close(self) -> None:
        """Close the bus."""
        self._opened.close()

    def _carry(self, stream: VenueStream) -> None:
        """A stream for markets that nobody carried until now. From the thread of the markets."""
        stream.bind_observer(self._publisher)
        self.streams = [*self.streams, stream]
        self._data.add(stream)

    def _exchanges(self) -> Sequence[Exchange]:
        return sorted({stream.exchange for stream in self.streams})
