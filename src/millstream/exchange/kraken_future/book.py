"""A Kraken Futures book: a snapshot, then one price in each frame, numbered one by one. Pure.

    state       snapshot            number follows      number seen     hole
    unsynced    Resynced, Book      ignored; for long:  ignored         ignored
                                    Gap
    synced      Resynced, Book      Book                ignored         Gap -> unsynced

Of a move, one frame takes an ask away and another one sets the bid: between the two a book may be
crossed, and is not served. When it stays so, it is wrong (Gap). After a Gap the product is to be
subscribed anew, and only that one: `wanted`. When another connection takes over, see `handover.py`.
"""

from __future__ import annotations

from millstream.exchange.awaited import NO_SNAPSHOT, AwaitedSnapshot
from millstream.exchange.book import OrderBook
from millstream.exchange.decoding import FrameCounts, Topic
from millstream.exchange.handover import Handover
from millstream.exchange.kraken_future.wire import BookLevel, BookSnapshot
from millstream.model import Book, Channel, CurrencyPair, Event, Exchange, Gap, Resynced

_KRAKEN_FUTURE = Exchange.KRAKEN_FUTURE
CROSSED_FOR = 100  # frames in a row


class PairBook:
    """One pair's book."""

    __slots__ = (
        *("_book", "_counts", "_crossed", "_depth", "_handover", "_last", "_snapshot", "_wanted"),
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
        self._handover, self._snapshot = Handover(), AwaitedSnapshot()

    def restart(self) -> None:
        """What is known is old: serve nothing until the next snapshot."""
        self.synced = False
        self._handover.restart()
        self._snapshot.restart()

    def replaced(self) -> None:
        """Another connection takes over; its snapshot comes next."""
        self._handover.begin(self.synced)
        self._snapshot.restart()
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
        self._snapshot.restart()
        handover, exchange_ns = self._handover, frame.timestamp * 1_000_000
        if handover.resume() and not handover.is_newer(exchange_ns, frame.seq):
            return self._served(exchange_ns, received_ns)
        self._counts.resynced += 1
        pair, channel = self.pair, Channel.BOOK
        resynced = Resynced(received_ns, _KRAKEN_FUTURE, channel, pair, frame.seq)
        return [resynced, *self._served(exchange_ns, received_ns)]

    def level(self, frame: BookLevel, received_ns: int) -> list[Event]:
        """The events of one changed price."""
        if not self.synced:
            self._counts.ignore("of a book that awaits its snapshot")
            late = self._snapshot.is_late(received_ns)
            return [self.lose(received_ns, "", "", 0, NO_SNAPSHOT)] if late else []
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
        return self._served(frame.timestamp * 1_000_000, received_ns)

    def lose(self, received_ns: int, expected: str, got: str, missing: int, reason: str) -> Gap:
        """The book is not to be served until it was subscribed anew."""
        self.restart()
        self._wanted.append(self.pair)
        self._counts.gaps += 1
        pair, channel = self.pair, Channel.BOOK
        return Gap(received_ns, _KRAKEN_FUTURE, channel, pair, expected, got, missing, reason)

    def _served(self, exchange_ns: int, received_ns: int) -> list[Event]:
        handover, number = self._handover, self._last
        if handover.not_before_ns and handover.is_old(exchange_ns, number):
            self._counts.ignore("a book older than one served before")
            return []
        handover.served_ns, handover.served_number = exchange_ns, number
        self._counts.books += 1
        book, depth, pair = self._book, self._depth, self.pair
        bids, asks = book.bids.top(depth), book.asks.top(depth)
        return [Book(received_ns, _KRAKEN_FUTURE, pair, exchange_ns, bids, asks, number)]
