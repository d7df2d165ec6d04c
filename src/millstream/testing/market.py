"""Market events in a line. They have no time yet: `RobotTest.feed` gives them that.

A market is written "binance@btc/usdt", or "btc/usdt", which is on Binance. Prices and volumes may
be int, float or Decimal; they become floats, as those of a venue do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final, TypeAlias

import msgspec

from millstream.durations import parse_duration
from millstream.errors import ConfigError
from millstream.model import Book, Candle, CandleHistory, Event, Side, Ticker, Trade
from millstream.robot import Market

__all__ = ["book", "candle", "history", "market_of", "stamped", "ticker", "trade"]

Number: TypeAlias = int | float | Decimal
_NOT_YET: Final = 0  # a time that `stamped` sets


def ticker(
    market: str, bid: Number, ask: Number, *, bid_volume: Number = 1, ask_volume: Number = 1
) -> Ticker:
    """The best bid and ask."""
    at = market_of(market)
    numbers = map(float, (bid, bid_volume, ask, ask_volume))
    return Ticker(_NOT_YET, at.exchange, at.symbol, 0, *numbers)


def trade(
    market: str, price: Number, volume: Number = 1, side: Side | str = Side.BUY, trade_id: str = ""
) -> Trade:
    """A public trade; side: the taker's, "buy" or "sell"."""
    at = market_of(market)
    took = Side.parse(side) if isinstance(side, str) else side
    return Trade(_NOT_YET, at.exchange, at.symbol, 0, float(price), float(volume), took, trade_id)


def book(
    market: str,
    bids: Iterable[tuple[Number, Number]],
    asks: Iterable[tuple[Number, Number]],
    update_id: int = 0,
) -> Book:
    """The best levels of a book as (price, volume), best first: bids from high, asks from low."""
    at = market_of(market)
    levels = [
        tuple((float(price), float(volume)) for price, volume in side) for side in (bids, asks)
    ]
    return Book(_NOT_YET, at.exchange, at.symbol, 0, levels[0], levels[1], update_id)


def candle(
    market: str,
    interval: str,
    open: Number,  # noqa: A002  # the field's term
    high: Number,
    low: Number,
    close: Number,
    volume: Number = 1,
    *,
    trades: int = 1,
    closed: bool = True,
    open_ns: int = _NOT_YET,
) -> Candle:
    """A candle of "1m", "1h", …

    open_ns: the first nanosecond of its interval; 0: a closed one is of the last whole interval
        before it is fed, one that still runs of the interval it is fed in.
    """
    at = market_of(market)
    close_ns = open_ns + parse_duration(interval) if open_ns else _NOT_YET
    return Candle(
        _NOT_YET, at.exchange, at.symbol, 0, interval, open_ns, close_ns,
        float(open), float(high), float(low), float(close), float(volume), trades, closed,
    )  # fmt: skip


def history(
    market: str, interval: str, closes: Sequence[Number], volume: Number = 1
) -> CandleHistory:
    """Closed candles of the past to warm up with, oldest first, up to the moment they are fed.

    closes: of each candle; it opened at the close before it, and went no higher or lower than both.
    """
    if not closes:
        raise ConfigError("a history needs at least one close")
    at = market_of(market)
    parse_duration(interval)
    ends = tuple(map(float, closes))
    opens = (ends[0], *ends[:-1])
    return CandleHistory(
        _NOT_YET, at.exchange, at.symbol, 0, interval, (_NOT_YET,) * len(ends), opens,
        tuple(map(max, opens, ends)), tuple(map(min, opens, ends)), ends,
        (float(volume),) * len(ends),
    )  # fmt: skip


def market_of(text: str) -> Market:
    """The market written "binance@btc/usdt" or "btc/usdt"; raises UnknownName."""
    return Market.parse(text if "@" in text else f"binance@{text}")


def stamped(event: Event, now_ns: int) -> Event:
    """The event as it is when it is heard now; times that it has already stay."""
    times: dict[str, int | tuple[int, ...]] = {"received_ns": event.received_ns or now_ns}
    if isinstance(event, Candle) and not event.close_ns:
        width_ns = parse_duration(event.interval)
        open_ns = now_ns - now_ns % width_ns - (width_ns if event.closed else 0)
        times |= {"open_ns": open_ns, "close_ns": open_ns + width_ns}
    elif isinstance(event, CandleHistory) and not any(event.open_ns):
        width_ns, count = parse_duration(event.interval), len(event.open_ns)
        first_ns = now_ns - now_ns % width_ns - count * width_ns
        times["open_ns"] = tuple(first_ns + number * width_ns for number in range(count))
    return msgspec.structs.replace(event, **times)
