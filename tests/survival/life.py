"""Orders' whole lives in a process that a test kills: journal, store, gateway, one after another.

The test is the venue: it listens on a Unix socket, and counts what was placed. What this process
says, a line each:

    hello PID         it is ready; it goes on when the test says "go"
    acked ID          the intent is durable: from here on it may not be lost
    place ID VOLUME   the order leaves; the venue answers "filled ID"
    told ID           the fill is durable
    done

    python -m tests.survival.life SOCKET DIRECTORY SESSION ORDERS
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections import deque
from decimal import Decimal
from pathlib import Path

from tests.journal.sample import MANIFEST
from tests.survival import mutants

from millstream.errors import MillstreamError
from millstream.journal import JournalWriter
from millstream.model import CurrencyPair, Exchange, Liquidity, MyOrder, OrderStatus, Side, Ticker
from millstream.model.codec import encode_events
from millstream.orders import Fill, Happened, OrderReport
from millstream.orders.desk import OrderDesk
from millstream.orders.gateway import Gateway
from millstream.orders.risk import RiskBook, RiskLimits
from millstream.orders.sqlite import SqliteStore
from millstream.robot import Market, Robot, RobotGroup, RobotSetup

BTC = CurrencyPair.BTC_USDT
PRICE, VOLUME = Decimal(100), Decimal("0.5")


class Buyer(Robot):
    """Buys at every ticker."""

    def on_ticker(self, ticker):
        return self.limit(Side.BUY, PRICE, VOLUME)


class Wire:
    """A line at a time to and from the test."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(20)
        self._socket.connect(str(path))
        self._lines = deque()
        self._rest = b""

    def say(self, *words):
        self._socket.sendall(" ".join(map(str, words)).encode() + b"\n")

    def hear(self):
        while not self._lines:
            got = self._socket.recv(65536)
            if not got:
                sys.exit("the test is gone")
            *whole, self._rest = (self._rest + got).split(b"\n")
            self._lines += whole
        return self._lines.popleft().decode()


class TestVenue:
    """The gateway's end of the wire."""

    def __init__(self, wire):
        self._wire = wire
        self._placed = deque()

    def place(self, order, now_ns):
        self._wire.say("place", order.order_id, order.volume)
        self._placed.append(order.order_id)

    def cancel(self, order_id, now_ns):
        raise AssertionError("nobody cancels here")

    def feed(self, event):
        return []

    def advance(self, now_ns):
        reports = []
        while self._placed:
            order_id = self._placed.popleft()
            assert self._wire.hear() == f"filled {order_id}"
            reports += filled(order_id)
        return reports

    def recover(self, orders):
        """The truth of the venue about each: it is asked, and says."""
        reports = []
        for order in orders:
            self._wire.say("query", order.order_id)
            if self._wire.hear() == "yes":
                reports += filled(order.order_id)
            else:
                reports.append(OrderReport(order.order_id, Happened.CANCELED, reason="never came"))
        return reports


def filled(order_id):
    fee = Decimal("0.01")
    fill = Fill(f"t-{order_id}", PRICE, VOLUME, fee, "USDT", Liquidity.TAKER, 0)
    return [
        OrderReport(order_id, Happened.ACCEPTED, venue_id=f"v-{order_id}"),
        OrderReport(order_id, Happened.FILLED, fill=fill),
    ]


def run_id(session):
    return f"s{session:05d}"


def robots(session):
    group = RobotGroup(run_id(session), 1)
    group.add(RobotSetup("buyer", Buyer, (Market(Exchange.BINANCE, BTC),), Buyer.Parameters()))
    return group


def live(wire, directory, session, orders, gateway_type=Gateway, store_type=SqliteStore):
    """Recover what an earlier session left, then live `orders` more lives."""
    store = store_type(directory / "orders.sqlite")
    journal = JournalWriter(directory / f"journal-{session}", MANIFEST)
    group = robots(session)
    desk = OrderDesk(store, RiskBook(RiskLimits()))
    gateway = gateway_type(store, TestVenue(wire))
    wire.say("hello", os.getpid())
    assert wire.hear() == "go"
    gateway.start(1)
    gateway.step(1)
    for number in range(1, orders + 1):
        one_life(number, wire, store, journal, group, desk, gateway)
    wire.say("done")


def one_life(number, wire, store, journal, group, desk, gateway):
    event = Ticker(1_000 + number, Exchange.BINANCE, BTC, 0, 99.0, 1.0, 100.0, 1.0)
    desk.observe([event])
    sequence = journal.append_events(encode_events([event]), 1)
    outputs = group.handle(sequence, event)
    journal.append_outputs(outputs)
    journal.sync()
    before = store.revision
    desk.handle(outputs, event.received_ns)
    for order in store.changes(before):
        assert order.status is OrderStatus.INTENT, order.reason
        wire.say("acked", order.order_id)
    gateway.step(event.received_ns)
    for change in store.changes(before):
        if isinstance(change, MyOrder) and change.status is OrderStatus.FILLED:
            wire.say("told", change.order_id)


def serve():
    """Fork one life for each line of standard input: Python and the imports start only once."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system reaps: gone means wholly gone
    for line in sys.stdin:
        path, directory, session, orders, gateway, store = json.loads(line)
        if os.fork() == 0:
            run(path, Path(directory), session, orders, gateway, store)
            os._exit(0)


def run(path, directory, session, orders, gateway, store):
    try:
        live(
            Wire(path), directory, session, orders,
            mutants.GATEWAYS[gateway], mutants.STORES[store],
        )  # fmt: skip
    except MillstreamError as error:
        sys.stderr.write(f"{error}\n")
        os._exit(2)
    except (AssertionError, OSError) as error:  # a gateway that is wrong, or a test that is gone
        sys.stderr.write(f"a life ended: {type(error).__name__} {error}\n")
        os._exit(3)


if __name__ == "__main__":
    serve()
