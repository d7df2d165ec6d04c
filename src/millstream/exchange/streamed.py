"""What decoders share whose venue says everything over the stream, its snapshots too. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from millstream.exchange.decoding import FrameCounts, SnapshotRequest, Topic
from millstream.model import Channel, CurrencyPair, Event, Exchange, Refused


class StreamedDecoder:
    """The subscriptions of one connection, and where its frames went; nothing is asked of REST.

    A subclass is a `Decoder` with its `feed` and `restart`.
    """

    def __init__(
        self, exchange: Exchange, pairs: Iterable[CurrencyPair], channels: Iterable[Channel]
    ) -> None:
        self.exchange = exchange
        self.pairs = tuple(dict.fromkeys(pairs))
        self.channels = tuple(dict.fromkeys(channels))
        self._counts = FrameCounts()
        self._topics = [
            Topic(pair, channel)
            for channel in self.channels
            for pair in ((None,) if channel.private else self.pairs)
        ]

    @property
    def counts(self) -> FrameCounts:
        """Where every frame fed so far went."""
        return self._counts

    def topics(self) -> Sequence[Topic]:
        """One per subscription: pair and channel."""
        return self._topics

    def feed_snapshot(self, pair: CurrencyPair, raw: bytes, received_ns: int) -> list[Event]:
        """Nothing: snapshots come over the stream."""
        self._counts.frames += 1
        self._counts.pass_over("a REST snapshot that nobody asked for")
        return []

    def snapshot_requests(self) -> list[SnapshotRequest]:
        """Always empty."""
        return []

    def _of(self, channel: Channel) -> list[tuple[CurrencyPair, Topic]]:
        """The subscriptions of a market's channel."""
        return [(t.pair, t) for t in self._topics if t.channel is channel and t.pair is not None]


class ResubscribedDecoder(StreamedDecoder):
    """One that says which books, or whether the account, must be subscribed anew."""

    def __init__(
        self, exchange: Exchange, pairs: Iterable[CurrencyPair], channels: Iterable[Channel]
    ) -> None:
        super().__init__(exchange, pairs, channels)
        self.wants_replacement = False
        self._wanted: list[CurrencyPair | None] = []

    def resubscriptions(self) -> list[CurrencyPair | None]:
        """Who needs a new subscription, once; None is the account."""
        if not self._wanted:
            return []
        wanted = list(dict.fromkeys(self._wanted))
        self._wanted.clear()
        return wanted

    def _refuse(
        self, topic: Topic, pair: CurrencyPair | None, reason: str, received_ns: int
    ) -> Event:
        """A subscription that the venue refuses; pair: whom the venue named, if it did."""
        topic.acknowledged, topic.refused = False, reason
        self._counts.refusals += 1
        return Refused(received_ns, self.exchange, topic.channel, pair, reason)

    def _refuse_all(self, named: Sequence[Topic], reason: str, received_ns: int) -> list[Event]:
        """What the venue refuses by name; else one of those that are not acknowledged yet."""
        if named:
            return [self._refuse(topic, topic.pair, reason, received_ns) for topic in named]
        waiting = [topic for topic in self._topics if not topic.acknowledged]
        events = [self._refuse(topic, None, reason, received_ns) for topic in waiting[:1]]
        for topic in waiting:
            topic.refused = reason
        return events
