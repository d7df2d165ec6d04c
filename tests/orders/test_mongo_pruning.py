"""Old changes go, and nobody is told less than he needs: real mongod, random histories."""

import random
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from pymongo.collection import Collection
from pymongo.errors import AutoReconnect
from tests.orders.sample import BTC, VENUE, filled, order, report

from millstream.errors import DuplicateOrder, StoreError
from millstream.model import MyOrder
from millstream.orders import Happened
from millstream.orders.mongo import pruning
from millstream.orders.mongo.address import parse_address
from millstream.orders.mongo.follow import MongoFollower
from millstream.orders.mongo.of_run import changes_of_run
from millstream.orders.mongo.pruning import Pruner, prune
from millstream.orders.mongo.store import MongoStore

LATER = datetime.now(UTC) + timedelta(days=1)  # than everything


@pytest.fixture
def store(mongo_url):
    kept = MongoStore(mongo_url)
    yield kept
    kept.close()


@pytest.fixture
def follower(mongo_url):
    """One that has nothing in memory: it was opened after everything, and asks."""
    made = []

    class Late:
        def __getattr__(self, name):
            if not made:
                made.append(MongoFollower(mongo_url))
            return getattr(made[0], name)

    yield Late()
    for one in made:
        one.close()


@pytest.fixture
def database(replica_set, mongo_url):
    with replica_set.client() as client:
        yield client[parse_address(mongo_url).database]


def live(store, chance, names, steps=40):
    """Orders of two robots that work, fill in parts, end, or do not."""
    for _ in range(steps):
        known = [one.order_id for one in store.orders(open_only=True)]
        if not known or chance.random() < 0.3:
            robot = chance.choice(["quoter", "other"])
            store.insert([order(next(names), robot=robot)])
        else:
            name = chance.choice(known)
            now = chance.choice([
                report(name), filled(name, f"t{chance.random()}", volume="0.1"),
                report(name, Happened.CANCELED),
            ])  # fmt: skip
            store.apply([now], 5)
    assert store.wait_until_readable(10)


def told(changes):
    """What somebody knows who has heard these: last states, and every fill."""
    orders = {c.order_id: c for c in changes if isinstance(c, MyOrder)}
    return orders, [c for c in changes if not isinstance(c, MyOrder)]


def in_pages(record, after, robot=None, limit=7):
    found = []
    while page := record.changes(after, robot, limit):
        found += page
        after = page[-1].revision
    return found


@pytest.mark.parametrize("seed", range(4))
def test_whoever_stood_anywhere_ends_with_every_last_state_and_every_fill(
    mongo_url, database, seed, monkeypatch
):
    monkeypatch.setattr(pruning, "_PORTION", 5)
    chance, names = random.Random(seed), (f"a{number}" for number in range(10_000))
    for _ in range(3):  # owners, one after the other
        with closing(MongoStore(mongo_url)) as store:
            live(store, chance, names)
    with closing(MongoStore(mongo_url)) as store, closing(MongoFollower(mongo_url)) as follower:
        whole = store.changes(0, None, 10_000)
        for reached in sorted(chance.sample(range(1, store.revision + 1), 3)):
            until = prune(database, LATER, reached)
            assert until <= reached
            for after in [0, *chance.sample(range(store.revision), 12), store.revision]:
                for robot in (None, "quoter"):
                    mine = [c for c in whole if robot in (None, c.robot)]
                    known = [c for c in mine if c.revision <= after]
                    for record in (store, follower):
                        new = in_pages(record, after, robot)
                        revisions = [c.revision for c in new]
                        assert revisions == sorted(set(revisions))
                        assert all(c in mine for c in new)
                        orders, fills = told([*known, *new])
                        assert (orders, fills) == told(mine)
                    if after >= until:
                        assert new == [c for c in mine if c.revision > after]
            assert store.revision == follower.revision == whole[-1].revision
        live(store, chance, names, 10)  # and it goes on
        assert store.position(None, VENUE, BTC) == sum(
            one.side.sign * one.volume for one in store.trades()
        )


