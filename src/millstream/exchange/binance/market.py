"""Frames of Binance's market streams to events, of spot or of futures. Pure.

The usual frame is `{"stream":"btcusdt@trade","data":{...}}`: its handler is found by what stands
before the first comma (`feeding.py`). Raw streams, acknowledgements and snapshots take `_other`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import msgspec

from millstream.errors import ConfigError
from millstream.exchange.binance import wire
from millstream.exchange.binance.book import PairBook
from millstream.exchange.binance.channels import (
    depth_handler,
    kline_handler,
    ticker_handler,
    trade_handler,
)
from millstream.exchange.decoding import (
    ACKNOWLEDGEMENT,
    UNREADABLE,
    FrameCounts,
    SnapshotRequest,
    Topic,
    unreadable_reason,
)
from millstream.exchange.feeding import Handler, WrongFrame, feeder
from millstream.model import Channel, CurrencyPair, Event, Exchange, Refused

_depth = msgspec.json.Decoder(wire.Depth, strict=False).decode
_anything = msgspec.json.Decoder(wire.Anything, strict=False).decode


@dataclass(frozen=True, slots=True)
class Market:
    """In what Binance's markets differ."""

    exchange: Exchange
    stream_names: Callable[[CurrencyPair, Channel, str], tuple[str, ...]]  # the first is subscribed
    depth_path: Callable[[CurrencyPair, int], str]
    foreign: str  # why a frame of the other market is refused

    @property
    def is_spot(self) -> bool:
        """Or futures."""
        return self.exchange is Exchange.BINANCE


