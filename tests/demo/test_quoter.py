"""The market maker of the demo, event by event."""

from __future__ import annotations

from decimal import Decimal

from millstream.demo.quoter import Quoter
from millstream.orders.risk import RiskLimits
from millstream.testing import RobotTest, ticker

SETTINGS = {"volume": "0.1", "tick": "0.01", "most_position": "1"}


def test_what_was_refused_is_not_tried_again_at_each_ticker_but_at_the_next_timer():
    nothing = RiskLimits(max_order_notional=Decimal(1))
    test = RobotTest(Quoter, parameters=SETTINGS, limits=nothing)
    for _ in range(20):
        test.feed(ticker("btc/usdt", bid=100, ask=100.01))
    assert len(test.placed) == 2
    test.pass_time("5s")
    test.feed(ticker("btc/usdt", bid=100, ask=100.01))
    assert len(test.placed) == 4
    test.assert_replays_equal()