def test_an_order_id_and_a_fill_are_known_for_ever(store, database):
    store.insert([order("a1"), order("a2")])
    store.apply([report("a1"), filled("a1", "t1", volume="0.4")], 2)
    store.insert([order("a3")])
    assert store.wait_until_readable(10)
    assert prune(database, LATER, store.revision) == store.revision
    with pytest.raises(DuplicateOrder):
        store.insert([order("a1")])
    before = store.trades()
    store.apply([filled("a1", "t1", volume="0.4")], 3)
    assert store.trades() == before
    assert all("changes" not in one for one in database.changes.find())


def test_documents_that_judge_nothing_go(store, database):
    store.insert([order("a1")])
    for number in range(20):
        store.apply([report("a1", Happened.REJECTED if number == 19 else Happened.SENT)], number)
    store.insert([order("a2")])
    revision = store.revision
    assert store.wait_until_readable(10)
    prune(database, LATER, revision)
    assert [one["_id"] for one in database.changes.find()] == [1, revision]
    assert store.revision == revision


def test_what_is_young_or_not_readable_yet_stays(store, database):
    store.insert([order("a1")])
    store.insert([order("a2")])
    store.insert([order("a3")])
    assert prune(database, datetime.now(UTC) - timedelta(days=1), 3) == 0
    assert prune(database, LATER, 2) == 2
    database.changes.update_one({"_id": 3}, {"$unset": {"when": 1}})  # of an earlier version
    assert prune(database, LATER, 3) == 2
    assert [one.revision for one in store.changes(2)] == [3]


def test_an_owner_that_was_overtaken_long_ago_commits_nothing(mongo_url, database):
    """Its next revision was taken, and is still, though every change around it is gone."""
    stale = MongoStore(mongo_url)
    stale.insert([order("a1")])
    stale.apply([report("a1", Happened.SENT)], 2)
    assert stale.wait_until_readable(10)
    database.state.update_one(
        {"_id": "writer"}, {"$set": {"until": 0}}
    )  # frozen, it renews nothing
    with closing(MongoStore(mongo_url)) as owner:
        for number in range(6):
            owner.apply(
                [
                    report("a1", Happened.ACCEPTED)
                    if number == 0
                    else filled("a1", f"t{number}", volume="0.1")
                ],
                3,
            )
        owner.apply([report("a1", Happened.CANCELED)], 4)
        assert owner.wait_until_readable(10)
        revision = owner.revision
        prune(database, LATER, revision)
        with pytest.raises(StoreError, match="another process has taken it over"):
            stale.insert([order("late")])
        assert owner.revision == revision
    stale.close()
    assert database.changes.find_one({"ids": "late"}) is None


@pytest.mark.parametrize("portions", [0, 1, 2])
def test_a_pruning_that_died_half_way_is_finished_by_the_next(
    store, database, follower, monkeypatch, portions
):
    for number in range(12):
        store.insert([order(f"a{number}")])
        store.apply([report(f"a{number}")], number)
    assert store.wait_until_readable(10)
    monkeypatch.setattr(pruning, "_PORTION", 4)
    wrote, real = [], Collection.bulk_write

    def dies(self, *given, **more):
        if len(wrote) == portions:
            raise AutoReconnect("gone")
        wrote.append(1)
        return real(self, *given, **more)

    monkeypatch.setattr(Collection, "bulk_write", dies)
    with pytest.raises(AutoReconnect):
        prune(database, LATER, store.revision)
    assert told(follower.changes(0))[0] == {one.order_id: one for one in store.orders()}
    monkeypatch.undo()
    assert prune(database, LATER, store.revision) == store.revision
    assert database.changes.count_documents({"changes": {"$exists": True}}) == 0
    assert told(follower.changes(0))[0] == {one.order_id: one for one in store.orders()}


def test_what_goes_while_it_is_read_is_read_in_the_other_way(store, database, follower):
    for number in range(4):
        store.insert([order(f"a{number}")])
        store.apply([report(f"a{number}", Happened.SENT), report(f"a{number}")], number)
    assert store.wait_until_readable(10)
    read, times = follower._reader._changes, []

    def slowly(*given):
        times.append(1)
        if len(times) == 1:
            prune(database, LATER, store.revision)
        return read(*given)

    follower._reader._changes = slowly
    assert told(follower.changes(0))[0] == {one.order_id: one for one in store.orders()}
    assert len(times) == 2


