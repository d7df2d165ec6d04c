"""Kraken spot's frames to events. Pure: bytes and their receive time in, events out.

A frame begins with `{"channel":"ticker",...`: its handler is found by what stands before the first
comma (`feeding.py`). Whatever looks different takes `_other`.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from millstream.exchange.decoding import ACKNOWLEDGEMENT
from millstream.exchange.feeding import Handler, WrongFrame, feeder
from millstream.exchange.kraken import wire
from millstream.exchange.kraken.account import Account
from millstream.exchange.kraken.book import PairBook
from millstream.exchange.kraken.channels import (
    candle_handler,
    execution_handler,
    ticker_handler,
    trade_handler,
)
from millstream.exchange.streamed import ResubscribedDecoder
from millstream.model import Channel, CurrencyPair, Event, Exchange

_KRAKEN = Exchange.KRAKEN
_books = msgspec.json.Decoder(wire.BookFrame).decode
_anything = msgspec.json.Decoder(wire.Anything).decode


class KrakenDecoder(ResubscribedDecoder):
    """Typed events from the frames of one connection to Kraken spot.

    pairs, channels: what was subscribed; frames of other symbols are counted as ignored.
    book_depth: levels on each side of a `Book`. Kraken's checksum covers ten: only then is every
    level that is served known to be right.
    candle_interval: "1m", "5m", "15m", "30m", "1h", "4h", "1d", "1w", "15d".
    """

    def __init__(
        self,
        pairs: Iterable[CurrencyPair],
        channels: Iterable[Channel],
        *,
        book_depth: int = 10,
        candle_interval: str = "1m",
    ) -> None:
        super().__init__(_KRAKEN, pairs, channels)
        wire.subscribed_depth(book_depth)
        wire.minutes(candle_interval)
        self._interval = candle_interval
        self._books = {
            wire.symbol(pair): PairBook(pair, topic, self._counts, self._wanted, book_depth)
            for pair, topic in self._of(Channel.BOOK)
        }
        self._account = Account(self.channels, self._counts, self._wanted)
        self._handlers: dict[bytes, Handler] = {
            wire.head(wire.NAMES[channel]): self._handler(channel) for channel in self.channels
        }
        self._handlers[wire.head("heartbeat")] = self._heartbeat
        self._handlers[wire.head("status")] = self._status
        self.feed = feeder(self._counts, self._handlers, b",", self._other, self._lost)

    @property
    def account(self) -> Account:
        """What is known of the own orders."""
        return self._account

    def replaced(self) -> None:
        """The next frame comes from the new connection, which begins with snapshots."""
        self.wants_replacement = False
        self._wanted.clear()
        self._account.replaced()
        for book in self._books.values():
            book.replaced()

    def restart(self) -> None:
        """A new connection begins: books must be synced anew, trade ids go on."""
        self.wants_replacement = False
        self._wanted.clear()
        self._account.restart()
        for book in self._books.values():
            book.restart()
        for topic in self._topics:
            topic.restart()

    # ---- a handler per channel ------------------------------------------------------------------

    def _handler(self, channel: Channel) -> Handler:
        counts = self._counts
        served = {wire.symbol(pair): (pair, topic) for pair, topic in self._of(channel)}
        match channel:
            case Channel.TICKER:
                return ticker_handler(served, counts)
            case Channel.TRADE:
                return trade_handler(served, counts)
            case Channel.BOOK:
                return self._book
            case Channel.CANDLE:
                return candle_handler(served, counts, self._interval)
            case _:
                topics = [topic for topic in self._topics if topic.pair is None]
                return execution_handler(self._account, topics, counts)

    def _book(self, raw: bytes, received_ns: int) -> list[Event]:
        counts, frame = self._counts, _books(raw)
        events: list[Event] = []
        before = counts.books
        for depth in frame.data:
            book = self._books.get(depth.symbol)
            if book is None:
                continue
            book.topic.last_ns = received_ns
            book.topic.updates += 1
            take = book.snapshot if frame.type == "snapshot" else book.update
            events += take(depth, received_ns)
        told = counts.books - before
        if told:
            counts.further += told - 1
        elif events:
            counts.ignore("an update that does not fit the book")
        else:
            counts.ignore("of a book that awaits its snapshot, or was not subscribed")
        return events

    # ---- what is not data -----------------------------------------------------------------------

    def _heartbeat(self, raw: bytes, received_ns: int) -> list[Event]:
        if _anything(raw).channel != "heartbeat":
            return self._other(raw, received_ns)
        self._counts.ignore("a heartbeat")
        return []

    def _status(self, raw: bytes, received_ns: int) -> list[Event]:
        if _anything(raw).channel != "status":
            return self._other(raw, received_ns)
        self._counts.ignore("the venue's status")
        return []

    def _other(self, raw: bytes, received_ns: int) -> list[Event]:
        """A frame of any other shape; raises as handlers do."""
        seen = _anything(raw)
        if seen.success is False or (seen.error and seen.success is None):
            return self._refusal(seen, raw, received_ns)
        if seen.method is not None:
            if seen.method == "subscribe" and seen.result is not None:
                self._acknowledge(seen.result)
            self._counts.ignore(ACKNOWLEDGEMENT)
            return []
        if seen.channel is None:
            raise WrongFrame("a frame of no known kind")
        handler = self._handlers.get(wire.head(seen.channel))
        if handler is not None:
            return handler(raw, received_ns)
        self._counts.ignore("a channel that was not subscribed")
        return []

    def _acknowledge(self, told: wire.Subscribed) -> None:
        for topic in self._topics:
            of_pair = topic.pair is None or wire.symbol(topic.pair) == told.symbol
            if wire.NAMES[topic.channel] == told.channel and of_pair:
                topic.acknowledged, topic.refused = True, ""

    def _refusal(self, seen: wire.Anything, raw: bytes, received_ns: int) -> list[Event]:
        """Of the pair it names; else of whatever is not acknowledged yet."""
        text = seen.error or "no reason given"
        self._counts.refuse("the venue refused a request", text, raw)
        if seen.method == "unsubscribe":
            return []  # a new subscription of a pair that had none: the subscribe follows
        again = (seen.req_id or 0) - wire.AGAIN
        resubscribed = self.pairs[again] if 0 <= again < len(self.pairs) else None
        named = [
            topic
            for topic in self._topics
            if topic.pair is not None
            and (
                topic.pair == resubscribed
                or wire.symbol(topic.pair) == seen.symbol
                or wire.symbol(topic.pair) in text
            )
        ]
        return self._refuse_all(named, text, received_ns)

    def _lost(self, raw: bytes, received_ns: int) -> list[Event]:
        """A frame was of no use: what it may have changed is not known any more.

        Trades miss their number, tickers and candles come again; a book and the account do not.
        """
        reason = "a frame could not be read"
        if self._books and b"heartbeat" not in raw:
            named = [book for name, book in self._books.items() if name.encode() in raw]
            return [
                book.lose(received_ns, "", "", reason) for book in named or self._books.values()
            ]
        if any(channel.private for channel in self.channels):
            return [self._account.lose(received_ns, "", "", 0, reason)]
        return []
