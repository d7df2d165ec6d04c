"""Strategies on recorded or drawn candles, with a paper venue, without threads: every event in
order, every answer kept. What the robots' loop, the desk and the gateway do, in one place.
"""

from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd

from millstream.model import (
    CancelAll,
    CancelOrder,
    CurrencyPair,
    Exchange,
    MyOrder,
    OrderStatus,
    PlaceOrder,
    RobotFailed,
    SetTimer,
    Timer,
)
from millstream.robot import Market, RobotGroup, RobotSetup
from millstream.robot.setup import parse_parameters
from millstream.strategy.feed import history_of
from millstream.strategy.played import PastCandle, played
from millstream.strategy.robot import StrategyRobot

SEEDS = Path(__file__).parents[3] / "shared" / "seeds"
CANDLES = Path(__file__).parents[3] / "shared" / "data" / "candles"
MINUTE = 60_000_000_000
FIVE = 5 * MINUTE
IMPORTS = """
from functools import reduce

import numpy as np
import talib.abstract as ta
from pandas import DataFrame

import millstream.strategy.qtpylib as qtpylib
from millstream.strategy import (
    CandleType,
    DecimalParameter,
    IntParameter,
    IStrategy,
    informative,
    merge_informative_pair,
)
"""


def drawn(count, seed=1, start=1_600_000_200 * 10**9, volatility=0.004):
    chance = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(chance.normal(0, volatility, count)))
    open_ = np.concatenate([[100.0], close[:-1]])
    high = np.maximum(open_, close) * 1.001
    low = np.minimum(open_, close) * 0.999
    return [
        PastCandle(start + n * FIVE, *(round(float(x), 4) for x in row), 50.0)
        for n, row in enumerate(zip(open_, high, low, close, strict=True))
    ]


class Venue:
    """Fills every order at once at its own price or the last close, unless told to let it rest."""

    def __init__(self, rests=False):
        self.rests = rests
        self.orders = {}

    def take(self, robot, action, price, now):
        if isinstance(action, PlaceOrder):
            status = OrderStatus.WORKING if self.rests else OrderStatus.FILLED
            yield self._told(robot, action, status, price, now)
        elif isinstance(action, CancelOrder):
            yield self._told(robot, self.orders[action.order_id], OrderStatus.CANCELED, price, now)

    def _told(self, robot, wish, status, price, now):
        self.orders[wish.order_id] = wish
        filled = status is OrderStatus.FILLED
        at = wish.price or Decimal(repr(price))
        return MyOrder(
            now, wish.exchange, wish.symbol, robot, wish.order_id, "v", wish.side, wish.type,
            wish.time_in_force, False, wish.price, wish.volume, status,
            wish.volume if filled else Decimal(0), at if filled else None, "", 1,
        )  # fmt: skip


class Run:
    """One strategy robot, fed event by event. Every event it got is in `events`."""

    def __init__(self, file, strategy="S", pairs=("ETH/BTC",), venue=None, **parameters):
        stake = pairs[0].partition(":")[0].partition("/")[2]
        values = {
            "strategy": strategy, "strategy_file": str(file), "stake_currency": stake,
            "stake_amount": 10.0, **parameters,
        }  # fmt: skip
        exchange = Exchange.BINANCE_FUTURE if parameters.get("futures") else Exchange.BINANCE
        self.markets = tuple(
            Market(exchange, CurrencyPair.parse(pair.partition(":")[0])) for pair in pairs
        )
        self.values = values
        self.group = self._seat()
        self.robot = self.group.seats[0].robot
        self.venue = venue or Venue()
        self.events, self.outputs, self.sequence = [], [], 0
        self.price = 0.0

    def _seat(self):
        group = RobotGroup("run001", 1, 64)
        group.add(
            RobotSetup(
                "s",
                StrategyRobot,
                self.markets,
                parse_parameters(StrategyRobot, self.values, "parameters"),
            )
        )
        return group

    def give(self, event):
        """One event, and what follows from its answers."""
        waiting = [event]
        while waiting:
            now = waiting.pop(0)
            self.events.append(now)
            self.sequence += 1
            outputs = self.group.handle(self.sequence, now)
            self.outputs += outputs
            for output in outputs:
                if not isinstance(output.body, SetTimer | CancelAll):
                    waiting += self.venue.take("s", output.body, self.price, now.received_ns)
        return outputs

    def history(self, candles, market=0):
        at = self.markets[market]
        end = candles[-1].open_ns + FIVE
        return self.give(history_of(at.exchange, at.symbol, "5m", candles, end))

    def candle(self, candle, market=0):
        at = self.markets[market]
        self.price = candle.close
        for event in played(at.exchange, at.symbol, "5m", FIVE, candle, candle.open_ns + FIVE):
            self.give(event)

    def tick(self, now):
        self.give(Timer(now, "s", "loop", now))

    def bodies(self, kind):
        return [output.body for output in self.outputs if isinstance(output.body, kind)]

    @property
    def failure(self):
        failed = self.bodies(RobotFailed)
        return failed[0].error if failed else ""

    @property
    def state(self):
        return self.robot.state

    def again(self):
        """The outputs of a fresh robot for the same events: a replay."""
        group = self._seat()
        return [
            output
            for sequence, event in enumerate(self.events, 1)
            for output in group.handle(sequence, event)
        ]


def write(folder, body, name="strategy_under_test.py"):
    file = folder / name
    file.write_text(IMPORTS + body)
    return file


def recorded(pair="ETH_BTC-5m", count=1_000):
    table = pd.read_feather(CANDLES / f"{pair}.feather").iloc[:count]
    dates = table["date"].to_numpy("datetime64[ns]").view("i8").tolist()
    columns = ["open", "high", "low", "close", "volume"]
    rows = table[columns].to_numpy().tolist()
    return [PastCandle(date, *row) for date, row in zip(dates, rows, strict=True)]