def test_a_follower_that_was_away_for_longer_is_told_and_gets_a_resync(
    store, database, mongo_url, caplog
):
    said = []
    with closing(MongoFollower(mongo_url, "screen")) as follower:
        store.insert([order("a1")])
        assert follower.wait(0, 30)
        follower.remember(1)
    store.apply([report("a1"), filled("a1", "t1")], 2)
    store.apply([report("a1", Happened.CANCELED)], 3)
    assert store.wait_until_readable(10)
    prune(database, LATER, store.revision)
    with closing(MongoFollower(mongo_url, "screen", said.append)) as follower:
        new = follower.changes(follower.stood)
        assert follower.resyncs == 1
        orders, fills = told(new)
        assert [str(one.status) for one in orders.values()] == ["canceled"]
        assert [one.trade_id for one in fills] == ["t1"]
        assert follower.changes(0)
    (sentence,) = said
    assert "somebody stood at 1" in sentence
    assert caplog.text.count(sentence) == 1
    with closing(MongoFollower(mongo_url, on_resync=said.append)) as new:
        assert told(new.changes(0)) == (orders, fills)
    assert said == [sentence]  # who begins there has missed nothing


def test_a_follower_that_is_behind_when_it_is_pruned_goes_on(store, database, mongo_url):
    with closing(MongoFollower(mongo_url)) as follower:
        store.insert([order("a1")])
        assert follower.wait(0, 30)
        take, follower._take = follower._take, lambda one: None  # lost on the way
        for number in range(6):
            store.apply(
                [report("a1") if number == 0 else filled("a1", f"t{number}", volume="0.1")], 3
            )
        assert store.wait_until_readable(10)
        time.sleep(0.3)
        prune(database, LATER, store.revision)
        follower._take = take
        store.insert([order("a2")])
        assert follower.wait(store.revision - 1, 30)
        for after in range(1, store.revision):
            new = follower.changes(after)
            assert new[-1].revision == store.revision
            assert all(change in store.changes(after) for change in new)


def test_a_study_has_what_is_left_of_a_run(store, database, mongo_url):
    store.insert([order("run1a"), order("run2a")])
    store.apply([report("run1a"), filled("run1a", "t1")], 2)
    store.apply([report("run1a", Happened.CANCELED)], 3)
    assert store.wait_until_readable(10)
    prune(database, LATER, store.revision)
    orders, fills = told(changes_of_run(mongo_url, "run1"))
    assert orders == {"run1a": store.get("run1a")}
    assert fills == store.trades()


def test_the_thread_prunes_what_is_older_than_its_days(store, database, monkeypatch):
    monkeypatch.setattr(pruning, "_FIRST_S", 0.01)
    for number in range(4):
        store.insert([order(f"a{number}")])
    assert store.wait_until_readable(10)
    old = datetime.now(UTC) - timedelta(days=8)
    database.changes.update_many({"_id": {"$lte": 3}}, {"$set": {"when": old}})
    pruner = Pruner(database, "here", 7, lambda: store.revision)
    deadline = time.monotonic() + 60
    while database.changes.count_documents({"changes": {"$exists": True}}) > 1:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    pruner.stop(5)
    assert [one.revision for one in store.changes(3)] == [4]


def test_a_store_of_the_layout_before_is_taken_over(mongo_url, database):
    with closing(MongoStore(mongo_url)) as store:
        store.insert([order("a1"), order("a2")])
    database.changes.update_many({}, {"$unset": {"when": 1}})
    database.state.update_one({"_id": "layout"}, {"$set": {"version": 1}})
    with closing(MongoStore(mongo_url)) as store:
        assert prune(database, LATER, store.revision) == 0  # nobody knows how old these are
        store.insert([order("a3")])
        assert store.wait_until_readable(10)
        assert prune(database, LATER, store.revision) == 3
        assert [one.order_id for one in store.orders()] == ["a1", "a2", "a3"]
