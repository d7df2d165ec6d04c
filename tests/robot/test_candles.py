from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from millstream.model import CurrencyPair, Exchange, Side, Trade
from millstream.robot.candles import CandleBuilder

BTC = CurrencyPair.BTC_USDT
SECOND = 1_000_000_000


def trade(at_ns, price, volume=1.0, exchange_ns=None):
    if exchange_ns is None:
        exchange_ns = at_ns
    return Trade(at_ns, Exchange.BINANCE, BTC, exchange_ns, price, volume, Side.BUY, "1")


def test_a_candle_closes_with_the_first_trade_after_it():
    builder = CandleBuilder("1s", SECOND)
    assert builder.add(trade(10 * SECOND, 5.0)) is None
    assert builder.add(trade(10 * SECOND + 1, 9.0)) is None
    assert builder.add(trade(10 * SECOND + 2, 3.0, 2.0)) is None
    candle = builder.add(trade(12 * SECOND, 4.0))
    assert (candle.open, candle.high, candle.low, candle.close) == (5.0, 9.0, 3.0, 3.0)
    assert (candle.volume, candle.trades, candle.closed) == (4.0, 3, True)
    assert (candle.open_ns, candle.close_ns) == (10 * SECOND, 11 * SECOND)


def test_a_trade_without_a_venue_time_counts_when_it_was_received():
    builder = CandleBuilder("1s", SECOND)
    builder.add(trade(10 * SECOND, 5.0, exchange_ns=0))
    assert builder.open_ns == 10 * SECOND


@given(st.lists(st.tuples(st.integers(0, 20), st.floats(1, 100)), min_size=1, max_size=50))
def test_every_trade_counts_in_one_candle(made):
    builder = CandleBuilder("1s", SECOND)
    trades = [trade((10 + at) * SECOND, price) for at, price in sorted(made)]
    closed = [candle for candle in map(builder.add, trades) if candle is not None]
    assert sum(candle.trades for candle in closed) + builder.trades == len(trades)
    for candle in closed:
        prices = [one.price for one in trades if one.exchange_ns == candle.open_ns]
        assert (candle.high, candle.low) == (max(prices), min(prices))
        assert (candle.open, candle.close) == (prices[0], prices[-1])
