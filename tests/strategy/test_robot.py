"""A strategy as a robot: what it does with candles, quotes, orders and other bots' frames."""

from decimal import Decimal

import pandas as pd
import pytest
from tests.strategy.market import FIVE, MINUTE, Run, Venue, drawn, write

from millstream.frames.columns import encode_rows
from millstream.frames.held import HeldFrames
from millstream.model import (
    CancelOrder,
    Control,
    FrameUpdate,
    LogLine,
    OrderType,
    PlaceOrder,
    PublishFrame,
    PublishWhitelist,
    Side,
    Ticker,
)

SIMPLE = """
class S(IStrategy):
    timeframe = "5m"
    minimal_roi = {"0": 10}
    stoploss = -0.99

    def populate_indicators(self, dataframe, metadata):
        dataframe["rsi"] = ta.RSI(dataframe)
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe.loc[dataframe["rsi"] < 45, ["enter_long", "enter_tag"]] = (1, "low")
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        dataframe.loc[dataframe["rsi"] > 55, "exit_long"] = 1
        return dataframe
"""
ALWAYS = """
class S(IStrategy):
    timeframe = "5m"
    stoploss = -0.05

    def populate_entry_trend(self, dataframe, metadata):
        dataframe["enter_long"] = 1
        return dataframe
"""


def run_of(tmp_path, body, **parameters):
    return Run(write(tmp_path, body), **parameters)


def test_signals_of_the_last_candle_become_orders(tmp_path):
    run = run_of(tmp_path, SIMPLE)
    candles = drawn(200)
    run.history(candles[:100])
    for candle in candles[100:]:
        run.candle(candle)
    assert run.failure == ""
    sides = [order.side for order in run.bodies(PlaceOrder)]
    assert len(sides) > 4
    assert sides[:4] == [Side.BUY, Side.SELL, Side.BUY, Side.SELL]
    assert run.state.closed == len(sides) // 2
    said = [line.text for line in run.bodies(LogLine)]
    assert any("enters long" in text and "(low)" in text for text in said)


def test_the_same_events_give_the_same_answers(tmp_path):
    run = run_of(tmp_path, SIMPLE)
    candles = drawn(200, seed=5)
    run.history(candles[:100])
    for number, candle in enumerate(candles[100:]):
        run.candle(candle)
        run.tick(candle.open_ns + FIVE + number)
    assert len(run.bodies(PlaceOrder)) > 2
    assert run.again() == run.outputs


def test_who_applies_the_published_updates_holds_the_robots_frame(tmp_path):
    run = run_of(tmp_path, SIMPLE, candles_held=120)
    candles = drawn(300)
    held = HeldFrames(120)
    run.history(candles[:100])
    for candle in candles[100:]:
        run.candle(candle)
    for told in run.bodies(PublishFrame):
        update = FrameUpdate(
            1, "default", told.pair, told.timeframe, told.candle_type, told.analyzed_ns, 0,
            told.replace, told.rows,
        )  # fmt: skip
        assert held.apply(update).ok
    frame, _ = held.get("default", "ETH/BTC", "5m", "spot")
    own = run.robot.strategy.dp.get_analyzed_dataframe("ETH/BTC")[0]
    expected = own.iloc[-120:].reset_index(drop=True)
    pd.testing.assert_frame_equal(frame, expected, rtol=0, atol=0, check_dtype=False)
    assert run.bodies(PublishWhitelist) == [PublishWhitelist(("ETH/BTC",))]


def test_mostly_one_row_a_candle_is_published(tmp_path):
    run = run_of(tmp_path, SIMPLE)
    candles = drawn(230)
    run.history(candles[:200])
    for candle in candles[200:]:
        run.candle(candle)
    whole = [told for told in run.bodies(PublishFrame) if told.replace]
    assert len(whole) < 5
    assert len(run.bodies(PublishFrame)) == 31


@pytest.mark.parametrize("most", [0, 1, 2])
def test_no_more_trades_are_open_than_allowed(tmp_path, most):
    run = run_of(tmp_path, ALWAYS, pairs=("ETH/BTC", "ADA/BTC", "LTC/BTC"), max_open_trades=most)
    for market in range(3):
        run.history(drawn(50), market)
        run.candle(drawn(51)[-1], market)
    assert len(run.state.trades) == most


def test_an_unlimited_stake_is_an_equal_share(tmp_path):
    run = run_of(
        tmp_path, ALWAYS, pairs=("ETH/BTC", "ADA/BTC"), max_open_trades=2,
        stake_amount="unlimited", wallet=1_000.0, tradable_balance_ratio=1.0,
    )  # fmt: skip
    for market in range(2):
        run.history(drawn(50), market)
        run.candle(drawn(51)[-1], market)
    staked = [trade.stake_amount for trade in run.state.trades.values()]
    assert staked == pytest.approx([500.0, 500.0])


def quote(run, price, now):
    market = run.markets[0]
    run.price = price
    run.give(Ticker(now, market.exchange, market.symbol, now, price, 1e6, price, 1e6))


