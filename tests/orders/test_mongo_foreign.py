"""Documents that other programs get wrong, or that nobody thought of: none ends who reads them."""

from __future__ import annotations

from contextlib import closing

import pytest
from bson import Code, Decimal128, Int64, ObjectId, encode
from pymongo.errors import AutoReconnect
from tests.session.test_fleet import until

from millstream.model.codec import decode_events
from millstream.orders.mongo.address import parse_address
from millstream.orders.mongo.commands import CommandBox
from millstream.orders.mongo.mailbox import OrderMailbox
from millstream.orders.mongo.store import MongoStore

PAUSE = {"name": "tight", "command": "pause", "from": "ann", "why": "news"}
BUY = {
    "name": "robo", "from": "robo", "to": "binance", "symbol": "btc/usdt",
    "side": "buy", "type": "limit", "price": "100", "volume": "0.5",
}  # fmt: skip

WRONG_COMMANDS = [
    {"markets": 7},
    {"markets": {"binance@btc/usdt": 1}},
    {"parameters": {"volume": float("nan")}},
    {"parameters": {"volume": Decimal128("Infinity")}},
    {"_id": {"of": "ann"}, "name": 7},
    {"_id": Code("f"), "name": 7},
    {"why": "w" * 9_000_000, "from": {"much": "w" * 6_000_000}},
]
WRONG_ORDERS = [
    {"_id": {"of": "ann"}, "symbol": "x"},
    {"_id": Code("f"), "symbol": "x"},
    {"post_only": "false"},
    {"reduce_only": float("nan")},
    {"volume": "1e999999999"},
    {"volume": Decimal128("1E-6000")},
    {"volume": Decimal128("NaN")},
    {"price": True},
    {"price": "w" * 9_000_000, "volume": "1"},
]


@pytest.fixture
def database(replica_set, mongo_url):
    with replica_set.client() as client:
        yield client[parse_address(mongo_url).database]


@pytest.fixture
def mailbox(mongo_url):
    MongoStore(mongo_url).close()
    with closing(OrderMailbox(mongo_url)) as opened:
        opened.receive()  # from here on a change stream tells
        yield opened


def taken(mailbox, most=8):
    """The next wishes; [] when none come for two seconds."""
    for _ in range(most):
        if wishes := mailbox.receive():
            return wishes
    return []


def full(document, field):
    """The document, with so much in a field that nothing more fits into it."""
    document = {"_id": ObjectId(), **document, field: ""}
    return {**document, field: "m" * (16 * 2**20 - len(encode(document)))}


def commands_of(box, most_s=60.0):
    body = box.receive(int(most_s * 1000))
    return None if body is None else decode_events(body)[0]


class TestControl:
    @pytest.mark.parametrize("wrong", WRONG_COMMANDS, ids=lambda wrong: ", ".join(wrong))
    def test_a_document_that_is_wrong_is_refused_and_the_next_is_obeyed(
        self, mongo_url, database, wrong
    ):
        with closing(CommandBox(mongo_url)) as box:
            key = database.control.insert_one({**PAUSE, **wrong}).inserted_id
            database.control.insert_one(dict(PAUSE))
            assert commands_of(box).robot == "tight"
            shown = database.control.find_one({"_id": key}, {"answers": 1})
            assert shown["answers"][0]["accepted"] is False
            assert len(shown["answers"][0]["reason"]) < 2_000

    @pytest.mark.parametrize("wrong", [{"markets": 7}, {"taken": [{"process": "robots"}, 3]}])
    def test_a_document_that_is_wrong_keeps_no_session_from_starting(
        self, mongo_url, database, wrong
    ):
        database.control.insert_one({**PAUSE, **wrong})
        with closing(CommandBox(mongo_url)) as box:
            database.control.insert_one(dict(PAUSE))
            assert commands_of(box).robot == "tight"

    def test_a_key_of_any_kind_waits_for_the_process_that_seats_its_robot(
        self, mongo_url, database
    ):
        with closing(CommandBox(mongo_url, seats=lambda name: name == "tight")) as box:
            database.control.insert_one({**PAUSE, "name": "other", "_id": {"of": "ann"}})
            database.control.insert_one(dict(PAUSE))
            assert commands_of(box).robot == "tight"
            other = {"_id": {"of": "ann"}}
            assert until(lambda: "answers" in database.control.find_one(other))

    def test_a_number_and_the_same_as_text_are_two_commands(self, mongo_url, database):
        with closing(CommandBox(mongo_url)) as box:
            database.control.insert_many([{**PAUSE, "_id": 1}, {**PAUSE, "_id": "1"}])
            commands = [commands_of(box), commands_of(box)]
            assert len({command.request for command in commands}) == 2

    def test_commands_are_taken_after_the_collection_was_dropped(self, mongo_url, database):
        with closing(CommandBox(mongo_url)) as box:
            database.control.insert_one(dict(PAUSE))
            assert commands_of(box).why == "news"
            database.control.drop()
            database.control.insert_one({**PAUSE, "why": "later"})
            assert commands_of(box).why == "later"

    @pytest.mark.parametrize("wrong", [{"from": 7}, {}], ids=["refused", "taken"])
    def test_one_that_is_too_large_for_an_answer_is_left_alone(self, mongo_url, database, wrong):
        key = database.control.insert_one(full({**PAUSE, **wrong}, "why")).inserted_id
        with closing(CommandBox(mongo_url)) as box:
            database.control.insert_one(dict(PAUSE))
            assert commands_of(box).why == "news"
        assert "taken" not in database.control.find_one({"_id": key}, {"taken": 1})


