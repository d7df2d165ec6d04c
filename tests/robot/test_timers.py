from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from millstream.model import Output, RobotFailed, SetTimer, StopTimer, Timer
from millstream.robot.timers import Timers


def following(*bodies, now_ns=0, robot="a"):
    timers = Timers()
    timers.follow([Output(1, robot, body) for body in bodies], now_ns)
    return timers


def go_off(timers, now_ns):
    late = timers.due(now_ns)
    for timer in late:
        timers.went_off(timer)
    return late


def test_a_timer_goes_off_when_it_is_due_and_not_before():
    timers = following(SetTimer("t", 10), now_ns=100)
    assert timers.next_due_ns() == 110
    assert timers.due(109) == []
    assert timers.due(110) == [Timer(110, "a", "t", 110)]


def test_a_repeating_timer_keeps_its_beat_and_skips_what_it_missed():
    timers = following(SetTimer("t", 10))
    assert [timer.due_ns for timer in go_off(timers, 35)] == [10]
    assert timers.next_due_ns() == 40


def test_a_single_timer_goes_off_once():
    timers = following(SetTimer("t", 10, repeat=False))
    assert len(go_off(timers, 10)) == 1
    assert timers.next_due_ns() is None


def test_a_stopped_timer_and_those_of_a_failed_robot_are_gone():
    timers = following(SetTimer("t", 10), SetTimer("u", 10), StopTimer("t"))
    assert [timer.name for timer in timers.due(10)] == ["u"]
    timers.follow([Output(1, "a", RobotFailed("x"))], 0)
    assert timers.next_due_ns() is None


@given(st.integers(1, 50), st.lists(st.integers(0, 500), min_size=1, max_size=30))
def test_whenever_one_looks_no_beat_is_off_the_grid_or_doubled(interval_ns, looks):
    timers = following(SetTimer("t", interval_ns))
    beats = [timer.due_ns for now in sorted(looks) for timer in go_off(timers, now)]
    assert all(beat % interval_ns == 0 for beat in beats)
    assert len(beats) == len(set(beats))


def test_a_timer_that_was_set_anew_meanwhile_does_not_lose_its_new_beat():
    timers = following(SetTimer("t", 10))
    (late,) = timers.due(10)
    timers.follow([Output(2, "a", SetTimer("t", 100))], 10)
    timers.went_off(late)
    assert timers.next_due_ns() == 110


def test_timers_are_set_again_as_they_were():
    timers = following(SetTimer("t", 10), SetTimer("s", 7, repeat=False))
    again = Timers()
    again.restore("a", timers.of("a"))
    assert again.due(10) == timers.due(10)
    assert [alarm.name for alarm in again.of("a")] == ["s", "t"]
