"""Where the frames of a channel go, and what it says of its subscriptions. Pure."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

import msgspec

from millstream.model import Channel, Event
from millstream.stream.seldom import Seldom
from millstream.stream.topics import Topic

OnFrame: TypeAlias = Callable[[bytes, int], None]
OnPacket: TypeAlias = Callable[[Any], object]

_log = logging.getLogger(__name__)


class Probe(Protocol):
    """Listens to a connection that is not used yet, to know when its data has begun."""

    def frame(self, raw: bytes, received_ns: int) -> None:
        """A frame of that connection."""

    def topics(self) -> Sequence[Topic]:
        """What is known of its subscriptions."""


class Receiver(Probe, Protocol):
    """What becomes of one channel's frames."""

    @property
    def wants_replacement(self) -> bool:
        """The venue said that it will end this connection."""

    def restart(self) -> None:
        """A new connection begins."""

    def probe(self) -> Probe:
        """A listener for a connection that is to replace this one."""

    def replaced(self) -> None:
        """The next frame comes from the replacement."""

    async def reconcile(self) -> Sequence[Event]:
        """What the venue does not repeat after a connect: asked for by other ways."""


class Plain:
    """Of a stream without a decoder: one topic for all, acknowledged by being there."""

    wants_replacement = False

    def __init__(self, channel: Channel, receive: OnFrame) -> None:
        self._receive = receive
        self._channel = channel
        self._topic = Topic(None, channel)

    def frame(self, raw: bytes, received_ns: int) -> None:
        """Note the time and hand on."""
        self._topic.last_ns = received_ns
        self._topic.updates += 1
        self._receive(raw, received_ns)

    def topics(self) -> Sequence[Topic]:
        """The one."""
        return [self._topic]

    def restart(self) -> None:
        """Nothing was heard yet."""
        self._topic.restart()
        self._topic.acknowledged = True

    def probe(self) -> Probe:
        """Another that hands nothing on."""
        return Plain(self._channel, lambda raw, received_ns: None)

    def replaced(self) -> None:
        """Nothing to do."""

    async def reconcile(self) -> Sequence[Event]:
        """Nothing to ask."""
        return ()


class Parsed:
    """A receiver of raw frames that hands on parsed JSON, and counts what is none."""

    def __init__(self, channel: Channel, on_packet: OnPacket) -> None:
        self._channel, self._on_packet = channel, on_packet
        self._decode, self._complaints = msgspec.json.Decoder().decode, Seldom()
        self.malformed = 0

    def frame(self, raw: bytes, received_ns: int) -> None:
        """One frame."""
        try:
            packet = self._decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self.malformed += 1
            if count := self._complaints.count(received_ns):
                text = "%s: %d frames are not JSON (%s); the last: %r"
                _log.warning(text, self._channel, count, error, raw[:200])
            return
        self._on_packet(packet)
