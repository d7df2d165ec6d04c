"""Robots in processes of their own are commanded, killed and started again like those of one."""

from __future__ import annotations

import re
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from decimal import Decimal

import pytest
from tests import mongod
from tests.separate.running import ETH, QUOTER, Fleet, configuration, robot, until
from tests.venue import simulated_exchange, trading_venue

from millstream.bus.door_zmq import ask
from millstream.cli import run
from millstream.errors import ConfigError, JournalError
from millstream.journal import Journal
from millstream.model import Control, Gap
from millstream.robot.group import CHECKPOINT_EVERY_EVENTS
from millstream.robot.moment import sequence_of
from millstream.session.proof import replay_session


@pytest.fixture(scope="module")
def exchange():
    with trading_venue("--exchange", "binance", "--speed", 5) as venue:
        yield venue["ws"]


@pytest.fixture(params=["sqlite", "mongodb"])
def order_store(request):
    """What the configuration says of the order store, beside nothing."""
    if request.param == "sqlite":
        yield ""
        return
    if reason := mongod.why_not():
        pytest.skip(reason)
    servers = mongod.ReplicaSet()
    yield servers.url("fleet")
    servers.stop()


@pytest.fixture
def fleets(tmp_path):
    """Makes fleets; all of their processes are gone at the end."""
    made = []

    def make(config, url=""):
        made.append(Fleet(tmp_path, config | ({"order_store": url} if url else {}), url=url))
        return made[-1]

    yield make
    for fleet in made:
        fleet.close()


def test_a_robot_is_added_tuned_paused_saved_and_returns_whatever_is_killed(
    fleets, exchange, order_store
):
    fleet = fleets(configuration(exchange, robot("quoter")), order_store)
    fleet.start("orders", "stream", "robots")
    until(lambda: fleet.orders("quoter"))

    answer = fleet.tell("add", "second", QUOTER | {"volume": "0.01"}, why="more", **ETH)
    assert (answer.accepted, answer.standing) == (True, "running"), answer.reason
    assert fleet.saved()["second"].why == "more"  # before the asker heard of it
    until(lambda: fleet.orders("second"), "no stream carries eth/usdt")

    fleet.kill("stream")
    assert fleet.tell("parameters", "second", {"volume": "0.02"}).accepted
    fleet.start("stream")
    tuned = Decimal("0.02")
    until(lambda: any(one.volume == tuned for one in fleet.orders("second")), "not carried again")

    fleet.kill("robots")
    fleet.start("robots")
    known = len(fleet.orders("second"))
    until(lambda: len(fleet.orders("second")) > known, "it does not go on")
    assert fleet.tell("pause", "second").standing == "paused"

    fleet.kill("orders")
    saved = fleet.tell("save", "second")
    assert saved.accepted
    assert saved.reason.endswith("this is kept in the order store once they are back")
    fleet.start("orders")
    until(lambda: fleet.saved()["second"].standing == "paused", "it was not saved")
    assert fleet.saved()["second"].parameters["volume"] == "0.02"

    assert fleet.tell("add", "third", QUOTER, **ETH).accepted
    assert fleet.tell("remove", "third").accepted
    assert set(fleet.saved()) == {"second"}

    fleet.stop("robots")
    fleet.start("robots")
    assert fleet.tell("pause", "quoter").accepted
    assert not (refused := fleet.tell("pause", "second")).accepted
    assert 'robot "second" is paused' in refused.reason
    fleet.stop("robots", "stream", "orders")
    events = fleet.events("robots-1")
    assert any(isinstance(one, Gap) and "was away" in one.reason for one in events)
    commands = [one for one in events if isinstance(one, Control) and one.request]
    assert [(one.command, one.robot) for one in commands] == [
        ("add", "second"), ("parameters", "second"), ("pause", "second"), ("save", "second"),
        ("add", "third"), ("remove", "third"),
    ]  # fmt: skip
    for folder in ("robots-1", "robots-2"):
        proof = replay_session(fleet.out / folder)
        assert proof.equal, proof.first_difference


def test_wishes_from_before_a_checkpoint_arrive_after_a_restart_from_it(fleets, tmp_path):
    config = configuration("", robot("quoter"), gateway={"oldest_intent_s": 600})
    with simulated_exchange("--market-seconds", 3_600, "--speed", 400) as exchange:
        config["streams"][0]["api_host"] = exchange["ws"]
        fleet = fleets(config)
        fleet.start("orders")
        until(lambda: fleet.store(lambda record: True), "no order store")
        fleet.kill("orders")
        fleet.start("robots", "stream")
        until(lambda: events_in(fleet, "robots-1") > 2 * CHECKPOINT_EVERY_EVENTS, "no events")
        fleet.kill("robots")
        fleet.start("robots")
        until(lambda: "goes on after event" in fleet.log("robots"), "it does not go on")
        (replayed,) = re.findall(r"event (\d+): (\d+) replayed", fleet.log("robots"))
        assert int(replayed[1]) < CHECKPOINT_EVERY_EVENTS + 256 < int(replayed[0])
        fleet.start("orders")
        orders = until(lambda: fleet.orders("quoter"), "its first wish never came")
        fleet.stop("robots", "orders", "stream")
    assert sequence_of(orders[0].order_id) < CHECKPOINT_EVERY_EVENTS
    proof = replay_session(fleet.out / "robots-1")
    assert proof.equal, proof.first_difference


