"""Kraken Futures' frames to events. Pure: bytes and their receive time in, events out.

What a frame is stands in its first `"feed":"..."`, wherever that is: it is cut out of the bytes and
looked up, and the handler's one pass of msgspec checks the rest. Whatever looks different takes
`_other`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

import msgspec

from millstream.errors import ConfigError
from millstream.exchange.decoding import (
    ACKNOWLEDGEMENT,
    UNREADABLE,
    Topic,
    unreadable_reason,
)
from millstream.exchange.kraken_future import wire
from millstream.exchange.kraken_future.account import Account
from millstream.exchange.kraken_future.book import PairBook
from millstream.exchange.kraken_future.trades import PairTrades
from millstream.exchange.streamed import ResubscribedDecoder
from millstream.model import Channel, CurrencyPair, Event, Exchange, Gap, Resynced, Ticker

Handler: TypeAlias = Callable[[bytes, int], list[Event]]

_KRAKEN_FUTURE = Exchange.KRAKEN_FUTURE
_NOT_SUBSCRIBED = "a product that was not subscribed"
_ticker = msgspec.json.Decoder(wire.Ticker).decode
_trade = msgspec.json.Decoder(wire.Trade).decode
_trades = msgspec.json.Decoder(wire.TradeSnapshot).decode
_book = msgspec.json.Decoder(wire.BookSnapshot).decode
_level = msgspec.json.Decoder(wire.BookLevel).decode
_orders = msgspec.json.Decoder(wire.OrderSnapshot).decode
_change = msgspec.json.Decoder(wire.OrderChange).decode
_fills = msgspec.json.Decoder(wire.Fills).decode
_anything = msgspec.json.Decoder(wire.Anything).decode


class WrongFrame(Exception):
    """Readable, but not what this venue may say."""


class KrakenFutureDecoder(ResubscribedDecoder):
    """Typed events from the frames of one connection to Kraken Futures.

    pairs, channels: what was subscribed; frames of other products are counted as ignored. Candles
    are not offered by the venue's websocket.
    book_depth: levels on each side of a `Book`.
    product_prefix: "PF_" (multi-collateral perpetuals) or "PI_" (inverse perpetuals, whose volumes
    are in dollars).
    """

    def __init__(
        self,
        pairs: Iterable[CurrencyPair],
        channels: Iterable[Channel],
        *,
        book_depth: int = 20,
        product_prefix: str = wire.PREFIXES[0],
    ) -> None:
        super().__init__(_KRAKEN_FUTURE, pairs, channels)
        check_settings(self.channels, book_depth, product_prefix)
        self._prefix = product_prefix
        self._lost_account = False
        self._acknowledged: dict[Topic, set[str]] = {topic: set() for topic in self._topics}
        self._own_topics = [topic for topic in self._topics if topic.pair is None]
        counts = self._counts
        self._books = {
            self._product(pair): PairBook(pair, topic, counts, self._wanted, book_depth)
            for pair, topic in self._of(Channel.BOOK)
        }
        self._trades = {
            self._product(pair): PairTrades(pair, topic, counts)
            for pair, topic in self._of(Channel.TRADE)
        }
        self._account = Account(self.channels, product_prefix)
        self._handlers = self._make_handlers()

    @property
    def account(self) -> Account:
        """What is known of the own orders."""
        return self._account

    def feed(self, raw: bytes, received_ns: int) -> list[Event]:
        """The events of one frame; an empty list when it has none. Never raises."""
        self._counts.frames += 1
        # An acknowledgement names a feed, too, and is none of its frames.
        is_event = raw.startswith(b'{"event"')
        feed = b"" if is_event else raw.partition(b'"feed":"')[2].partition(b'"')[0]
        try:
            if not raw.isascii():
                raw.decode()  # fields that nobody reads must be text, too
            return self._handlers.get(feed, self._other)(raw, received_ns)
        except UNREADABLE as error:
            reason, detail = unreadable_reason(error), str(error)
        except WrongFrame as error:
            reason, detail = str(error), ""
        self._counts.reject(reason, detail, raw)
        return self._lost(raw, received_ns)

    def replaced(self) -> None:
        """The next frame comes from the new connection, which begins with snapshots."""
        self.wants_replacement = False
        self._wanted.clear()
        for book in self._books.values():
            book.replaced()

    def restart(self) -> None:
        """A new connection begins: books must be synced anew, trade numbers go on."""
        self.wants_replacement = False
        self._wanted.clear()
        self._lost_account = False
        for book in self._books.values():
            book.restart()
        for topic in self._topics:
            topic.restart()
            self._acknowledged[topic].clear()

    # ---- a handler per feed ---------------------------------------------------------------------

    def _make_handlers(self) -> dict[bytes, Handler]:
        handlers: dict[bytes, Handler] = {}
        for channel in self.channels:
            match channel:
                case Channel.TICKER:
                    handlers[b"ticker"] = self._ticker_handler()
                case Channel.TRADE:
                    handlers |= {b"trade": self._trade, b"trade_snapshot": self._trade_snapshot}
                case Channel.BOOK:
                    handlers |= {b"book": self._level_handler(), b"book_snapshot": self._snapshot}
                case _:
                    for feed in wire.FEEDS[channel]:
                        orders = feed == "open_orders"
                        now = self._order if orders else self._fill
                        handlers[feed.encode()] = now
                        handlers[f"{feed}_snapshot".encode()] = (
                            self._order_snapshot if orders else self._fill
                        )
        return handlers

    def _product(self, pair: CurrencyPair) -> str:
        return wire.product(pair, self._prefix)

    def _ticker_handler(self) -> Handler:
        served = {self._product(pair): (pair, topic) for pair, topic in self._of(Channel.TICKER)}
        counts = self._counts

        def handle(raw: bytes, received_ns: int) -> list[Event]:
            told = _ticker(raw)
            found = served.get(told.product_id)
            if found is None:
                counts.ignore(_NOT_SUBSCRIBED)
                return []
            pair, topic = found
            topic.last_ns = received_ns
            topic.updates += 1
            bid, ask, bid_size, ask_size = told.bid, told.ask, told.bid_size, told.ask_size
            if not bid or not ask or bid_size is None or ask_size is None:
                counts.ignore("a market without a bid and an ask")
                return []
            counts.tickers += 1
            exchange_ns = told.time * 1_000_000
            return [
                Ticker(received_ns, _KRAKEN_FUTURE, pair, exchange_ns, bid, bid_size, ask, ask_size)
            ]

        return handle

    def _trade(self, raw: bytes, received_ns: int) -> list[Event]:
        told = _trade(raw)
        return self._take(told.product_id, [told], received_ns)

    def _trade_snapshot(self, raw: bytes, received_ns: int) -> list[Event]:
        told = _trades(raw)
        ordered = sorted(told.trades, key=lambda one: one.seq)  # it comes newest first
        return self._take(told.product_id, ordered, received_ns)

    def _take(self, product_id: str, told: Sequence[wire.Trade], received_ns: int) -> list[Event]:
        counts, trades = self._counts, self._trades.get(product_id)
        if trades is None:
            counts.ignore(_NOT_SUBSCRIBED)
            return []
        trades.topic.last_ns = received_ns
        trades.topic.updates += 1
        before = counts.trades
        events: list[Event] = []
        for one in told:
            events += trades.take(one, received_ns)
        new = counts.trades - before
        if new:
            if new > 1:
                counts.further += new - 1
        else:
            counts.ignore("trades seen before, or that are no trade of the market")
        return events

    def _snapshot(self, raw: bytes, received_ns: int) -> list[Event]:
        told = _book(raw)
        book = self._books.get(told.product_id)
        if book is None:
            self._counts.ignore(_NOT_SUBSCRIBED)
            return []
        book.topic.last_ns = received_ns
        book.topic.updates += 1
        return book.snapshot(told, received_ns)

    def _level_handler(self) -> Handler:
        books, counts = self._books, self._counts

        def handle(raw: bytes, received_ns: int) -> list[Event]:
            told = _level(raw)
            book = books.get(told.product_id)
            if book is None:
                counts.ignore(_NOT_SUBSCRIBED)
                return []
            book.topic.last_ns = received_ns
            book.topic.updates += 1
            return book.level(told, received_ns)

        return handle

    def _order_snapshot(self, raw: bytes, received_ns: int) -> list[Event]:
        events = self._account.snapshot(_orders(raw).orders, received_ns)
        return self._own(self._healed(received_ns) + events, received_ns)

    def _order(self, raw: bytes, received_ns: int) -> list[Event]:
        return self._own(self._account.change(_change(raw), received_ns), received_ns)

    def _fill(self, raw: bytes, received_ns: int) -> list[Event]:
        told = _fills(raw)
        snapshot = told.feed == "fills_snapshot"
        events = self._account.fills(told.fills, snapshot, received_ns)
        if snapshot and all("open_orders" not in wire.FEEDS[one] for one in self.channels):
            events = self._healed(received_ns) + events
        return self._own(events, received_ns)

    def _own(self, events: list[Event], received_ns: int) -> list[Event]:
        for topic in self._own_topics:
            topic.last_ns = received_ns
            topic.updates += 1
        self._counts.own(events)
        return events

    def _healed(self, received_ns: int) -> list[Event]:
        if not self._lost_account:
            return []
        self._lost_account = False
        self._counts.resynced += 1
        channel = self._own_topics[0].channel
        return [Resynced(received_ns, _KRAKEN_FUTURE, channel, None, 0)]

    # ---- what is not data -----------------------------------------------------------------------

    def _other(self, raw: bytes, received_ns: int) -> list[Event]:
        """A frame of any other shape; raises as handlers do."""
        seen = _anything(raw)
        if seen.event in ("alert", "error"):
            return self._refusal(seen, raw, received_ns)
        if seen.event == "subscribed":
            self._acknowledge(seen)
            self._counts.ignore(ACKNOWLEDGEMENT)
            return []
        if seen.event is not None:
            self._counts.ignore("the venue's own affairs")  # info, challenge, pong, unsubscribed
            return []
        if seen.feed is None:
            raise WrongFrame("a frame of no known kind")
        handler = self._handlers.get(seen.feed.encode())
        if handler is not None:
            return handler(raw, received_ns)
        self._counts.ignore("a feed that was not subscribed")
        return []

    def _acknowledge(self, seen: wire.Anything) -> None:
        products = {name.upper() for name in seen.product_ids}
        for topic in self._topics:
            feeds = wire.FEEDS[topic.channel]
            of_pair = topic.pair is None or self._product(topic.pair) in products
            if seen.feed in feeds and of_pair:
                self._acknowledged[topic].add(seen.feed)
                if len(self._acknowledged[topic]) == len(feeds):
                    topic.acknowledged, topic.refused = True, ""

    def _refusal(self, seen: wire.Anything, raw: bytes, received_ns: int) -> list[Event]:
        """Of the product it names; else of whatever is not acknowledged yet."""
        text = seen.message or "no reason given"
        self._counts.refuse("the venue refused a request", text, raw)
        if "not subscribed" in text.lower():
            return []  # the answer to an unsubscribe; the subscribe follows
        upper = text.upper()
        products = {name.upper() for name in seen.product_ids}
        named = [
            topic
            for topic in self._topics
            if topic.pair is not None
            and (self._product(topic.pair) in upper or self._product(topic.pair) in products)
        ]
        return self._refuse_all(named, text, received_ns)

    def _lost(self, raw: bytes, received_ns: int) -> list[Event]:
        """A frame was of no use. A number will miss a book's or a trade's.

        The account has none, and a book whose snapshot it may have been has none yet.
        """
        reason = "a frame could not be read"
        if not self._own_topics:
            named = [book for name, book in self._books.items() if name.encode() in raw]
            return [
                book.lose(received_ns, "", "", 0, reason)
                for book in named or self._books.values()
                if not book.synced
            ]
        self._lost_account = True
        self._wanted.append(None)
        self._counts.gaps += 1
        channel = self._own_topics[0].channel
        return [Gap(received_ns, _KRAKEN_FUTURE, channel, None, "", "", 0, reason)]


def check_settings(channels: Iterable[Channel], book_depth: int, product_prefix: str) -> None:
    """Raise ConfigError for what Kraken Futures does not offer."""
    for channel in channels:
        if channel not in wire.FEEDS:
            raise ConfigError(
                f'the websocket of kraken_future has no channel "{channel}"; '
                f"accepted: {', '.join(wire.FEEDS)}."
            )
    if book_depth < 1:
        raise ConfigError(f"book_depth is {book_depth}; accepted: 1 or more.")
    wire.check_prefix(product_prefix)
