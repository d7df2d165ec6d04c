"""What MongoDB adds to the contract: who may own a store, and what others read in it."""

import json
import shutil
import subprocess
import sys
import threading
from contextlib import closing
from decimal import Decimal

import msgspec
import pytest
from pymongo import WriteConcern
from pymongo.errors import AutoReconnect
from tests import mongod
from tests.orders.sample import BTC, VENUE, filled, order, report

from millstream.config import without_password
from millstream.errors import ConfigError, DuplicateOrder, StoreError
from millstream.model import OrderStatus
from millstream.orders import Happened
from millstream.orders.mongo.address import parse_address
from millstream.orders.mongo.store import MongoStore
from millstream.orders.store import SavedRobot
from millstream.session.gateways import open_store

ROBOT = SavedRobot(name="tight", robot="x:Quoter", markets=("binance@btc/usdt",), parameters={})

OWNER = """
import sys
from tests.orders.sample import order
from millstream.orders.mongo.store import MongoStore
store = MongoStore(sys.argv[1])
store.insert([order("a1")])
print("open", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def store(mongo_url):
    kept = MongoStore(mongo_url)
    yield kept
    kept.close()


@pytest.fixture
def database(replica_set, mongo_url):
    with replica_set.client() as client:
        yield client[parse_address(mongo_url).database]


class HasNoPrimary:
    """What reads orders, when no primary is there for longer than a call waits."""

    def __init__(self):
        self.asked = threading.Event()

    def order(self, order_id):
        self.asked.set()
        raise AutoReconnect("no primary")


class TestClosing:
    def test_who_closes_does_not_wait_for_a_primary_and_hears_what_is_not_stored(
        self, mongo_url, caplog
    ):
        store = MongoStore(mongo_url, patience_s=3600)
        store.insert([order("a1", status=OrderStatus.REJECTED)])  # not known by heart
        store._reader, told = HasNoPrimary(), []

        def write():
            try:
                store.apply([report("a1", Happened.NOTED, reason="why")], 2)
            except StoreError as error:
                told.append(str(error))

        writing = threading.Thread(target=write, daemon=True)
        writing.start()
        assert store._reader.asked.wait(60)
        closing = threading.Thread(target=store.close, daemon=True)
        closing.start()
        closing.join(60)
        writing.join(60)
        assert not closing.is_alive()
        assert "the connection is lost" in told[0]
        assert "closed before a change of these orders was stored for certain: a1" in caplog.text


class TestAddress:
    def test_a_password_is_never_shown(self):
        address = parse_address("mongodb://ann:s%40cret@h1,h2:27018/fleet?replicaSet=rs0")
        assert address.shown == "mongodb://h1:27017,h2:27018/fleet"
        assert "s%40cret" not in repr(address)
        assert without_password(address.url) == "mongodb://h1,h2:27018/fleet?replicaSet=rs0"

    @pytest.mark.parametrize(
        "url", ["mongodb://", "mongodb://ann:s@cret@h1/x", "mongodb://ann:secret@h1:port/x"]
    )
    def test_what_is_no_address_is_said_in_one_sentence_without_its_password(self, url):
        with pytest.raises(ConfigError, match="not an address of MongoDB") as told:
            parse_address(url)
        assert "cret" not in str(told.value)
        assert "\n" not in str(told.value)

    @pytest.mark.parametrize("weak", ["w=1", "w=0", "journal=false", "retryWrites=false"])
    def test_an_address_that_asks_for_weak_writes_is_refused(self, weak):
        with pytest.raises(StoreError, match=f"asks for {weak.lower()}|asks for {weak}"):
            parse_address(f"mongodb://ann:secret@h1/x?{weak}")

    def test_a_scheme_that_is_mistyped_shows_no_password_either(self, tmp_path):
        with pytest.raises(ConfigError, match="mongodb://HOST:PORT") as told:
            open_store("mongdb://ann:secret@h1/x", tmp_path)
        assert "secret" not in str(told.value)

    def test_without_the_driver_it_is_said_what_to_install(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "millstream.orders.mongo.store", None)
        with pytest.raises(ConfigError, match=r"pip install 'millstream\[mongo\]'"):
            open_store("mongodb://h1/x", tmp_path)


class TestStart:
    def test_a_store_is_opened_by_its_address(self, mongo_url, tmp_path):
        with closing(open_store(mongo_url, tmp_path)) as store:
            assert isinstance(store, MongoStore)

    def test_a_database_of_another_layout_is_refused(self, mongo_url, database):
        database.state.insert_one({"_id": "layout", "version": 99})
        with pytest.raises(StoreError, match="layout has version 99"):
            MongoStore(mongo_url)

    def test_servers_that_do_not_answer_are_named(self, monkeypatch):
        monkeypatch.setattr("millstream.orders.mongo.server._FIND_S", 0.2)
        with pytest.raises(StoreError, match="no primary answers") as told:
            MongoStore("mongodb://ann:secret@127.0.0.1:1/x?replicaSet=rs0")
        assert "secret" not in str(told.value)
        assert told.value.__cause__ is None

    def test_a_server_that_stands_alone_is_refused(self):
        if reason := mongod.why_not():
            pytest.skip(reason)
        alone = mongod.ReplicaSet(replica_set=False)
        try:
            with pytest.raises(StoreError, match=r"stands alone.*--replSet"):
                MongoStore(f"mongodb://{alone.members[0].address}/x")
        finally:
            alone.stop()

    def test_a_default_write_concern_below_majority_is_refused(self, replica_set, mongo_url):
        def set_default(w):
            with replica_set.client() as client:
                client.admin.command("setDefaultRWConcern", defaultWriteConcern={"w": w})

        set_default(1)
        try:
            with pytest.raises(StoreError, match=r"default write concern is w=1.*majority"):
                MongoStore(mongo_url)
        finally:
            set_default("majority")

    def test_every_write_asks_for_a_majority_with_its_journal(self, store):
        assert store._database.write_concern == WriteConcern("majority", j=True)


class TestOwner:
    def test_a_second_owner_is_refused_until_the_first_has_closed(self, mongo_url):
        with closing(MongoStore(mongo_url)) as store:
            store.insert([order("a1")])
            with pytest.raises(StoreError, match=r"process \d+ on .* owns it"):
                MongoStore(mongo_url)
        with closing(MongoStore(mongo_url)) as store:
            assert store.revision == 1

    def test_the_store_of_a_killed_process_is_taken_at_once(self, mongo_url):
        owner = subprocess.Popen(
            [sys.executable, "-c", OWNER, mongo_url],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        with owner:
            assert owner.stdout.readline() == "open\n"
            with pytest.raises(StoreError, match=f"process {owner.pid} on"):
                MongoStore(mongo_url)
            owner.kill()
            owner.wait()
        with closing(MongoStore(mongo_url)) as store:
            assert [one.order_id for one in store.orders(open_only=True)] == ["a1"]

    def test_an_owner_that_was_overtaken_stores_nothing_more(self, mongo_url, database):
        first = MongoStore(mongo_url)
        first.insert([order("a1")])
        database.state.update_one({"_id": "writer"}, {"$set": {"until": 0}})  # as if frozen
        with closing(MongoStore(mongo_url)) as second:
            second.insert([order("a2")])
            with pytest.raises(StoreError, match="another process has taken it over"):
                first.insert([order("a3")])
            with pytest.raises(StoreError, match="another process has taken it over"):
                first.orders()
            assert [one.order_id for one in second.orders()] == ["a1", "a2"]
        first.close()

    def test_what_an_overtaken_owner_still_stored_is_taken_in(self, mongo_url, database):
        first = MongoStore(mongo_url)
        database.state.update_one({"_id": "writer"}, {"$set": {"until": 0}})
        with closing(MongoStore(mongo_url)) as second:
            first.insert([order("a1")])  # before the second has stored anything
            (mine,) = second.insert([order("a2")])
            assert mine.revision == 2
            assert second.get("a1").revision == 1
            with pytest.raises(DuplicateOrder):
                second.insert([order("a1")])
        first.close()

    def test_a_revision_that_an_election_has_freed_is_taken(self, mongo_url, database):
        with closing(MongoStore(mongo_url)) as store:
            judge = store._commits._judge

            def after_an_election(revision, until_s):
                database.changes.delete_one({"token": "never replicated"})
                return judge(revision, until_s)

            store._commits._judge = after_an_election
            database.changes.insert_one({"_id": 1, "last": 1, "token": "never replicated"})
            (stored,) = store.insert([order("a1")])
            assert stored.revision == 1
            assert [change.order_id for change in store.changes(0)] == ["a1"]

    def test_an_owner_that_was_overtaken_keeps_no_robot(self, mongo_url, database):
        first = MongoStore(mongo_url)
        database.state.update_one({"_id": "writer"}, {"$set": {"until": 0}})
        with closing(MongoStore(mongo_url)) as second:
            second.save_robot(ROBOT)
            for late in (
                lambda: first.save_robot(msgspec.structs.replace(ROBOT, standing="paused")),
                lambda: first.remove_robot(ROBOT.name),
            ):
                first._broken = ""  # as if its lease had not told it yet
                with pytest.raises(StoreError, match="another process has taken it over"):
                    late()
            assert second.saved_robots() == [ROBOT]
        first.close()

    def test_a_process_of_another_container_is_not_taken_for_dead(self, mongo_url):
        apart = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
        if shutil.which("unshare") is None or subprocess.run([*apart, "true"]).returncode:
            pytest.skip("this user may not make a namespace of processes")
        owner = subprocess.Popen(
            [*apart, sys.executable, "-c", OWNER, mongo_url],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        with owner:
            assert owner.stdout.readline() == "open\n"
            with pytest.raises(StoreError, match=r"process 1 on .* owns it"):
                MongoStore(mongo_url)
            owner.kill()


class TestReadable:
    def test_an_order_reads_as_a_person_would_write_it(self, store, database):
        store.insert([order("a1", price="0.00000001")])
        store.apply([report("a1"), filled("a1")], 2)
        assert store.wait_until_readable(10)
        shown = database.orders.find_one({"name": "quoter"})
        assert (shown["_id"], shown["order_id"]) == ("a1", "a1")
        assert (shown["from"], shown["to"]) == ("quoter", "binance")
        assert (shown["symbol"], shown["side"], shown["type"]) == ("BTC/USDT", "buy", "limit")
        assert (shown["price"], shown["volume"]) == ("0.00000001", "1")
        assert (shown["status"], shown["filled_volume"]) == ("partial", "0.4")
        assert database.positions.find_one({"name": "quoter"})["volume"] == "0.4"

    def test_the_pipeline_of_the_seed_gives_a_robot_its_trades(self, store, database):
        robo_name, given, opened = "quoter", [], threading.Event()
        db = database

        def trades_stream():
            pipeline = [
                {"$match": {"fullDocument.name": robo_name, "operationType": "insert"}},
                {"$project": {"fullDocument._id": 0}},
            ]
            options = {}
            with db.trades.watch(pipeline, **options) as stream:
                opened.set()
                for change in stream:
                    given.append(json.loads(json.dumps({"trades": change["fullDocument"]})))
                    if len(given) == 2:
                        return

        follower = threading.Thread(target=trades_stream)
        follower.start()
        assert opened.wait(60)
        store.insert([order("a1"), order("b1", robot="other")])
        store.apply([filled("a1", "1"), filled("b1", "2"), filled("a1", "3")], 2)
        follower.join(60)
        assert [one["trades"]["trade_id"] for one in given] == ["1", "3"]
        assert given[0]["trades"]["name"] == given[0]["trades"]["to"] == "quoter"
        assert given[0]["trades"]["price"] == "100"

    def test_what_a_killed_process_had_not_shown_yet_is_shown_at_the_next_open(
        self, mongo_url, database
    ):
        with closing(MongoStore(mongo_url)) as store:
            store.insert([order("a1"), order("a2", robot="other")])
            store.apply([filled("a1"), report("a2", Happened.CANCELED)], 2)
        expected = list(database.orders.find().sort("_id")), list(database.positions.find())
        for reached in (0, 1, 2, 4):  # it was killed there, and had done more or less than that
            database.state.update_one({"_id": "projected"}, {"$set": {"revision": reached}})
            database.orders.delete_many({"inserted": {"$gt": reached}})
            database.trades.delete_many({"_id": {"$gt": reached}})
            with closing(MongoStore(mongo_url)) as store:
                assert [one.order_id for one in store.orders()] == ["a1", "a2"]
                assert len(store.trades()) == 1
                assert store.position("quoter", VENUE, BTC) == Decimal("0.4")
            found = list(database.orders.find().sort("_id")), list(database.positions.find())
            assert found == expected

    def test_reading_does_not_depend_on_how_far_the_readable_collections_are(
        self, mongo_url, database, monkeypatch
    ):
        def never(*given):
            raise AssertionError("not now")

        with closing(MongoStore(mongo_url)) as store:
            store.insert([order("a1"), order("a2")])
            assert store.wait_until_readable(10)
            monkeypatch.setattr(
                "millstream.orders.mongo.projection.Projector._wrote", lambda self, write: False
            )
            store.apply([filled("a1", volume="1"), report("a2")], 2)
            store.insert([order("a3")])
            assert database.trades.count_documents({}) == 0
            assert [(o.order_id, o.status) for o in store.orders()] == [
                ("a1", OrderStatus.FILLED), ("a2", OrderStatus.SENT), ("a3", OrderStatus.INTENT),
            ]  # fmt: skip
            assert [one.trade_id for one in store.trades()] == ["t1"]
            assert store.get("a1").status is OrderStatus.FILLED
            store._projector.wait = lambda *given: False
