"""For tests of robots: a market by hand, a clock by hand, fills on paper, and the proof.

    test = RobotTest(Dipper, "binance@btc/usdt")
    test.feed(ticker("btc/usdt", 100, 101), ticker("btc/usdt", 99, 99.5))
    assert [order.price for order in test.placed] == [Decimal("99.50")]
    test.assert_replays_equal()

Nothing here decides anything: robots, orders, risk, paper and replay are those of a session.
"""

from millstream.orders.paper import PaperSettings
from millstream.orders.risk import RiskLimits
from millstream.testing.market import book, candle, history, ticker, trade
from millstream.testing.robots import RobotTest
from millstream.testing.strategies import strategy_test

__all__ = [
    "PaperSettings",
    "RiskLimits",
    "RobotTest",
    "book",
    "candle",
    "history",
    "strategy_test",
    "ticker",
    "trade",
]
