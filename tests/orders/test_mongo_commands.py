"""Commands that other programs put into `control`, and what they read there."""

import threading
import time
from contextlib import closing

import pytest
from bson import Decimal128, Int64, ObjectId
from bson.datetime_ms import DatetimeMS
from tests import mongod
from tests.session.test_fleet import until
from tests.test_app import QUOTER, config, exchange  # noqa: F401

from millstream.app import Session
from millstream.cli import run
from millstream.model import ControlAnswer, Output
from millstream.model.codec import decode_events, encode_outputs
from millstream.orders.mongo.address import parse_address
from millstream.orders.mongo.asked import command_in
from millstream.orders.mongo.commands import CommandBox
from millstream.session.proof import replay_session

PAUSE = {"name": "tight", "command": "pause", "from": "ann", "why": "news"}


@pytest.fixture
def control(replica_set, mongo_url):
    """The collection, as another program has it."""
    with replica_set.client() as client:
        yield client[parse_address(mongo_url).database].control


@pytest.fixture
def opened(mongo_url):
    """Makes boxes, and closes them."""
    boxes = []

    def make(*given, **more):
        boxes.append(CommandBox(mongo_url, *given, **more))
        return boxes[-1]

    yield make
    for box in boxes:
        box.close()


def received(box, most_s=60.0):
    body = box.receive(int(most_s * 1000))
    return None if body is None else decode_events(body)[0]


def say(box, command, reason="done"):
    answer = ControlAnswer(
        command.request, command.command, True, reason, "paused", {"volume": "1"}
    )
    box.answer(command.request, encode_outputs([Output(0, command.robot, answer)]))


def answered(control, key):
    """What a document shows, as soon as it shows an answer."""
    shown = {"answers": 1}
    assert until(lambda: (control.find_one({"_id": key}, shown) or {}).get("answers"))
    (answer,) = control.find_one({"_id": key}, shown)["answers"]
    return answer


def test_a_command_is_taken_once_and_its_document_shows_the_answer(control, opened):
    box = opened()
    key = control.insert_one(dict(PAUSE)).inserted_id
    command = received(box)
    assert (command.robot, command.command, command.who, command.why) == (
        "tight", "pause", "ann", "news",
    )  # fmt: skip
    assert command.request
    say(box, command)
    say(box, command, "twice")
    answer = answered(control, key)
    assert (answer["accepted"], answer["reason"], answer["standing"]) == (True, "done", "paused")
    assert answer["parameters"] == {"volume": "1"}
    assert answer["when"].year >= 2026
    assert received(box, 0.6) is None
    (taken,) = control.find_one({"_id": key})["taken"]
    assert taken["process"] == "robots"


MALFORMED = [
    ({"command": None}, "`command` is missing"),
    ({"from": None}, "`from` is missing"),
    ({"name": 7}, "`name` is 7, not a text"),
    ({"parametrs": {"x": 1}}, 'no field `parametrs` in a command. Did you mean "parameters"?'),
    ({"parameters": [1]}, "`parameters` is no document"),
    ({"parameters": {"a": {"b": ObjectId()}}}, "`parameters.a.b` is a ObjectId"),
    ({"parameters": {"a": DatetimeMS(10**17)}}, "`parameters.a` is a DatetimeMS"),
    ({"markets": "binance@btc/usdt"}, "`markets` is no list of texts"),
    ({"to": "wide"}, "`to` is 'wide', and `name` 'tight'"),
    ({"command": "add", "type": "quoter"}, "`markets` is missing: add needs"),
]


def test_what_cannot_be_read_is_refused_in_its_own_document(control, opened):
    box = opened()
    keys = [control.insert_one({**PAUSE, **changed}).inserted_id for changed, _ in MALFORMED]
    for key, (_, said) in zip(keys, MALFORMED, strict=True):
        answer = answered(control, key)
        assert answer["accepted"] is False
        assert said in answer["reason"]
    assert received(box, 0.3) is None


