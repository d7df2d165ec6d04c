"""kill -9 of a whole session at a random moment: what was acknowledged is there, and it replays.

Checked after each kill: the journal opens and replays equal; every order in the store was caused by
an event that is in the journal (its id tells which: durable before visible); no order is there
twice; filled volumes are the sums of their fills.

Prints: runs, acked, lost, duplicated, wrong-state, seeds of failures. Repeat a failure by its seed.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from decimal import Decimal

import msgspec
import pytest

from millstream.journal import Journal
from millstream.orders.sqlite import SqliteStore
from millstream.robot.moment import RUN_ID_LETTERS
from millstream.session.proof import replay_session


class Tally(msgspec.Struct):
    """What the kills did."""

    runs: int = 0
    acked: int = 0  # orders that the store had acknowledged
    lost: int = 0  # of these: without their cause in the journal
    duplicated: int = 0
    wrong_state: int = 0
    seeds: list[int] = []  # of failures

    def check(self, directory, seed):
        before = (self.lost, self.duplicated, self.wrong_state)
        self.runs += 1
        store = SqliteStore(directory / "orders.sqlite")
        orders, trades = store.orders(), store.trades()
        store.close()
        proof = replay_session(directory)
        self.acked += len(orders)
        self.lost += sum(_cause(order.order_id) > proof.events for order in orders)
        ids = Counter(order.order_id for order in orders)
        self.duplicated += sum(count - 1 for count in ids.values())
        filled = Counter()
        for trade in trades:
            filled[trade.order_id] += trade.volume
        wrong = [order for order in orders if order.filled_volume != filled[order.order_id]]
        self.wrong_state += len(wrong) + (not proof.equal)
        if before != (self.lost, self.duplicated, self.wrong_state):
            self.seeds.append(seed)


def _cause(order_id):
    """The sequence of the event that caused an order: it is written in its id."""
    return int(order_id[RUN_ID_LETTERS:-3], 36)


def kill_one(directory, seed):
    """Run a session and kill it at a moment that the seed decides."""
    process = subprocess.Popen(
        [sys.executable, "-m", "millstream", "demo", "--out", str(directory), "--json"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not (directory / "orders.sqlite").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(random.Random(seed).uniform(0.3, 4.0))
    process.kill()
    process.wait()


def kill_many(place, seeds):
    tally = Tally()
    for seed in seeds:
        directory = place / f"run-{seed}"
        kill_one(directory, seed)
        tally.check(directory, seed)
    print(tally)
    return tally


def test_a_killed_session_loses_doubles_and_changes_nothing(tmp_path):
    tally = kill_many(tmp_path, range(4))
    assert tally.acked > 0
    assert (tally.lost, tally.duplicated, tally.wrong_state) == (0, 0, 0), tally


@pytest.mark.soak
def test_two_hundred_killed_sessions_lose_double_and_change_nothing(tmp_path):
    tally = kill_many(tmp_path, range(1_000, 1_200))
    assert (tally.lost, tally.duplicated, tally.wrong_state) == (0, 0, 0), tally


def test_the_harness_catches_a_journal_that_forgot_its_last_events(tmp_path):
    kill_one(tmp_path / "run", 7)
    segment = tmp_path / "run" / "journal" / "000001.journal"
    blocks = list(Journal.open(segment.parent).blocks())
    segment.write_bytes(segment.read_bytes()[: blocks[len(blocks) // 2].offset])
    tally = Tally()
    tally.check(tmp_path / "run", 7)
    assert tally.lost > 0
    assert tally.seeds == [7]


def test_the_harness_catches_a_fill_that_was_counted_twice(tmp_path, monkeypatch):
    kill_one(tmp_path / "run", 8)
    orders = SqliteStore.orders

    def doubled(store, *arguments, **settings):
        return [
            msgspec.structs.replace(order, filled_volume=order.filled_volume + Decimal(1))
            for order in orders(store, *arguments, **settings)
        ]

    monkeypatch.setattr(SqliteStore, "orders", doubled)
    tally = Tally()
    tally.check(tmp_path / "run", 8)
    assert tally.wrong_state > 0
