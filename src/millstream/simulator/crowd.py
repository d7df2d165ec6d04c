"""The market that our clients meet: a generated one or a tape, told to the venue's books. Pure.

Both come as Binance frames, and one rule serves both. What a frame says of a level is what the
market itself has there; our clients' orders come on top and stand in the same queue. What a frame
says was traded is an order of a taker that goes through the book by priority: first what is better,
then at each price who came first. So an own order fills when the market trades through its price,
or at it and the queue before it is used up. The market does not know of our clients: what they take
from it is missing until the next frame that tells of that level.

    depthUpdate   each level's volume
    bookTicker    the best level of each side; what the market had beyond it is gone
    trade         a taker's order (aggTrade, where a tape has no trade)
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from millstream.errors import TapeError
from millstream.model import CurrencyPair, Side
from millstream.simulator.venue import Venue


class _Frame(msgspec.Struct):
    stream: str
    data: msgspec.Raw


class _Depth(msgspec.Struct):
    b: list[tuple[Decimal, Decimal]]
    a: list[tuple[Decimal, Decimal]]


class _Top(msgspec.Struct):
    b: Decimal
    B: Decimal
    a: Decimal
    A: Decimal


class _Trade(msgspec.Struct):
    p: Decimal
    q: Decimal
    m: bool


class _Snapshot(msgspec.Struct):
    bids: list[tuple[Decimal, Decimal]]
    asks: list[tuple[Decimal, Decimal]]


_frame = msgspec.json.Decoder(_Frame).decode
_depth = msgspec.json.Decoder(_Depth).decode
_top = msgspec.json.Decoder(_Top).decode
_trade = msgspec.json.Decoder(_Trade).decode
_snapshot = msgspec.json.Decoder(_Snapshot).decode


class Crowd:
    """Tells a venue what the market does. streams: those that there will be frames of."""

    def __init__(self, venue: Venue, streams: Iterable[str]) -> None:
        self._venue = venue
        self._pairs = {(pair.base + pair.quote).lower(): pair for pair in venue.pairs}
        names = set(streams)
        self._trade_kinds = {
            symbol: "trade" if f"{symbol}@trade" in names else "aggTrade" for symbol in self._pairs
        }

    def snapshot(self, pair: CurrencyPair, raw: bytes, now_ns: int) -> None:
        """The book to begin with."""
        self._levels(pair, _snapshot(raw), now_ns)

    def frame(self, raw: bytes, now_ns: int) -> None:
        """One frame; those that are neither book nor trade say nothing new.

        Raises TapeError for one that is not as the venue writes them.
        """
        try:
            self._frame(raw, now_ns)
        except (msgspec.DecodeError, UnicodeDecodeError, ArithmeticError) as error:
            raise TapeError(
                f"a frame cannot be read: {error}; it begins with {raw[:200]!r}"
            ) from error

    def _frame(self, raw: bytes, now_ns: int) -> None:
        frame = _frame(raw)
        symbol, _, kind = frame.stream.partition("@")
        pair = self._pairs.get(symbol)
        if pair is None:
            return
        data = bytes(frame.data)
        if kind == "bookTicker":
            self._best(pair, _top(data), now_ns)
        elif kind == self._trade_kinds[symbol]:
            trade = _trade(data)
            side = Side.SELL if trade.m else Side.BUY  # m: the buyer rested
            self._venue.take(pair, side, trade.p, trade.q, now_ns)
        elif kind in ("depth", "depth@100ms"):
            depth = _depth(data)
            self._levels(pair, _Snapshot(depth.b, depth.a), now_ns)

    def _best(self, pair: CurrencyPair, top: _Top, now_ns: int) -> None:
        venue = self._venue
        venue.clear_better(pair, Side.BUY, top.b)
        venue.clear_better(pair, Side.SELL, top.a)
        venue.set_level(pair, Side.BUY, top.b, top.B, now_ns)
        venue.set_level(pair, Side.SELL, top.a, top.A, now_ns)

    def _levels(self, pair: CurrencyPair, book: _Snapshot, now_ns: int) -> None:
        # What goes goes first, so that a book that moved does not seem to cross itself.
        sides = ((Side.BUY, book.bids), (Side.SELL, book.asks))
        for gone in (True, False):
            for side, levels in sides:
                for price, volume in levels:
                    if (volume == 0) is gone:
                        self._venue.set_level(pair, side, price, volume, now_ns)
