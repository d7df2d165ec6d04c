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
from tests.survival.life import VOLUME, robots, run_id

from millstream.journal import Journal
from millstream.journal.replay import replay
from millstream.model import OrderStatus
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


class Venue:
    """What the orders' venue knows, through all sessions of one run."""

    def __init__(self):
        self.placed = Counter()  # how often each order id came
        self.acked = []  # in order
        self.told = []
        self.pid = 0
        self.done = False

    def answer(self, line):
        """What is said back to a life's line; None: nothing."""
        match line.split():
            case ["hello", pid]:
                self.pid = int(pid)
            case ["acked", order_id]:
                self.acked.append(order_id)
            case ["place", order_id, _]:
                self.placed[order_id] += 1
                return f"filled {order_id}"
            case ["query", order_id]:
                return "yes" if self.placed[order_id] else "no"
            case ["told", order_id]:
                self.told.append(order_id)
            case ["done"]:
                self.done = True
        return None


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
        self, venue, directory, session, orders, *,
        gateway="right", store="right", strace=(), during=None,
    ):  # fmt: skip
        """One session until it ends or dies.

        strace: arguments of an strace that is attached to it before it begins.
        during: called with the venue after each of its lines; may kill it.
        """
        venue.pid, venue.done = 0, False
        path = f"{self._place.name}/venue"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen(1)
            listener.settimeout(PATIENCE_S)
            order = [path, str(directory), session, orders, gateway, store]
            self._server.stdin.write(json.dumps(order) + "\n")
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
    events = {run_id(session): _events(tally, directory, session) for session in range(sessions)}
    for order_id in venue.acked:
        cause = int(order_id[RUN_ID_LETTERS:-3], 36)
        tally.lost += order_id not in orders or cause > events[order_id[:RUN_ID_LETTERS]]
    tally.duplicated += sum(count - 1 for count in venue.placed.values())
    tally.duplicated += len(venue.acked) - len(set(venue.acked))
    filled = Counter()
    for trade in trades:
        filled[trade.order_id] += trade.volume
    for order_id, order in orders.items():
        at_venue = VOLUME if venue.placed[order_id] else Decimal(0)
        settled = order.status in (OrderStatus.FILLED, OrderStatus.CANCELED)
        tally.wrong_state += not (
            settled and order.filled_volume == at_venue and filled[order_id] == at_venue
        )
    if tally.bad != before:
        tally.failures.append(str(where))


def _events(tally, directory, session):
    """How many events a session's journal holds; it must replay equal."""
    place = directory / f"journal-{session}"
    if not place.exists():
        return 0
    report = replay(Journal.open(place), robots(session))
    tally.wrong_state += not report.equal
    return report.events


def _wait_until_gone(pid):
    """Return when a process holds no file any more."""
    deadline = time.monotonic() + PATIENCE_S
    while os.path.exists(f"/proc/{pid}"):
        assert time.monotonic() < deadline, f"process {pid} does not end"
        time.sleep(0.001)
