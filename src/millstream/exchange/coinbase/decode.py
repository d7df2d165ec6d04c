"""Coinbase's frames to events. Pure: bytes and their receive time in, events out.

A frame begins with `{"channel":"ticker",...` (Advanced Trade) or `{"type":"ticker",...` (the
Exchange feed): its handler is found by what stands before the first comma (`feeding.py`). Whatever
looks different takes `_other`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import msgspec

from millstream.exchange.coinbase import advanced, exchange_feed, exchange_wire, wire
from millstream.exchange.coinbase.account import Account
from millstream.exchange.coinbase.book import PairBook
from millstream.exchange.coinbase.connection import Line
from millstream.exchange.coinbase.feeds import BOOK_CHANNELS, check_settings
from millstream.exchange.coinbase.series import PairCandles, PairTrades
from millstream.exchange.coinbase.words import product_id
from millstream.exchange.decoding import (
    ACKNOWLEDGEMENT,
    UNREADABLE,
    Topic,
    unreadable_reason,
)
from millstream.exchange.feeding import Handler, WrongFrame, feeder
from millstream.exchange.streamed import StreamedDecoder
from millstream.model import Channel, CurrencyPair, Event, Exchange, Refused

T = TypeVar("T")

_NOT_LISTED = "the acknowledgement does not list it: a misspelt or unknown pair"

_advanced_ack = msgspec.json.Decoder(wire.AckFrame, strict=False).decode
_exchange_ack = msgspec.json.Decoder(exchange_wire.Subscriptions, strict=False).decode
_anything = msgspec.json.Decoder(wire.Anything, strict=False).decode
_rest_orders = msgspec.json.Decoder(wire.RestOrders).decode


class CoinbaseDecoder(StreamedDecoder):
    """Typed events from the frames of one Coinbase connection.

    pairs, channels: what was subscribed; frames of other products are counted as ignored.
    feed: "advanced" (Advanced Trade) or "exchange" (the Exchange feed: no candles, nothing own).
    book_depth: levels on each side of a `Book`.
    candle_interval: "5m" is the only one.
    """

    def __init__(
        self,
        pairs: Iterable[CurrencyPair],
        channels: Iterable[Channel],
        *,
        feed: str = "advanced",
        book_depth: int = 20,
        candle_interval: str = wire.INTERVAL,
        book_channel: str = BOOK_CHANNELS[0],
    ) -> None:
        super().__init__(Exchange.COINBASE, pairs, channels)
        check_settings(feed, self.channels, book_depth, candle_interval, book_channel)
        self._advanced = feed == "advanced"
        first = self.channels[0] if self.channels else Channel.TICKER
        self._line = Line(first, self._counts, self._invalidate)
        self._books = {
            pair: PairBook(pair, topic, self._line, self._counts, book_depth)
            for pair, topic in self._of(Channel.BOOK)
        }
        self._trades = {
            pair: PairTrades(pair, topic, self._counts) for pair, topic in self._of(Channel.TRADE)
        }
        self._told: dict[tuple[Channel, str], int] = {}  # the Exchange feed's last numbers
        self._account = Account(self.channels)
        self._private = any(channel.private for channel in self.channels)
        named = self._advanced_handlers() if self._advanced else self._exchange_handlers()
        self._handlers = {self._head(name): handler for name, handler in named.items()}
        self.feed = feeder(self._counts, self._handlers, b",", self._other, self._lost)

    @property
    def wants_replacement(self) -> bool:
        """Nothing but a new connection helps: frames of this one are missing."""
        return bool(self._line.given_up)

    def replaced(self) -> None:
        """The next frame comes from the new connection, which began while the old one lived."""
        self._line.replaced()
        for book in self._books.values():
            book.replaced()
        self._account.restart()

    def give_up(self, pair: CurrencyPair | None) -> None:
        """New subscriptions did not heal this pair's book."""
        self._line.give_up(f"{pair}: new subscriptions of its book did not heal it")

    def resubscriptions(self) -> list[CurrencyPair]:
        """Pairs that want a new subscription, since the last call; asking empties the list."""
        pairs = list(self._line.anew)
        self._line.anew.clear()
        return pairs

    def restart(self) -> None:
        """A new connection begins: books must be synced anew, trade ids go on."""
        self._line.restart()
        self._invalidate()
        self._account.restart()
        self._told.clear()
        for topic in self._topics:
            topic.restart()

    # ---- the handlers of what was subscribed ----------------------------------------------------

    def _head(self, name: str) -> bytes:
        """What its frames begin with, up to their first comma."""
        return (b'{"channel":"' if self._advanced else b'{"type":"') + name.encode() + b'"'

    def _advanced_handlers(self) -> dict[str, Handler]:
        line, counts = self._line, self._counts
        handlers: dict[str, Handler] = {
            "subscriptions": self._acknowledged,
            "heartbeats": self._heartbeat,
        }
        for channel in self.channels:
            match channel:
                case Channel.TICKER:
                    tickers = _served([(pair, (pair, t)) for pair, t in self._of(channel)])
                    handlers["ticker"] = advanced.ticker_handler(tickers, line, counts)
                case Channel.TRADE:
                    trades = _served(self._trades.items())
                    handlers["market_trades"] = advanced.trade_handler(trades, line, counts)
                case Channel.BOOK:
                    books = _served(self._books.items())
                    handlers["l2_data"] = advanced.book_handler(books, line, counts)
                case Channel.CANDLE:
                    candles = _served(
                        [(pair, PairCandles(pair, t, counts)) for pair, t in self._of(channel)]
                    )
                    handlers["candles"] = advanced.candle_handler(candles, line, counts)
                case _:
                    own = [topic for topic in self._topics if topic.pair is None]
                    handlers["user"] = advanced.user_handler(self._account, own, line, counts)
        return handlers

    def _exchange_handlers(self) -> dict[str, Handler]:
        counts = self._counts
        trades = {product_id(pair): one for pair, one in self._trades.items()}
        books = {product_id(pair): one for pair, one in self._books.items()}
        handlers: dict[str, Handler] = {
            "subscriptions": self._exchange_acknowledged,
            "heartbeat": exchange_feed.heartbeat_handler(trades, self._told, counts),
        }
        if Channel.TICKER in self.channels:
            tickers = {product_id(pair): (pair, t) for pair, t in self._of(Channel.TICKER)}
            handlers["ticker"] = exchange_feed.ticker_handler(tickers, self._told, counts)
        if trades:
            handlers["match"] = exchange_feed.match_handler(trades, counts)
            handlers["last_match"] = handlers["match"]
        if books:
            handlers["snapshot"] = exchange_feed.snapshot_handler(books, counts)
            handlers["l2update"] = exchange_feed.update_handler(books, counts)
        return handlers

    # ---- own orders over REST -------------------------------------------------------------------

    @property
    def account(self) -> Account:
        """What is known of the own orders."""
        return self._account

    def feed_orders(self, raw: bytes, asked_ns: int, received_ns: int) -> list[Event]:
        """The events of REST's answer about own orders. Never raises.

        asked_ns: the venue's time when it was asked; what the stream told later stays.
        """
        self._counts.frames += 1
        try:
            orders = _rest_orders(raw).orders
            events = self._account.answer(orders, asked_ns, received_ns)
            self._counts.own(events)
            return events
        except UNREADABLE as error:
            self._counts.reject(unreadable_reason(error), str(error), raw)
        except WrongFrame as error:
            self._counts.reject(str(error), "", raw)
        return []

    # ---- what is not data -----------------------------------------------------------------------

    def _acknowledged(self, raw: bytes, received_ns: int) -> list[Event]:
        """Advanced Trade lists everything the connection is subscribed to, after every subscribe.

        The heartbeats are subscribed last: whatever is missing beside them was refused.
        """
        frame = _advanced_ack(raw)
        events = self._numbered(frame.sequence_num, received_ns)
        listed: dict[str, list[str]] = {}
        for part in frame.events:
            listed |= part.subscriptions
        self._counts.ignore(ACKNOWLEDGEMENT)
        for topic in self._topics:
            name = wire.NAMES[topic.channel]
            products = listed.get(name)
            pair = topic.pair
            if products is not None and (
                pair is None or any(one in products for one in wire.served_as(pair))
            ):
                topic.acknowledged, topic.refused = True, ""
            elif products is not None or wire.HEARTBEATS in listed:
                events += self._refuse(topic, _NOT_LISTED, received_ns)
        return events

    def _exchange_acknowledged(self, raw: bytes, received_ns: int) -> list[Event]:
        """The Exchange feed lists everything, too."""
        listed = {one.name: one.product_ids for one in _exchange_ack(raw).channels}
        self._counts.ignore(ACKNOWLEDGEMENT)
        events: list[Event] = []
        for topic in self._topics:
            if topic.pair is None:
                continue
            name = exchange_wire.NAMES[topic.channel]
            names = BOOK_CHANNELS if topic.channel is Channel.BOOK else (name,)
            if any(product_id(topic.pair) in listed.get(one, ()) for one in names):
                topic.acknowledged, topic.refused = True, ""
            elif exchange_wire.HEARTBEAT in listed:
                events += self._refuse(topic, _NOT_LISTED, received_ns)
        return events

    def _heartbeat(self, raw: bytes, received_ns: int) -> list[Event]:
        seen = _anything(raw)
        if seen.sequence_num is None:
            raise WrongFrame("a frame without its number")
        own = self._account.heartbeat(seen.timestamp, received_ns) if self._private else []
        events = self._numbered(seen.sequence_num, received_ns)
        if not own:
            self._counts.ignore("a heartbeat")
            return events
        self._counts.own(own)
        return events + own

    def _other(self, raw: bytes, received_ns: int) -> list[Event]:
        """A frame of any other shape; raises as handlers do."""
        seen = _anything(raw)
        name = seen.channel if self._advanced else seen.type
        handler = self._handlers.get(self._head(name or ""))
        if handler is not None:
            return handler(raw, received_ns)
        if seen.type == "error":
            return self._error(seen, raw, received_ns)
        if name is None:
            raise WrongFrame("a frame of no known kind")
        events: list[Event] = []
        if self._advanced:
            if seen.sequence_num is None:
                raise WrongFrame("a frame without its number")
            events = self._numbered(seen.sequence_num, received_ns)
        self._counts.ignore("a channel that was not subscribed")
        return events

    def _error(self, seen: wire.Anything, raw: bytes, received_ns: int) -> list[Event]:
        """A refusal: of the products it names, else of whatever is not acknowledged yet."""
        text = ": ".join(part for part in (seen.message, seen.reason) if part) or "no reason given"
        self._counts.refuse("the venue refused a request", text, raw)
        named = [
            topic
            for topic in self._topics
            if topic.pair is not None and product_id(topic.pair) in text
        ]
        if named:
            return [event for one in named for event in self._refuse(one, text, received_ns)]
        waiting = [topic for topic in self._topics if not topic.acknowledged]
        for topic in waiting:
            topic.refused = text
        self._counts.refusals += 1
        channel = (waiting or self._topics)[0].channel if self._topics else Channel.TICKER
        return [Refused(received_ns, Exchange.COINBASE, channel, None, text)]

    def _refuse(self, topic: Topic, reason: str, received_ns: int) -> list[Event]:
        if topic.refused or topic.acknowledged:
            return []
        topic.refused = reason
        self._counts.refusals += 1
        return [Refused(received_ns, Exchange.COINBASE, topic.channel, topic.pair, reason)]

    def _numbered(self, number: int, received_ns: int) -> list[Event]:
        line = self._line
        events = [] if number == line.expected else line.jump(number, received_ns)
        line.expected = number + 1
        return events

    def _lost(self, raw: bytes, received_ns: int) -> list[Event]:
        """A frame was of no use. Advanced Trade's numbers will miss it, but for the first one.

        The Exchange feed has none.
        """
        if self._advanced and self._line.expected >= 0:
            return []
        books = self._books.values()
        named = [book for book in books if product_id(book.pair).encode() in raw]
        reason = "a frame could not be read"
        return [book.lose(0, received_ns, reason) for book in named or books]

    def _invalidate(self) -> None:
        for book in self._books.values():
            book.restart()


def _served(pairs: Iterable[tuple[CurrencyPair, T]]) -> dict[str, list[T]]:
    """By each name that a pair's frames may bear; BTC-USD may stand for BTC/USDC, too."""
    named: dict[str, list[T]] = {}
    for pair, one in pairs:
        for name in wire.served_as(pair):
            named.setdefault(name, []).append(one)
    return named
