"""What a venue remembers of a pair's trades: the last ones, candles, a day's figures. Pure."""

from __future__ import annotations

from collections import deque
from decimal import Decimal

import msgspec

from millstream.model import Side
from millstream.simulator.orders import ZERO, Trade

KEPT_TRADES = 5_000
KEPT_CANDLES = 3_000
_NS = 1_000_000_000
DAY_NS = 86_400 * _NS


class Bar(msgspec.Struct):
    """A candle; times in seconds since 1970."""

    start_s: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    first_id: int
    last_id: int
    volume: Decimal = ZERO
    quote: Decimal = ZERO
    bought: Decimal = ZERO  # by takers
    bought_quote: Decimal = ZERO
    trades: int = 0

    def add(self, trade: Trade) -> None:
        """One more trade."""
        worth = trade.price * trade.volume
        self.high, self.low = max(self.high, trade.price), min(self.low, trade.price)
        self.close, self.last_id = trade.price, trade.id
        self.volume += trade.volume
        self.quote += worth
        self.trades += 1
        if trade.side is Side.BUY:
            self.bought += trade.volume
            self.bought_quote += worth

    def merge(self, later: Bar) -> None:
        """Take in the candle that follows."""
        self.high, self.low = max(self.high, later.high), min(self.low, later.low)
        self.close, self.last_id = later.close, later.last_id
        self.volume += later.volume
        self.quote += later.quote
        self.bought += later.bought
        self.bought_quote += later.bought_quote
        self.trades += later.trades

    @property
    def vwap(self) -> Decimal:
        """The average price; the last one when nothing was traded."""
        return self.quote / self.volume if self.volume else self.close


class History:
    """Of one pair."""

    def __init__(self) -> None:
        self.trades: deque[Trade] = deque(maxlen=KEPT_TRADES)
        self._seconds: deque[Bar] = deque(maxlen=KEPT_CANDLES)
        self._minutes: deque[Bar] = deque(maxlen=KEPT_CANDLES)

    def add(self, trade: Trade) -> None:
        """One more trade."""
        self.trades.append(trade)
        _add(self._seconds, trade, 1)
        _add(self._minutes, trade, 60)

    def bars(self, interval_s: int, limit: int) -> list[Bar]:
        """The last candles of an interval, oldest first; seconds without a trade have none."""
        source = self._seconds if interval_s < 60 else self._minutes
        found: list[Bar] = []
        for bar in source:
            start_s = bar.start_s - bar.start_s % interval_s
            if found and found[-1].start_s == start_s:
                found[-1].merge(bar)
            else:
                found.append(msgspec.structs.replace(bar, start_s=start_s))
        return found[-limit:] if limit > 0 else []

    def running(self, interval_s: int) -> Bar | None:
        """The candle that the last trade belongs to."""
        source = self._seconds if interval_s < 60 else self._minutes
        if not source:
            return None
        start_s = source[-1].start_s - source[-1].start_s % interval_s
        made: Bar | None = None
        for bar in reversed(source):
            if bar.start_s < start_s:
                break
            later, made = made, msgspec.structs.replace(bar, start_s=start_s)
            if later is not None:
                made.merge(later)
        return made

    def day(self) -> Bar | None:
        """All that is remembered, at most a day of it, as one candle."""
        if not self._minutes:
            return None
        since_s = self._minutes[-1].start_s - 86_400
        bars = [bar for bar in self._minutes if bar.start_s > since_s]
        whole = msgspec.structs.replace(bars[0])
        for bar in bars[1:]:
            whole.merge(bar)
        return whole


def _add(bars: deque[Bar], trade: Trade, length_s: int) -> None:
    start_s = trade.ns // _NS
    start_s -= start_s % length_s
    if not bars or bars[-1].start_s < start_s:
        price = trade.price
        bars.append(Bar(start_s, price, price, price, price, trade.id, trade.id))
    bars[-1].add(trade)
