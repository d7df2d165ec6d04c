"""A robot's intent until the gateway has it, with the orders on MongoDB: milliseconds.

    python -m benchmarks.order_store_mongo

One order at a time, as the seed measured its 1 to 3 ms. "In one process": the gateway is a thread
of the store's owner. "In two": it follows from another process. The rival is what one writes by
hand: `insert_one` and `watch` in two processes, at the server's default, a majority. "And sent":
until the order is marked SENT, durably, and given to the venue: a second durable write. A lone
mongod on this machine, its data on this disk.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import threading
from collections.abc import Callable
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import quantiles
from time import monotonic_ns

from pymongo import MongoClient
from tests import mongod
from tests.orders.sample import order

from benchmarks.measure import OURS, Figure, main
from millstream.model import MyOrder
from millstream.orders.gateway import Gateway
from millstream.orders.mongo.follow import MongoFollower
from millstream.orders.mongo.store import MongoStore
from millstream.orders.sqlite import SqliteStore
from millstream.orders.sqlite_follow import SqliteFollower
from millstream.orders.store import OrderRecord, OrderStore, watch

_SPAWN = multiprocessing.get_context("spawn")
_NAMES = (f"order{number}" for number in count())
SEEDS_MS = 3.0  # "1 to 3 ms"


def measure(quick: bool, size: int = 0) -> list[Figure]:
    """All contestants in turn, several rounds; of each round the median and the 99th percentile."""
    if reason := mongod.why_not():
        raise SystemExit(reason)
    size, rounds = size or (100 if quick else 200), 2 if quick else 4
    servers = mongod.ReplicaSet()
    databases = count()
    try:
        with tempfile.TemporaryDirectory() as place:

            def url() -> str:
                return servers.url(f"bench{next(databases)}")

            def file() -> Path:
                return Path(place) / f"orders{next(databases)}.sqlite"

            ways: dict[str, Callable[[], list[float]]] = {
                f"{OURS}, in one process": lambda: _one_process(MongoStore(url()), size),
                f"{OURS}, in one process, and sent": lambda: _until_sent(MongoStore(url()), size),
                f"{OURS}, in two processes": lambda: _two_processes(url(), size),
                "insert_one and watch, in two processes": lambda: _by_hand(url(), size),
                "our SQLite store, in one process": lambda: _one_process(SqliteStore(file()), size),
                "our SQLite store, in one process, and sent": lambda: _until_sent(
                    SqliteStore(file()), size
                ),
                "our SQLite store, in two processes": lambda: _two_processes(file(), size),
            }
            spent: dict[str, list[list[float]]] = {who: [] for who in ways}
            for _ in range(rounds):
                for who, way in ways.items():
                    spent[who].append(way())
    finally:
        servers.stop()
    return [
        Figure(
            what=f"intent to gateway, {name}",
            who=who,
            unit="ms",
            runs=[quantiles(times, n=100)[at] for times in runs],
            n=size,
            target=SEEDS_MS
            if name == "p50" and who.startswith(OURS) and "sent" not in who
            else None,
        )
        for name, at in (("p50", 49), ("p99", 98))
        for who, runs in spent.items()
    ]


def _one_process(store: OrderStore, size: int) -> list[float]:
    """Insert in this thread, follow in another."""
    seen, stopped = [], threading.Event()
    told = threading.Semaphore(0)

    def follow() -> None:
        for _ in watch(store, 0, None, stopped.is_set):
            seen.append(monotonic_ns())
            told.release()

    follower = threading.Thread(target=follow)
    follower.start()
    began = []
    for _ in range(size):
        intent = order(next(_NAMES))
        began.append(monotonic_ns())
        store.insert([intent])
        told.acquire()
    stopped.set()
    follower.join()
    store.close()
    return _milliseconds(began, seen)


class _Venue:
    """Notes when it is given an order."""

    def __init__(self) -> None:
        self.placed: list[int] = []

    def place(self, order: MyOrder, now_ns: int) -> None:
        self.placed.append(monotonic_ns())

    def advance(self, now_ns: int) -> list[object]:
        return []


def _until_sent(store: OrderStore, size: int) -> list[float]:
    """Insert and let the gateway step, as the thread of the orders does."""
    venue = _Venue()
    gateway = Gateway(store, venue)  # type: ignore[arg-type]
    began = []
    for _ in range(size):
        intent = order(next(_NAMES))
        began.append(monotonic_ns())
        store.insert([intent])
        gateway.step(1)
    store.close()
    return _milliseconds(began, venue.placed)


def _two_processes(place: str | Path, size: int) -> list[float]:
    store = SqliteStore(place) if isinstance(place, Path) else MongoStore(place)
    try:
        return _with_child(_follow, place, size, lambda name: store.insert([order(name)]))
    finally:
        store.close()


def _by_hand(url: str, size: int) -> list[float]:
    with MongoClient(url) as client:
        orders = client.get_default_database()["orders"]
        orders.insert_one({"name": "first"})
        return _with_child(
            _watch, url, size, lambda name: orders.insert_one({"name": name, "volume": "1"})
        )


def _with_child(
    work: Callable[..., None], place: str | Path, size: int, insert: Callable[[str], object]
) -> list[float]:
    """Insert here; the child says when it saw each: the clock is the same for both."""
    ours, theirs = _SPAWN.Pipe()
    child = _SPAWN.Process(target=work, args=(place, theirs, size))
    child.start()
    ours.recv()  # it follows
    began, seen = [], []
    for _ in range(size):
        name = next(_NAMES)
        began.append(monotonic_ns())
        insert(name)
        seen.append(ours.recv())
    child.join()
    return _milliseconds(began, seen)


def _follow(place: str | Path, parent: Connection, size: int) -> None:
    record: OrderRecord = SqliteFollower(place) if isinstance(place, Path) else MongoFollower(place)
    parent.send("ready")
    for number, _ in enumerate(watch(record, 0, None, lambda: False), 1):
        parent.send(monotonic_ns())
        if number == size:
            break
    record.close()


def _watch(url: str, parent: Connection, size: int) -> None:
    with MongoClient(url) as client:
        pipeline = [{"$match": {"operationType": "insert"}}]
        with client.get_default_database()["orders"].watch(pipeline) as stream:
            parent.send("ready")
            for number, _ in enumerate(stream, 1):
                parent.send(monotonic_ns())
                if number == size:
                    break


def _milliseconds(began: list[int], seen: list[int]) -> list[float]:
    return [(saw - start) / 1e6 for start, saw in zip(began, seen, strict=True)]


if __name__ == "__main__":
    main("benchmarks.order_store_mongo", measure)
