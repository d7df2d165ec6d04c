"""A candle as the market that made it, for who fills orders on paper."""

from __future__ import annotations

import msgspec

from millstream.model import Candle, CurrencyPair, Event, Exchange, Side, Ticker, Trade


class PastCandle(msgspec.Struct, frozen=True):
    """A closed candle without its market."""

    open_ns: int  # the first nanosecond of its interval
    open: float
    high: float
    low: float
    close: float
    volume: float  # in base currency


def played(
    exchange: Exchange,
    symbol: CurrencyPair,
    interval: str,
    interval_ns: int,
    candle: PastCandle,
    received_ns: int,
) -> list[Event]:
    """Four trades at its prices, a quote at its close, then the closed candle.

    The trades go by way of the nearer of high and low first, a quarter of the volume each; the
    quote has no spread. That much is assumed: a candle does not tell the order of its prices. A
    quiet candle, without volume, has no trades.
    """
    close_ns = candle.open_ns + interval_ns
    low_first = candle.open - candle.low <= candle.high - candle.open
    between = (candle.low, candle.high) if low_first else (candle.high, candle.low)
    events: list[Event] = []
    last = candle.open
    for number, price in enumerate((candle.open, *between, candle.close)):
        if candle.volume > 0:
            when_ns = candle.open_ns + number * (interval_ns // 4)
            side = Side.BUY if price >= last else Side.SELL
            trade_id = f"{candle.open_ns}-{number}"
            events.append(
                Trade(
                    received_ns,
                    exchange,
                    symbol,
                    when_ns,
                    price,
                    candle.volume / 4,
                    side,
                    trade_id,
                )
            )
        last = price
    volume = candle.volume or 1.0
    events.append(
        Ticker(
            received_ns, exchange, symbol, close_ns, candle.close, volume, candle.close, volume
        )
    )  # fmt: skip
    events.append(
        Candle(
            received_ns,
            exchange,
            symbol,
            close_ns,
            interval,
            candle.open_ns,
            close_ns,
            candle.open,
            candle.high,
            candle.low,
            candle.close,
            candle.volume,
            len(events) - 1,
            closed=True,
        )
    )
    return events
