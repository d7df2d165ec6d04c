"""One contract, every keeper: the set-ups of robots lie beside the orders."""

import apsw
import pytest
from tests.orders.sample import order

from millstream.errors import StoreError
from millstream.orders import MemoryStore
from millstream.orders.mongo.follow import MongoFollower
from millstream.orders.mongo.store import MongoStore
from millstream.orders.sqlite import SqliteStore
from millstream.orders.sqlite_follow import SqliteFollower
from millstream.orders.store import SavedRobot


@pytest.fixture(params=["memory", "sqlite", "mongo"])
def store(request, tmp_path):
    if request.param == "memory":
        kept = MemoryStore()
    elif request.param == "sqlite":
        kept = SqliteStore(tmp_path / "orders.db")
    else:
        kept = MongoStore(request.getfixturevalue("mongo_url"))
    yield kept
    kept.close()


def robot(name, **changes):
    plain = {"volume": "0.002", "away_bps": 1.5, "pairs": ["a", "b"], "deep": {"x": None}}
    made = {"robot": "my.robots:Quoter", "markets": ("binance@btc/usdt",), "parameters": plain}
    return SavedRobot(name=name, **(made | changes))


def test_a_set_up_is_given_back_as_it_was_saved(store):
    one = robot("one", standing="paused", who="ann", why="lunch", saved_ns=2**62)
    store.save_robot(one)
    assert store.saved_robots() == [one]


def test_a_set_up_takes_the_place_of_the_one_before_it(store):
    for name in ("one", "two"):
        store.save_robot(robot(name))
    changed = robot("one", parameters={"volume": "1"})
    store.save_robot(changed)
    assert store.saved_robots() == [changed, robot("two")]


def test_what_was_removed_does_not_return(store):
    store.save_robot(robot("one"))
    store.remove_robot("one")
    store.remove_robot("nobody")
    assert store.saved_robots() == []


def test_set_ups_are_no_changes_of_orders(store):
    store.insert([order("a1")])
    store.save_robot(robot("one"))
    assert store.revision == 1


def test_a_closed_store_refuses(store):
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.saved_robots()


def test_set_ups_outlive_the_process(tmp_path):
    kept = SqliteStore(tmp_path / "orders.db")
    kept.save_robot(robot("one"))
    kept.close()
    kept = SqliteStore(tmp_path / "orders.db")
    assert kept.saved_robots() == [robot("one")]
    kept.close()


def test_set_ups_on_mongodb_outlive_the_process(mongo_url):
    kept = MongoStore(mongo_url)
    kept.save_robot(robot("one"))
    kept.close()
    kept = MongoStore(mongo_url)
    assert kept.saved_robots() == [robot("one")]
    kept.close()


def test_followers_read_set_ups_while_their_owner_writes_them(tmp_path, mongo_url):
    for kept, follow in (
        (SqliteStore(tmp_path / "orders.db"), lambda: SqliteFollower(tmp_path / "orders.db")),
        (MongoStore(mongo_url), lambda: MongoFollower(mongo_url)),
    ):
        follower = follow()
        assert follower.saved_robots() == []
        kept.save_robot(robot("one", process="alice"))
        assert follower.saved_robots() == [robot("one", process="alice")]
        follower.close()
        kept.close()


def test_a_file_of_before_processes_were_kept_is_read_and_gets_them(tmp_path):
    path = tmp_path / "orders.db"
    kept = SqliteStore(path)
    kept.save_robot(robot("old"))
    kept.close()
    connection = apsw.Connection(str(path))
    connection.execute("ALTER TABLE robots DROP COLUMN process")
    connection.close()
    follower = SqliteFollower(path)
    assert follower.saved_robots() == [robot("old")]
    follower.close()
    kept = SqliteStore(path)
    kept.save_robot(robot("new", process="alice"))
    assert kept.saved_robots() == [robot("old"), robot("new", process="alice")]
    kept.close()