def test_commands_in_the_database_reach_the_process_that_seats_the_robot(fleets, exchange):
    if reason := mongod.why_not():
        pytest.skip(reason)
    servers = mongod.ReplicaSet()
    try:
        url = servers.url("fleet")
        fleet = fleets(configuration(exchange, robot("a1", "alice"), robot("b1", "bob")), url)
        fleet.start("orders", "stream", "alice", "bob")
        until(lambda: fleet.orders("a1") and fleet.orders("b1"))
        with servers.client() as client:
            asked = client["fleet"]["control"]
            told = {"name": "b1", "command": "pause", "from": "ann", "why": "news"}
            key = asked.insert_one(told).inserted_id
            (answer,) = until(lambda: asked.find_one({"_id": key}).get("answers"))
            assert (answer["process"], answer["accepted"]) == ("bob", True), answer
        assert fleet.tell("pause", "a1", process="alice").accepted
        assert "is paused" in fleet.tell("pause", "b1", process="bob").reason
        fleet.stop("alice", "bob", "orders", "stream")
    finally:
        servers.stop()


def events_in(fleet, folder):
    with suppress(JournalError):
        journal = Journal.open(fleet.out / folder / "journal")
        deque(journal.blocks(), maxlen=0)
        return journal.last_sequence
    return 0


def test_in_several_processes_each_robot_has_one_home_and_wrong_input_is_one_sentence(
    fleets, exchange, capsys
):
    fleet = fleets(configuration(exchange, robot("a1", "alice"), robot("b1", "bob")))
    place = str(fleet.out)
    assert run(["control", place, "pause"]) == 2
    assert "no session runs in" in capsys.readouterr().err
    fleet.start("orders", "stream", "alice", "bob")
    until(lambda: fleet.orders("a1") and fleet.orders("b1"))
    assert run(["control", place, "pause", "a1"]) == 2
    assert "in several processes: alice, bob" in capsys.readouterr().err
    add = ["control", place, "--process", "bob", "add"]
    eth = ["--type", "quoter", "--market", "binance@eth/usdt"]
    good = [f"--set={key}={value}" for key, value in QUOTER.items()]
    for words, said in (
        ([*add, "a1", *eth, *good], 'there is a robot "a1" already, in the process "alice"'),
        ([*add, "b1", *eth, *good], 'there is a robot "b1" already'),
        ([*add, "x", *eth, "--set=volume=much"], "Invalid decimal"),
        ([*add, "x", "--type=sqoter", "--market=binance@eth/usdt"], "no robot type"),
        ([*add, "x", "--type=quoter", "--market=binanse@eth/usdt", *good], "binanse"),
    ):
        assert run(words) == 1
        refused = capsys.readouterr().out
        assert refused.startswith("refused: "), refused
        assert said in refused
        assert refused.count("\n") == 1

    assert run([*add, "b2", *eth, *good]) == 0
    assert fleet.saved()["b2"].process == "bob"
    answer = fleet.tell("add", "b2", QUOTER, process="alice", **ETH)
    assert 'there is a robot "b2" already, in the process "bob"' in answer.reason
    names = "c1", "c2", "c3"
    with ThreadPoolExecutor(6) as told:  # both processes at the same moment
        asked = [
            (one, told.submit(fleet.tell, "add", name, QUOTER, process=one, **ETH))
            for name in names for one in ("alice", "bob")
        ]  # fmt: skip
    accepted = [one for one, answer in asked if answer.result().accepted]
    saved = fleet.saved()
    assert [saved[name].process for name in names] == accepted
    seated = [
        (name, one) for name in names for one in ("alice", "bob")
        if fleet.tell("pause", name, process=one).accepted
    ]  # fmt: skip
    assert seated == list(zip(names, accepted, strict=True))

    fleet.stop("alice", "bob")
    fleet.start("alice", "bob")
    assert fleet.tell("pause", "b2", process="bob").accepted
    assert "there are: a1" in fleet.tell("pause", "b2", process="alice").reason
    fleet.kill("bob")  # its door stays behind
    assert fleet.tell("pause", "a1").accepted  # alice is the only one now
    with pytest.raises(ConfigError, match='no process "bob" of robots runs in'):
        ask(fleet.out, "r1", b"", 1, "bob")
    fleet.stop("alice", "orders", "stream")


def test_orders_of_other_programs_reach_the_orders_and_their_folder_stops_trading(
    fleets, exchange, capsys
):
    if reason := mongod.why_not():
        pytest.skip(reason)
    servers = mongod.ReplicaSet()
    try:
        fleet = fleets(configuration(exchange, robot("quoter")), servers.url("fleet"))
        fleet.start("orders", "stream")
        until(lambda: "orders: is there" in fleet.log("stream"))
        asked = {"name": "ann", "from": "ann", "to": "binance", "symbol": "btc/usdt"}
        asked |= {"side": "buy", "type": "market", "volume": "0.001"}
        with servers.client() as client:
            shown = client["fleet"]["orders"]
            key = shown.insert_one(dict(asked)).inserted_id
            until(lambda: shown.find_one({"_id": key}).get("status") == "filled")
            assert run(["kill", str(fleet.out), "--why", "enough"]) == 0
            assert "trading is halted" in capsys.readouterr().out
            until(lambda: "enough" in fleet.log("orders"), "nobody saw it")
            key = shown.insert_one(dict(asked)).inserted_id
            until(lambda: shown.find_one({"_id": key}).get("status") == "rejected")
        assert run(["kill", str(fleet.out), "--status"]) == 0
        assert "enough" in capsys.readouterr().out
        fleet.stop("stream", "orders")
    finally:
        servers.stop()
