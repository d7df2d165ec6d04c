from __future__ import annotations

import json
import re
import sys
from decimal import Decimal

import msgspec
import pytest

from millstream.errors import ConfigError, RobotError
from millstream.model import (
    CancelAll,
    Channel,
    Checkpoint,
    Control,
    CurrencyPair,
    Exchange,
    Gap,
    LogLine,
    MyOrder,
    OrderStatus,
    OrderType,
    PlaceOrder,
    RobotFailed,
    SessionEnd,
    SetTimer,
    Side,
    Ticker,
    TimeInForce,
    Timer,
)
from millstream.model.codec import decode_outputs, encode_outputs
from millstream.robot import Market, Robot, RobotGroup, RobotSetup

BINANCE = Exchange.BINANCE
BTC, ETH = CurrencyPair.BTC_USDT, CurrencyPair.ETH_USDT


class Count(msgspec.Struct):
    seen: int = 0
    chance: float = 0.0


class Counter(Robot):
    """Counts tickers, places an order at each, keeps a log."""

    State = Count
    state: Count

    def on_start(self):
        self.every("5s", "pulse")

    def on_ticker(self, ticker):
        self.state.seen += 1
        self.state.chance = self.random.random()
        self.log.info(f"seen {self.state.seen} at {self.now}")
        yield self.limit(Side.BUY, Decimal(1), Decimal(2))
        yield PlaceOrder(BINANCE, BTC, Side.SELL, OrderType.MARKET, Decimal(1))

    def on_my_order(self, order):
        self.log.info(f"order {order.order_id}")

    def on_timer(self, timer):
        self.log.info(f"timer {timer.name}")

    def on_control(self, control):
        self.log.info(f"told {control.command} by {control.who}")

    def on_gap(self, gap):
        self.log.warning(f"{gap.missing} missing")


class Fragile(Robot):
    """Fails at the second ticker."""

    State = Count

    def on_ticker(self, ticker):
        self.state.seen += 1
        self.log.info("still here")
        if self.state.seen == 2:
            raise ZeroDivisionError("on purpose")


def setup(robot, name="one", markets=("binance@btc/usdt",)):
    return RobotSetup(name, robot, tuple(map(Market.parse, markets)), robot.Parameters())


def group(*setups, **settings):
    robots = RobotGroup("run001", 7, **settings)
    for one in setups or [setup(Counter)]:
        robots.add(one)
    return robots


def ticker(received_ns=10, symbol=BTC, exchange=BINANCE):
    return Ticker(received_ns, exchange, symbol, 0, 1.0, 1.0, 2.0, 1.0)


def control(command, robot=""):
    return Control(1, robot, command, {}, "ann", "a test")


def my_order(robot):
    return MyOrder(
        5, BINANCE, BTC, robot, "abc", "", Side.BUY, OrderType.MARKET, TimeInForce.GTC, False, None,
        Decimal(1), OrderStatus.WORKING, Decimal(0), None, "", 1,
    )  # fmt: skip


def bodies(outputs):
    return [output.body for output in outputs]


def states(outputs):
    return [body for body in bodies(outputs) if isinstance(body, Checkpoint)]


def texts(outputs):
    return [body.text for body in bodies(outputs) if isinstance(body, LogLine)]


def test_what_a_robot_says_and_wishes_comes_in_its_order_with_the_cause():
    robots = group()
    start, log, first, second = robots.handle(1, ticker())
    assert start.body == SetTimer("pulse", 5_000_000_000)
    assert log.body == LogLine("info", "seen 1 at 10")
    assert (first.body.type, second.body.type) == (OrderType.LIMIT, OrderType.MARKET)
    assert {output.cause for output in (start, log, first, second)} == {1}
    assert {output.robot for output in (start, log, first, second)} == {"one"}


def test_order_ids_follow_from_run_sequence_and_count():
    robots = group(setup(Counter, "one"), setup(Counter, "two"))
    ids = [
        body.order_id for body in bodies(robots.handle(37, ticker())) if hasattr(body, "order_id")
    ]
    assert ids == [f"run001000000011{count:03}" for count in (1, 2, 3, 4)]
    assert all(len(order_id) == 18 and order_id.isalnum() for order_id in ids)


def test_the_same_events_give_the_same_answers():
    events = [ticker(number) for number in range(50)]
    one, two = group(), group()
    for sequence, event in enumerate(events, 1):
        assert one.handle(sequence, event) == two.handle(sequence, event)
    assert one.seats[0].robot.state == two.seats[0].robot.state


def test_events_taken_at_once_are_answered_as_one_by_one():
    """Through a start, a pause, a command, a failure, timers set and gone off, checkpoints."""
    events = [
        ticker(10), ticker(11), control("pause", "one"), ticker(13), my_order("one"),
        control("continue", "one"), ticker(15, ETH),
        Timer(5_000_000_010, "one", "pulse", 5_000_000_010), ticker(16), SessionEnd(17, "done"),
    ]  # fmt: skip
    setups = (setup(Counter, "one"), setup(Fragile, "two"))
    whole, single = (group(*setups, checkpoint_every_events=4) for _ in range(2))
    expected = [single.handle(number, event) for number, event in enumerate(events, 3)]
    assert whole.handle_all(3, events) == [output for one in expected for output in one]
    assert whole.timers.next_due_ns() == single.timers.next_due_ns() == 10_000_000_010
    assert [seat.robot.state for seat in whole.seats] == [seat.robot.state for seat in single.seats]
    assert sum(type(body) is RobotFailed for one in expected for body in bodies(one)) == 1