def test_numbers_come_as_json_has_them():
    given = {"a": Int64(3), "b": Decimal128("0.10"), "c": [1.5, None, True, {"d": "x"}]}
    command = command_in({**PAUSE, "parameters": given}, "r1")
    assert command.parameters == {"a": 3, "b": "0.10", "c": [1.5, None, True, {"d": "x"}]}
    assert type(command.parameters["a"]) is int


def test_what_came_while_nobody_looked_is_obeyed_only_if_it_is_young(control, opened):
    old = ObjectId.from_datetime(ObjectId().generation_time.replace(year=2020))
    control.insert_many([{**PAUSE, "_id": old}, dict(PAUSE), {**PAUSE, "_id": "mine"}])
    box = opened()
    command = received(box)
    assert received(box, 0.3) is None
    assert command.request == f"control:{control.find_one({'answers': None})['_id']}"
    assert "before anybody looked" in answered(control, old)["reason"]
    assert "no time in it" in answered(control, "mine")["reason"]


def test_a_command_whose_taker_died_is_said_to_be_in_doubt_and_never_obeyed_again(
    control, mongo_url
):
    first = CommandBox(mongo_url)
    key = control.insert_one(dict(PAUSE)).inserted_id
    assert received(first) is not None
    first.answer = None  # it dies here: nothing is answered, and nothing is closed
    with closing(CommandBox(mongo_url)) as again:
        answer = answered(control, key)
        assert answer["accepted"] is None
        assert "its journal says whether it was obeyed" in answer["reason"]
        assert received(again, 0.5) is None
    first.close()


def test_a_command_that_nobody_received_is_refused_at_the_end(control, mongo_url):
    box = CommandBox(mongo_url)
    key = control.insert_one(dict(PAUSE)).inserted_id
    assert until(lambda: "taken" in control.find_one({"_id": key}))
    box.close()
    assert "the session ended before" in answered(control, key)["reason"]


def test_a_command_that_was_answered_while_the_stream_was_away_is_not_given_again(control, opened):
    box = opened()
    key = control.insert_one(dict(PAUSE)).inserted_id
    say(box, received(box))
    answered(control, key)
    assert until(lambda: not box._keys)
    found = control.find_one({"_id": key})
    found.pop("answers")
    # What a reading that began before the answer was written has in hand.
    box._control = Before(box._control, found)
    box._look(late=False)
    assert box.receive(0) is None


class Before:
    """A collection whose first `find` is as of a moment ago."""

    def __init__(self, collection, document):
        self._collection, self._found = collection, [[document]]

    def find(self, *given):
        return self._found.pop() if self._found else self._collection.find(*given)

    def __getattr__(self, name):
        return getattr(self._collection, name)


