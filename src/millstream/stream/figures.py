"""How every subscription stands, in numbers: for the command line and for Prometheus. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from millstream.model import Channel, CurrencyPair, Exchange
from millstream.stream.settings import ChannelStatistics
from millstream.stream.topics import Topic


class Stream(Protocol):
    """What is looked at."""

    exchange: Exchange

    def statistics(self) -> list[ChannelStatistics]:
        """The figures of every channel."""

    def topics(self) -> list[Topic]:
        """Every subscription."""


class Figures(msgspec.Struct, frozen=True):
    """One subscription. All from `frames` on is its connection's: that of its channel."""

    exchange: str
    channel: str
    pair: str  # "": the whole channel
    state: str  # "idle", "connecting", "waiting", "stopped"; connected: its own, as of a Topic
    age_s: float | None  # of its last data; None: there was none on this connection
    rate: float | None  # updates a second; None: not known yet
    updates: int  # how often its data came
    frames: int
    gaps: int
    reconnects: int
    malformed: int
    refused: int
    dropped: int


class Rates:
    """Updates a second of each subscription, between one look and the next."""

    def __init__(self) -> None:
        self._before: dict[tuple[int, Channel, CurrencyPair | None], tuple[int, int]] = {}

    def look(self, place: int, topic: Topic, now_ns: int) -> float | None:
        """The rate since the last look at this subscription of a stream; None at the first."""
        key = place, topic.channel, topic.pair
        before = self._before.get(key)
        self._before[key] = now_ns, topic.updates
        if before is None or now_ns <= before[0]:
            return None
        return (topic.updates - before[1]) / ((now_ns - before[0]) / 1e9)


def figures(streams: Sequence[Stream], rates: Rates, now_ns: int) -> list[Figures]:
    """One row for each subscription of these streams, in their order."""
    rows: list[Figures] = []
    for place, stream in enumerate(streams):
        topics = stream.topics()
        for told in stream.statistics():
            own = [topic for topic in topics if topic.channel == told.channel]
            rows += [
                _row(stream.exchange, told, topic, rates.look(place, topic, now_ns), now_ns)
                for topic in own or [Topic(None, told.channel)]
            ]
    return rows


def _row(
    exchange: Exchange, told: ChannelStatistics, topic: Topic, rate: float | None, now_ns: int
) -> Figures:
    return Figures(
        exchange=str(exchange),
        channel=str(told.channel),
        pair="" if topic.pair is None else str(topic.pair),
        state=topic.state if told.state == "connected" else told.state,
        age_s=round((now_ns - topic.last_ns) / 1e9, 3) if topic.last_ns else None,
        rate=None if rate is None else round(rate, 1),
        updates=topic.updates,
        frames=told.frames,
        gaps=told.gaps,
        reconnects=told.reconnects,
        malformed=told.malformed,
        refused=told.refused,
        dropped=told.dropped,
    )
