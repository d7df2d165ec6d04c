"""Two robots in two processes, orders in a third, streams in a fourth; any of them killed.

They trade on the simulator. Compared at the end: the venue's own orders and fills, the store, what
each robot's journal holds, and its replay. Repeat a failure by its seed.
"""

from __future__ import annotations

import pytest
from tests.survival.harness import Tally
from tests.survival.parts import (
    cancel_while_robots_are_away,
    check,
    end_in_good_order,
    kill_for,
    parts_on_a_venue,
    show,
    truth_of,
)


def trade_and_kill(place, seconds, seed, *, settle_s=2.0, mutant="right", **victims):
    tally = Tally("kill -9 of processes that trade")
    with parts_on_a_venue(place, seed, mutant) as (parts, rest):
        killed = kill_for(parts, place, seconds, seed, **victims)
        codes = end_in_good_order(parts, settle_s)
        truth = truth_of(rest)
    assert codes == [0, 0, 0, 0], f"parts ended with {codes}; see {place}/words.txt"
    check(tally, place, truth, seed)
    tally.runs = killed.total()
    show(tally, killed)
    return tally, truth


def test_killed_processes_lose_double_and_change_nothing(tmp_path):
    tally, truth = trade_and_kill(tmp_path / "run", 12, seed=1)
    assert tally.acked > 20
    assert truth["fills"]
    assert tally.bad == (0, 0, 0), tally


@pytest.mark.soak
def test_ten_minutes_of_kills_lose_double_and_change_nothing(tmp_path):
    tally, truth = trade_and_kill(tmp_path / "run", 600, seed=2026, settle_s=100.0)
    assert truth["fills"]
    assert tally.bad == (0, 0, 0), tally


@pytest.mark.parametrize("mutant", ["right", "skips-changes"])
def test_robots_hear_what_changed_while_they_were_away_and_it_is_missed_if_they_do_not(
    tmp_path, mutant
):
    tally, place = Tally(f"changes while away, {mutant}"), tmp_path / "run"
    with parts_on_a_venue(place, 3, mutant) as (parts, rest):
        reached = cancel_while_robots_are_away(parts, place)
        end_in_good_order(parts, settle_s=1.0)
        truth = truth_of(rest)
    check(tally, place, truth, 3, heard_until=reached)
    print(tally)
    assert (tally.lost, tally.duplicated) == (0, 0)
    assert (tally.wrong_state > 0) == (mutant == "skips-changes"), tally
