"""What is quoted of one pair, less what own orders took of it. Pure."""

from __future__ import annotations

from decimal import Decimal
from math import inf
from typing import Final

from millstream.model import Book, MyOrder, Side, Ticker
from millstream.model.events import Levels

__all__ = ["PaperQuotes", "exact"]

_NOTHING: Final = Decimal(0)


class PaperQuotes:
    """The latest ticker and book; whoever feeds it sets them."""

    def __init__(self) -> None:
        self.ticker: Ticker | None = None
        self.book: Book | None = None
        self.taken: dict[tuple[Side, Decimal], Decimal] = {}  # until a newer quote, by own side

    def of(self, side: Side) -> Levels:
        """One side of the market: of the book, unless the ticker is newer."""
        if self.book is not None and (
            self.ticker is None or self.book.received_ns >= self.ticker.received_ns
        ):
            return self.book.bids if side is Side.BUY else self.book.asks
        if self.ticker is None:
            return ()
        if side is Side.BUY:
            return ((self.ticker.bid_price, self.ticker.bid_volume),)
        return ((self.ticker.ask_price, self.ticker.ask_volume),)

    def within(self, order: MyOrder) -> list[tuple[Decimal, Decimal]]:
        """The levels that the order's price reaches, and what own orders left of each."""
        levels = []
        for price, volume in self.of(order.side.opposite):
            if not (0 < price < inf and 0 < volume < inf):
                continue  # an empty side of a ticker
            level = exact(price)
            if order.price is not None and (order.price - level) * order.side.sign < 0:
                break
            taken = self.taken.get((order.side, level), _NOTHING)
            levels.append((level, max(_NOTHING, exact(volume) - taken)))
        return levels

    def take(self, side: Side, level: Decimal, volume: Decimal) -> None:
        """An own order of this side takes so much of a level."""
        self.taken[side, level] = self.taken.get((side, level), _NOTHING) + volume

    def ahead(self, side: Side, limit: float) -> Decimal | None:
        """The quoted volume at an own order's price; None where the quotes do not reach."""
        for quotes in (self.of(side), self._book_side(side)):
            for price, volume in quotes:
                if price == limit:
                    return exact(volume)
                if (limit - price) * side.sign > 0:
                    return _NOTHING  # better than this level, and at none before it
        return None

    def _book_side(self, side: Side) -> Levels:
        """The book alone, even when the ticker is newer: it reaches deeper."""
        if self.book is None:
            return ()
        return self.book.bids if side is Side.BUY else self.book.asks


def exact(number: float) -> Decimal:
    """The decimal a market float was written as."""
    return Decimal(repr(number))
