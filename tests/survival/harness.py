"""Start lives, be their venue, kill them, start them again, and count what was lost."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import msgspec
from tests.survival.life import Life, robots, run_id
from tests.survival.stories import AMENDED_PRICE, AMENDED_VOLUME, PART, STORIES

from millstream.errors import JournalDamaged, JournalError
from millstream.journal import Journal
from millstream.journal.replay import replay
from millstream.model import OrderStatus
from millstream.orders.machine import TERMINAL
from millstream.orders.sqlite import SqliteStore
from millstream.robot.moment import RUN_ID_LETTERS

PATIENCE_S = 20
ROOT = Path(__file__).parent.parent.parent


class Tally(msgspec.Struct):
    """What the faults did."""

    what: str = ""
    runs: int = 0
    acked: int = 0  # orders whose intent was acknowledged as durable
    lost: int = 0  # of these: not in the store afterwards, or without their cause in the journal
    duplicated: int = 0  # placed at the venue more than once, or stored more than once
    wrong_state: int = 0  # not what the venue says, or a journal that does not replay equal
    failures: list[str] = []  # the seed or the place of each

    @property
    def bad(self):
        return self.lost, self.duplicated, self.wrong_state

    def __str__(self):
        return (
            f"{self.what}: runs {self.runs}, acked {self.acked}, lost {self.lost}, duplicated "
            f"{self.duplicated}, wrong-state {self.wrong_state}, failures {self.failures[:8]}"
        )


STATUSES = {
    "accepted": OrderStatus.WORKING,
    "canceled": OrderStatus.CANCELED,
    "expired": OrderStatus.EXPIRED,
    "rejected": OrderStatus.REJECTED,
}


class Known(msgspec.Struct):
    """An order as the venue has it."""

    price: str
    volume: Decimal
    status: OrderStatus = OrderStatus.WORKING
    filled: Decimal = Decimal(0)
    fills: list[tuple[str, str, str]] = []  # price, volume, trade

    def fill(self, volume, order_id):
        price = "100" if self.price == "None" else self.price
        self.fills.append((price, str(volume), f"t{len(self.fills)}-{order_id}"))
        self.filled += volume
        self.status = OrderStatus.FILLED if self.filled == self.volume else OrderStatus.PARTIAL


class Venue:
    """What the orders' venue knows, through all sessions of one run."""

    def __init__(self):
        self.placed = Counter()  # how often each order id came
        self.orders = {}  # as it has them, by id
        self.acked = []  # in order
        self.lived = {}  # the name of each session's story
        self.pid = 0
        self.done = False
        self.ended = ""  # the sentence with which the last session ended before its time
        self._story = STORIES["filled"]

    def begin(self, session, story):
        """A session comes."""
        self.pid, self.done, self.ended = 0, False, ""
        self.lived[session], self._story = story, STORIES[story]

    def answer(self, line):
        """What is said back to a life's line; None: nothing."""
        match line.split():
            case ["hello", pid]:
                self.pid = int(pid)
            case ["acked", order_id]:
                self.acked.append(order_id)
            case ["place", order_id, price, volume]:
                self.placed[order_id] += 1
                number = len(self.orders)
                known = Known(price, Decimal(volume))
                if self.orders.setdefault(order_id, known) is not known:
                    return "[]"
                return self._does(order_id, self._story.placed[number % len(self._story.placed)])
            case ["cancel", order_id]:
                return self._does(order_id, self._story.canceled)
            case ["amend", order_id, _, _]:
                return self._does(order_id, self._story.amended)
            case ["query", order_id]:
                return json.dumps(self._all(order_id))
            case ["done"]:
                self.done = True
            case ["ended", *_]:
                self.ended = line.partition(" ")[2]
        return None

    def _does(self, order_id, words):
        """Do what a story says, and report it."""
        known, reports = self.orders[order_id], []
        for word in words.split():
            if word == "lost":
                reports = [("unknown", order_id)] if reports else []
            elif known.status in TERMINAL:
                pass  # it is too late for anything else
            elif word in ("filled", "part"):
                known.fill(PART if word == "part" else known.volume - known.filled, order_id)
                reports.append(("filled", order_id, *known.fills[-1]))
            elif word == "amended":
                known.price, known.volume = str(AMENDED_PRICE), AMENDED_VOLUME
                reports.append((word, order_id, known.price, str(known.volume)))
            else:
                known.status = STATUSES[word]
                reports.append((word, order_id))
        return json.dumps(reports)

    def _all(self, order_id):
        """Everything that it knows of an order, reported again."""
        known = self.orders.get(order_id)
        if known is None:
            return [("canceled", order_id)]  # it never came
        price = None if known.price == "None" else known.price
        reports = [("accepted", order_id), ("amended", order_id, price, str(known.volume))]
        reports += [("filled", order_id, *fill) for fill in known.fills]
        if known.status in TERMINAL and known.status is not OrderStatus.FILLED:
            reports.append((known.status.name.lower(), order_id))
        return reports


