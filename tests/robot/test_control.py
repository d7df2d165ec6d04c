"""Commands with a request: what they change, and what the asker is told."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import msgspec
import pytest
from tests.robot.test_group import Count, Counter, Fragile, bodies, my_order, setup, texts, ticker

from millstream.errors import ConfigError
from millstream.model import CancelAll, Control, ControlAnswer, LogLine, PlaceOrder, SetTimer, Side
from millstream.robot import Robot, RobotGroup


class Told(msgspec.Struct, frozen=True):
    volume: Decimal = Decimal(1)
    away_bps: Annotated[float, msgspec.Meta(ge=0)] = 4.0

    def __post_init__(self):
        if not 0 < self.volume <= 10:
            raise ValueError(f"volume is above 0 and at most 10, not {self.volume}")


class Tunable(Robot):
    State = Count
    Parameters = Told

    def on_ticker(self, ticker):
        return self.limit(Side.BUY, Decimal(1), self.parameters.volume)


class Deaf(Tunable):
    tunable = False


class Stillborn(Tunable):
    def initial_state(self):
        raise KeyError(str(self))


class Doomed(Tunable):
    def on_start(self):
        raise OSError("no way to begin")


class LastTimer(Robot):
    State = Count

    def on_control(self, control):
        return self.every("5s")


class Divisor(msgspec.Struct, frozen=True):
    by: int = 1

    def __post_init__(self):
        if not 1 // self.by:
            raise ValueError("by is 1")


class Divided(Robot):
    Parameters = Divisor


def hire(control):
    if control.robot_type == "stillborn":
        return setup(Stillborn, control.robot)
    if control.robot_type == "doomed":
        return setup(Doomed, control.robot)
    if control.robot_type != "tunable":
        raise ConfigError(f'there is no robot type "{control.robot_type}"')
    return setup(Tunable, control.robot)


def group(*setups):
    robots = RobotGroup("run001", 7, hire=hire)
    for one in setups:
        robots.add(one)
    robots.handle(1, ticker())
    return robots


def ask(command, robot="one", parameters=None, **more):
    return Control(2, robot, command, parameters or {}, "ann", "a test", "r1", **more)


def told(robots, control):
    """What was said beside the answer, and the answer, which comes last."""
    *others, answer = bodies(robots.handle(2, control))
    assert isinstance(answer, ControlAnswer)
    assert (answer.request, answer.command) == (control.request, control.command)
    return others, answer


def refusal(robots, control):
    others, answer = told(robots, control)
    assert not answer.accepted
    assert not [one for one in others if not isinstance(one, LogLine)]
    return answer.reason


def test_a_robot_is_added_started_and_sees_the_next_event():
    robots = group()
    others, answer = told(robots, ask("add", "new", robot_type="tunable"))
    assert others == []
    assert answer.accepted, answer.reason
    assert (answer.accepted, answer.standing) == (True, "running")
    assert answer.parameters == {"volume": "1", "away_bps": 4.0}
    assert [type(one) for one in bodies(robots.handle(3, ticker()))] == [PlaceOrder]


def test_a_name_that_is_taken_is_refused():
    robots = group(setup(Tunable))
    assert 'a robot "one" already' in refusal(robots, ask("add", robot_type="tunable"))


def test_a_type_that_is_unknown_is_refused():
    assert refusal(group(), ask("add", robot_type="none")) == 'there is no robot type "none"'


def test_a_robot_that_cannot_begin_is_refused_and_the_others_go_on():
    robots = group(setup(Tunable, "one"))
    why = refusal(robots, ask("add", "new", robot_type="stillborn"))
    assert (
        why
        == """robot "new" cannot begin: KeyError: '<tests.robot.test_control.Stillborn object>'"""
    )
    assert [seat.robot.name for seat in robots.seats] == ["one"]


def test_a_robot_that_fails_at_its_start_is_refused_and_its_name_is_free():
    robots = group(setup(Tunable, "one"))
    _, answer = told(robots, ask("add", "new", robot_type="doomed"))
    assert not answer.accepted
    assert "failed when it was started: OSError: no way to begin" in answer.reason
    assert [seat.robot.name for seat in robots.seats] == ["one"]
    assert told(robots, ask("add", "new", robot_type="tunable"))[1].accepted


def test_a_removed_robot_leaves_no_timer():
    robots = group(setup(LastTimer))
    others, answer = told(robots, ask("remove"))
    assert answer.accepted
    assert others == [CancelAll()]
    assert robots.timers.next_due_ns() is None


def test_parameters_whose_own_check_fails_are_refused():
    robots = group(setup(Divided, "one"))
    why = refusal(robots, ask("parameters", "one", {"by": 0}))
    assert "ZeroDivisionError" in why
    assert robots.seats[0].robot.parameters.by == 1


def test_a_removed_robot_has_its_orders_canceled_and_hears_no_more():
    robots = group(setup(Counter))
    others, answer = told(robots, ask("remove"))
    assert CancelAll() in others
    assert "told remove by ann" in texts(robots.handle(3, ask("x", "one"))) or others
    assert (answer.accepted, answer.standing) == (True, "")
    assert robots.handle(4, ticker()) == []
    assert robots.handle(5, my_order("one")) == []
    assert robots.timers.next_due_ns() is None


def test_parameters_are_checked_by_type_and_range_and_then_hold():
    robots = group(setup(Tunable))
    _, answer = told(robots, ask("parameters", parameters={"volume": "2.5"}))
    assert answer.parameters == {"volume": "2.5", "away_bps": 4.0}
    (order,) = bodies(robots.handle(3, ticker()))
    assert order.volume == Decimal("2.5")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"volume": "11"}, "volume"),
        ({"away_bps": -1}, "away_bps"),
        ({"away_bps": "much"}, "away_bps"),
        ({"awy_bps": 1}, 'Did you mean "away_bps"'),
    ],
)
def test_parameters_that_do_not_fit_are_refused_whole(given, said):
    robots = group(setup(Tunable))
    before = robots.seats[0].robot.parameters
    assert said in refusal(robots, ask("parameters", parameters={"volume": "3", **given}))
    assert robots.seats[0].robot.parameters == before


def test_a_robot_that_reads_its_parameters_once_says_so():
    robots = group(setup(Deaf))
    assert "reads its parameters once" in refusal(robots, ask("parameters", parameters={}))


def test_what_a_robot_cannot_be_told_as_it_stands_is_refused():
    robots = group(setup(Tunable))
    assert "is running: it can be told pause or stop" in refusal(robots, ask("resume"))
    assert told(robots, ask("pause"))[1].standing == "paused"
    assert "can be told resume or stop" in refusal(robots, ask("pause"))


def test_all_robots_are_told_at_once_and_each_is_named():
    robots = group(setup(Tunable, "one"), setup(Tunable, "two"))
    _, answer = told(robots, ask("stop", ""))
    assert answer.reason == 'robot "one" is stopped; robot "two" is stopped'
    assert "no robot stands so" in refusal(robots, ask("stop", ""))


def test_a_robot_that_is_not_there_is_named_with_those_that_are():
    robots = group(setup(Tunable, "one"))
    assert refusal(robots, ask("stop", "two")) == 'there is no robot "two"; there are: one'


def test_a_word_of_the_robots_own_reaches_it_and_another_is_refused():
    robots = group(setup(Counter), setup(Tunable, "two"))
    assert "told dance by ann" in [one.text for one in told(robots, ask("dance"))[0]]
    assert 'has no word "dance"' in refusal(robots, ask("dance", "two"))


def test_a_failed_robot_can_only_be_removed():
    robots = group(setup(Fragile))
    robots.handle(2, ticker())
    assert "is failed: it can be told nothing but remove" in refusal(robots, ask("start"))
    assert "remove it" in refusal(robots, ask("parameters", parameters={}))
    assert told(robots, ask("remove"))[1].accepted


def test_a_command_without_a_request_is_not_answered():
    robots = group(setup(Counter))
    said = bodies(robots.handle(2, Control(2, "one", "pause", {}, "ann", "")))
    assert not [one for one in said if isinstance(one, ControlAnswer | SetTimer)]


def test_a_session_that_goes_on_has_its_robots_stand_as_before_it_ended():
    robots = group(setup(Tunable, "one"), setup(Tunable, "two"))
    told(robots, ask("pause", "two"))
    robots.handle(3, Control(3, "", "stop", {"session_ends": True}, "millstream", "the end"))
    assert [seat.standing for seat in robots.seats] == ["stopped", "stopped"]
    robots.handle(4, Control(4, "", "continue", {}, "millstream", "again"))
    assert [seat.standing for seat in robots.seats] == ["running", "paused"]


def test_a_robot_that_somebody_stopped_stays_stopped_when_the_session_goes_on():
    robots = group(setup(Tunable))
    told(robots, ask("stop"))
    robots.handle(3, Control(3, "", "stop", {"session_ends": True}, "millstream", "the end"))
    robots.handle(4, Control(4, "", "continue", {}, "millstream", "again"))
    assert robots.seats[0].standing == "stopped"
