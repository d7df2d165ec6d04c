"""The stream process: the exchanges' websockets, told to every robots process and to the orders."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from time import time_ns
from typing import Protocol

from millstream.app import make_stream
from millstream.bus import Bus, EventPublisher, load_keys
from millstream.config import Config
from millstream.model import Channel, Exchange, Gap
from millstream.model.codec import encode_events
from millstream.separate.places import bus_of, name_of, processes
from millstream.session.parts import DataPart

__all__ = ["AwayFollower", "StreamPart"]

_log = logging.getLogger(__name__)


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
        exchanges: Sequence[Exchange],
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
            for exchange in self._exchanges
        ]


class StreamPart:
    """The streams of a session: `start` it, look at it, `stop` it, `close` it.

    Raises ConfigError.
    """

    def __init__(self, config: Config, directory: Path) -> None:
        self.directory = directory
        self.streams = [make_stream(section) for section in config.streams]
        self.bus = Bus(load_keys(config.bus.keys))
        exchanges = sorted({Exchange.parse(section.exchange) for section in config.streams})
        ends = {name_of(one): bus_of(config, one).robo for one in processes(config)}
        ends["orders"] = config.bus.market
        self._followers = [
            AwayFollower(name, self.bus.sender(endpoint, watched=True), exchanges, time_ns)
            for name, endpoint in ends.items()
        ]
        publisher = EventPublisher(self._followers, time_ns)
        for stream in self.streams:
            stream.bind_observer(publisher)
        self._data = DataPart(self.streams, [publisher])

    def start(self) -> None:
        """Start the thread of all sockets."""
        self._data.start()

    def failure(self) -> str:
        """What made it end before its time; "" while all is well."""
        return f"data: {self._data.error}" if self._data.error else ""

    def status(self) -> str:
        """One line for a screen."""
        frames = sum(one.frames for stream in self.streams for one in stream.statistics())
        away = [follower.name for follower in self._followers if not follower.there]
        waits = f"; waiting for {', '.join(away)}" if away else ""
        return f"stream: {frames:,} frames{waits}"

    def stop(self, reason: str) -> None:
        """End in good order."""
        self._data.finish()

    def close(self) -> None:
        """Close the bus."""
        self.bus.close()