class Lives:
    """Lives that can be started quickly: a server forks them."""

    def __init__(self):
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.survival.life"],
            cwd=ROOT, stdin=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._place = tempfile.TemporaryDirectory(prefix="life")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.stdin.close()
        self._server.wait(PATIENCE_S)
        self._place.cleanup()

    def run(
        self, venue, directory, session, times, *, strace=(), during=None, story="filled", **wrong
    ):
        """One session until it ends or dies: it lives a story some times.

        strace: arguments of an strace that is attached to it before it begins.
        during: called with the venue after each of its lines; may kill it.
        wrong: what else a `Life` takes.
        """
        venue.begin(session, story)
        path = f"{self._place.name}/venue"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen(1)
            listener.settimeout(PATIENCE_S)
            life = Life(path, str(directory), session, times, story, **wrong)
            self._server.stdin.write(msgspec.json.encode(life).decode() + "\n")
            self._server.stdin.flush()
            wire, _ = listener.accept()
        os.unlink(path)
        with wire:
            wire.settimeout(PATIENCE_S)
            tracer = _serve(wire, venue, strace, during)
        if tracer is not None:
            tracer.communicate(timeout=PATIENCE_S)
        _wait_until_gone(venue.pid)


def _serve(wire, venue, strace, during):
    """Answer the life's lines until it is gone; returns its tracer."""
    tracer, rest = None, b""
    while True:
        try:
            got = wire.recv(65536)
        except ConnectionResetError:
            got = b""
        if not got:
            return tracer
        *lines, rest = (rest + got).split(b"\n")
        for line in lines:
            answer = venue.answer(line.decode())
            try:
                if answer is not None:
                    wire.sendall(answer.encode() + b"\n")
                if line.startswith(b"hello"):
                    tracer = _attach(venue.pid, strace) if strace else None
                    wire.sendall(b"go\n")
            except (BrokenPipeError, ConnectionResetError):
                pass  # it died; what it said before is read on
            if during is not None:
                during(venue)


def _attach(pid, strace):
    tracer = subprocess.Popen(
        ["strace", *strace, "-p", str(pid)],
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    line = tracer.stderr.readline()
    assert "attached" in line, line
    return tracer


def kill(pid):
    """kill -9 of a life, by the number it said; a late timer's life may be gone."""
    assert pid > 0, "nobody has said its number: 0 would be this whole process group"
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def check(tally, venue, directory, sessions, where, open_store=SqliteStore):
    """Compare the store and the journals in a folder with what the venue knows."""
    before = tally.bad
    tally.runs += 1
    tally.acked += len(venue.acked)
    tally.wrong_state += not venue.done  # the last session could not go on
    store = open_store(directory / "orders.sqlite")
    orders, trades = {order.order_id: order for order in store.orders()}, store.trades()
    store.close()
    events = {
        run_id(session): _events(tally, directory, session, venue.lived[session])
        for session in range(sessions)
    }
    for order_id in venue.acked:
        cause = int(order_id[RUN_ID_LETTERS:-3], 36)
        tally.lost += order_id not in orders or cause > events[order_id[:RUN_ID_LETTERS]]
    tally.duplicated += sum(count - 1 for count in venue.placed.values())
    tally.duplicated += len(venue.acked) - len(set(venue.acked))
    stories = {run_id(session): STORIES[story] for session, story in venue.lived.items()}
    filled = Counter()
    for trade in trades:
        filled[trade.order_id] += trade.volume
    for order_id, order in orders.items():
        known, ended = venue.orders.get(order_id), order.status in TERMINAL
        right = (ended or not order.cancel_wished) and filled[order_id] == order.filled_volume
        if known is None:
            right &= ended and not order.filled_volume
        else:
            right &= order.status is known.status and order.filled_volume == known.filled
            right &= str(order.price) == known.price and order.volume == known.volume
            right &= stories[order_id[:RUN_ID_LETTERS]].leaves
        tally.wrong_state += not right
    if tally.bad != before:
        tally.failures.append(str(where))


def _events(tally, directory, session, story):
    """How many events a session's journal holds; it must replay equal."""
    try:
        journal = Journal.open(directory / f"journal-{session}")
    except JournalError as error:
        tally.wrong_state += isinstance(error, JournalDamaged)
        return 0  # it never began: nothing may be acknowledged that it should have caused
    report = replay(journal, robots(session, story))
    tally.wrong_state += not report.equal
    return report.events


def _wait_until_gone(pid):
    """Return when a process holds no file any more."""
    deadline = time.monotonic() + PATIENCE_S
    while os.path.exists(f"/proc/{pid}"):
        assert time.monotonic() < deadline, f"process {pid} does not end"
        time.sleep(0.001)
