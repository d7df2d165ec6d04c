"""A robot's wish until it is on its way to the venue, orders in SQLite: milliseconds, orders/s.

    python -m benchmarks.order_intent_to_gateway

"Intent to gateway": the store's insert until a follower in another thread has it: one wait for the
disk. "Wish to venue": the whole way of one order, as a session does it: the event and the answer
are journaled, the journal synced, risk asked, the intent stored, the order marked SENT, and the
venue called: three waits for the disk, one after the other, since none of them may be left out.
Beside both one fdatasync of 4 KiB in the same folder: one after each insert, so that a neighbour
who keeps the disk busy disturbs both alike.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Sequence
from decimal import Decimal
from itertools import count
from pathlib import Path
from statistics import quantiles
from time import perf_counter, perf_counter_ns, time_ns

from benchmarks.journals import manifest
from benchmarks.measure import OURS, Figure, main
from millstream.bus import Bus, Inbox
from millstream.journal import JournalWriter
from millstream.model import (
    CurrencyPair,
    Event,
    Exchange,
    MyOrder,
    OrderStatus,
    OrderType,
    Output,
    PlaceOrder,
    Side,
    Ticker,
    TimeInForce,
)
from millstream.model.codec import encode_events, encode_outputs
from millstream.orders.desk import OrderDesk
from millstream.orders.gateway import Gateway
from millstream.orders.machine import Happened, OrderReport
from millstream.orders.risk import RiskBook, RiskLimits
from millstream.orders.service import orders_loop
from millstream.orders.sqlite import SqliteStore
from millstream.orders.store import watch

BTC, BINANCE = CurrencyPair.BTC_USDT, Exchange.BINANCE
TICKER = Ticker(1, BINANCE, BTC, 0, 99.0, 1.0, 100.0, 1.0)
FSYNC = "one fdatasync of 4 KiB"
TARGET_TIMES, TARGET_MS = 1.5, 1.0
_ON_THEIR_WAY = 64  # events
_NAMES = (f"order{number}" for number in count())


def measure(quick: bool, size: int = 0) -> list[Figure]:
    """Every way in turn, several rounds; of each round the median and the 99th percentile."""
    size, rounds = size or (200 if quick else 1_000), 3 if quick else 5
    folders = count()
    with tempfile.TemporaryDirectory() as place:

        def folder() -> Path:
            made = Path(place) / str(next(folders))
            made.mkdir()
            return made

        spent: dict[str, list[list[float]]] = {
            "intent to gateway": [], FSYNC: [], "wish to venue": []
        }  # fmt: skip
        for _ in range(rounds):
            intents, disk = _intents(folder(), size)
            spent["intent to gateway"].append(intents)
            spent[FSYNC].append(disk)
            spent["wish to venue"].append(_wishes(folder(), size))
        rates = {
            robots: [_rate(folder(), size * 2, robots) for _ in range(rounds)]
            for robots in (1, 100)
        }
    return [*_times(spent, size), *_rates(rates, size * 2)]


def _times(spent: dict[str, list[list[float]]], size: int) -> list[Figure]:
    figures = []
    for name, at in (("p50", 49), ("p99", 98)):
        found = {way: [quantiles(one, n=100)[at] for one in runs] for way, runs in spent.items()}
        for way in ("intent to gateway", "wish to venue"):
            target = TARGET_MS if name == "p50" else None
            for who, times, aim in ((OURS, found[way], target), (FSYNC, found[FSYNC], None)):
                figures.append(
                    Figure(
                        what=f"{way}, {name}", who=who, unit="ms", runs=times, n=size, target=aim
                    )
                )
        if name == "p50":
            for way in ("intent to gateway", "wish to venue"):
                times = [ours / disk for ours, disk in zip(found[way], found[FSYNC], strict=True)]
                aim = TARGET_TIMES if way == "intent to gateway" else None
                figures.append(
                    Figure(
                        what=f"{way}, in fdatasyncs of the same round",
                        who=OURS,
                        unit="times",
                        runs=times,
                        n=size,
                        target=aim,
                    )
                )
    return figures


def _rates(rates: dict[int, list[float]], size: int) -> list[Figure]:
    return [
        Figure(
            what=f"wish to venue, {robots} robot{'s' * (robots > 1)}, one after the other",
            who=OURS,
            unit="orders/s",
            runs=runs,
            n=size,
            at_least=True,
        )
        for robots, runs in rates.items()
    ]


class Disk:
    """A file that has its length already."""

    def __init__(self, folder: Path) -> None:
        self._pages, self._number, self._page = 256, 0, os.urandom(4096)
        self._descriptor = os.open(folder / "file", os.O_RDWR | os.O_CREAT)
        os.pwrite(self._descriptor, bytes(4096 * self._pages), 0)
        os.fsync(self._descriptor)

    def sync(self) -> float:
        """Milliseconds of a page and its fdatasync."""
        began = perf_counter_ns()
        os.pwrite(self._descriptor, self._page, 4096 * (self._number % self._pages))
        os.fdatasync(self._descriptor)
        self._number += 1
        return (perf_counter_ns() - began) / 1e6

    def close(self) -> None:
        os.close(self._descriptor)


def _intents(folder: Path, size: int) -> tuple[list[float], list[float]]:
    """Milliseconds from the insert until a follower in another thread has it; of the bare disk."""
    store, disk = SqliteStore(folder / "orders.sqlite"), Disk(folder)
    seen: list[int] = []
    more = threading.Semaphore(0)  # nobody spins: that would take the interpreter from the others

    def follow() -> None:
        for _ in watch(store, 0, None, lambda: len(seen) >= size):
            seen.append(perf_counter_ns())
            more.release()

    follower = threading.Thread(target=follow)
    follower.start()
    times, bare = [], []
    for number in range(size):
        intent = _intent()
        began = perf_counter_ns()
        store.insert([intent])
        more.acquire()
        times.append((seen[number] - began) / 1e6)
        bare.append(disk.sync())
    follower.join()
    store.close()
    disk.close()
    return times, bare


class Called:
    """A venue that notes when it was called, and has the order at once."""

    def __init__(self) -> None:
        self.at_ns: list[int] = []
        self.calls = threading.Semaphore(0)
        self._reports: list[OrderReport] = []

    def place(self, order: MyOrder, now_ns: int) -> None:
        self.at_ns.append(perf_counter_ns())
        self.calls.release()
        # It ends at once, so that open orders do not pile up.
        self._reports.append(OrderReport(order.order_id, Happened.CANCELED))

    def cancel(self, order_id: str, now_ns: int) -> None:
        pass

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


class Orders:
    """A journal at one end, the thread of the orders at the other, as in a session."""

    def __init__(self, folder: Path) -> None:
        self.venue = Called()
        self._journal = JournalWriter(folder / "journal", manifest(), compress=False)
        self._store = SqliteStore(folder / "orders.sqlite")
        self._bus = Bus()
        inbox = {name: self._bus.receiver(f"inproc://{name}") for name in ("events", "wishes")}
        self._wishes = self._bus.sender("inproc://wishes")
        self._bus.sender("inproc://events").send(encode_events([TICKER]))
        self._ending = threading.Event()
        self._thread = threading.Thread(
            target=orders_loop,
            args=(
                Inbox(inbox), self._store, OrderDesk(self._store, RiskBook(RiskLimits())),
                Gateway(self._store, self.venue), self._journal.sync, time_ns, self._ending.is_set,
            ),
        )  # fmt: skip
        self._thread.start()

    def wish(self, robots: int) -> None:
        """An event comes, and each robot answers with an order."""
        sequence = self._journal.append_events(encode_events([TICKER]), 1)
        outputs = [Output(sequence, f"robot{number}", _wish()) for number in range(robots)]
        self._journal.append_outputs(outputs)
        self._wishes.send(encode_outputs(outputs))

    def wait(self, orders: int) -> None:
        """Until the venue was called so many times more."""
        for _ in range(orders):
            self.venue.calls.acquire()

    def settle(self) -> None:
        """Until what the venue said of every order is stored: nothing waits for the disk then."""
        revision = self._store.revision
        while self._store.orders(open_only=True):
            self._store.wait(revision, 0.1)
            revision = self._store.revision

    def close(self) -> None:
        self._ending.set()
        self._thread.join()
        self._bus.close()
        self._store.close()
        self._journal.close("measured")


def _wishes(folder: Path, size: int) -> list[float]:
    """Milliseconds from the event until the venue is called, one order at a time."""
    orders = Orders(folder)
    times = []
    for number in range(size):
        began = perf_counter_ns()
        orders.wish(1)
        orders.wait(1)
        times.append((orders.venue.at_ns[number] - began) / 1e6)
        orders.settle()
    orders.close()
    return times


def _rate(folder: Path, size: int, robots: int) -> float:
    """Orders a second, events one after the other as fast as the venue is called."""
    orders = Orders(folder)
    began = perf_counter()
    for number in range(size // robots):
        orders.wish(robots)
        if number >= _ON_THEIR_WAY:
            orders.wait(robots)
    orders.wait(min(_ON_THEIR_WAY, size // robots) * robots)
    rate = size // robots * robots / (perf_counter() - began)
    orders.close()
    return rate


def _wish() -> PlaceOrder:
    return PlaceOrder(
        BINANCE, BTC, Side.BUY, OrderType.LIMIT, Decimal("0.01"), Decimal(100),
        order_id=next(_NAMES),
    )  # fmt: skip


def _intent() -> MyOrder:
    return MyOrder(
        received_ns=time_ns(), exchange=BINANCE, symbol=BTC, robot="robot", order_id=next(_NAMES),
        venue_id="", side=Side.BUY, type=OrderType.LIMIT, time_in_force=TimeInForce.GTC,
        post_only=False, price=Decimal(100), volume=Decimal("0.01"), status=OrderStatus.INTENT,
        filled_volume=Decimal(0), average_price=None, reason="", revision=0,
    )  # fmt: skip


if __name__ == "__main__":
    main("benchmarks.order_intent_to_gateway", measure)
