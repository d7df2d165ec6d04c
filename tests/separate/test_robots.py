"""A robots process inside the test's own: what it hears first, and whose changes are its own."""

from __future__ import annotations

import time

import pytest
from tests.orders.sample import BTC, VENUE, order
from tests.separate.running import until

from millstream.bus import Bus
from millstream.bus.door_zmq import ask
from millstream.config import BusSection, Config, RobotSection, StreamSection
from millstream.journal import Journal, Kind
from millstream.model import Control, MyOrder, OrderStatus, Ticker
from millstream.model.codec import decode_events, decode_outputs, encode_events
from millstream.orders.machine import Happened, OrderReport
from millstream.orders.store import SavedRobot
from millstream.separate import OrdersPart, RobotsPart

SLOW = "tests.separate.slow:Slow"
BATCHES, SIZE = 150, 128


@pytest.fixture
def fleet(tmp_path):
    """The configuration, and the orders with their store."""
    ends = {name: f"ipc://{tmp_path}/{name}" for name in ("robo", "market", "wishes", "changes")}
    config = Config(
        robots=[RobotSection(name="slow", robot=SLOW, markets=["binance@btc/usdt"])],
        streams=[
            StreamSection(
                exchange="binance", currency_pairs=["btc/usdt"], subscribe_channels=["ticker"]
            )
        ],
        bus=BusSection(**ends),
    )
    orders = OrdersPart(config, tmp_path)
    orders.start()
    yield tmp_path, orders.store, config
    orders.stop("enough")
    orders.close()
    assert orders.failure() == ""


def heard(place):
    return [
        event
        for block in Journal.open(place / "robots-1" / "journal").blocks()
        if block.kind is Kind.EVENTS
        for event in decode_events(block.body)
    ]


def tell(place, command, robot, **more):
    request = f"r{time.monotonic_ns()}"
    told = Control(1, robot, command, {}, "ann", "", request, **more)
    return decode_outputs(ask(place, request, encode_events([told]), 20))[0].body


def ended(order_id, robot):
    return order(order_id, robot=robot, status=OrderStatus.REJECTED)


def test_own_changes_and_commands_never_wait_behind_the_markets_queue(fleet):
    place, store, config = fleet
    part = RobotsPart(config, "", place)
    part.start()
    until(lambda: part.post._life, "the orders are not heard of")
    ticker = Ticker(1, VENUE, BTC, 1, 50_000.0, 1.0, 50_001.0, 1.0)
    with Bus() as bus:
        stream = bus.sender(config.bus.robo)
        for _ in range(BATCHES):
            assert stream.send(encode_events([ticker] * SIZE))
        store.insert([ended("own", "slow")])
        assert tell(place, "parameters", "slow").accepted
        until(lambda: part.journal.next_sequence > BATCHES * SIZE + 2)
        part.stop("enough")
        part.close()
    assert part.failure() == ""
    events = heard(place)
    for kind in (MyOrder, Control):
        first = next(number for number, one in enumerate(events) if isinstance(one, kind))
        behind = sum(isinstance(one, Ticker) for one in events[first:])
        assert behind > BATCHES * SIZE / 3, kind


def test_own_changes_are_those_of_the_robots_in_their_seats(fleet):
    place, store, config = fleet
    store.insert([ended("before", "slow")])
    part = RobotsPart(config, "", place)
    part.start()
    assert tell(place, "add", "late", robot_type=SLOW, markets=("binance@btc/usdt",)).accepted
    store.insert([ended("foreign", "somebody"), ended("of late", "late")])
    until(lambda: "of late" in own(place))
    assert tell(place, "remove", "late").accepted
    store.insert([ended("too late", "late"), ended("last", "slow")])
    until(lambda: "last" in own(place))
    part.stop("enough")
    part.close()
    assert own(place) == ["of late", "last"]


def own(place):
    return [one.order_id for one in heard(place) if isinstance(one, MyOrder)]


def test_a_new_journal_begins_with_the_open_orders_of_all_who_sit_there(fleet):
    place, store, config = fleet
    paused = SavedRobot(
        name="late", robot=SLOW, markets=("binance@btc/usdt",), parameters={}, standing="paused"
    )
    store.save_robot(paused)
    resting = order("resting", robot="late", status=OrderStatus.WORKING)
    store.insert([resting, order("foreign", robot="somebody"), ended("gone", "slow")])
    part = RobotsPart(config, "", place)
    part.start()
    until(lambda: own(place))
    assert [(one.robot.name, one.standing) for one in part.robots.seats] == [
        ("slow", "running"), ("late", "paused"),
    ]  # fmt: skip
    store.apply([OrderReport("resting", Happened.CANCELED)], 2)
    part.stop("enough")
    part.close()
    assert own(place)[0] == "resting"
    assert "foreign" not in own(place)


def test_after_a_thread_failed_the_robots_go_on_with_their_journal(fleet):
    place, _, config = fleet
    part = RobotsPart(config, "", place)
    part.start()
    until(lambda: part.post._life, "the orders are not heard of")
    part.post._hear = None  # a fault of our own, in the thread of the wishes
    until(part.failure, "nothing failed")
    part.stop("enough")
    part.close()
    again = RobotsPart(config, "", place)
    assert again.directory == part.directory
    again.start()
    again.stop("enough")
    again.close()
    assert again.failure() == ""
    anew = RobotsPart(config, "", place)
    anew.close()
    assert anew.directory == place / "robots-2"
