"""A book from TWS's rows: insert, update or delete at a position of one side. Pure.

    state      row fits                 row does not fit or cannot be read,       both sides there
                                        or reset, or halted
    filling    kept                     Gap -> lost                               -> served
    served     Book, unless crossed     Gap -> lost                               -
    lost       ignored                  ignored                                   -

TWS has no numbering and no end of a snapshot. Its one rule is that positions have no holes: a row
for a position beyond the end says that something is missing, and the pair is asked for again.
Between two rows of one change a book may be crossed: such a moment is not served, and when it lasts
it is an error too. With several market makers a price may have several rows: one level here.
"""

from __future__ import annotations

from collections.abc import Callable

from millstream.exchange.decoding import FrameCounts
from millstream.model import Book, Channel, CurrencyPair, Event, Exchange, Gap, Levels, Resynced

INSERT, UPDATE, DELETE = 0, 1, 2
ASK, BID = 0, 1
MAX_CROSSED = 50  # rows in a row

_IB = Exchange.IB


class PairBook:
    """One pair's book; `want` is called when it must be asked for again."""

    def __init__(self, pair: CurrencyPair, counts: FrameCounts, want: Callable[[], None]) -> None:
        self.pair = pair
        self._counts, self._want = counts, want
        self._sides: tuple[list[tuple[float, float]], list[tuple[float, float]]] = ([], [])
        self._levels: list[Levels | None] = [(), ()]  # of each side; None: out of order
        self._served = self._lost = False
        self._crossed = 0

    def restart(self) -> None:
        """It was asked for anew: rows begin at position 0."""
        self._sides = ([], [])
        self._levels = [(), ()]
        self._served = self._lost = False
        self._crossed = 0

    def row(
        self, position: int, operation: int, side: int, price: float, volume: float, now_ns: int
    ) -> list[Event]:
        """The events of one row."""
        if self._lost:
            self._counts.ignore("a depth row of a book that is asked for again")
            return []
        rows = self._sides[side]
        end = len(rows) if operation == INSERT else len(rows) - 1
        if position > end:
            expected = f"position 0 to {end}" if end >= 0 else "an insert"
            return self.lose(now_ns, expected, str(position), "a depth row is missing")
        if operation == INSERT:
            rows.insert(position, (price, volume))
        elif operation == UPDATE:
            rows[position] = (price, volume)
        else:
            del rows[position]
        self._levels[side] = _levels(rows, -1.0 if side == BID else 1.0)
        return self._serve(now_ns)

    def lose(self, now_ns: int, expected: str, got: str, reason: str) -> list[Event]:
        """What is known is not the venue's book: say so, and ask again."""
        self._counts.ignore(reason)
        return self.gap(now_ns, expected, got, reason)

    def gap(self, now_ns: int, expected: str, got: str, reason: str) -> list[Event]:
        """The same of a frame that is counted already."""
        if self._lost:
            return []
        self._lost, self._served = True, False
        self._counts.gaps += 1
        self._want()
        return [Gap(now_ns, _IB, Channel.BOOK, self.pair, expected, got, 0, reason)]

    def _serve(self, now_ns: int) -> list[Event]:
        asks, bids = self._levels
        if asks == () or bids == ():
            self._counts.ignore("a depth row of a book with one side")
            return []
        if not asks or not bids or bids[0][0] >= asks[0][0]:
            self._crossed += 1
            if self._crossed > MAX_CROSSED:
                return self.lose(now_ns, "", "", "the book stays crossed or out of order")
            self._counts.ignore("a depth row amid a change of the book")
            return []
        self._crossed = 0
        self._counts.books += 1
        book = Book(now_ns, _IB, self.pair, 0, bids, asks, 0)
        if self._served:
            return [book]
        self._served = True
        self._counts.resynced += 1
        return [Resynced(now_ns, _IB, Channel.BOOK, self.pair, 0), book]


def _levels(rows: list[tuple[float, float]], sign: float) -> Levels | None:
    """Rows of one price as one level, best first; None when the prices are not in order."""
    levels: list[tuple[float, float]] = []
    last = 0.0
    for row in rows:
        price, volume = row
        if price == last:
            if levels:
                levels[-1] = (price, levels[-1][1] + volume)
        elif sign * price > sign * last or not last:
            levels.append(row)
            last = price
        else:
            return None
    if all(level[1] for level in levels):
        return tuple(levels)
    return tuple(level for level in levels if level[1] > 0.0)
