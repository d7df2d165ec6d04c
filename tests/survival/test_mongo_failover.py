"""The primary of three MongoDB members is killed, or frozen, under load, again and again.

Acknowledged orders are not lost, none is stored twice, and a follower on another connection is told
every revision once. Repeat a failure by its seed.
"""

from __future__ import annotations

import itertools
import os
import random
import threading
import time
from contextlib import closing

import pytest
from tests import mongod
from tests.orders.sample import filled, order, report
from tests.survival.harness import Tally
from tests.survival.mutants import BelievesTheFirstAnswer

from millstream.errors import StoreError
from millstream.orders import watch
from millstream.orders.mongo.follow import MongoFollower
from millstream.orders.mongo.store import MongoStore

_NUMBERS = itertools.count()
PATIENCE_S = 60


@pytest.fixture(scope="module")
def replica_set():
    if reason := mongod.why_not():
        pytest.skip(reason)
    started = mongod.ReplicaSet(members=3)
    yield started
    started.stop()


class Load:
    """Orders that live, one after the other, and somebody who follows them."""

    def __init__(self, url, store_type=MongoStore):
        self.store = store_type(url)
        self.follower = MongoFollower(url)
        self.acked = []
        self.told = []
        self.failure = None
        self._enough, self._all_written = threading.Event(), threading.Event()
        self._writer = threading.Thread(target=self._write, daemon=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._writer.start()
        self._reader.start()

    def _write(self):
        try:
            for number in itertools.count():
                if self._enough.is_set():
                    return
                self.store.insert([order(f"a{number}", volume="0.4")])
                self.acked.append(f"a{number}")
                self.store.apply([report(f"a{number}"), filled(f"a{number}", f"t{number}")], number)
        except StoreError as error:
            self.failure = error

    def _read(self):
        for change in watch(self.follower, 0, None, self._all_written.is_set):
            self.told.append(change.revision)

    def wait_for(self, more):
        """Return when so many more orders were acknowledged."""
        wanted, deadline = len(self.acked) + more, time.monotonic() + PATIENCE_S
        while len(self.acked) < wanted and self.failure is None:
            assert time.monotonic() < deadline, "nothing is acknowledged any more"
            time.sleep(0.005)

    def stop(self):
        self._enough.set()
        self._writer.join(2 * PATIENCE_S)  # a call gives up after one
        self._all_written.set()
        self._reader.join(PATIENCE_S)
        self.follower.close()
        self.store.close()


def fail_over(replica_set, seeds):
    """What became of the orders, over all seeds: one that fails does not end the others."""
    tally = Tally("the primary is killed or frozen under load")
    try:
        for seed in seeds:
            before = tally.bad
            why = fail_over_once(replica_set, seed, tally)
            tally.runs += 1
            tally.wrong_state += bool(why)
            if tally.bad != before:
                tally.failures.append(f"seed {seed}: {why or 'see the counts'}")
                print(tally.failures[-1], flush=True)
    finally:
        print(f"\nseeds {seeds}: {tally}, load {os.getloadavg()[0]:.0f}", flush=True)
    return tally


def fail_over_once(replica_set, seed, tally):
    """Count one run; why it could not go on, or "". All members are up again afterwards."""
    moments, why = random.Random(seed), ""
    url = replica_set.url(f"failover{next(_NUMBERS)}")
    load, member, frozen = Load(url), None, seed % 2 == 1
    try:
        load.wait_for(moments.randint(5, 40))
        time.sleep(moments.uniform(0, 0.01))  # at any moment of an insert
        member = replica_set.primary()
        member.freeze() if frozen else member.kill()
        load.wait_for(moments.randint(5, 40))  # by a new primary
    except AssertionError as error:
        why = f"{error}; {replica_set.states()}"
    if member is not None:
        member.thaw() if frozen else member.start()
        member.wait_until_up()
    try:
        load.wait_for(moments.randint(5, 40))
    except AssertionError as error:
        why += f" afterwards: {error}; {replica_set.states()}"
    load.stop()
    replica_set.wait_until_whole()
    count(tally, url, load)
    with replica_set.client() as client:
        client.drop_database(url.rpartition("/")[2].partition("?")[0])
    return why or ("" if load.failure is None else str(load.failure))


def count(tally, url, load):
    """What became of the acknowledged orders."""
    store = MongoStore(url)
    stored = [one.order_id for one in store.orders()]
    fills = [one.order_id for one in store.trades()]
    revisions = [change.revision for change in store.changes(0, limit=1_000_000)]
    store.close()
    tally.acked += len(load.acked)
    tally.lost += len(set(load.acked) - set(stored))
    tally.duplicated += len(stored) - len(set(stored)) + len(fills) - len(set(fills))
    tally.wrong_state += revisions != [*range(1, len(revisions) + 1)]
    tally.wrong_state += load.told != revisions  # a gap, a double, or something that was taken back


def test_a_primary_that_dies_or_freezes_loses_and_doubles_nothing(replica_set):
    tally = fail_over(replica_set, range(3))
    assert tally.acked > 45
    assert tally.bad == (0, 0, 0), tally


def test_a_store_that_waited_in_vain_says_so_and_a_restart_knows_what_is_stored(replica_set):
    url = replica_set.url(f"vain{next(_NUMBERS)}")
    store = MongoStore(url, patience_s=1)
    store.insert([order("a0")])
    primary = replica_set.primary()
    others = [member for member in replica_set.members if member is not primary]
    for member in others:
        member.freeze()
    try:
        with pytest.raises(StoreError, match=r"is not known.*start again"):
            store.insert([order("a1")])
    finally:
        for member in others:
            member.thaw()
    replica_set.wait_until_whole()
    for call in (lambda: store.insert([order("a2")]), store.orders, lambda: store.get("a0")):
        with pytest.raises(StoreError, match="earlier write is not known; start again"):
            call()
    store.close()
    with closing(MongoStore(url)) as again:
        again.insert([order("a3")])
        revisions = [change.revision for change in again.changes(0)]
        assert revisions == [*range(1, len(revisions) + 1)]
        assert {"a0", "a3"} <= {one.order_id for one in again.orders()} <= {"a0", "a1", "a3"}


@pytest.mark.soak
@pytest.mark.parametrize("first", range(1_000, 1_200, 10))
def test_two_hundred_primaries_lose_and_double_nothing(replica_set, first):
    tally = fail_over(replica_set, range(first, first + 10))
    assert tally.bad == (0, 0, 0), tally


@pytest.mark.parametrize("store_type", [MongoStore, BelievesTheFirstAnswer])
def test_what_only_the_primary_had_is_lost_by_a_store_that_believed_it(replica_set, store_type):
    url = replica_set.url(f"believed{next(_NUMBERS)}")
    store = store_type(url, patience_s=4)
    primary = replica_set.primary()
    others = [member for member in replica_set.members if member is not primary]
    store.insert([order("a0")])
    for member in others:
        member.freeze()
    acked = []
    writer = threading.Thread(target=_insert, args=(store, acked))
    writer.start()
    time.sleep(0.5)
    for member in (primary, *others):  # also what the others' sockets held is gone
        member.kill()
    for member in others:
        member.start()
    replica_set.primary()
    writer.join(PATIENCE_S)
    primary.start()
    replica_set.wait_until_whole()
    store.close()
    again = MongoStore(url)
    stored = {change.order_id for change in again.changes(0)}
    again.close()
    assert (store_type is BelievesTheFirstAnswer) == bool(set(acked) - stored)


def _insert(store, acked):
    try:
        for number in range(1, 6):
            store.insert([order(f"a{number}")])
            acked.append(f"a{number}")
    except StoreError:
        pass
