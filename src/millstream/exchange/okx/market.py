"""Frames of OKX's public, business and private connections to events, of spot or swap. Pure.

The usual frame is `{"arg":{"channel":"trades","instId":"BTC-USDT"},"data":[...]}`: its handler is
found by what stands before the first } (`feeding.py`). Whatever looks different takes `_other`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec

from millstream.errors import ConfigError
from millstream.exchange.decoding import (
    ACKNOWLEDGEMENT,
    UNREADABLE,
    FrameCounts,
    SnapshotRequest,
    Topic,
    unreadable_reason,
)
from millstream.exchange.feeding import Handler, WrongFrame, feeder
from millstream.exchange.okx import wire
from millstream.exchange.okx.account import Account
from millstream.exchange.okx.book import PairBook
from millstream.exchange.okx.channels import (
    book_handler,
    candle_handler,
    ticker_handler,
    trade_handler,
)
from millstream.exchange.okx.contracts import Contract
from millstream.exchange.okx.instruments import Instruments
from millstream.model import Channel, CurrencyPair, Event, Exchange, Refused

_anything = msgspec.json.Decoder(wire.Anything).decode
_orders = msgspec.json.Decoder(wire.Orders).decode


class MarketDecoder:
    """Typed events from the frames of one of OKX's markets.

    pairs, channels: what was subscribed; frames of other subscriptions are counted as ignored. The
    private channels hear of all pairs of their market.
    contract_values: base currency in one contract, by pair; usually REST says it (`feed_snapshot`).
    """

    def __init__(
        self,
        exchange: Exchange,
        pairs: Iterable[CurrencyPair],
        channels: Iterable[Channel],
        *,
        book_depth: int,
        candle_interval: str,
        trade_channel: str,
        book_channel: str,
        contract_values: Mapping[str, str] | None,
    ) -> None:
        check_settings(book_depth, candle_interval, trade_channel, book_channel)
        self.exchange = exchange
        self.pairs = tuple(dict.fromkeys(pairs))
        self.channels = tuple(dict.fromkeys(channels))
        self.wants_replacement = False
        self._book_depth, self._interval = book_depth, candle_interval
        self._trade_channel, self._book_channel = trade_channel, book_channel
        self._counts = FrameCounts()
        self._resubscribe: list[CurrencyPair | None] = []
        self._instruments = Instruments(exchange, self.pairs)
        self._books: dict[CurrencyPair, PairBook] = {}
        self._topics: dict[tuple[str, str], Topic] = {}
        self._subscribed: dict[tuple[str, str], Handler] = {}
        self._handlers: dict[bytes, Handler] = {}
        private = [channel for channel in self.channels if channel.private]
        self._private = Topic(None, private[0]) if private else None
        self.account = Account(exchange, private[0], self._instruments.find) if private else None
        for pair in self.pairs:
            for channel in self.channels:
                if not channel.private:
                    self._subscribe(pair, channel)
        self._unasked = not self._instruments.spot
        for name, value in (contract_values or {}).items():
            pair = CurrencyPair.parse(name)
            self._instruments.learn(self._instruments.name(pair), Contract(Decimal(value)))
        self._arm()
        self.feed = feeder(self._counts, self._handlers, b"}", self._other, self._lost)

    # ---- what every decoder does ----------------------------------------------------------------

    @property
    def counts(self) -> FrameCounts:
        """Where every frame fed so far went."""
        return self._counts

    def topics(self) -> Sequence[Topic]:
        """Every subscription."""
        private = [self._private] if self._private is not None else []
        return [*self._topics.values(), *private]

    def feed_snapshot(self, pair: CurrencyPair, raw: bytes, received_ns: int) -> list[Event]:
        """Take in what `/api/v5/public/instruments` says of contracts. Never raises."""
        self._counts.frames += 1
        return self._take_contracts(raw, received_ns)

    def snapshot_requests(self) -> list[SnapshotRequest]:
        """What one contract is worth, of all swaps at once; asked for once."""
        if not self._unasked or not self.wants_contracts:
            return []
        self._unasked = False
        return [self.contracts_request()]

    def restart(self) -> None:
        """A new connection begins: books begin anew, trade ids go on."""
        self.wants_replacement = False
        self._resubscribe.clear()
        for book in self._books.values():
            book.restart()
        for topic in self.topics():
            topic.restart()

    def replaced(self) -> None:
        """The next frame comes from the new connection, which begins with whole books."""
        self.wants_replacement = False
        for book in self._books.values():
            book.replaced()

    # ---- what OKX's stream asks besides ---------------------------------------------------------

    @property
    def wants_contracts(self) -> bool:
        """True until the contracts are known that sizes are counted in."""
        return self._instruments.unknown

    def contracts_request(self) -> SnapshotRequest:
        """Where REST says it."""
        pair = self.pairs[0] if self.pairs else CurrencyPair.BTC_USDT
        return SnapshotRequest(pair, f"{wire.INSTRUMENTS_PATH}?instType={self.kind}")

    def learn_from(self, other: MarketDecoder) -> None:
        """Take over the contracts that another decoder knows."""
        self._instruments.learn_from(other._instruments)
        self._arm()

    @property
    def kind(self) -> str:
        """The venue's name of this market."""
        return self._instruments.kind

    def resubscriptions(self) -> list[CurrencyPair | None]:
        """Pairs whose book wants a new subscription, since the last call."""
        if not self._resubscribe:
            return []
        pairs = self._resubscribe[:]
        self._resubscribe.clear()
        return pairs

    def arguments(self, pair: CurrencyPair | None = None) -> list[dict[str, str]]:
        """What to subscribe: of one pair, or all."""
        market = [
            {"channel": channel, "instId": instrument}
            for (channel, instrument), topic in self._topics.items()
            if pair is None or topic.pair == pair
        ]
        private = self._private is not None and pair is None
        return [*market, {"channel": wire.ORDERS, "instType": self.kind}] if private else market

    # ---- frames ---------------------------------------------------------------------------------

    def _subscribe(self, pair: CurrencyPair, channel: Channel) -> None:
        name = wire.subscription(channel, self._trade_channel, self._book_channel, self._interval)
        topic = Topic(pair, channel)
        key = (name, self._instruments.name(pair))
        self._topics[key] = topic
        self._subscribed[key] = self._handler(topic)

    def _handler(self, topic: Topic) -> Handler:
        exchange, counts, pair = self.exchange, self._counts, topic.pair
        assert pair is not None
        units = self._instruments.units[pair]
        match topic.channel:
            case Channel.TICKER:
                return ticker_handler(exchange, topic, units, counts)
            case Channel.TRADE:
                return trade_handler(exchange, topic, units, counts)
            case Channel.BOOK:
                book = PairBook(exchange, pair, units, counts, self._resubscribe, self._book_depth)
                self._books[pair] = book
                return book_handler(topic, book, self._book_channel in wire.WHOLE_BOOKS, counts)
            case _:
                return candle_handler(exchange, topic, self._interval, counts)

    def _arm(self) -> None:
        """Let the frames of pairs be decoded whose contracts are known."""
        for (channel, instrument), handler in self._subscribed.items():
            pair = self._topics[channel, instrument].pair
            if pair is not None and self._instruments.units[pair].known:
                key = f'{{"arg":{{"channel":"{channel}","instId":"{instrument}"'
                self._handlers[key.encode()] = handler

    def _other(self, raw: bytes, received_ns: int) -> list[Event]:
        """A frame of any other shape; raises as handlers do."""
        if raw == wire.PONG:
            self._counts.ignore("an answer to a ping")
            return []
        seen = _anything(raw)
        if seen.event is not None:
            return self._said(seen, raw, received_ns)
        if seen.rest is not None and bytes(seen.data):
            return self._take_contracts(bytes(seen.data), received_ns)
        if seen.arg is None or not bytes(seen.data):
            raise WrongFrame("a frame of no known kind")
        if seen.arg.channel == wire.ORDERS and self.account is not None:
            return self._account(raw, received_ns)
        key = (seen.arg.channel, seen.arg.instId)
        handler = self._subscribed.get(key)
        pair = self._topics[key].pair if handler is not None else None
        if handler is None or pair is None:
            self._counts.ignore("a channel that was not subscribed")
            return []
        if not self._instruments.units[pair].known:
            self._counts.ignore("sizes in contracts of a worth that is not known yet")
            return []
        return handler(raw, received_ns)

    def _account(self, raw: bytes, received_ns: int) -> list[Event]:
        assert self.account is not None
        assert self._private is not None
        events = self.account.orders(_orders(raw).data, received_ns)
        self._private.last_ns = received_ns
        self._private.updates += 1
        self._counts.own(events)
        return events

    def _said(self, seen: wire.Anything, raw: bytes, received_ns: int) -> list[Event]:
        """What the venue says about the connection."""
        counts, argument = self._counts, seen.arg or wire.Argument()
        topic = self._topics.get((argument.channel, argument.instId))
        if argument.channel == wire.ORDERS:
            topic = self._private
        match seen.event:
            case "subscribe":
                if topic is not None:
                    topic.acknowledged = True
                counts.ignore(ACKNOWLEDGEMENT)
            case "notice":
                self.wants_replacement = self.wants_replacement or seen.code == wire.CLOSING_SOON
                counts.ignore("a notice of the venue")
            case "error" | "channel-conn-count-error":
                return self._refusal(seen, topic, raw, received_ns)
            case "login" if seen.code != "0":
                return self._refusal(seen, self._private, raw, received_ns)
            case _:
                counts.ignore(f"a word about the connection: {str(seen.event)[:40]}")
        return []

    def _refusal(
        self, seen: wire.Anything, topic: Topic | None, raw: bytes, received_ns: int
    ) -> list[Event]:
        reason = seen.msg or seen.event or ""
        if seen.code:
            reason += f" (code {seen.code})"
        if seen.event == "channel-conn-count-error":
            reason = f"too many connections have the channel {seen.channel} of this account"
            topic = self._private
        named = topic or self._named(seen.msg) or (self._private if not self._topics else None)
        if named is not None:
            named.refused = reason
        self._counts.refuse("the venue refused a request", reason, raw)
        self._counts.refusals += 1
        subscribed = self.channels[0] if self.channels else Channel.TICKER
        channel = named.channel if named is not None else subscribed
        pair = named.pair if named is not None else None
        return [Refused(received_ns, self.exchange, channel, pair, reason)]

    def _named(self, text: str) -> Topic | None:
        """The subscription that an error's text names: "channel:tickers,instId:X doesn't exist"."""
        found = [
            topic
            for (channel, instrument), topic in self._topics.items()
            if f"channel:{channel},instId:{instrument} " in f"{text} ".replace(".", " ")
        ]
        return found[0] if found else None

    def _lost(self, raw: bytes, received_ns: int) -> list[Event]:
        """A frame was of no use. The next one names it; where none was read it may be the first."""
        if b'"channel"' in raw and f'"channel":"{self._book_channel}"'.encode() not in raw:
            return []
        books = self._books.values()
        named = [book for book in books if self._instruments.name(book.pair).encode() in raw]
        return [
            book.lose(received_ns, "", "", "a frame could not be read")
            for book in named or books
            if not book.synced
        ]

    # ---- contracts ------------------------------------------------------------------------------

    def _take_contracts(self, raw: bytes, received_ns: int) -> list[Event]:
        try:
            told = self._instruments.take(raw)
        except UNREADABLE as error:
            self._counts.reject(unreadable_reason(error), str(error), raw)
            return []
        if not told:
            self._counts.pass_over("an answer about contracts that has none")
            return []
        self._counts.snapshots += 1
        self._arm()
        refused: list[Event] = []
        for topic in self._topics.values():
            if topic.pair is None or self._instruments.units[topic.pair].known:
                continue
            name = self._instruments.name(topic.pair)
            topic.refused = f"{name} is not among the venue's {self.kind} instruments"
            self._counts.refusals += 1
            refused.append(
                Refused(received_ns, self.exchange, topic.channel, topic.pair, topic.refused)
            )
        return refused


def check_settings(
    book_depth: int, candle_interval: str, trade_channel: str, book_channel: str
) -> None:
    """Raise ConfigError for what no market of OKX accepts."""
    if candle_interval not in wire.CANDLES:
        raise ConfigError(
            f'candle_interval "{candle_interval}" is not one of OKX\'s; '
            f"accepted: {', '.join(wire.CANDLES)}."
        )
    if trade_channel not in wire.TRADE_CHANNELS:
        accepted = ", ".join(wire.TRADE_CHANNELS)
        raise ConfigError(f'trade_channel is "{trade_channel}"; accepted: {accepted}.')
    if book_channel not in wire.BOOK_CHANNELS:
        accepted = ", ".join(wire.BOOK_CHANNELS)
        raise ConfigError(f'book_channel is "{book_channel}"; accepted: {accepted}.')
    if not 1 <= book_depth <= 400:
        raise ConfigError(f"book_depth is {book_depth}; accepted: 1 to 400.")
