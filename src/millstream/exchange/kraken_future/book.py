"""A Kraken Futures book: a snapshot, then one price in each frame, numbered one by one. Pure.

    state       snapshot            number follows      number seen     hole
    unsynced    Resynced, Book      ignored             ignored         ignored
    synced      Resynced, Book      Book                ignored         Gap -> unsynced

Of a move, one frame takes an ask away and another one sets the bid: between the two a book may be
crossed, and is not served. When it stays so, it is wrong (Gap). After a Gap the product is to be
subscribed anew, and only that one: `wanted`.
"""

from __future__ import annotations

from millstream.exchange.book import OrderBook
from millstream.exchange.decoding import FrameCounts, Topic
from millstream.exchange.kraken_future.wire import BookLevel, BookSnapshot
from millstream.model import Book, Channel, CurrencyPair, Event, Exchange, Gap, Resynced

_KRAKEN_FUTURE = Exchange.KRAKEN_FUTURE
CROSSED_FOR = 100  # frames in a row


class PairBook:
    """One pair's book."""

    __slots__ = (
        *("_book", "_counts", "_crossed", "_depth", "_last", "_wanted"),
        *("pair", "synced", "topic"),
    )

    def __init__(
        self,
        pair: CurrencyPair,
        topic: Topic,
        counts: FrameCounts,
        wanted: list[CurrencyPair | None],
        depth: int,
    ) -> None:
        self.pair, self.topic, self.synced = pair, topic, False
        self._counts, self._wanted, self._depth = counts, wanted, depth
        self._book = OrderBook()
        self._last = 0  # the number of the last frame in the book
        self._crossed = 0  # for so many frames

    def restart(self) -> None:
        """What is known is old: serve nothing until the next snapshot."""
        self.synced = False

    def snapshot(self, frame: BookSnapshot, received_ns: int) -> list[Event]:
        """The events of a snapshot."""
        self._book.load(
            [(level.price, level.qty) for level in frame.bids],
            [(level.price, level.qty) for level in frame.asks],
        )
        self._last, self._crossed = frame.seq, 0
        if self._book.crossed:
            self._counts.ignore("a snapshot that is crossed")
            return [self.lose(received_ns, "", "", 0, "the book is crossed")]
        self.synced = True
        self._counts.resynced += 1
        pair, channel = self.pair, Channel.BOOK
        resynced = Resynced(received_ns, _KRAKEN_FUTURE, channel, pair, frame.seq)
        return [resynced, self._served(frame.timestamp, received_ns)]

    def level(self, frame: BookLevel, received_ns: int) -> list[Event]:
        """The events of one changed price."""
        if not self.synced:
            self._counts.ignore("of a book that awaits its snapshot")
            return []
        number, expected = frame.seq, self._last + 1
        if number != expected:
            if number < expected:
                self._counts.ignore("a book's frame seen before")
                return []
            self._counts.ignore("a book's frame after a hole")
            missing, reason = number - expected, "frames of the book are missing"
            return [self.lose(received_ns, str(expected), str(number), missing, reason)]
        self._last = number
        book = self._book
        side = book.bids if frame.side == "buy" else book.asks
        side.apply(((frame.price, frame.qty),))
        if book.crossed:
            self._counts.ignore("a book that is crossed between two frames")
            self._crossed += 1
            if self._crossed < CROSSED_FOR:
                return []
            return [self.lose(received_ns, "", "", 0, "the book is crossed")]
        self._crossed = 0
        return [self._served(frame.timestamp, received_ns)]

    def lose(self, received_ns: int, expected: str, got: str, missing: int, reason: str) -> Gap:
        """The book is not to be served until it was subscribed anew."""
        self.synced = False
        self._wanted.append(self.pair)
        self._counts.gaps += 1
        pair, channel = self.pair, Channel.BOOK
        return Gap(received_ns, _KRAKEN_FUTURE, channel, pair, expected, got, missing, reason)

    def _served(self, timestamp: int, received_ns: int) -> Book:
        self._counts.books += 1
        book, depth = self._book, self._depth
        return Book(
            received_ns,
            _KRAKEN_FUTURE,
            self.pair,
            timestamp * 1_000_000,
            book.bids.top(depth),
            book.asks.top(depth),
            self._last,
        )