def entered(tmp_path, body, **parameters):
    run = run_of(tmp_path, body, **parameters)
    run.history(drawn(50))
    last = drawn(51)[-1]
    run.candle(last)
    assert len(run.state.trades) == 1, run.failure
    return run, run.state.trades["ETH/BTC"].open_rate, last.open_ns + FIVE


def reasons(run):
    return [
        line.text.rpartition("(")[2].rstrip(")")
        for line in run.bodies(LogLine)
        if ": left with" in line.text
    ]


def test_a_quote_at_the_stop_ends_the_trade_at_once(tmp_path):
    run, rate, now = entered(tmp_path, ALWAYS)
    quote(run, rate * 0.951, now + 1)
    assert reasons(run) == []
    quote(run, rate * 0.949, now + 2)
    assert reasons(run) == ["stop_loss"]
    assert run.state.profit == pytest.approx(10 * (-0.051 - 0.001 * 1.949), rel=1e-3)


def test_minimal_roi_lets_go_for_less_as_time_passes(tmp_path):
    body = ALWAYS.replace("stoploss", 'minimal_roi = {"0": 0.05, "30": 0.01}\n    stoploss')
    run, rate, now = entered(tmp_path, body)
    quote(run, rate * 1.02, now + 29 * MINUTE)
    run.tick(now + 29 * MINUTE)
    assert reasons(run) == []
    quote(run, rate * 1.02, now + 31 * MINUTE)
    run.tick(now + 31 * MINUTE)
    assert reasons(run) == ["roi"]


def test_a_trailing_stop_follows_the_price_and_never_goes_back(tmp_path):
    body = ALWAYS.replace(
        "stoploss",
        "trailing_stop = True\n    trailing_stop_positive = 0.01\n"
        "    trailing_stop_positive_offset = 0.02\n    stoploss", 1,
    )  # fmt: skip
    run, rate, now = entered(tmp_path, body)
    for number, factor in enumerate((1.10, 1.095), 1):
        quote(run, rate * factor, now + number)
        run.tick(now + number)
    assert run.state.trades["ETH/BTC"].stop_loss == pytest.approx(rate * 1.10 * 0.99)
    quote(run, rate * 1.088, now + 9)
    assert reasons(run) == ["trailing_stop_loss"]


def test_hooks_decide(tmp_path):
    body = (
        ALWAYS
        + """
    use_custom_stoploss = True

    def confirm_trade_entry(self, pair, order_type, amount, rate, time_in_force, current_time,
                            entry_tag, side, **kwargs):
        return order_type == "limit" and side == "long"

    def custom_stake_amount(self, pair, current_time, current_rate, proposed_stake, min_stake,
                            max_stake, leverage, entry_tag, side, **kwargs):
        return proposed_stake / 2

    def custom_stoploss(self, pair, trade, current_time, current_rate, current_profit, after_fill,
                        **kwargs):
        return -0.2

    def custom_exit(self, pair, trade, current_time, current_rate, current_profit, **kwargs):
        return "enough" if current_profit > 0.03 else None
"""
    )
    run, rate, now = entered(tmp_path, body)
    trade = run.state.trades["ETH/BTC"]
    assert trade.stake_amount == pytest.approx(5.0)
    assert trade.stop_loss == pytest.approx(rate * 0.95)  # 0.2 below would be farther
    quote(run, rate * 1.05, now + 1)
    run.tick(now + 1)
    assert reasons(run) == ["enough"]


def test_a_short_trade_earns_when_the_price_falls(tmp_path):
    body = ALWAYS.replace("enter_long", "enter_short").replace(
        "stoploss", "can_short = True\n    stoploss"
    )
    run = run_of(
        tmp_path, body + "    minimal_roi = {0: 0.02}\n", pairs=("XRP/USDT:USDT",), futures=True
    )
    run.history(drawn(50))
    last = drawn(51)[-1]
    run.candle(last)
    trade = run.state.trades["XRP/USDT:USDT"]
    assert (trade.is_short, run.bodies(PlaceOrder)[0].side) == (True, Side.SELL)
    quote(run, trade.open_rate * 0.97, last.open_ns + FIVE + 1)
    run.tick(last.open_ns + FIVE + 1)
    assert reasons(run) == ["roi"]
    assert run.state.profit == pytest.approx(10 * (0.03 - 0.001 * 1.97), rel=1e-3)


def test_an_entry_that_is_not_filled_in_time_is_cancelled_and_forgotten(tmp_path):
    run, _, now = entered(tmp_path, ALWAYS, venue=Venue(rests=True))
    quote(run, 1.0, now + 9 * MINUTE)
    run.tick(now + 9 * MINUTE)
    assert run.bodies(CancelOrder) == []
    quote(run, 1.0, now + 11 * MINUTE)
    run.tick(now + 11 * MINUTE)
    assert len(run.bodies(CancelOrder)) == 1
    assert run.state.trades == {}


def test_market_orders_where_the_strategy_says_so(tmp_path):
    body = ALWAYS.replace("stoploss", 'order_types = {"entry": "market"}\n    stoploss', 1)
    run, _, _ = entered(tmp_path, body)
    assert run.bodies(PlaceOrder)[0].type is OrderType.MARKET


