"""What `millstream new-robot` writes. @NAME is the module, @CLASS the class in it."""

from __future__ import annotations

OWN_NAMES = (
    "Memory", "Settings", "ENDED", "SETTINGS", "Decimal", "IStrategy", "IntParameter", "DataFrame",
    "RobotTest",
)  # fmt: skip

PARAMETERS = '{"volume": "0.001", "fall_bps": 1, "out_bps": 2}'

ROBOT = '''\
"""@CLASS: buys a little when the price has fallen, and sells it when it has moved away.

A robot asks the world nothing: `self.now` is the time of the event in hand, `self.random` is
seeded, timers come as events. That is why `millstream replay` can prove what it did.
"""

from decimal import Decimal

import msgspec

from millstream import MyOrder, MyTrade, OrderStatus, PlaceOrder, Robot, Side, Ticker, Timer

ENDED = (OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.REJECTED, OrderStatus.EXPIRED)


class Memory(msgspec.Struct):
    """What it remembers. All of it: the journal has this, a replay compares it."""

    high: float = 0.0  # the best bid since it last traded
    position: Decimal = Decimal(0)  # in base currency
    bought_at: float = 0.0
    order_id: str = ""  # of the order it waits for; "": none
    refused: bool = False  # that one was refused: it tries again at the next report, not at once


class Settings(msgspec.Struct, frozen=True):
    """What it is told: "parameters" in bot.json, checked by their types."""

    volume: Decimal  # of each order, in base currency
    fall_bps: float = 3.0  # how far below the high it buys; 1 bps is 0.01 %
    out_bps: float = 6.0  # how far from where it bought it sells, up or down


class @CLASS(Robot):
    """One position at a time, by market orders, on the first of its markets."""

    State = Memory
    Parameters = Settings
    state: Memory
    parameters: Settings

    def on_start(self) -> None:
        """Called once, before the first event."""
        self.every("10s", "report")

    def on_ticker(self, ticker: Ticker) -> PlaceOrder | None:
        """The best bid or ask changed: answer with an action, several, or nothing."""
        state, told = self.state, self.parameters
        if state.order_id:
            return None  # one thing at a time
        if not state.position:
            state.high = max(state.high, ticker.bid_price)
            if ticker.ask_price > state.high * (1 - told.fall_bps / 10_000):
                return None
            order = self.at_market(Side.BUY, told.volume)
        else:
            moved_bps = (ticker.bid_price / state.bought_at - 1) * 10_000
            if abs(moved_bps) < told.out_bps:
                return None
            order = self.at_market(Side.SELL, state.position)
        state.order_id = order.order_id
        return order

    def on_my_trade(self, trade: MyTrade) -> None:
        """An order of its own was filled, wholly or in part."""
        state = self.state
        state.position += trade.side.sign * trade.volume
        state.bought_at = state.high = float(trade.price)
        self.log.info(f"{trade.side} {trade.volume} at {trade.price}: position {state.position}")

    def on_my_order(self, order: MyOrder) -> None:
        """An order of its own changed: refused ones come here, too, with the reason."""
        if order.order_id == self.state.order_id and order.status in ENDED:
            self.state.refused = order.status is OrderStatus.REJECTED
            if not self.state.refused:
                self.state.order_id = ""
            if order.status is not OrderStatus.FILLED:
                self.log.warning(f"order {order.status}: {order.reason}")

    def on_timer(self, timer: Timer) -> None:
        """The timer of `on_start`."""
        if self.state.refused:
            self.state.order_id, self.state.refused = "", False
        self.log.debug(f"position {self.state.position}, high {self.state.high}")
'''

