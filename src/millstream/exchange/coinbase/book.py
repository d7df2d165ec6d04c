"""A book from a snapshot and updates with absolute volumes, for both of Coinbase's feeds. Pure.

Neither feed numbers the updates of one book. Advanced Trade numbers the frames of the connection,
so that a hole makes every book on it invalid; the Exchange feed has nothing but the order of TCP,
and what could not be read is missing for good.

    state       snapshot         update     crossed book, or on the     hole in Advanced Trade's
                                            Exchange feed a malformed   connection
                                            frame
    unsynced    Resynced, Book   ignored;   malformed: Gap, this pair   -
                                 for long:  is subscribed anew
                                 Gap
    synced      Resynced, Book   Book       Gap -> unsynced, this       Gap -> unsynced, all books;
                                            pair is subscribed anew     a new connection

When another connection takes over, see `handover.py`.
"""

from __future__ import annotations

from collections.abc import Iterable

from millstream.exchange.awaited import NO_SNAPSHOT, AwaitedSnapshot
from millstream.exchange.book import Level, OrderBook
from millstream.exchange.coinbase.connection import Line
from millstream.exchange.decoding import FrameCounts, Topic
from millstream.exchange.handover import Handover
from millstream.model import Book, Channel, CurrencyPair, Event, Exchange, Gap, Resynced

_COINBASE = Exchange.COINBASE
CROSSED_AGAIN_NS = 10_000_000_000


class PairBook:
    """One pair's book."""

    def __init__(
        self, pair: CurrencyPair, topic: Topic, line: Line, counts: FrameCounts, depth: int
    ) -> None:
        self.pair, self.synced = pair, False
        self._topic, self._line, self._counts, self._depth = topic, line, counts, depth
        self._book = OrderBook()
        self._crossed_ns = -CROSSED_AGAIN_NS  # when it was found crossed last
        self._handover, self._snapshot = Handover(), AwaitedSnapshot()

    def restart(self) -> None:
        """What is known may be wrong from here on: serve nothing until the next snapshot."""
        self.synced = False
        self._book = OrderBook()
        self._handover.restart()
        self._snapshot.restart()

    def replaced(self) -> None:
        """Another connection takes over; its snapshot comes next."""
        self._handover.begin(self.synced)
        self._snapshot.restart()
        self.synced = False

    def load(
        self,
        bids: Iterable[Level],
        asks: Iterable[Level],
        update_id: int,
        exchange_ns: int,
        received_ns: int,
    ) -> list[Event]:
        """The events of a snapshot."""
        self._book.load(bids, asks)
        self.synced = True
        self._snapshot.restart()
        handover = self._handover
        goes_on = handover.resume() and not handover.is_newer(exchange_ns)
        events = self._served(update_id, exchange_ns, received_ns)
        if self.synced and not goes_on:
            self._counts.resynced += 1
            resynced = Resynced(received_ns, _COINBASE, Channel.BOOK, self.pair, update_id)
            events.insert(0, resynced)
        return events

    def apply(
        self,
        bids: Iterable[Level],
        asks: Iterable[Level],
        update_id: int,
        exchange_ns: int,
        received_ns: int,
    ) -> list[Event]:
        """The events of an update; none before the first snapshot."""
        if not self.synced:
            late = self._snapshot.is_late(received_ns)
            return [self.lose(update_id, received_ns, NO_SNAPSHOT)] if late else []
        self._book.apply(bids, asks)
        return self._served(update_id, exchange_ns, received_ns)

    def lose(self, update_id: int, received_ns: int, reason: str) -> Gap:
        """Serve nothing more, and ask for this book anew."""
        self._line.anew.append(self.pair)
        return self._gap(update_id, received_ns, reason)

    def _served(self, update_id: int, exchange_ns: int, received_ns: int) -> list[Event]:
        book, pair = self._book, self.pair
        if book.crossed:
            return [self._crossed(update_id, received_ns)]
        self._topic.last_ns = received_ns
        self._topic.updates += 1
        handover = self._handover
        if handover.not_before_ns and handover.is_old(exchange_ns):
            return []
        handover.served_ns = exchange_ns
        self._counts.books += 1
        bids, asks = book.bids.top(self._depth), book.asks.top(self._depth)
        return [Book(received_ns, _COINBASE, pair, exchange_ns, bids, asks, update_id)]

    def _crossed(self, update_id: int, received_ns: int) -> Gap:
        """Ask for this book anew; when that did not help just before, for a new connection."""
        reason = "the book is crossed"
        if received_ns - self._crossed_ns < CROSSED_AGAIN_NS:
            self._line.give_up(f"{self.pair}: {reason} again")
            gap = self._gap(update_id, received_ns, reason)
        else:
            gap = self.lose(update_id, received_ns, reason)
        self._crossed_ns = received_ns
        return gap

    def _gap(self, update_id: int, received_ns: int, reason: str) -> Gap:
        self.restart()
        self._counts.gaps += 1
        got = str(update_id) if update_id else ""
        return Gap(received_ns, _COINBASE, Channel.BOOK, self.pair, "", got, 0, reason)