class TestSeveralProcesses:
    @pytest.fixture
    def boxes(self, opened):
        return (
            opened("one", {"tight"}.__contains__, first=True),
            opened("two", {"wide"}.__contains__, first=False),
        )

    def test_a_command_goes_to_the_process_that_seats_its_robot(self, control, boxes):
        control.insert_many([{**PAUSE, "name": name} for name in ("tight", "wide", "wide")])
        assert [received(boxes[0]).robot] == ["tight"]
        assert [received(boxes[1]).robot, received(boxes[1]).robot] == ["wide", "wide"]
        assert [received(box, 0.3) for box in boxes] == [None, None]

    def test_a_command_without_a_name_is_for_each_of_them_once(self, control, boxes, opened):
        key = control.insert_one({**PAUSE, "name": ""}).inserted_id
        for box in boxes:
            say(box, received(box))
        assert until(lambda: len(control.find_one({"_id": key}).get("answers", [])) == 2)
        processes = {one["process"] for one in control.find_one({"_id": key})["answers"]}
        assert processes == {"one", "two"}
        late = opened("three", {"far"}.__contains__, first=False)
        assert received(late).command == "pause"  # it is young still
        assert [received(box, 0.3) for box in boxes] == [None, None]

    def test_add_goes_to_the_process_it_names_else_to_the_first(self, control, boxes):
        new = {**PAUSE, "command": "add", "type": "quoter", "markets": ["binance@btc/usdt"]}
        control.insert_one({**new, "name": "a"})
        control.insert_one({**new, "name": "b", "process": "two"})
        assert received(boxes[0]).robot == "a"
        assert received(boxes[1]).robot == "b"
        assert [received(box, 0.3) for box in boxes] == [None, None]

    def test_what_no_process_can_take_is_refused_by_the_first(self, control, boxes):
        key = control.insert_one({**PAUSE, "name": "nobody"}).inserted_id
        assert answered(control, key)["reason"] == (
            'no robots process that runs has a robot "nobody"'
        )

    def test_two_that_want_the_same_command_do_not_both_get_it(self, control, opened):
        boxes = [opened(name) for name in ("one", "two")]  # both take everything
        control.insert_many([{**PAUSE, "name": f"r{number}"} for number in range(30)])
        seen = []
        threads = [
            threading.Thread(target=lambda box=box: [seen.append(c) for c in _all(box)])
            for box in boxes
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(c.robot for c in seen) == sorted(f"r{number}" for number in range(30))


def _all(box):
    while (command := received(box, 1.5)) is not None:
        yield command


def test_an_election_delays_a_command_and_its_answer_and_loses_neither():
    if reason := mongod.why_not():
        pytest.skip(reason)
    servers = mongod.ReplicaSet(3)
    try:
        url = servers.url("fleet")
        with closing(CommandBox(url)) as box, servers.client() as client:
            primary = servers.primary()
            key = client.fleet.control.insert_one(dict(PAUSE)).inserted_id
            command = received(box)
            others = [member for member in servers.members if member is not primary]
            for member in others:
                member.freeze()
            primary.kill()
            began = time.monotonic()
            say(box, command)
            # Whoever answers does not wait for the servers: none of them could answer now.
            assert time.monotonic() - began < 10
            for member in others:
                member.thaw()
            servers.primary()
            second = client.fleet.control.insert_one({**PAUSE, "name": "wide"}).inserted_id
            assert answered(client.fleet.control, key)["reason"] == "done"
            command = received(box, 40)
            assert command.robot == "wide"
            say(box, command)
            assert answered(client.fleet.control, second)["accepted"] is True
    finally:
        servers.stop()


def test_a_session_is_commanded_by_plain_pymongo_and_records_what_came_another_way(
    exchange,  # noqa: F811
    control,
    mongo_url,
    tmp_path,
    capsys,
):
    session = Session(config(exchange, order_store=mongo_url), tmp_path / "out")
    try:
        session.start()
        # As docs/mongodb.md shows it.
        key = control.insert_one({
            "name": "tight", "command": "add", "type": "quoter", "markets": ["binance@btc/usdt"],
            "parameters": QUOTER, "from": "ann", "why": "a quiet market",
        }).inserted_id  # fmt: skip
        assert answered(control, key)["reason"] == 'robot "tight" runs'
        key = control.insert_one(dict(PAUSE)).inserted_id
        assert answered(control, key)["standing"] == "paused"
        key = control.insert_one({**PAUSE, "name": "nobody"}).inserted_id
        assert 'there is no robot "nobody"' in answered(control, key)["reason"]

        assert run(["control", str(tmp_path / "out"), "resume", "tight", "--why", "calm"]) == 0
        capsys.readouterr()
        assert until(lambda: control.find_one({"came_by": "door"}))
        noted = control.find_one({"came_by": "door"})
        assert (noted["command"], noted["name"], noted["why"]) == ("resume", "tight", "calm")
        assert noted["answers"][0]["standing"] == "running"
        assert control.count_documents({}) == 4
    finally:
        session.stop("the test is over")
        session.close()
    assert session.failure() == ""
    assert replay_session(tmp_path / "out").equal