ROBOT_TEST = '''\
"""What @CLASS does, event by event; more is in docs/testing_robots.md."""

from decimal import Decimal

from @NAME import @CLASS

from millstream import Side
from millstream.testing import RiskLimits, RobotTest, ticker

SETTINGS = {"volume": "0.5", "fall_bps": 10, "out_bps": 20}


def test_it_waits_for_a_fall_then_buys():
    test = RobotTest(@CLASS, "binance@btc/usdt", parameters=SETTINGS)
    test.feed(ticker("btc/usdt", bid=100, ask=100.01))
    assert test.placed == []
    [order] = test.feed(ticker("btc/usdt", bid=99.8, ask=99.81))[:1]
    assert (order.side, order.volume) == (Side.BUY, Decimal("0.5"))
    assert test.position() == Decimal("0.5")


def test_it_sells_what_it_bought_and_its_run_replays_equal():
    test = RobotTest(@CLASS, parameters=SETTINGS)
    test.feed(ticker("btc/usdt", 100, 100.01), ticker("btc/usdt", 99.8, 99.81))
    test.feed(ticker("btc/usdt", 99.9, 99.91))
    assert test.position() == Decimal("0.5")
    test.feed(ticker("btc/usdt", 100.1, 100.11))
    assert test.position() == 0
    test.pass_time("10s")
    assert test.log[-1] == "debug: position 0.0, high 100.1"
    test.assert_replays_equal()


def test_what_was_refused_is_not_asked_for_again_at_every_price():
    nothing = RiskLimits(max_order_notional=Decimal(1))
    test = RobotTest(@CLASS, parameters=SETTINGS, limits=nothing)
    test.feed(ticker("btc/usdt", 100, 100.01), *[ticker("btc/usdt", 99.8, 99.81)] * 3)
    assert len(test.placed) == 1
    test.pass_time("10s")
    test.feed(ticker("btc/usdt", 99.8, 99.81))
    assert len(test.placed) == 2
'''

STRATEGY = '''\
"""@CLASS: enters when the RSI comes back from below, leaves when it is high.

Written as freqtrade's strategies are: tables of closed candles in, signals out. It runs as a
robot, so it asks the world nothing: the time is the market's.
"""

import talib.abstract as ta
from pandas import DataFrame

import millstream.strategy.qtpylib as qtpylib
from millstream.strategy import IntParameter, IStrategy


class @CLASS(IStrategy):
    """Long only, one position a pair."""

    timeframe = "1m"
    minimal_roi = {"0": 0.02}  # a profit of 2 % is enough
    stoploss = -0.05
    startup_candle_count = 20  # before these are there it does nothing

    buy_rsi = IntParameter(10, 50, default=35)  # "parameters" in bot.json sets another
    sell_rsi = IntParameter(50, 90, default=65)

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        """Columns of your own, one row a candle, oldest first."""
        dataframe["rsi"] = ta.RSI(dataframe, timeperiod=14)
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        """The last row's enter_long decides."""
        back = qtpylib.crossed_above(dataframe["rsi"], self.buy_rsi.value)
        dataframe.loc[back & (dataframe["volume"] > 0), "enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        """The last row's exit_long decides."""
        dataframe.loc[dataframe["rsi"] > self.sell_rsi.value, "exit_long"] = 1
        return dataframe
'''

STRATEGY_TEST = '''\
"""What @CLASS does on candles made by hand; more is in docs/testing_robots.md."""

from pathlib import Path

from millstream.testing import candle, history, strategy_test, ticker

FILE = Path(__file__).parent / "@NAME.py"
FALLING = [100 - number / 10 for number in range(40)]


def test_it_enters_when_the_rsi_comes_back():
    test = strategy_test(f"{FILE}:@CLASS", "btc/usdt", stake_amount=50)
    test.feed(history("btc/usdt", "1m", FALLING), ticker("btc/usdt", 96, 96.1))
    assert test.placed == []
    for close in (96.4, 97.2, 98.2):
        test.pass_time("1m")
        test.feed(candle("btc/usdt", "1m", close, close, close, close))
    assert [order.side.name for order in test.placed] == ["BUY"]
    test.assert_replays_equal()
'''

STRATEGY_CONFIG = """\
{
    // Freqtrade's keys; docs/strategies.md says which of them are there.
    "strategy": "@CLASS",
    "dry_run": true, // on paper: orders fill against the market as it comes
    "dry_run_wallet": 1000,
    "stake_currency": "USDT",
    "stake_amount": 100,
    "max_open_trades": 2,
    "exchange": {
        "name": "binance",
        "pair_whitelist": ["BTC/USDT", "ETH/USDT"],
        // The exchange of `millstream simulate --port 9100`. Without these two: Binance itself.
        "api_host": "ws://127.0.0.1:9101",
        "rest_host": "http://127.0.0.1:9100"
    },
    "parameters": {"buy_rsi": 35, "sell_rsi": 65}
}
"""
