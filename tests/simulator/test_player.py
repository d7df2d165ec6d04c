"""When frames are due."""

import math

import pytest

from millstream.errors import ConfigError
from millstream.simulator.player import Schedule, parse_speed


def test_at_speed_one_frames_are_due_as_they_were_received():
    schedule = Schedule(1.0, first_ns=1_000, started_ns=50)
    assert [schedule.due_ns(ns) for ns in (1_000, 1_300, 2_000)] == [50, 350, 1_050]


def test_twice_the_speed_halves_the_time():
    assert Schedule(2.0, 1_000, 50).due_ns(2_000) == 550


def test_at_full_speed_everything_is_due_at_once():
    assert Schedule(math.inf, 1_000, 50).due_ns(10**18) == 50


def test_a_frame_stamped_before_the_first_is_due_at_once():
    assert Schedule(1.0, 1_000, 50).due_ns(900) == 50


@pytest.mark.parametrize(("text", "speed"), [("1", 1), ("2.5", 2.5), ("max", math.inf)])
def test_speeds_are_read(text, speed):
    assert parse_speed(text) == speed


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "fast", ""])
def test_what_is_no_speed_is_refused(text):
    with pytest.raises(ConfigError, match="is not a speed"):
        parse_speed(text)