class MarketDecoder:
    """Typed events from the frames of one of Binance's markets.

    pairs, channels: what was subscribed; frames of other streams are counted as ignored.
    """

    def __init__(
        self,
        market: Market,
        pairs: Iterable[CurrencyPair],
        channels: Iterable[Channel],
        book_depth: int,
        candle_interval: str,
        snapshot_limit: int,
    ) -> None:
        self._market = market
        self.pairs = tuple(dict.fromkeys(pairs))
        self.channels = tuple(dict.fromkeys(channels))
        self._counts = FrameCounts()
        self._wanted: list[PairBook] = []  # books that want a snapshot
        self._books = (
            {pair: self._book(pair, book_depth, snapshot_limit) for pair in self.pairs}
            if Channel.BOOK in self.channels
            else {}
        )
        self._by_symbol = {wire.symbol(pair): pair for pair in self.pairs}
        self._topics = {
            (pair, channel): Topic(pair, channel)
            for channel in self.channels
            for pair in self.pairs
        }
        self._handlers: dict[bytes, Handler] = {}  # by the head of their frames
        self._raw_streams: dict[tuple[str, str], str] = {}  # (event type, symbol) to stream name
        for pair in self.pairs:
            for channel in self.channels:
                names = market.stream_names(pair, channel, candle_interval)
                handler = self._handler(pair, channel, candle_interval)
                self._handlers |= {wire.head(name): handler for name in names}
                self._raw_streams[wire.EVENT_TYPES[channel], wire.symbol(pair)] = names[0]
        self._refused: set[Channel] = set()
        self.wants_replacement = False  # the venue said that it will restart
        self.feed = feeder(self._counts, self._handlers, b",", self._other, _lost)

    @property
    def counts(self) -> FrameCounts:
        """Where every frame fed so far went."""
        return self._counts

    def feed_snapshot(self, pair: CurrencyPair, raw: bytes, received_ns: int) -> list[Event]:
        """The events that a REST answer to `snapshot_requests` makes possible. Never raises."""
        self._counts.frames += 1
        return self._snapshot(pair, raw, raw, received_ns)

    def snapshot_requests(self) -> list[SnapshotRequest]:
        """The snapshots wanted since the last call."""
        if not self._wanted:
            return []
        requests = [book.request() for book in self._wanted]
        self._wanted.clear()
        return requests

    def restart(self) -> None:
        """A new connection begins: books must be synced anew, trade ids go on."""
        self._wanted.clear()
        for book in self._books.values():
            book.restart()
        for topic in self._topics.values():
            topic.restart()
        self.wants_replacement = False

    def replaced(self) -> None:
        """The next frame comes from a new connection that took over from the old one."""
        self.wants_replacement = False

    def topics(self) -> list[Topic]:
        """Every subscription, channel by channel."""
        return list(self._topics.values())

    def _book(self, pair: CurrencyPair, depth: int, limit: int) -> PairBook:
        market = self._market
        path = market.depth_path(pair, limit)
        exact = not market.is_spot
        return PairBook(
            pair, self._counts, self._wanted, depth, limit, market.exchange, path, exact
        )

    def _handler(self, pair: CurrencyPair, channel: Channel, interval: str) -> Handler:
        exchange, topic = self._market.exchange, self._topics[pair, channel]
        match channel:
            case Channel.TICKER:
                return ticker_handler(topic, pair, self._counts, exchange, self._refuse_foreign)
            case Channel.TRADE:
                return trade_handler(topic, pair, self._counts, exchange, self._refuse_foreign)
            case Channel.BOOK:
                return depth_handler(topic, self._books[pair], exchange, self._refuse_foreign)
            case _:
                return kline_handler(topic, pair, self._counts, interval, exchange)

    def _other(self, raw: bytes, received_ns: int) -> list[Event]:
        """A frame of any other shape; raises as handlers do."""
        seen = _anything(raw)
        data = bytes(seen.data)
        if data and seen.rest is not None:
            return self._taped_snapshot(seen.rest, data, raw, received_ns)
        if data and seen.stream is not None:
            return self._stream(seen.stream, data, received_ns)
        if seen.error is not None:
            return self._refusal(seen.error, bytes(seen.id), raw, received_ns)
        if seen.lastUpdateId is not None and seen.s is None:
            return self._bare_snapshot(raw, received_ns)
        if seen.e == "serverShutdown":
            return self._on_shutdown()
        if seen.s is not None:
            return self._raw_stream(seen, raw, received_ns)
        if bytes(seen.id):
            for topic in self._asked_with(bytes(seen.id)):
                topic.acknowledged = True
            self._counts.ignore(ACKNOWLEDGEMENT)
            return []
        raise WrongFrame("a frame of no known kind")

    def _stream(self, name: str, data: bytes, received_ns: int) -> list[Event]:
        handler = self._handlers.get(wire.head(name))
        if handler is not None:
            return handler(wire.combined(name, data), received_ns)
        if name == "!serverShutdown":
            return self._on_shutdown()
        if self._market.is_spot and _anything(data).pu is not None:
            return self._refuse_foreign(Channel.BOOK, data, received_ns)
        self._counts.ignore("a stream that was not subscribed")
        return []

    def _raw_stream(self, seen: wire.Anything, data: bytes, received_ns: int) -> list[Event]:
        """A frame of `/ws`, which is the data of a combined one without its stream's name."""
        kind = seen.e
        if kind is None and bytes(seen.a) and bytes(seen.b):
            kind = "bookTicker"  # spot's has no event type
        name = self._raw_streams.get((kind or "", seen.s or ""))
        if name is not None:
            return self._stream(name, data, received_ns)
        if self._market.is_spot and (seen.pu is not None or seen.e == "bookTicker"):
            channel = Channel.BOOK if seen.pu is not None else Channel.TICKER
            return self._refuse_foreign(channel, data, received_ns)
        self._counts.ignore("a stream that was not subscribed")
        return []

    def _bare_snapshot(self, raw: bytes, received_ns: int) -> list[Event]:
        """A REST snapshot that does not say of what: that of the only pair that awaits one."""
        waiting = [pair for pair, book in self._books.items() if not book.synced]
        if len(waiting) == 1:
            return self._snapshot(waiting[0], raw, raw, received_ns)
        if waiting:
            raise WrongFrame("a snapshot of one of several pairs, without saying of which")
        self._counts.pass_over("a snapshot of a book that needs none")
        return []

    def _taped_snapshot(self, path: str, data: bytes, raw: bytes, received_ns: int) -> list[Event]:
        symbol = parse_qs(urlsplit(path).query).get("symbol", [""])[0]
        pair = self._by_symbol.get(symbol)
        if pair is None or pair not in self._books:
            self._counts.pass_over("a snapshot of a pair without a book")
            return []
        return self._snapshot(pair, data, raw, received_ns)

    def _snapshot(
        self, pair: CurrencyPair, data: bytes, raw: bytes, received_ns: int
    ) -> list[Event]:
        book = self._books.get(pair)
        if book is None:
            self._counts.pass_over("a snapshot of a pair without a book")
            return []
        try:
            depth = _depth(data)
        except UNREADABLE as error:
            self._counts.reject(unreadable_reason(error), str(error), raw)
            book.ask_again()
            return []
        if (depth.T is None) is not self._market.is_spot:
            return self._refuse_foreign(Channel.BOOK, raw, received_ns)
        return book.snapshot(depth, received_ns)

    def _refusal(
        self, problem: wire.Problem, request: bytes, raw: bytes, received_ns: int
    ) -> list[Event]:
        text = f"{problem.msg} (code {problem.code})"
        self._counts.refuse("the venue refused a request", text, raw)
        self._counts.refusals += 1
        asked = self._asked_with(request)
        for topic in asked:
            topic.refused = text
        channel = asked[0].channel if asked else next(iter(self.channels), Channel.TICKER)
        pair = asked[0].pair if len(asked) == 1 else None
        return [Refused(received_ns, self._market.exchange, channel, pair, text)]

    def _asked_with(self, request: bytes) -> list[Topic]:
        """What was subscribed by the request with this id."""
        channel, chunk = wire.read_request_id(request)
        asked = [topic for topic in self._topics.values() if topic.channel is channel]
        first = chunk * wire.STREAMS_PER_MESSAGE
        return asked[first : first + wire.STREAMS_PER_MESSAGE]

    def _on_shutdown(self) -> list[Event]:
        self._counts.ignore("the venue's notice of a restart")
        self.wants_replacement = True
        return []

    def _refuse_foreign(self, channel: Channel, raw: bytes, received_ns: int) -> list[Event]:
        """Count it; say so once per channel."""
        reason = self._market.foreign
        self._counts.refuse(reason, "", raw)
        if channel in self._refused:
            return []
        self._refused.add(channel)
        self._counts.refusals += 1
        return [Refused(received_ns, self._market.exchange, channel, None, reason)]


def _lost(raw: bytes, received_ns: int) -> list[Event]:
    """Nothing: of whatever had a number, the next number misses it."""
    return []


def check_settings(
    book_depth: int, candle_interval: str, intervals: Sequence[str], snapshot_limit: int
) -> None:
    """Raise ConfigError for what no market of Binance accepts."""
    if candle_interval not in intervals:
        raise ConfigError(
            f'candle_interval "{candle_interval}" is not one of Binance\'s; '
            f"accepted: {', '.join(intervals)}."
        )
    if not 1 <= book_depth <= snapshot_limit // 2:
        raise ConfigError(
            f"book_depth is {book_depth}; accepted: 1 to half the snapshot_limit "
            f"({snapshot_limit // 2})."
        )
