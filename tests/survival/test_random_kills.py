"""kill -9 at random moments of orders' lives, then a restart, again and again on the same files.

Repeat a failure by its seed: it decides after how long each session is killed.
"""

from __future__ import annotations

import random
import threading

import pytest
from tests.survival.harness import Lives, Tally, Venue, check, kill

SESSIONS = 4  # killed one after the other; a fifth ends in good order
ORDERS = 40  # a session's, if nobody killed it


@pytest.fixture(scope="module")
def lives():
    with Lives() as started:
        yield started


def kill_at_random(lives, place, seeds, gateway="right"):
    tally = Tally("kill -9 at random moments")
    for seed in seeds:
        moments, venue = random.Random(seed), Venue()
        directory = place / str(seed)
        directory.mkdir()
        for session in range(SESSIONS):
            killed_after_s = moments.uniform(0.0005, 0.03)
            lives.run(venue, directory, session, ORDERS, gateway=gateway,
                      during=_killer(killed_after_s))  # fmt: skip
        lives.run(venue, directory, SESSIONS, 1, gateway=gateway)
        check(tally, venue, directory, SESSIONS + 1, f"seed {seed}")
    print(tally)
    return tally


def _killer(after_s):
    """Kill the life so many seconds after it was told to go."""
    timers = []

    def during(venue):
        if not timers:
            timers.append(threading.Timer(after_s, kill, [venue.pid]))
            timers[0].start()

    return during


def test_random_kills_lose_and_double_nothing(lives, tmp_path):
    tally = kill_at_random(lives, tmp_path, range(50))  # two hundred kills
    assert tally.acked > 100
    assert tally.bad == (0, 0, 0), tally


@pytest.mark.soak
def test_ten_thousand_random_kills_lose_and_double_nothing(lives, tmp_path):
    tally = kill_at_random(lives, tmp_path, range(1_000, 3_500))
    assert tally.bad == (0, 0, 0), tally


def test_the_harness_catches_a_gateway_that_resends_blindly(lives, tmp_path):
    tally = kill_at_random(lives, tmp_path, range(10), "blind-resend")
    assert tally.duplicated > 0
    assert tally.failures
