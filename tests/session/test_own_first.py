"""A burst of the market does not delay own fills: the session looks at `bus.own` first."""

from __future__ import annotations

import time
from decimal import Decimal

from tests.test_app import config, events
from tests.venue import simulated_exchange

from millstream.app import Session
from millstream.bus.publisher import BATCH_EVENTS
from millstream.config import RobotSection
from millstream.model import MyTrade, Side, Ticker, Trade
from millstream.robot import Robot

FIRST, EVERY = 400, 300  # events
FILLS = 3


class Slow(Robot):
    """Takes longer for an event than the market takes to bring it, and notes what came between."""

    events = 0
    trades = 0

    def on_trade(self, trade):
        self.events += 1
        time.sleep(0.001)
        if self.events >= FIRST and (self.events - FIRST) % EVERY == 0:
            return self.at_market(Side.BUY, Decimal("0.001"))
        return None

    def on_my_trade(self, trade):
        self.trades += 1


def test_a_fill_overtakes_the_market_that_waits_and_lets_no_more_than_three_batches_before_it(
    tmp_path,
):
    robot = RobotSection(
        name="slow", robot="tests.session.test_own_first:Slow", markets=["binance@btc/usdt"],
        unguarded=True,
    )  # fmt: skip
    with simulated_exchange("--market-seconds", 3_000, "--speed", "max") as exchange:
        session = Session(config(exchange, robots=[robot]), tmp_path / "out")
        slow = session.robots.seats[0].robot
        session.start()
        between = []
        deadline = time.monotonic() + 60
        while len(between) < FILLS and time.monotonic() < deadline and not session.failure():
            if len(session.store.trades()) > len(between):  # committed just now
                before = slow.events
                while slow.trades <= len(between) and time.monotonic() < deadline:
                    time.sleep(0.001)
                between.append(slow.events - before)
            time.sleep(0.001)
        session.stop("the test is over")
        session.close()
    assert session.failure() == ""
    assert len(between) == FILLS
    assert max(between) <= 3 * BATCH_EVENTS
    seen = events(tmp_path / "out")
    for fill in (number for number, event in enumerate(seen) if isinstance(event, MyTrade)):
        overtaken = [
            event
            for event in seen[fill:]
            if isinstance(event, Ticker | Trade) and event.received_ns < seen[fill].received_ns
        ]
        assert len(overtaken) > 3 * BATCH_EVENTS  # the market did wait
