"""A store read by a process that does not own it."""

import subprocess
import sys
import threading
from decimal import Decimal

import pytest
from tests.orders.sample import BTC, VENUE, filled, order, report

from millstream.errors import StoreError
from millstream.orders import Happened, watch
from millstream.orders.sqlite import SqliteStore
from millstream.orders.sqlite_follow import SqliteFollower

WRITER = """
import sys
from tests.orders.sample import order, report, filled
from millstream.orders import Happened
from millstream.orders.sqlite import SqliteStore
store = SqliteStore(sys.argv[1])
for number in range(1_000_000):
    store.insert([order(f"a{number}")])
    store.apply([report(f"a{number}"), filled(f"a{number}", f"t{number}")], number)
    print(store.revision, flush=True)
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "orders.sqlite"


@pytest.fixture
def store(path):
    kept = SqliteStore(path)
    yield kept
    kept.close()


@pytest.fixture
def follower(store, path):
    reading = SqliteFollower(path)
    yield reading
    reading.close()


def test_a_follower_reads_what_the_owner_reads(store, follower):
    store.insert([order("a1"), order("b1", robot="other")])
    store.apply([report("a1"), filled("a1"), report("b1", Happened.CANCELED)], 2)
    assert follower.revision == store.revision
    assert follower.get("a1") == store.get("a1")
    assert follower.get("nobody") is None
    for robot in (None, "quoter", "other"):
        assert follower.orders(robot) == store.orders(robot)
        assert follower.orders(robot, open_only=True) == store.orders(robot, open_only=True)
        assert follower.trades(robot) == store.trades(robot)
        assert follower.changes(1, robot, 3) == store.changes(1, robot, 3)
        assert follower.position(robot, VENUE, BTC) == store.position(robot, VENUE, BTC)


def test_waiting_ends_with_the_owners_change(store, follower):
    assert follower.wait(0, 0.01) is False
    writer = threading.Timer(0.02, store.insert, [[order("a1")]])
    writer.start()
    assert follower.wait(0, 30) is True
    writer.join()


def test_a_follower_of_a_killed_owner_misses_and_doubles_nothing(path):
    owner = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
    )
    acknowledged = int(owner.stdout.readline())
    follower = SqliteFollower(path)
    stopped = threading.Event()
    seen = []
    for change in watch(follower, 0, None, stopped.is_set):
        seen.append(change.revision)
        if len(seen) == 40:
            owner.kill()
            acknowledged = int((owner.stdout.read().split() or [acknowledged])[-1])
            owner.wait()
            stopped.set()
    owner.stdout.close()
    assert seen == [*range(1, len(seen) + 1)]
    assert seen[-1] >= acknowledged
    follower.close()
    again = SqliteStore(path)
    assert again.position("quoter", VENUE, BTC) == len(again.trades()) * Decimal("0.4")
    again.close()


def test_a_follower_cannot_be_opened_where_there_is_nothing_or_something_else(tmp_path):
    with pytest.raises(StoreError, match="no such file"):
        SqliteFollower(tmp_path / "orders.sqlite")
    (tmp_path / "foreign").write_bytes(b"not a database" * 100)
    with pytest.raises(StoreError, match="not a sound SQLite file"):
        SqliteFollower(tmp_path / "foreign")


def test_a_closed_follower_says_so(follower):
    follower.close()
    follower.close()
    with pytest.raises(StoreError, match="closed"):
        follower.orders()
