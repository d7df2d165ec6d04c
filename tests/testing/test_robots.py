"""A robot on the table behaves as in a session, and its run is proven as one."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from tests.testing.asking import Asking
from tests.testing.robots import Echo, Forgetful, Stubborn

from millstream import Channel, CurrencyPair, Exchange, Gap, OrderStatus, Robot
from millstream.cli import run
from millstream.errors import ConfigError, JournalError, RobotError
from millstream.model import CancelAll, LogLine, PlaceOrder, SetTimer
from millstream.orders.paper import PaperSettings
from millstream.orders.risk import RiskLimits
from millstream.testing import RobotTest, candle, history, strategy_test, ticker, trade
from millstream.testing.robots import BEGAN_NS

SECOND_NS = 1_000_000_000
HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "examples"


def test_what_a_robot_answers_comes_back_from_feeding_it():
    test = RobotTest(Echo)
    started = test.feed(ticker("btc/usdt", 100, 101))
    assert [type(each) for each in started] == [SetTimer, PlaceOrder]
    assert [order.price for order in test.placed] == [Decimal("100.0")]
    assert test.answers == started
    assert test.state.tickers == 1
    assert test.timers == ["beat"]


def test_its_orders_fill_on_paper_and_it_hears_of_that():
    test = RobotTest(Echo, paper=PaperSettings(maker_fee_bps=Decimal(20)))
    test.feed(ticker("btc/usdt", 100, 101))
    assert test.orders[0].status is OrderStatus.WORKING
    said = test.feed(trade("btc/usdt", 99.5, 3, "sell"))
    assert said == [LogLine("info", "bought 1 at 100.0, fee 0.2")]
    assert test.state.heard == ["intent", "sent", "working", "filled"]
    assert test.position() == test.fills[0].volume == 1
    assert test.log == ["info: bought 1 at 100.0, fee 0.2"]


def test_time_passes_by_hand_and_timers_go_off_on_it():
    test = RobotTest(Echo)
    test.feed(ticker("btc/usdt", 100, 101))
    began_ns = test.now_ns
    assert test.pass_time("4999ms") == []
    test.pass_time("11s")
    assert test.log == [f"debug: beat at {began_ns + n * 5 * SECOND_NS}" for n in (1, 2, 3)]
    assert test.now_ns == began_ns + 15_999 * SECOND_NS // 1_000


def test_an_event_with_a_time_of_its_own_is_heard_then_and_never_before_now():
    test = RobotTest(Echo)
    late = msgspec.structs.replace(ticker("btc/usdt", 1, 2), received_ns=BEGAN_NS + SECOND_NS)
    test.feed(late)
    assert test.now_ns == BEGAN_NS + SECOND_NS
    with pytest.raises(ConfigError, match="time goes forward"):
        test.feed(msgspec.structs.replace(late, received_ns=BEGAN_NS))


def test_orders_take_as_long_as_paper_says():
    test = RobotTest(Echo, paper=PaperSettings(latency_ns=2 * SECOND_NS))
    test.feed(ticker("btc/usdt", 100, 101))
    test.pass_time("1s")
    assert test.orders[0].status is OrderStatus.SENT
    test.pass_time("2s")
    assert test.orders[0].status is OrderStatus.WORKING
    assert test.orders[0].received_ns == BEGAN_NS + 2 * SECOND_NS + 1_000_000


def test_limits_stand_in_front_of_its_orders():
    test = RobotTest(Echo, limits=RiskLimits(max_order_notional=Decimal(50)))
    test.feed(ticker("btc/usdt", 100, 101))
    assert test.orders[0].status is OrderStatus.REJECTED
    assert "worth 100.0 USDT, the limit is 50" in test.orders[0].reason


def test_without_limits_those_of_a_session_that_names_none_stand_in_front():
    test = RobotTest(Echo)
    test.feed(*[ticker("btc/usdt", 100, 101)] * 21)
    assert [order.status for order in test.orders[19:]] == [
        OrderStatus.WORKING,
        OrderStatus.REJECTED,
    ]
    test = RobotTest(Echo, limits=RiskLimits())
    test.feed(*[ticker("btc/usdt", 100, 101)] * 21)
    assert {order.status for order in test.orders} == {OrderStatus.WORKING}


def test_the_health_of_its_stream_can_be_fed_and_a_command_given():
    test = RobotTest(Echo)
    test.feed(ticker("btc/usdt", 100, 101))
    gap = Gap(0, Exchange.BINANCE, Channel.TRADE, CurrencyPair.BTC_USDT, "1", "3", 1, "lost")
    assert test.feed(gap) == [CancelAll()]
    assert test.orders[0].status is OrderStatus.CANCELED
    test.command("pause")
    assert test.standing == "paused"
    assert test.feed(ticker("btc/usdt", 100, 101)) == []


def test_commands_are_obeyed_or_refused_as_in_a_session():
    test = RobotTest(Echo)
    test.command("parameters", volume=Decimal("0.25"))
    test.feed(ticker("btc/usdt", 100, 101))
    assert [order.volume for order in test.placed] == [Decimal("0.25")]
    with pytest.raises(ConfigError, match="volum"):
        test.command("parameters", volum=1)
    test.assert_replays_equal()


def test_candles_are_of_the_interval_before_they_are_fed_and_histories_end_there():
    test = RobotTest(Echo)
    test.pass_time("90s")
    test.feed(
        candle("btc/usdt", "1m", 1, 3, 1, 2), candle("btc/usdt", "1m", 1, 3, 1, 2, closed=False)
    )
    minute = 60 * SECOND_NS
    assert test.log == [
        f"info: 1m {BEGAN_NS} {BEGAN_NS + minute} True",
        f"info: 1m {BEGAN_NS + minute} {BEGAN_NS + 2 * minute} False",
    ]
    test.feed(history("btc/usdt", "1m", [5, 7]))
    assert test.log[2] == f"info: {(BEGAN_NS - minute, BEGAN_NS)} (5.0, 5.0) (5.0, 7.0)"


def test_a_robot_that_fails_fails_the_test_with_its_own_lines():
    test = RobotTest(Echo)
    with pytest.raises(RobotError, match=r"ValueError: told to fail[\s\S]*robots\.py"):
        test.command("fail")
    assert test.standing == "failed"


def test_what_a_failed_robot_had_open_is_canceled_as_in_a_session():
    test = RobotTest(Echo)
    test.feed(ticker("btc/usdt", 100, 101))
    with pytest.raises(RobotError):
        test.command("fail")
    assert test.orders[0].status is OrderStatus.CANCELED
    test.assert_replays_equal()


def test_a_robot_that_would_go_on_for_ever_is_told():
    test = RobotTest(Stubborn, limits=RiskLimits(max_order_notional=Decimal(1)))
    with pytest.raises(RobotError, match="go on for ever"):
        test.feed(ticker("btc/usdt", 100, 101))


def test_a_run_replays_equal_with_all_its_states():
    test = RobotTest(Echo, "kraken@eth/usd", parameters={"volume": "0.5"}, seed=3)
    test.feed(ticker("kraken@eth/usd", 100, 101), trade("kraken@eth/usd", 99, 5, "sell"))
    test.pass_time("20s")
    test.assert_replays_equal()
    found = test.replay()
    assert (found.orders, found.states) == (1, found.events)


def test_what_a_robot_keeps_elsewhere_is_named_by_the_first_event_that_differs():
    Forgetful.seen = 0
    test = RobotTest(Forgetful)
    test.feed(*[ticker("btc/usdt", 100, 101)] * 3)
    with pytest.raises(
        AssertionError, match=r"event 1 \(ticker.*state.tickers: recorded 1, replayed 4"
    ):
        test.assert_replays_equal()


def test_a_robot_that_asks_the_world_is_refused_as_in_a_session():
    with pytest.raises(RobotError, match=r"time\.time\(\); self\.now is the time"):
        RobotTest(Asking)
    RobotTest(Asking, unguarded=True)


def test_wrong_parameters_and_robots_inside_functions_are_one_sentence():
    class Inside(Robot):
        pass

    with pytest.raises(ConfigError, match=r'no key "volum"\. Did you mean "volume"'):
        RobotTest(Echo, parameters={"volum": 1})
    with pytest.raises(ConfigError, match="not at the top of its module"):
        RobotTest(Inside)


def test_a_saved_run_is_a_session_that_another_process_replays(tmp_path, capsys):
    test = RobotTest(f"{EXAMPLES}/dipper.py:Dipper")
    test.feed(ticker("btc/usdt", 100, 100.1), ticker("btc/usdt", 99.8, 99.88))
    test.save(tmp_path / "run")
    with pytest.raises(JournalError, match="holds a journal already"):
        test.save(tmp_path / "run")
    done = subprocess.run(
        [sys.executable, "-m", "millstream", "replay", str(tmp_path / "run")],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "EQUAL: every order" in done.stdout, done
    test.feed(ticker("btc/usdt", 99, 99.1))
    test.save(tmp_path / "longer")
    assert run(["diff", str(tmp_path / "run"), str(tmp_path / "longer")]) == 1
    assert "it ends at event 7" in capsys.readouterr().out


def test_what_a_robot_prints_is_none_of_the_proof(tmp_path, capsys):
    file = tmp_path / "loud.py"
    file.write_text(
        "from millstream import Robot\nclass Loud(Robot):\n"
        "    def on_ticker(self, ticker):\n        print(ticker)\n"
    )
    test = RobotTest(f"{file}:Loud")
    test.feed(ticker("btc/usdt", 100, 101))
    test.save(tmp_path / "run")
    capsys.readouterr()
    assert run(["replay", str(tmp_path / "run"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["equal"] is True


def test_a_strategy_is_warmed_up_and_trades_by_candles():
    test = strategy_test(f"{HERE}/always.py:Always", "btc/usdt", stake_amount=50)
    test.feed(history("btc/usdt", "5m", [100 + n % 3 for n in range(40)]))
    test.feed(ticker("btc/usdt", 100, 100.1), candle("btc/usdt", "5m", 100, 101, 99, 100))
    assert [order.side.name for order in test.placed] == ["BUY"]
    test.feed(trade("btc/usdt", 99, 5, "sell"))
    assert test.position() == Decimal("0.5")
    test.assert_replays_equal()
    with pytest.raises(ConfigError, match=r'write "folder/file\.py:Class"'):
        strategy_test("Always")


def test_a_strategy_pays_the_fee_that_it_reckons_with():
    test = strategy_test(f"{HERE}/always.py:Always", "btc/usdt", stake_amount=50, fee=0.003)
    test.feed(history("btc/usdt", "5m", [100 + n % 3 for n in range(40)]))
    test.feed(ticker("btc/usdt", 100, 100.1), candle("btc/usdt", "5m", 100, 101, 99, 100))
    test.feed(trade("btc/usdt", 99, 5, "sell"))
    [fill] = test.fills
    assert fill.fee == fill.price * fill.volume * Decimal("0.003")
