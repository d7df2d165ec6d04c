"""Orders' whole lives in a process that a test kills: journal, store, gateway, one after another.

The test is the venue: it listens on a Unix socket, and keeps the record. What this process says, a
line each; the venue answers the four in the middle with what it reports, as JSON:

    hello PID               it is ready; it goes on when the test says "go"
    acked ID                the order is durable: from here on it may not be lost
    place ID PRICE VOLUME   the order leaves
    cancel ID
    amend ID PRICE VOLUME
    query ID
    told ID                 its end is durable
    done                    or: ended SENTENCE, when an error of ours ends it

    python -m tests.survival.life
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections import deque
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import msgspec
from tests.journal.sample import MANIFEST
from tests.survival import mutants
from tests.survival.stories import AMENDED_PRICE, AMENDED_VOLUME, PRICE, STORIES, VOLUME

from millstream.errors import MillstreamError
from millstream.journal import JournalWriter
from millstream.model import CurrencyPair, Exchange, Liquidity, MyOrder, Side, Ticker
from millstream.model.codec import encode_events
from millstream.orders import Fill, Happened, OrderReport
from millstream.orders.desk import OrderDesk
from millstream.orders.machine import TERMINAL
from millstream.orders.risk import RiskBook
from millstream.robot import Market, Robot, RobotGroup, RobotSetup

BTC = CurrencyPair.BTC_USDT


class Trader(Robot):
    """Does what its story says, a ticker after the other."""

    class State(msgspec.Struct):
        tickers: int = 0
        order_id: str = ""  # the last one's

    class Parameters(msgspec.Struct, frozen=True):
        story: str

    def on_ticker(self, ticker):
        wishes = STORIES[self.parameters.story].wishes
        wish = wishes[self.state.tickers % len(wishes)]
        self.state.tickers += 1
        match wish:
            case "cancel all":
                return self.cancel_all()
            case "amend":
                last = self.state.order_id
                return self.amend(last, price=AMENDED_PRICE, volume=AMENDED_VOLUME)
            case "nothing":
                return None
            case "buy at market":
                order = self.at_market(Side.BUY, VOLUME)
            case _:
                order = self.limit(Side.BUY, PRICE, VOLUME)
        self.state.order_id = order.order_id
        return order


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
        self._asked = 0  # questions that wait for their answer
        self._doubts = []

    def place(self, order, now_ns):
        self._ask("place", order.order_id, order.price, order.volume)

    def cancel(self, order_id, now_ns):
        self._ask("cancel", order_id)

    def amend(self, order_id, price, volume, now_ns):
        self._ask("amend", order_id, price, volume)

    def _ask(self, *words):
        self._wire.say(*words)
        self._asked += 1

    def feed(self, event):
        return []

    def advance(self, now_ns):
        doubts, self._doubts = self._doubts, []
        for order_id in doubts:
            self._ask("query", order_id)
        return self._answers()

    def recover(self, orders):
        """The truth of the venue about each: it is asked, and says."""
        for order in orders:
            self._ask("query", order.order_id)
        return self._answers()

    def _answers(self):
        reports = []
        while self._asked:
            told = json.loads(self._wire.hear())
            self._asked -= 1
            reports += [_report(*one) for one in told]
        self._doubts += [one.order_id for one in reports if one.happened is Happened.UNKNOWN]
        return reports


def _report(happened, order_id, price=None, volume=None, trade=""):
    price, volume = price and Decimal(price), volume and Decimal(volume)
    if happened == "filled":
        fee = Decimal("0.01")
        fill = Fill(trade, price, volume, fee, "USDT", Liquidity.TAKER, 0)
        return OrderReport(order_id, Happened.FILLED, fill=fill)
    return OrderReport(
        order_id, Happened(happened), f"v-{order_id}", reason="so", price=price, volume=volume
    )


def run_id(session):
    return f"s{session:05d}"


def robots(session, story):
    group = RobotGroup(run_id(session), 1)
    markets = (Market(Exchange.BINANCE, BTC),)
    group.add(RobotSetup("trader", Trader, markets, Trader.Parameters(story)))
    return group


class Life(msgspec.Struct, frozen=True):
    """What a process is to do."""

    venue: str  # the path of its socket
    directory: str
    session: int
    times: int  # how often it lives the story
    story: str = "filled"
    gateway: str = "right"
    store: str = "right"
    early: bool = False  # it is ready before it has opened any file


def live(wire, life):
    """Recover what an earlier session left, then live the story some more times."""
    if life.early:
        _wait(wire)
    directory, story = Path(life.directory), STORIES[life.story]
    store = mutants.STORES[life.store](directory / "orders.sqlite")
    journal = JournalWriter(directory / f"journal-{life.session}", MANIFEST)
    group = robots(life.session, life.story)
    desk = OrderDesk(store, RiskBook(story.limits))
    gateway = mutants.GATEWAYS[life.gateway](store, TestVenue(wire))
    if not life.early:
        _wait(wire)
    gateway.start(1)
    gateway.step(1)
    failure = None
    for number, wish in enumerate(story.wishes * life.times, 1):
        ticker = Ticker(1_000 + number, Exchange.BINANCE, BTC, 0, 99.0, 1.0, 100.0, 1.0)
        try:
            one_ticker(ticker, wish, wire, store, journal, group, desk, gateway)
        except MillstreamError as error:  # what is acknowledged after it must be stored, too
            failure = failure or error
    if failure is not None:
        raise failure
    if life.early:
        journal.close("the test")
        store.close()
    wire.say("done")


def _wait(wire):
    wire.say("hello", os.getpid())
    assert wire.hear() == "go"


def one_ticker(event, wish, wire, store, journal, group, desk, gateway):
    desk.observe([event])
    sequence = journal.append_events(encode_events([event]), 1)
    outputs = group.handle(sequence, event)
    journal.append_outputs(outputs)
    journal.sync()
    before, now_ns = store.revision, event.received_ns
    cancels = desk.handle(outputs, now_ns)
    for order in store.changes(before):
        wire.say("acked", order.order_id)
    if wish == "buy and die":
        os._exit(0)
    amends = desk.amends(outputs, now_ns)
    gateway.step(now_ns)
    for amend in amends:
        gateway.amend(amend.order_id, amend.price, amend.volume, now_ns)
    gateway.cancel(cancels, now_ns)
    if cancels or amends:
        gateway.step(now_ns)
    for change in store.changes(before):
        if isinstance(change, MyOrder) and change.status in TERMINAL:
            wire.say("told", change.order_id)


def serve():
    """Fork one life for each line of standard input: Python and the imports start only once."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system reaps: gone means wholly gone
    for line in sys.stdin:
        if os.fork() == 0:
            run(msgspec.json.decode(line, type=Life))
            os._exit(0)


def run(life):
    wire = Wire(life.venue)
    try:
        live(wire, life)
    except MillstreamError as error:
        with suppress(OSError):  # where nothing can be written, either
            wire.say("ended", " ".join(str(error).split("\n")))
            sys.stderr.write(f"{error}\n")
        os._exit(2)
    except Exception as error:  # a store or a gateway that is wrong, or a test that is gone
        with suppress(OSError):
            sys.stderr.write(f"a life ended: {type(error).__name__} {error}\n")
        os._exit(3)


if __name__ == "__main__":
    serve()
