"""A whole session inside the test's process, against an exchange in another."""

from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path

import pytest
from tests.venue import simulated_exchange

from millstream.app import Session
from millstream.config import (
    BusSection,
    Config,
    PaperSection,
    RiskSection,
    RobotSection,
    StreamSection,
)
from millstream.errors import ConfigError, JournalError
from millstream.journal import Journal, Kind
from millstream.model import Control, MyOrder, OrderStatus, SessionEnd
from millstream.model.codec import decode_events
from millstream.session.proof import replay_session

QUOTER = {"volume": "0.002", "tick": "0.01", "most_position": "0.008", "away_bps": 1.0}


@pytest.fixture(scope="module")
def exchange():
    with simulated_exchange("--speed", 20) as ready:
        yield ready


def config(exchange, **changes):
    made = {
        "robots": [
            RobotSection(
                name="quoter",
                robot="millstream.demo.quoter:Quoter",
                markets=["binance@btc/usdt"],
                parameters=QUOTER,
            )
        ],
        "streams": [
            StreamSection(
                exchange="binance",
                currency_pairs=["btc/usdt"],
                subscribe_channels=["ticker", "trade", "book"],
                api_host=exchange["ws"],
                subscribe_args={"rest_host": exchange["rest"]},
            )
        ],
        "paper": PaperSection(latency_ms=1),
    }
    return Config(**(made | changes))


def play(session, until, most_s=60.0):
    session.start()
    deadline = time.monotonic() + most_s
    while not until() and time.monotonic() < deadline and not session.failure():
        time.sleep(0.02)
    session.stop("the test is over")


def orders(session):
    return session.store.orders()


def events(directory):
    return [
        event
        for block in Journal.open(directory / "journal").blocks()
        if block.kind is Kind.EVENTS
        for event in decode_events(block.body)
    ]


@pytest.mark.parametrize("transport", ["inproc", "ipc", "tcp"])
def test_a_session_is_the_same_over_every_transport(exchange, tmp_path, transport):
    names = ("robo", "market", "wishes", "control")
    endpoint = {
        "inproc": "inproc://{}",
        "ipc": f"ipc://{tmp_path}/{{}}",
        "tcp": "tcp://127.0.0.1:*",
    }[transport]
    bus = BusSection(**{name: endpoint.format(name) for name in names})
    session = Session(config(exchange, bus=bus), tmp_path / "out")
    play(session, lambda: len(orders(session)) >= 5)
    assert session.failure() == ""
    assert len(orders(session)) >= 5
    session.close()
    proof = replay_session(tmp_path / "out")
    assert proof.equal, proof
    assert proof.orders >= 5


def test_a_stopped_session_leaves_nothing_open_and_its_robots_know(exchange, tmp_path):
    session = Session(config(exchange), tmp_path / "out")
    play(session, lambda: any(order.status is OrderStatus.WORKING for order in orders(session)))
    assert session.store.orders(open_only=True) == []
    seen = events(tmp_path / "out")
    assert isinstance(seen[-1], SessionEnd)
    assert [event.command for event in seen if isinstance(event, Control)] == ["stop"]
    told = {event.order_id: event.status for event in seen if isinstance(event, MyOrder)}
    assert told == {order.order_id: order.status for order in orders(session)}
    session.close()


def test_a_command_reaches_the_robot_by_way_of_the_journal(exchange, tmp_path):
    session = Session(config(exchange), tmp_path / "out")
    standing = ["running"]

    def paused():
        if orders(session) and len(standing) == 1:
            session.command("pause", "quoter", who="ann", why="lunch")
        if orders(session):
            standing.append(session.robots.seats[0].standing)
        return standing[-1] == "paused"

    play(session, paused)
    assert standing[-1] == "paused"
    session.close()
    commands = [event for event in events(tmp_path / "out") if isinstance(event, Control)]
    assert (commands[0].command, commands[0].who, commands[0].why) == ("pause", "ann", "lunch")
    assert replay_session(tmp_path / "out").equal


def test_an_order_over_a_limit_is_refused_and_the_robot_hears_of_it(exchange, tmp_path):
    risk = RiskSection(max_order_notional=Decimal(1))
    session = Session(config(exchange, risk=risk), tmp_path / "out")
    play(session, lambda: len(orders(session)) >= 3)
    assert {order.status for order in orders(session)} == {OrderStatus.REJECTED}
    assert all("the order is worth" in order.reason for order in orders(session))
    session.close()
    refused = [event for event in events(tmp_path / "out") if isinstance(event, MyOrder)]
    assert len(refused) == len(orders_of(tmp_path / "out"))


def orders_of(directory):
    return {event.order_id for event in events(directory) if isinstance(event, MyOrder)}


def test_every_order_was_journaled_before_it_was_stored(exchange, tmp_path):
    session = Session(config(exchange), tmp_path / "out")
    play(session, lambda: len(orders(session)) >= 10)
    stored = {order.order_id for order in orders(session)}
    session.close()
    assert stored <= orders_of(tmp_path / "out")


def test_a_session_without_an_exchange_waits_and_ends_in_good_order(tmp_path):
    nowhere = {"ws": "ws://127.0.0.1:1", "rest": "http://127.0.0.1:1"}
    session = Session(config(nowhere), tmp_path / "out")
    play(session, lambda: False, most_s=0.5)
    assert session.failure() == ""
    session.close()
    assert replay_session(tmp_path / "out").equal


def test_a_stream_that_gives_up_ends_the_session_with_its_words(tmp_path):
    nowhere = {"ws": "ws://127.0.0.1:1", "rest": "http://127.0.0.1:1"}
    section = StreamSection(
        exchange="binance",
        currency_pairs=["btc/usdt"],
        subscribe_channels=["ticker"],
        api_host=nowhere["ws"],
        reconnect_times=0,
    )
    session = Session(config(nowhere, streams=[section]), tmp_path / "out")
    play(session, lambda: False, most_s=60)
    assert "gave up" in session.failure()
    session.close()
    assert replay_session(tmp_path / "out").equal


def test_a_folder_with_a_session_in_it_is_refused(exchange, tmp_path):
    session = Session(config(exchange), tmp_path / "out")
    session.stop("at once")
    session.close()
    with pytest.raises(JournalError, match="holds a journal already"):
        Session(config(exchange), tmp_path / "out")


def test_an_unknown_store_is_refused(exchange, tmp_path):
    with pytest.raises(ConfigError, match='"mysql:x" is not "sqlite:FILE"'):
        Session(config(exchange, order_store="mysql:x"), Path(tmp_path / "out"))
