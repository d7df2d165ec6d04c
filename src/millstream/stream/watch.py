"""The watchdog over subscriptions: late acknowledgements, missing first data, old data. Pure.

    topic     told when                              told as
    asked     not acknowledged after ack_s           Refused, once a connection
    silent    no first data after first_data_s       Refused, once a connection
    live      its data is older than stale_s         Stale, once
    stale     data comes                             nothing: the data says so; armed anew

A private channel may be silent for days: only its acknowledgement is watched.
"""

from __future__ import annotations

from collections.abc import Sequence

from millstream.model import Event, Exchange, Refused, Stale
from millstream.stream.topics import Topic


class Watch:
    """Watches the topics of one connection."""

    def __init__(
        self, exchange: Exchange, ack_s: float, first_data_s: float, stale_s: float, began_ns: int
    ) -> None:
        self._exchange = exchange
        self._ack_s, self._first_data_s = ack_s, first_data_s
        self._stale_s = stale_s
        self._began_ns = began_ns
        self._warned: set[int] = set()  # topics by their place

    def look(self, topics: Sequence[Topic], now_ns: int) -> list[Event]:
        """What is to be told now."""
        events: list[Event] = []
        for place, topic in enumerate(topics):
            event = self._age(topic, now_ns) if topic.last_ns else self._late(place, topic, now_ns)
            if event is not None:
                events.append(event)
        return events

    def _late(self, place: int, topic: Topic, now_ns: int) -> Refused | None:
        if topic.refused or place in self._warned:
            return None
        reason = self._lateness(topic, (now_ns - self._began_ns) / 1e9)
        if not reason:
            return None
        self._warned.add(place)
        return Refused(now_ns, self._exchange, topic.channel, topic.pair, reason)

    def _lateness(self, topic: Topic, waited_s: float) -> str:
        if not topic.acknowledged and waited_s >= self._ack_s:
            return f"no acknowledgement and no data within {self._ack_s:g} s"
        if not topic.channel.private and waited_s >= self._first_data_s:
            return f"no data within {self._first_data_s:g} s: a quiet market, or a wrong name"
        return ""

    def _age(self, topic: Topic, now_ns: int) -> Stale | None:
        silent_ns = now_ns - topic.last_ns
        if silent_ns < self._stale_s * 1e9:
            topic.stale = False
            return None
        if topic.stale or topic.channel.private:
            return None
        topic.stale = True
        return Stale(
            now_ns,
            self._exchange,
            topic.channel,
            topic.pair,
            silent_ns,
            f"no data for more than {self._stale_s:g} s",
        )