def test_a_robot_sees_only_its_own_markets():
    robots = group(setup(Counter, markets=("binance@eth/usdt",)))
    assert texts(robots.handle(1, ticker(symbol=BTC))) == []
    assert texts(robots.handle(2, ticker(symbol=ETH, exchange=Exchange.OKX))) == []
    assert texts(robots.handle(3, ticker(symbol=ETH))) == ["seen 1 at 10"]


def test_a_robot_hears_only_of_its_own_orders_and_timers():
    robots = group(setup(Counter, "one"), setup(Counter, "two"))
    robots.handle(1, control("hello", "nobody"))
    assert [output.robot for output in robots.handle(2, my_order("two"))] == ["two"]
    assert texts(robots.handle(3, Timer(1, "one", "pulse", 1))) == ["timer pulse"]
    assert robots.handle(4, my_order("a stranger")) == []


def test_the_health_of_a_stream_reaches_the_robots_of_its_markets():
    robots = group(setup(Counter, "one"), setup(Counter, "two", ("okx@btc/usdt",)))
    gap = Gap(1, BINANCE, Channel.TRADE, None, "4", "9", 5, "")
    outputs = [output for output in robots.handle(1, gap) if isinstance(output.body, LogLine)]
    assert [(output.robot, output.body.text) for output in outputs] == [("one", "5 missing")]


def test_a_failing_robot_is_stopped_alone_and_its_orders_are_cancelled():
    robots = group(setup(Fragile, "fragile"), setup(Counter, "steady"))
    robots.handle(1, ticker())
    outputs = [output for output in robots.handle(2, ticker()) if output.robot == "fragile"]
    line, failed, cancel = bodies(outputs)
    assert (line, cancel) == (LogLine("info", "still here"), CancelAll())
    assert (failed.error, failed.sequence) == ("ZeroDivisionError: on purpose", 2)
    assert msgspec.msgpack.decode(failed.state) == {"seen": 2, "chance": 0.0}
    assert re.fullmatch(r"test_group.py:\d+ Fragile.on_ticker", failed.trace)
    after = robots.handle(3, ticker())
    assert {output.robot for output in after} == {"steady"}
    assert robots.handle(4, my_order("fragile")) == []
    assert robots.seats[0].error == "ZeroDivisionError: on purpose"


class Misled(Fragile):
    def on_ticker(self, ticker):
        return self.limit(Side.BUY, "a lot", json.loads("{"))


def test_a_trace_has_the_users_lines_alone_so_that_other_versions_give_the_same():
    robots = group(setup(Misled, "one"))
    failed = next(one for one in bodies(robots.handle(1, ticker())) if type(one) is RobotFailed)
    assert re.fullmatch(r"test_group.py:\d+ Misled.on_ticker", failed.trace)


@pytest.mark.parametrize("where", ["on_start", "on_ticker", "on_timer"])
def test_a_robot_that_quits_ends_itself_and_not_the_session(where):
    def leave(self, event=None):
        yield self.limit(Side.BUY, Decimal(1), Decimal(1))
        sys.exit("done for today")

    leaving = type("Leaving", (Robot,), {where: leave if where != "on_ticker" else sys.exit})
    robots = group(setup(leaving, "leaving"), setup(Counter, "steady"))
    outputs = robots.handle(1, ticker()) + robots.handle(2, Timer(11, "leaving", "t", 11))
    failed, cancel = [output.body for output in outputs if output.robot == "leaving"]
    assert (type(failed), cancel) == (RobotFailed, CancelAll())
    assert failed.error.startswith("SystemExit")
    assert texts(output for output in outputs if output.robot == "steady")[-1] == "seen 1 at 10"


def test_an_answer_that_is_no_action_fails_the_robot():
    class Confused(Robot):
        def on_ticker(self, ticker):
            return ["buy!"]

    failed, _ = bodies(group(setup(Confused)).handle(1, ticker()))
    assert failed.error == (
        "RobotError: answered 'buy!'; an answer is an action, a list of them, or None"
    )


@pytest.mark.parametrize(
    "answer",
    [
        lambda robot: robot.limit(Side.BUY, Decimal(1), None),
        lambda robot: robot.limit(Side.BUY, Decimal(1), object()),
        lambda robot: robot.every("999999999999h"),
        lambda robot: robot.log.error("half a letter: \udc80"),
    ],
)
def test_an_answer_that_could_not_be_journaled_fails_its_robot_alone(answer):
    class Odd(Robot):
        def on_ticker(self, ticker):
            return answer(self)

    robots = group(setup(Odd, "odd"), setup(Counter, "steady"), checkpoint_every_events=2)
    outputs = robots.handle(1, ticker()) + robots.handle(2, ticker())
    failed, cancel, _ = [output.body for output in outputs if output.robot == "odd"]
    assert (type(failed), cancel) == (RobotFailed, CancelAll())
    assert "cannot be journaled" in failed.error
    assert texts(output for output in outputs if output.robot == "steady")[-1] == "seen 2 at 10"
    assert decode_outputs(encode_outputs(outputs)) == outputs


