"""Kraken Futures' frames to events. Pure: bytes and their receive time in, events out.

A frame's handler is found by what stands before the first comma, `{"feed":"trade"` (`feeding.py`);
else by its first `"feed":"..."`, wherever that is. Whatever looks different takes `_other`.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from millstream.errors import ConfigError
from millstream.exchange.decoding import ACKNOWLEDGEMENT, Topic
from millstream.exchange.feeding import Handler, WrongFrame, feeder
from millstream.exchange.kraken_future import wire
from millstream.exchange.kraken_future.account import Account
from millstream.exchange.kraken_future.book import PairBook
from millstream.exchange.kraken_future.channels import (
    book_handlers,
    ticker_handler,
    trade_handlers,
)
from millstream.exchange.kraken_future.trades import PairTrades
from millstream.exchange.streamed import ResubscribedDecoder
from millstream.model import Channel, CurrencyPair, Event, Exchange, Gap, Resynced

_KRAKEN_FUTURE = Exchange.KRAKEN_FUTURE
_orders = msgspec.json.Decoder(wire.OrderSnapshot).decode
_change = msgspec.json.Decoder(wire.OrderChange).decode
_fills = msgspec.json.Decoder(wire.Fills).decode
_anything = msgspec.json.Decoder(wire.Anything).decode


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
        self._account = Account(self.channels, product_prefix, self._counts)
        self._by_name: dict[bytes, Handler] = {}
        for channel in self.channels:
            for feed, handler in self._handlers(channel).items():
                self._by_name[feed.encode()] = handler
        heads = {b'{"feed":"' + name + b'"': one for name, one in self._by_name.items()}
        self.feed = feeder(counts, heads, b",", self._feed_finder(), self._lost)

    @property
    def account(self) -> Account:
        """What is known of the own orders."""
        return self._account

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

    def _feed_finder(self) -> Handler:
        """The handler of a frame that does not begin with its feed, as tickers do not."""
        by_name, other = self._by_name, self._other
        ticker = by_name.get(b"ticker", other)

        def find(raw: bytes, received_ns: int) -> list[Event]:
            if raw.startswith(b'{"time"') and ticker is not other:
                try:  # nearly always one: its pass tells sooner than a search for the feed
                    return ticker(raw, received_ns)
                except msgspec.ValidationError:
                    pass  # another feed, or no ticker that may be
            if raw.startswith(b'{"event"'):  # an acknowledgement names a feed and is none of it
                return other(raw, received_ns)
            feed = raw.partition(b'"feed":"')[2].partition(b'"')[0]
            return by_name.get(feed, other)(raw, received_ns)

        return find

    # ---- a handler per feed ---------------------------------------------------------------------

    def _handlers(self, channel: Channel) -> dict[str, Handler]:
        """By the names of their feeds."""
        counts = self._counts
        match channel:
            case Channel.TICKER:
                served = {self._product(pair): (pair, topic) for pair, topic in self._of(channel)}
                return ticker_handler(served, counts)
            case Channel.TRADE:
                return trade_handlers(self._trades, counts)
            case Channel.BOOK:
                return book_handlers(self._books, counts)
            case _:
                own: dict[str, Handler] = {}
                for feed in wire.FEEDS[channel]:
                    orders = feed == "open_orders"
                    own[feed] = self._order if orders else self._fill
                    own[f"{feed}_snapshot"] = self._order_snapshot if orders else self._fill
                return own

    def _product(self, pair: CurrencyPair) -> str:
        return wire.product(pair, self._prefix)

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
        handler = self._by_name.get(seen.feed.encode())
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
