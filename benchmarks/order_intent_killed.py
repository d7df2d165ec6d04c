"""From the kill switch to the last cancel on its way to the venue: milliseconds.

    python -m benchmarks.order_intent_killed

Ten orders rest; somebody sets the switch, durably; the thread of the orders sees it, stores what it
wishes to cancel, and asks the venue ten times. Once with robots that do nothing; once beside a
robot that hangs, a loop in Python without an end, in a thread of the same process: whenever
somebody else waits, the interpreter leaves it what `short_turns` allows, as in a session, and once
Python's own 5 ms; and once with that robot in a process of its own, as `millstream run --part
robots` has it.
"""

from __future__ import annotations

import logging
import multiprocessing
import tempfile
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from decimal import Decimal
from itertools import count
from pathlib import Path
from statistics import quantiles
from time import perf_counter_ns, time_ns

import msgspec

from benchmarks.measure import OURS, Figure, main
from benchmarks.order_intent_to_gateway import BINANCE, BTC
from millstream.bus import Bus, Inbox
from millstream.model import Event, MyOrder, OrderStatus, OrderType, Side, TimeInForce
from millstream.orders.desk import OrderDesk
from millstream.orders.gateway import Gateway
from millstream.orders.kill_switch import Brake, KillSwitch
from millstream.orders.machine import Happened, OrderReport
from millstream.orders.risk import RiskBook, RiskLimits, RiskState
from millstream.orders.service import orders_loop
from millstream.orders.sqlite import SqliteStore
from millstream.session.parts import short_turns

RESTING = 10
TARGET_MS = 50.0
PATIENCE_S = 30.0
_GONE = "the orders thread is gone"
_SPAWN = multiprocessing.get_context("spawn")
_ALONE, _HERE, _APART = OURS, f"{OURS}, a robot hangs", f"{OURS}, a robot hangs in a process apart"
_LONG_TURNS = "the same, turns of 5 ms"
_NAMES = (f"order{number}" for number in count())


class Street:
    """A venue where orders rest, and cancels are noted."""

    def __init__(self) -> None:
        self.resting = threading.Semaphore(0)
        self.canceled = threading.Semaphore(0)
        self.last_ns = 0
        self._reports: list[OrderReport] = []

    def place(self, order: MyOrder, now_ns: int) -> None:
        self._reports.append(OrderReport(order.order_id, Happened.ACCEPTED, order.order_id))
        self.resting.release()

    def cancel(self, order_id: str, now_ns: int) -> None:
        self.last_ns = perf_counter_ns()
        self._reports.append(OrderReport(order_id, Happened.CANCELED))
        self.canceled.release()

    def amend(
        self, order_id: str, price: Decimal | None, volume: Decimal | None, now_ns: int
    ) -> None:
        pass

    def feed(self, event: Event) -> list[OrderReport]:
        return []

    def advance(self, now_ns: int) -> list[OrderReport]:
        reports, self._reports = self._reports, []
        return reports

    def recover(self, orders: Sequence[MyOrder]) -> list[OrderReport]:
        return []


class Looks:
    """Counts the looks of the orders' thread at the switch."""

    def __init__(self, switch: KillSwitch) -> None:
        self._switch = switch
        self._done = threading.Condition()
        self._count = 0

    def look(self, now_ns: int) -> Brake:
        brake = self._switch.look(now_ns)
        with self._done:
            self._count += 1
            self._done.notify_all()
        return brake

    def wait_for_one(self) -> None:
        """Until one that began after this call is over: one may be under way."""
        with self._done:
            enough = self._count + 2
            assert self._done.wait_for(lambda: self._count >= enough, PATIENCE_S), _GONE


def measure(quick: bool, kills: int = 0) -> list[Figure]:
    """Robots that do nothing, and one that hangs, in turn; of each round the 99th percentile."""
    kills, rounds = kills or (30 if quick else 200), 2 if quick else 3
    spent: dict[str, list[list[float]]] = {_ALONE: [], _APART: [], _HERE: [], _LONG_TURNS: []}
    log = logging.getLogger("millstream")
    level = log.level
    log.setLevel(logging.ERROR)  # each kill is a warning
    try:
        for _ in range(rounds):
            for who in spent:
                with tempfile.TemporaryDirectory() as folder:
                    spent[who].append(_kills(Path(folder), kills, who))
    finally:
        log.setLevel(level)
    return [
        Figure(
            what=f"kill switch to last cancel, {name}",
            who=who,
            unit="ms",
            runs=[quantiles(times, n=100)[at] for times in runs],
            n=kills,
            target=TARGET_MS if name == "p99" and who != _LONG_TURNS else None,
        )
        for name, at in (("p50", 49), ("p99", 98))
        for who, runs in spent.items()
    ]


def _kills(folder: Path, kills: int, who: str) -> list[float]:
    street, ending = Street(), threading.Event()
    store = SqliteStore(folder / "orders.sqlite")
    switch = KillSwitch(folder / "orders.sqlite")
    with ExitStack() as opened:
        if who != _LONG_TURNS:
            opened.enter_context(short_turns())
        bus = opened.enter_context(Bus())
        inbox = Inbox({name: bus.receiver(f"inproc://{name}") for name in ("events", "wishes")})
        looks = Looks(KillSwitch(folder / "orders.sqlite"))
        thread = threading.Thread(
            target=orders_loop,
            args=(
                inbox, store, OrderDesk(store, RiskBook(RiskLimits())), Gateway(store, street),
                lambda: None, time_ns, ending.is_set, looks.look,
            ),
        )  # fmt: skip
        thread.start()
        if who in (_HERE, _LONG_TURNS):
            threading.Thread(target=_hang, args=(ending,), daemon=True).start()
        elif who == _APART:
            apart = _SPAWN.Process(target=_hang_for_ever, daemon=True)
            apart.start()
            opened.callback(apart.kill)
        try:
            return [_kill(store, street, switch, looks) for _ in range(kills)]
        finally:
            ending.set()
            thread.join()
            store.close()


def _kill(store: SqliteStore, street: Street, switch: KillSwitch, looks: Looks) -> float:
    """Milliseconds of one kill."""
    store.insert([_intent() for _ in range(RESTING)])
    for _ in range(RESTING):
        assert street.resting.acquire(timeout=PATIENCE_S), _GONE
    began = perf_counter_ns()
    switch.set(RiskState.HALTED, "benchmark", "", time_ns())
    for _ in range(RESTING):
        assert street.canceled.acquire(timeout=PATIENCE_S), _GONE
    spent = (street.last_ns - began) / 1e6
    revision = store.revision
    while store.orders(open_only=True):
        revision += store.wait(revision, 0.01)
    switch.release()
    looks.wait_for_one()  # else the next orders are refused: trading would be halted still
    return spent


def _hang(ending: threading.Event) -> None:
    """A robot's endless loop."""
    while not ending.is_set():
        pass


def _hang_for_ever() -> None:
    _hang(threading.Event())


def _intent() -> MyOrder:
    made = MyOrder(
        received_ns=time_ns(), exchange=BINANCE, symbol=BTC, robot="robot", order_id="",
        venue_id="", side=Side.BUY, type=OrderType.LIMIT, time_in_force=TimeInForce.GTC,
        post_only=False, price=Decimal(100), volume=Decimal("0.01"), status=OrderStatus.INTENT,
        filled_volume=Decimal(0), average_price=None, reason="", revision=0,
    )  # fmt: skip
    return msgspec.structs.replace(made, order_id=next(_NAMES))


if __name__ == "__main__":
    main("benchmarks.order_intent_killed", measure)
