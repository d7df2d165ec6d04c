"""Candles from trades, for venues and tapes that send none."""

from __future__ import annotations

import msgspec

from millstream.model import Candle, Trade


class CandleBuilder(msgspec.Struct):
    """Builds the candles of one market, one trade at a time. Fit to be part of a robot's state.

    An interval begins at a multiple of its length since 1970, by the venue's clock (ours where the
    venue sends no time). It closes with the first trade after it; without a trade it has no candle.
    A trade that comes late counts in the interval that is open.
    """

    interval: str  # "1m"
    interval_ns: int
    open_ns: int = 0  # 0: no trade has come yet
    open: float = 0.0
    high: float = 0.0
    low: float = 0.0
    close: float = 0.0
    volume: float = 0.0
    trades: int = 0

    def add(self, trade: Trade) -> Candle | None:
        """The candle that this trade closed, if it closed one."""
        traded_ns = trade.exchange_ns or trade.received_ns
        start_ns = traded_ns - traded_ns % self.interval_ns
        closed = None
        if start_ns > self.open_ns:
            closed = self._closed(trade) if self.open_ns else None
            self.open_ns = start_ns
            self.open = self.high = self.low = trade.price
            self.volume = 0.0
            self.trades = 0
        self.high = max(self.high, trade.price)
        self.low = min(self.low, trade.price)
        self.close = trade.price
        self.volume += trade.volume
        self.trades += 1
        return closed

    def _closed(self, by: Trade) -> Candle:
        return Candle(
            by.received_ns, by.exchange, by.symbol, by.exchange_ns,
            self.interval, self.open_ns, self.open_ns + self.interval_ns,
            self.open, self.high, self.low, self.close, self.volume, self.trades, closed=True,
        )  # fmt: skip
