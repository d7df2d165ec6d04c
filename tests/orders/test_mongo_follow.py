"""A store on MongoDB read by processes that do not own it, and orders that others put into it."""

import subprocess
import sys
import threading
import time
from contextlib import closing
from decimal import Decimal

import pytest
from bson import Decimal128, ObjectId
from bson.datetime_ms import DatetimeMS
from pymongo.errors import DuplicateKeyError
from tests import mongod
from tests.orders.sample import BTC, VENUE, filled, order, report

from millstream.errors import StoreError
from millstream.model import OrderType, PlaceOrder
from millstream.orders import Gateway, Happened, OrderDesk, RiskBook, RiskLimits, watch
from millstream.orders.mongo.address import parse_address
from millstream.orders.mongo.follow import MongoFollower
from millstream.orders.mongo.mailbox import OrderMailbox, wish_in
from millstream.orders.mongo.store import MongoStore

WRITER = """
import sys
from tests.orders.sample import order, report, filled
from millstream.orders.mongo.store import MongoStore
store = MongoStore(sys.argv[1])
for number in range(1_000_000):
    store.insert([order(f"a{number}")])
    store.apply([report(f"a{number}"), filled(f"a{number}", f"t{number}")], number)
    print(store.revision, flush=True)
"""


@pytest.fixture
def store(mongo_url):
    kept = MongoStore(mongo_url)
    yield kept
    kept.close()


@pytest.fixture
def follower(store, mongo_url):
    reading = MongoFollower(mongo_url)
    yield reading
    reading.close()


@pytest.fixture
def database(replica_set, mongo_url):
    with replica_set.client() as client:
        yield client[parse_address(mongo_url).database]


class TestFollower:
    def test_a_follower_reads_what_the_owner_reads(self, store, follower):
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

    def test_waiting_ends_with_the_owners_change(self, store, follower):
        assert follower.wait(0, 0.01) is False
        store.insert([order("a1")])
        assert follower.wait(0, 30) is True
        assert [one.order_id for one in follower.changes(0)] == ["a1"]

    def test_what_the_stream_has_told_is_handed_over_without_asking_the_servers(
        self, store, mongo_url
    ):
        class Asked(MongoFollower):
            times = 0

            @property
            def revision(self):
                self.times += 1
                return super().revision

        with closing(Asked(mongo_url)) as follower:
            store.insert([order("a1"), order("a2")])
            assert follower.wait(1, 30)
            told = watch(follower, 0, None, lambda: False)
            assert [next(told).order_id, next(told).order_id] == ["a1", "a2"]
            assert follower.times == 0
            store.insert([order("a3")])
            assert next(told).order_id == "a3"

    def test_a_follower_of_a_killed_owner_misses_and_doubles_nothing(self, mongo_url):
        owner = subprocess.Popen(
            [sys.executable, "-c", WRITER, mongo_url], stdout=subprocess.PIPE, text=True
        )
        acknowledged = int(owner.stdout.readline())
        stopped, seen = threading.Event(), []
        with closing(MongoFollower(mongo_url)) as follower:
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
        with closing(MongoStore(mongo_url)) as again:
            assert again.position("quoter", VENUE, BTC) == len(again.trades()) * Decimal("0.4")

    def test_a_follower_with_a_name_goes_on_where_it_stood(self, store, mongo_url):
        with closing(MongoFollower(mongo_url, "screen")) as follower:
            assert follower.stood == 0
            store.insert([order("a1"), order("a2")])
            assert follower.wait(1, 30)
            follower.remember(1)
        store.insert([order("a3")])
        with closing(MongoFollower(mongo_url, "screen")) as follower:
            assert follower.stood == 1
            assert [c.revision for c in follower.changes(follower.stood)] == [2, 3]
            assert follower.resyncs == 0

    def test_a_follower_without_a_name_is_not_remembered(self, follower):
        with pytest.raises(StoreError, match="with a name"):
            follower.remember(1)

    def test_a_closed_follower_says_so_and_wakes_who_waits(self, follower):
        closer = threading.Timer(0.05, follower.close)
        closer.start()
        assert follower.wait(0, 30) is False
        closer.join()
        with pytest.raises(StoreError, match="closed"):
            follower.orders()

    def test_a_stream_that_leaves_something_out_is_noticed(self, store, follower, monkeypatch):
        told = follower._take
        monkeypatch.setattr(follower, "_take", lambda one: None)  # lost on the way
        store.insert([order("a1")])
        time.sleep(0.3)
        monkeypatch.setattr(follower, "_take", told)
        store.insert([order("a2")])
        assert follower.wait(1, 30)
        assert [one.order_id for one in follower.changes(0)] == ["a1", "a2"]


class TestRolledOver:
    def test_a_log_that_was_rolled_over_costs_a_resync_and_no_change(self, caplog):
        if reason := mongod.why_not():
            pytest.skip(reason)
        small = mongod.ReplicaSet(oplog_mib=1)
        try:
            url, told = small.url("rolled"), []

            def hear(why):
                told.append(why)
                raise RuntimeError("whoever hears it fails, and the follower does not")

            with closing(MongoStore(url)) as store:
                with closing(MongoFollower(url, "screen")) as follower:
                    store.insert([order("a1")])
                    assert follower.wait(0, 30)
                    follower.remember(1)
                store.insert([order("a2")])
                with small.client() as client:
                    _roll_over(client)
                with closing(MongoFollower(url, "screen", hear)) as follower:
                    assert follower.stood == 1
                    assert [c.order_id for c in follower.changes(follower.stood)] == ["a2"]
                    store.insert([order("a3")])
                    assert follower.wait(2, 30)
                    assert [c.revision for c in follower.changes(1)] == [2, 3]
                    assert follower.resyncs == 1
            assert len(told) == 1
            assert "does not reach back" in told[0]
            assert told[0] in caplog.text
        finally:
            small.stop()