@pytest.mark.parametrize("ours", ["random", "parameters", "state"])
def test_a_robot_that_puts_something_in_the_place_of_what_is_ours_fails_alone(ours):
    class Taker(Robot):
        def on_ticker(self, ticker):
            setattr(self, ours, object())

    robots = group(setup(Taker, "taker"), setup(Counter, "steady"), checkpoint_every_events=2)
    outputs = [one for number in range(1, 5) for one in robots.handle(number, ticker())]
    found = [output.body for output in outputs if output.robot == "taker"]
    assert [type(one) for one in found] == [RobotFailed, CancelAll, Checkpoint, Checkpoint]
    assert (found[3].standing, found[3].error) == ("failed", found[0].error)
    assert texts(output for output in outputs if output.robot == "steady")[-1] == "seen 4 at 10"
    assert decode_outputs(encode_outputs(outputs)) == outputs


def test_a_robot_without_random_numbers_of_ours_is_refused():
    class Taker(Robot):
        def __init__(self, *given):
            super().__init__(*given)
            self.random = None

    with pytest.raises(RobotError, match="cannot be kept: AttributeError"):
        group(setup(Taker))


@pytest.mark.parametrize("error", [None, ValueError("on purpose")])
def test_a_state_that_cannot_be_stored_any_more_fails_its_robot_alone(error):
    class Odd(Fragile):
        def on_ticker(self, ticker):
            self.every("1s")
            self.state.seen = object()
            if error is not None:
                raise error

    robots = group(setup(Odd, "odd"), setup(Counter, "steady"), checkpoint_every_events=2)
    outputs = [output for number in range(1, 5) for output in robots.handle(number, ticker())]
    kinds = [type(output.body) for output in outputs if output.robot == "odd"]
    assert (kinds.count(RobotFailed), kinds.count(CancelAll), kinds[-1]) == (1, 1, Checkpoint)
    assert robots.timers.of("odd") == []
    assert len(states(output for output in outputs if output.robot == "steady")) == 2
    assert decode_outputs(encode_outputs(outputs)) == outputs


def test_a_log_line_may_be_anything_that_has_a_text():
    class Sloppy(Robot):
        def on_ticker(self, ticker):
            self.log.info(ticker.bid_price)
            self.log.error(ValueError("odd"))

    assert texts(group(setup(Sloppy)).handle(1, ticker())) == ["1.0", "odd"]


def test_a_journal_of_before_is_answered_as_it_was_then():
    robots = group(setup(Fragile), checkpoint_every_events=2, whole=False)
    robots.handle(1, ticker())
    _, failed, _, made = bodies(robots.handle(2, ticker()))
    assert failed == RobotFailed("ZeroDivisionError: on purpose")
    assert made == Checkpoint(made.state_hash, made.state)


def test_a_paused_robot_gets_its_orders_but_no_market():
    robots = group()
    assert texts(robots.handle(1, control("pause"))) == ["told pause by ann"]
    assert robots.handle(2, ticker()) == []
    assert texts(robots.handle(3, my_order("one"))) == ["order abc"]
    robots.handle(4, control("resume"))
    assert texts(robots.handle(5, ticker())) == ["seen 1 at 10"]


def test_a_stopped_robot_has_its_orders_cancelled_and_places_no_others():
    class Stubborn(Robot):
        def on_my_order(self, order):
            return [self.limit(Side.BUY, Decimal(1), Decimal(1)), self.cancel("abc")]

    robots = group(setup(Stubborn))
    assert CancelAll() in bodies(robots.handle(1, control("stop")))
    assert [type(body).__name__ for body in bodies(robots.handle(2, my_order("one")))] == [
        "CancelOrder"
    ]


def test_the_state_is_proven_now_and_then_and_at_the_end():
    robots = group(checkpoint_every_events=3)
    found = {sequence: states(robots.handle(sequence, ticker())) for sequence in range(1, 8)}
    assert [sequence for sequence, proofs in found.items() if proofs] == [3, 6]
    (last,) = bodies(robots.handle(8, SessionEnd(1, "done")))
    assert msgspec.msgpack.decode(last.state)["seen"] == 7
    assert last.state_hash != found[6][0].state_hash
    assert len(last.state_hash) == 16


def test_two_robots_of_one_name_are_refused():
    with pytest.raises(ConfigError, match='two robots are called "one"'):
        group(setup(Counter), setup(Counter))


def test_a_state_that_cannot_be_stored_is_refused_before_the_first_event():
    class Odd(Robot):
        class State(msgspec.Struct):
            thing: object = None

        def initial_state(self):
            return self.State(object())

    with pytest.raises(RobotError, match='the state of robot "one" cannot be stored'):
        group(setup(Odd))
