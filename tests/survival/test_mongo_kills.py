"""kill -9 at random moments of orders' lives, with the orders on a MongoDB replica set.

The server lives on: what is proven is what the program does with an answer that it never read. How
servers die is in `test_mongo_failover.py`.
"""

from __future__ import annotations

import itertools
import random
import threading

import pytest
from tests import mongod
from tests.survival.harness import Lives, Tally, Venue, check, kill
from tests.survival.mutants import mongo_store
from tests.survival.test_random_kills import SESSIONS

ORDERS = 40  # a session's, if nobody killed it
LINES = 25  # of which an order has three
_NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def replica_set():
    if reason := mongod.why_not():
        pytest.skip(reason)
    started = mongod.ReplicaSet()
    yield started
    started.stop()


@pytest.fixture(scope="module")
def lives():
    with Lives() as started:
        yield started


def kill_at_random(
    lives, replica_set, place, seeds, gateway="right", lines=range(2, LINES), store="mongo",
    look=lambda database: None,
):  # fmt: skip
    """lines: after how many of its lines a life may be killed; the third is its first order's.

    look: given each database when it is over.
    """
    tally = Tally("kill -9 at random moments, orders on MongoDB")
    for seed in seeds:
        moments, venue = random.Random(seed), Venue()
        directory = place / str(seed)
        directory.mkdir()
        database = f"kills{next(_NUMBERS)}"
        (directory / "orders.url").write_text(replica_set.url(database))
        for session in range(SESSIONS):
            after_s = moments.choice([0, moments.uniform(0, 0.02)])
            killer = _killer(moments.choice(lines), after_s)
            lives.run(venue, directory, session, ORDERS, gateway=gateway, store=store,
                      during=killer)  # fmt: skip
        lives.run(venue, directory, SESSIONS, 1, gateway=gateway, store=store)
        check(tally, venue, directory, SESSIONS + 1, f"seed {seed}", mongo_store)
        with replica_set.client() as client:
            look(client[database])
            client.drop_database(database)
    print(tally)
    return tally


def _killer(lines, after_s):
    """Kill the life so many seconds after it has said so many lines, however slow the machine."""
    said = itertools.count(1)

    def during(venue):
        if next(said) != lines:
            return
        if after_s:
            threading.Timer(after_s, kill, [venue.pid]).start()
        else:
            kill(venue.pid)

    return during


def test_random_kills_lose_and_double_nothing(lives, replica_set, tmp_path):
    tally = kill_at_random(lives, replica_set, tmp_path, range(13))  # fifty kills
    assert tally.acked > 50
    assert tally.bad == (0, 0, 0), tally


def test_kills_while_old_changes_go_lose_and_double_nothing(lives, replica_set, tmp_path):
    gone = []

    def look(database):
        gone.append((database.state.find_one({"_id": "pruned"}) or {}).get("stripped", 0))

    tally = kill_at_random(lives, replica_set, tmp_path, range(50, 56), store="pruned", look=look)
    assert tally.bad == (0, 0, 0), tally
    assert sum(gone) > 100


@pytest.mark.soak
def test_a_thousand_random_kills_lose_and_double_nothing(lives, replica_set, tmp_path):
    tally = kill_at_random(lives, replica_set, tmp_path, range(1_000, 1_250))
    assert tally.bad == (0, 0, 0), tally


def test_the_harness_catches_a_gateway_that_resends_blindly(lives, replica_set, tmp_path):
    tally = kill_at_random(lives, replica_set, tmp_path, range(5), "blind-resend", [3])
    assert tally.duplicated > 0
    assert tally.failures
