"""kill -9 at every syscall of an order's life, by strace; then a restart, and the truth.

make test tries every write, sync and message of an order that is filled; `make soak` every syscall
of each story, from before the first file is opened.
"""

from __future__ import annotations

import itertools
import shutil

import pytest
from tests import mongod
from tests.survival.harness import Lives, Tally, Venue, check
from tests.survival.mutants import mongo_store
from tests.survival.tracing import at, syscalls, why_not

from millstream.orders.sqlite import SqliteStore

REASON = why_not()
pytestmark = pytest.mark.skipif(bool(REASON), reason=REASON)

DECISIVE = {"pwrite64", "write", "fdatasync", "fsync", "sendto", "recvfrom", "ftruncate", "pwritev"}
WHOLE = ["filled", "canceled", "amended", "rejected", "refused", "in doubt", "in part"]


@pytest.fixture(scope="module")
def lives():
    with Lives() as started:
        yield started


class Run:
    """Sessions on one folder, one after the other.

    left: a session has left orders behind, in every state, before the one that is killed.
    """

    def __init__(self, lives, directory, story, left, prepare, **life):
        directory.mkdir()
        prepare(directory)
        self._lives, self._directory, self._left = lives, directory, int(left)
        self._story, self._life = story, life
        self.venue = Venue()
        if left:
            lives.run(self.venue, directory, 0, 1, story="left open", store=life["store"])

    def count(self):
        return syscalls(
            self._lives, self._directory, self._left, self.venue, story=self._story, **self._life
        )

    def kill(self, name, number):
        killing = {"story": self._story, "strace": at(name, number, "signal=KILL")}
        for session, more in ((self._left, killing), (self._left + 1, {})):
            self._lives.run(self.venue, self._directory, session, 1, **self._life, **more)

    def check(self, tally, where, open_store):
        check(tally, self.venue, self._directory, self._left + 2, where, open_store)
        shutil.rmtree(self._directory)


def kill_at_each(
    lives, place, wanted, story="filled", *, left=False, store="right", open_store=SqliteStore,
    prepare=lambda directory: None, **life,
):  # fmt: skip
    """wanted: names of syscalls; None: every one. prepare: told of each folder once it is there."""
    tally = Tally(f'kill at each syscall, story "{story}"{", left open" * left}, store {store}')

    def begin(name):
        return Run(lives, place / name, story, left, prepare, store=store, **life)

    for name, count in begin("whole").count().items():
        if wanted is not None and name not in wanted:
            continue
        for number in range(1, count + 1):
            run = begin(f"{name}-{number}")
            run.kill(name, number)
            run.check(tally, f"{name}:{number}", open_store)
    print(tally)
    return tally


def test_no_kill_at_a_write_a_sync_or_a_message_loses_or_doubles_an_order(lives, tmp_path):
    tally = kill_at_each(lives, tmp_path, DECISIVE)
    assert tally.runs > 10
    assert tally.bad == (0, 0, 0), tally


@pytest.mark.soak
@pytest.mark.parametrize("story", WHOLE)
def test_no_kill_at_any_syscall_loses_or_doubles_an_order(lives, tmp_path, story):
    tally = kill_at_each(lives, tmp_path, None, story, early=True)
    assert tally.runs > 100
    assert tally.bad == (0, 0, 0), tally


@pytest.mark.soak
def test_no_kill_at_any_syscall_of_a_restart_loses_or_doubles_what_was_left(lives, tmp_path):
    tally = kill_at_each(lives, tmp_path, None, "canceled", left=True, early=True)
    assert tally.acked > tally.runs * 4
    assert tally.bad == (0, 0, 0), tally


@pytest.mark.soak
@pytest.mark.parametrize("story", ["filled", "canceled"])
def test_no_kill_at_any_syscall_loses_or_doubles_an_order_on_mongodb(lives, tmp_path, story):
    if reason := mongod.why_not():
        pytest.skip(reason)
    replica_set, numbers = mongod.ReplicaSet(), itertools.count()
    try:
        tally = kill_at_each(
            lives, tmp_path, None, story, store="mongo", open_store=mongo_store,
            prepare=lambda place: _name_database(place, replica_set.url(f"at{next(numbers)}")),
        )  # fmt: skip
    finally:
        replica_set.stop()
    assert tally.runs > 50
    assert tally.bad == (0, 0, 0), tally


def _name_database(directory, url):
    (directory / "orders.url").write_text(url)


@pytest.mark.parametrize(
    ("story", "gateway", "caught"),
    [
        ("filled", "blind-resend", "duplicated"),
        ("filled", "sends-first", "duplicated"),
        ("filled", "ignores-the-venue", "wrong_state"),
        ("canceled", "forgets-cancels", "wrong_state"),
        ("limits forgotten", "right", "wrong_state"),
    ],
)
def test_the_harness_catches_what_is_wrong(lives, tmp_path, story, gateway, caught):
    tally = kill_at_each(lives, tmp_path, {"sendto", "recvfrom"}, story, gateway=gateway)
    assert getattr(tally, caught) > 0
    assert tally.failures
