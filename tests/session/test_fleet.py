"""A running session is commanded, ended, killed, and goes on: real streams, real stores."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from decimal import Decimal

import msgspec
import pytest
from tests.test_app import QUOTER, config, events, exchange, orders  # noqa: F401

from millstream.app import Session
from millstream.bus.door_zmq import ask
from millstream.cli import run
from millstream.config import RobotSection
from millstream.errors import ConfigError, JournalError
from millstream.model import (
    Control,
    ControlAnswer,
    CurrencyPair,
    Exchange,
    MyOrder,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
)
from millstream.model.codec import decode_outputs, encode_events
from millstream.session.proof import replay_session

NEW = {"robot_type": "quoter", "markets": ("binance@btc/usdt",)}


def tell(directory, command, robot="", parameters=None, **more):
    request = f"r{time.monotonic_ns()}"
    control = Control(1, robot, command, parameters or {}, "ann", "a test", request, **more)
    (output,) = decode_outputs(ask(directory, request, encode_events([control]), 60))
    assert isinstance(output.body, ControlAnswer)
    return output.body


def until(true, most_s=60.0):
    deadline = time.monotonic() + most_s
    while not true() and time.monotonic() < deadline:
        time.sleep(0.02)
    return true()


@pytest.fixture
def session(exchange, tmp_path):  # noqa: F811
    made = Session(config(exchange), tmp_path / "out")
    made.start()
    assert until(lambda: orders(made))  # every connection is up
    yield made
    made.stop("the test is over")
    made.close()
    assert made.failure() == ""
    assert replay_session(tmp_path / "out").equal


def of(session, robot):
    return [order for order in orders(session) if order.robot == robot]


def test_a_robot_is_added_trades_is_tuned_paused_saved_and_removed(session):
    place = session.directory
    answer = tell(place, "add", "second", QUOTER, **NEW)
    assert (answer.accepted, answer.standing) == (True, "running"), answer.reason
    assert until(lambda: of(session, "second"))
    assert tell(place, "parameters", "second", {"volume": "0.003"}).accepted
    assert until(lambda: any(o.volume == Decimal("0.003") for o in of(session, "second")))
    assert tell(place, "pause", "second").standing == "paused"
    assert tell(place, "save", "second").accepted
    (kept,) = session.store.saved_robots()
    assert (kept.name, kept.standing, kept.who) == ("second", "paused", "ann")
    assert kept.parameters["volume"] == "0.003"
    assert tell(place, "remove", "second").accepted
    assert session.store.saved_robots() == []
    assert until(lambda: not session.store.orders("second", open_only=True))


REFUSED = [
    ("add", "x", {}, {"robot_type": "squoter", "markets": NEW["markets"]}, "no robot type"),
    ("add", "x", {}, {"robot_type": "no.where:Q", "markets": NEW["markets"]}, "cannot import"),
    ("add", "quoter", QUOTER, NEW, "already"),
    ("add", "x", QUOTER, NEW | {"markets": ("btc/usdt",)}, "write exchange@pair"),
    ("add", "x", QUOTER | {"volume": "much"}, NEW, "volume"),
    ("parameters", "quoter", {"volum": "1"}, {}, 'Did you mean "volume"'),
    ("pause", "nobody", {}, {}, 'there is no robot "nobody"'),
]


def test_what_cannot_be_is_refused_with_one_sentence(session):
    for command, robot, parameters, more, said in REFUSED:
        answer = tell(session.directory, command, robot, parameters, **more)
        assert not answer.accepted
        assert said in answer.reason
        assert "\n" not in answer.reason
    assert session.store.saved_robots() == []


def test_a_robot_on_a_market_that_nobody_carries_gets_a_stream(session):
    markets = ("binance@btc/usdt", "binance@eth/usdt")
    answer = tell(session.directory, "add", "second", QUOTER, **(NEW | {"markets": markets}))
    assert answer.accepted
    assert until(lambda: len(session.streams) == 2)
    assert until(lambda: all(one.frames for one in session.streams[1].statistics()))
    assert [str(pair) for pair in session.streams[1].currency_pairs] == ["ETH/USDT"]


def test_the_command_line_says_what_became_of_it(session, capsys):
    place = str(session.directory)
    assert run(["control", place, "pause", "quoter", "--why", "lunch"]) == 0
    assert capsys.readouterr().out == 'robot "quoter" is paused\n'
    assert run(["control", place, "pause", "quoter"]) == 1
    assert "refused: " in capsys.readouterr().out
    found = [one for one in events(session.directory) if isinstance(one, Control)]
    assert [(one.command, one.why) for one in found] == [("pause", "lunch"), ("pause", "")]


def test_a_folder_without_a_session_is_said(tmp_path, capsys):
    assert run(["control", str(tmp_path), "pause"]) == 2
    assert "no session runs in" in capsys.readouterr().err


def test_a_session_that_ended_goes_on_with_its_robots_orders_and_ids(exchange, tmp_path):  # noqa: F811
    place = tmp_path / "out"
    first = Session(config(exchange), place)
    first.start()
    assert tell(place, "add", "second", QUOTER, **NEW).accepted
    assert until(lambda: of(first, "second"))
    tell(place, "pause", "quoter")
    first.stop("the day is over")
    first.close()
    stood = {seat.robot.name: seat.resumes_as for seat in first.robots.seats}
    assert stood == {"quoter": "paused", "second": "running"}
    before = first.journal.next_sequence

    again = Session(config(exchange), place, resume=True)
    assert again.manifest.run_id == first.manifest.run_id
    assert again.journal.next_sequence == before
    known = {order.order_id for order in orders(again)}
    again.start()
    assert until(lambda: {one.order_id for one in of(again, "second")} - known)
    assert [seat.standing for seat in again.robots.seats] == ["paused", "running"]
    again.stop("enough")
    again.close()
    proof = replay_session(place)
    assert proof.equal, proof.first_difference


def test_robots_that_were_saved_return_with_a_new_session(exchange, tmp_path):  # noqa: F811
    store = f"sqlite:{tmp_path}/shared.sqlite"
    first = Session(config(exchange, order_store=store), tmp_path / "one")
    first.start()
    assert until(lambda: orders(first))
    tell(tmp_path / "one", "add", "second", QUOTER, **NEW)
    first.stop("enough")
    first.close()
    second = Session(config(exchange, order_store=store), tmp_path / "two")
    assert [seat.robot.name for seat in second.robots.seats] == ["quoter", "second"]
    second.close()


def test_a_session_of_robots_that_returned_tuned_goes_on_after_a_crash(exchange, tmp_path):  # noqa: F811
    store = f"sqlite:{tmp_path}/shared.sqlite"
    first = Session(config(exchange, order_store=store), tmp_path / "one")
    first.start()
    assert tell(tmp_path / "one", "parameters", "quoter", {"volume": "0.003"}).accepted
    assert tell(tmp_path / "one", "save", "quoter").accepted
    first.stop("enough")
    first.close()
    second = Session(config(exchange, order_store=store), tmp_path / "two")
    assert second.manifest.robots[0].parameters["volume"] == "0.003"
    second.journal._ready = False  # it ends as if killed: not one more byte
    second.close()
    again = Session(config(exchange, order_store=store), tmp_path / "two", resume=True)
    assert again.manifest == second.manifest
    again.stop("enough")
    again.close()


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"order_store": "sqlite:other.sqlite"}, "order_store: the session began with"),
        ({"seed": 99}, "seed: the session began with"),
    ],
)
def test_another_order_store_or_seed_cannot_go_on(exchange, tmp_path, other, said):  # noqa: F811
    first = Session(config(exchange), tmp_path / "out")
    first.stop("at once")
    first.close()
    with pytest.raises(ConfigError, match=said):
        Session(config(exchange, **other), tmp_path / "out", resume=True)


def section(name, volume):
    return RobotSection(
        name=name, robot="millstream.demo.quoter:Quoter",
        markets=["binance@btc/usdt"], parameters=QUOTER | {"volume": volume},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("robots", "said"),
    [
        ([("quoter", "0.004")], 'robot "quoter" has other parameters in the configuration than'),
        ([("quoter", "0.002"), ("second", "0.002")], 'began without robot "second"'),
        ([("second", "0.002")], 'began without robot "second"'),
        ([], 'began with robot "quoter", which is not in the configuration'),
    ],
)
def test_another_configuration_cannot_go_on(exchange, tmp_path, robots, said):  # noqa: F811
    began = [section("quoter", "0.002")]
    first = Session(config(exchange, robots=began), tmp_path / "out")
    first.stop("at once")
    first.close()
    other = [section(*one) for one in robots]
    with pytest.raises(ConfigError, match=said) as refused:
        Session(config(exchange, robots=other), tmp_path / "out", resume=True)
    assert "\n" not in str(refused.value)
    with pytest.raises(JournalError, match="--resume"):
        Session(config(exchange, robots=began), tmp_path / "out")


def test_a_killed_session_goes_on_and_its_journal_replays_as_one(exchange, tmp_path):  # noqa: F811
    file = tmp_path / "bot.json"
    file.write_bytes(msgspec.json.encode(config(exchange)))
    place = tmp_path / "out"
    line = [sys.executable, "-m", "millstream", "run", str(file), "--out", str(place), "--resume"]
    for _ in range(2):
        process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            assert until(lambda: (place / "control.ipc").exists())
            time.sleep(1.5)
        finally:
            process.send_signal(signal.SIGKILL)
            _, said = process.communicate()
        assert said == b""
        os.unlink(place / "control.ipc")
    again = Session(config(exchange), place, resume=True)
    again.start()
    known = len(orders(again))
    assert until(lambda: len(orders(again)) > known + 3)
    again.stop("enough")
    again.close()
    assert again.failure() == ""
    proof = replay_session(place)
    assert proof.equal, proof.first_difference
    ids = [order.order_id for order in orders_in(place)]
    assert len(ids) == len(set(ids))


def test_a_cancel_all_that_died_with_its_session_is_obeyed_when_it_goes_on(exchange, tmp_path):  # noqa: F811
    stays = section("other", "0.002")
    settings = config(exchange, robots=[section("quoter", "0.002"), stays])
    first = Session(settings, tmp_path / "out")
    run_id = first.manifest.run_id
    first.store.insert([resting(run_id + "000000001001", "quoter")])
    first.store.insert([resting(run_id + "000000001002", "other")])
    stop = Control(time.time_ns(), "quoter", "stop", {}, "ann", "enough")
    first.journal.append_events(encode_events([stop]), 1)  # and no more: it was killed
    first.journal._ready = False
    first.close()
    again = Session(settings, tmp_path / "out", resume=True)
    again.start()
    assert until(lambda: not again.store.orders("quoter", open_only=True))
    assert again.store.get(run_id + "000000001002").status is not OrderStatus.CANCELED
    again.stop("enough")
    again.close()
    proof = replay_session(tmp_path / "out")
    assert proof.equal, proof.first_difference


def resting(order_id, robot):
    return MyOrder(
        time.time_ns(), Exchange.BINANCE, CurrencyPair.BTC_USDT, robot, order_id, "", Side.BUY,
        OrderType.LIMIT, TimeInForce.GTC, False, Decimal(1), Decimal("0.002"), OrderStatus.INTENT,
        Decimal(0), None, "", 0,
    )  # fmt: skip


def orders_in(place):
    from millstream.orders.sqlite_follow import SqliteFollower

    follower = SqliteFollower(place / "orders.sqlite")
    try:
        return follower.orders()
    finally:
        follower.close()