class TestOrders:
    @pytest.mark.parametrize("wrong", WRONG_ORDERS, ids=lambda wrong: ", ".join(wrong))
    def test_a_document_that_is_wrong_is_refused_and_the_next_is_taken(
        self, mailbox, database, wrong
    ):
        key = database.orders.insert_one({**BUY, **wrong}).inserted_id
        database.orders.insert_one({**BUY, "_id": "good"})
        (wish,) = taken(mailbox)
        assert wish.body.order_id == "good"
        shown = database.orders.find_one({"_id": key}, {"status": 1, "reason": 1})
        assert shown["status"] == "rejected"
        assert len(shown["reason"]) < 2_000

    def test_a_key_of_any_kind_is_taken_once(self, mailbox, database):
        database.orders.insert_one({**BUY, "_id": {"of": "ann"}, "volume": Int64(2)})
        (wish,) = taken(mailbox)
        assert wish.body.volume == 2
        mailbox._let_go()
        assert taken(mailbox) == []

    def test_what_has_a_status_is_somebody_elses(self, mailbox, database):
        database.orders.insert_one({**BUY, "_id": "draft", "status": "draft"})
        database.orders.insert_one({**BUY, "_id": "good"})
        assert [wish.body.order_id for wish in taken(mailbox)] == ["good"]

    def test_what_was_deleted_before_it_was_taken_is_not_sent(self, mailbox, database):
        database.orders.insert_one({**BUY, "_id": "gone"})
        database.orders.delete_one({"_id": "gone"})
        database.orders.insert_one({**BUY, "_id": "good"})
        assert [wish.body.order_id for wish in taken(mailbox)] == ["good"]

    def test_orders_are_taken_after_the_collection_was_dropped(self, mailbox, database):
        database.orders.drop()
        database.orders.insert_one({**BUY, "order_id": "good"})
        assert [wish.body.order_id for wish in taken(mailbox)] == ["good"]

    @pytest.mark.parametrize("symbol", ["btc/usdt", "x"])
    def test_one_that_is_too_large_for_an_answer_is_left_alone(self, mailbox, database, symbol):
        mailbox._let_go()
        database.orders.insert_one(full({**BUY, "symbol": symbol}, "much"))
        database.orders.insert_one({**BUY, "order_id": "good"})
        assert [wish.body.order_id for wish in taken(mailbox)] == ["good"]

    def test_an_election_between_two_orders_loses_neither(self, mailbox, database):
        mailbox._let_go()
        database.orders.insert_many([{**BUY, "order_id": "a1"}, {**BUY, "order_id": "a2"}])
        servers = mailbox._orders
        mailbox._orders = LosesItsPrimary(servers)
        assert mailbox.receive() == []
        mailbox._orders = servers
        assert [wish.body.order_id for wish in taken(mailbox)] == ["a1", "a2"]


class LosesItsPrimary:
    """The collection, when the primary dies with the second update."""

    def __init__(self, collection):
        self._collection = collection
        self._updates = 0

    def __getattr__(self, name):
        return getattr(self._collection, name)

    def update_one(self, *given):
        self._updates += 1
        if self._updates == 2:
            raise AutoReconnect("connection closed")
        return self._collection.update_one(*given)