def test_volumes_are_on_the_grid(tmp_path):
    run, rate, _ = entered(tmp_path, ALWAYS, amount_step="0.01")
    volume = run.bodies(PlaceOrder)[0].volume
    assert volume == Decimal(repr(10 / rate)).quantize(Decimal("0.01"), "ROUND_FLOOR")


def test_no_entry_again_on_the_candle_of_an_exit(tmp_path):
    run, rate, now = entered(tmp_path, ALWAYS)
    quote(run, rate * 0.9, now + 1)
    run.tick(now + 2)
    assert run.state.trades == {}
    quote(run, rate, now + FIVE)
    run.tick(now + FIVE)
    assert len(run.state.trades) == 1


def test_force_exit_and_stopentry_are_commands(tmp_path):
    run, _, now = entered(tmp_path, ALWAYS)
    run.give(Control(now, "s", "stopentry", {}, "me", ""))
    run.give(Control(now, "s", "forceexit", {"pair": "all"}, "me", ""))
    quote(run, 100.0, now + FIVE)
    run.tick(now + FIVE)
    assert reasons(run) == ["force_exit"]
    assert run.state.trades == {}


def test_a_strategy_that_raises_fails_as_any_robot(tmp_path):
    run = run_of(tmp_path, ALWAYS.replace("dataframe[", "no_such_name["))
    run.history(drawn(50))
    assert "NameError" in run.failure


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('dataframe["buy"] = 1', "name it enter_long"),
        ("dataframe = dataframe.iloc[1:]", "returned 49 rows for 50 candles"),
        ("dataframe = None", "return the dataframe"),
    ],
)
def test_a_wrong_table_is_named(tmp_path, line, words):
    run = run_of(tmp_path, ALWAYS.replace('dataframe["enter_long"] = 1', line))
    run.history(drawn(50))
    assert words in run.failure


def test_nothing_is_analyzed_before_there_are_enough_candles(tmp_path):
    run = run_of(
        tmp_path, "class S(IStrategy):\n    timeframe = '5m'\n    startup_candle_count = 60\n"
    )
    run.history(drawn(50))
    assert run.bodies(PublishFrame) == []
    for candle in drawn(60)[50:]:
        run.candle(candle)
    assert len(run.bodies(PublishFrame)) == 1


def frame_of(candles, producer="default", **columns):
    table = pd.DataFrame(
        {
            "date": pd.to_datetime([c.open_ns for c in candles], utc=True),
            "open": [c.open for c in candles], "high": [c.high for c in candles],
            "low": [c.low for c in candles], "close": [c.close for c in candles],
            "volume": [c.volume for c in candles],
        } | columns
    )  # fmt: skip
    now = candles[-1].open_ns + FIVE
    return FrameUpdate(now, producer, "ETH/BTC", "5m", "spot", now, 1, True, encode_rows(table))


CONSUMER = """
class S(IStrategy):
    timeframe = "5m"
    process_only_new_candles = False

    def populate_indicators(self, dataframe, metadata):
        theirs, when = self.dp.get_producer_df(metadata["pair"])
        dataframe["their_signal"] = theirs["enter_long"].iloc[-1] if not theirs.empty else 0
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe.loc[dataframe["their_signal"] == 1, "enter_long"] = 1
        return dataframe
"""


def test_a_frame_that_arrives_is_acted_on_without_waiting(tmp_path):
    run = run_of(tmp_path, CONSUMER, producers=("default",))
    run.history(drawn(50))
    run.give(frame_of(drawn(50), enter_long=0))
    assert run.bodies(PlaceOrder) == []
    run.give(frame_of(drawn(50), enter_long=1))
    assert len(run.bodies(PlaceOrder)) == 1


def test_candles_may_come_from_a_producer_alone(tmp_path):
    run = run_of(tmp_path, SIMPLE, producers=("default",), candles_from="default")
    for count in range(100, 180):
        run.price = drawn(count)[-1].close
        run.give(frame_of(drawn(count)))
    assert run.failure == ""
    assert len(run.bodies(PlaceOrder)) > 2
    assert run.again() == run.outputs


def test_informative_candles_are_joined_from_its_own(tmp_path):
    body = (
        ALWAYS
        + """
    @informative("1h")
    def populate_indicators_1h(self, dataframe, metadata):
        dataframe["top"] = dataframe["high"].rolling(2).max()
        return dataframe
"""
    )
    run = run_of(tmp_path, body)
    run.history(drawn(100))
    assert run.failure == ""
    frame = run.robot.strategy.dp.get_analyzed_dataframe("ETH/BTC")[0]
    hours = run.robot.strategy.dp.get_pair_dataframe("ETH/BTC", "1h")
    own = frame.set_index("date")["high"].resample("1h", closed="left", label="left").max()
    assert hours["high"].tolist()[1:] == own.loc[hours["date"]].tolist()[1:]
    assert frame["top_1h"].iloc[-1] == hours["high"].iloc[-2:].max()