def _roll_over(client):
    """Write until the server has forgotten what it wrote first."""
    oldest = client.local["oplog.rs"]
    first = oldest.find_one(sort=[("$natural", 1)])["ts"]
    deadline = time.monotonic() + 60
    while oldest.find_one(sort=[("$natural", 1)])["ts"] == first:
        assert time.monotonic() < deadline
        client.noise.noise.insert_many([{"x": b"x" * 100_000} for _ in range(50)])


ASKED = {
    "name": "robo",
    "from": "robo",
    "to": "binance",
    "symbol": "btc/usdt",
    "side": "buy",
    "type": "limit",
    "price": "100",
    "volume": "0.5",
}


class Venue:
    """Remembers what was placed."""

    def __init__(self):
        self.placed = []

    def place(self, order, now_ns):
        self.placed.append(order)

    def advance(self, now_ns):
        return []

    def recover(self, orders):
        return []


class TestMailbox:
    @pytest.fixture
    def mailbox(self, store, mongo_url):
        taking = OrderMailbox(mongo_url)
        yield taking
        taking.close()

    @staticmethod
    def received(mailbox, count=1):
        wishes, deadline = [], time.monotonic() + 60
        while len(wishes) < count and time.monotonic() < deadline:
            wishes += mailbox.receive()
        return wishes

    def test_an_order_of_another_program_reaches_the_gateway_once(self, store, mailbox, database):
        mailbox.receive()  # it follows from here on
        key = database.orders.insert_one(dict(ASKED)).inserted_id
        wishes = self.received(mailbox)
        desk, venue = OrderDesk(store, RiskBook(RiskLimits())), Venue()
        gateway = Gateway(store, venue)
        desk.handle([*wishes, *wishes], 5)
        gateway.step(6)
        gateway.step(7)
        (placed,) = venue.placed
        assert (placed.robot, placed.volume, placed.price) == ("robo", Decimal("0.5"), Decimal(100))
        store.apply([filled(placed.order_id, volume="0.5")], 8)
        assert store.wait_until_readable(10)
        (shown,) = database.orders.find()
        assert (shown["_id"], shown["order_id"]) == (key, placed.order_id)
        assert (shown["status"], shown["inserted"]) == ("filled", 1)
        assert database.trades.find_one()["name"] == "robo"
        assert mailbox.receive() == []

    def test_what_came_while_nobody_looked_is_taken_if_it_is_young(self, store, mailbox, database):
        old = ObjectId.from_datetime(ObjectId().generation_time.replace(year=2020))
        database.orders.insert_many([{**ASKED, "_id": old}, dict(ASKED), {**ASKED, "_id": "mine1"}])
        (wish,) = self.received(mailbox)
        assert wish.body.order_id.startswith("x")
        reasons = {one["_id"]: one.get("reason") for one in database.orders.find()}
        assert "the market is another" in reasons[old]
        assert "nobody looked" in reasons["mine1"]

    def test_a_wish_that_was_lost_on_the_way_is_given_again_after_a_restart(
        self, store, mongo_url, database
    ):
        database.orders.insert_one(dict(ASKED))
        ids = []
        for _ in range(2):
            with closing(OrderMailbox(mongo_url)) as mailbox:
                ids += [one.body.order_id for one in self.received(mailbox)]
        assert len(ids) == 2
        assert ids[0] == ids[1]

    @pytest.mark.parametrize(
        ("changed", "why"),
        [
            ({"volume": None}, "field `volume` is missing"),
            ({"volume": "many"}, "'many', not a number above zero"),
            ({"price": -1}, "not a number above zero"),
            ({"price": None}, "limit order needs a `price`"),
            ({"type": "market"}, "market order has no `price`"),
            ({"volume": DatetimeMS(10**17)}, "not a number above zero"),
            ({"to": "binanse"}, "not a known exchange"),
            ({"symbol": "btc"}, "not a currency pair"),
            ({"order_id": "much-too-long-for-a-venue"}, "not 1 to 18 letters and digits"),
        ],
    )
    def test_an_order_that_cannot_be_read_is_refused_in_its_own_document(
        self, store, mailbox, database, changed, why
    ):
        mailbox.receive()
        database.orders.insert_one({**ASKED, **changed})
        deadline = time.monotonic() + 60
        while not (shown := database.orders.find_one({"status": "rejected"}, {"reason": 1})):
            assert mailbox.receive() == []
            assert time.monotonic() < deadline
        assert why in shown["reason"]
        assert store.orders() == []

    def test_an_order_id_is_taken_only_once(self, store, database):
        store.insert([order("a1")])
        assert store.wait_until_readable(10)
        with pytest.raises(DuplicateKeyError):
            database.orders.insert_one({**ASKED, "order_id": "a1"})

    def test_numbers_may_be_written_as_a_program_likes(self):
        for volume in ("0.5", 0.5, Decimal128("0.5")):
            assert wish_in({**ASKED, "_id": "a1", "volume": volume}).body.volume == Decimal("0.5")
        market = {**ASKED, "_id": "a1", "type": "market"}
        del market["price"]
        body = wish_in(market).body
        assert isinstance(body, PlaceOrder)
        assert (body.type, body.price, body.order_id) == (OrderType.MARKET, None, "a1")
