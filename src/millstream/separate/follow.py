"""A robots process's own orders: read from the store, as soon as a hint says it is worth it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Protocol

from millstream.config import Config
from millstream.errors import StoreError
from millstream.model import CurrencyPair, Event, Exchange, MyOrder, MyTrade
from millstream.model.codec import encode_events
from millstream.orders.sqlite_follow import SqliteFollower
from millstream.orders.store import Change, OrderRecord, SavedRobot, SavedRobots, watch
from millstream.session.gateways import is_on_server, store_file

__all__ = ["Prompted", "follow_own", "open_record", "tell_changes"]

_log = logging.getLogger(__name__)
_LOOK_S = 0.2
_PATIENT_LOOKS = 10


class Followed(OrderRecord, SavedRobots, Protocol):
    """An order store as another process reads it."""


class Prompted:
    """An `OrderRecord` whose `wait` ends as soon as somebody says that there is more."""

    def __init__(self, record: Followed) -> None:
        self._record = record
        self._said = 0
        self._more = threading.Condition()

    def prompt(self, revision: int) -> None:
        """The store has reached this revision, somebody says. From any thread."""
        with self._more:
            self._said = max(self._said, revision)
            self._more.notify_all()

    @property
    def revision(self) -> int:
        """The number of the latest change."""
        return self._record.revision

    def get(self, order_id: str) -> MyOrder | None:
        """As of the record."""
        return self._record.get(order_id)

    def orders(self, robot: str | None = None, open_only: bool = False) -> list[MyOrder]:
        """As of the record."""
        return self._record.orders(robot, open_only)

    def trades(self, robot: str | None = None) -> list[MyTrade]:
        """As of the record."""
        return self._record.trades(robot)

    def position(self, robot: str | None, exchange: Exchange, symbol: CurrencyPair) -> Decimal:
        """As of the record."""
        return self._record.position(robot, exchange, symbol)

    def changes(self, after: int, robot: str | None = None, limit: int = 1000) -> list[Change]:
        """As of the record."""
        return self._record.changes(after, robot, limit)

    def saved_robots(self) -> list[SavedRobot]:
        """As of the record."""
        return self._record.saved_robots()

    def wait(self, after: int, timeout_s: float) -> bool:
        """Wait for a hint; without one, the caller looks for himself when the time is out."""
        with self._more:
            self._more.wait_for(lambda: self._said > after, timeout_s)
            if self._said > after:
                return True  # without asking a server
        return self._record.revision > after

    def close(self) -> None:
        """Let go of the record."""
        self._record.close()


def open_record(config: Config, directory: Path) -> Prompted:
    """The order store as a follower reads it; waits for it, and says so.

    Raises StoreError or ConfigError when it is not an order store of ours.
    """
    if is_on_server(config.order_store):
        from millstream.orders.mongo.follow import MongoFollower

        return Prompted(MongoFollower(config.order_store))
    file = store_file(config.order_store, directory)
    looks = 0
    while True:
        if file.is_file() and file.stat().st_size:
            try:
                return Prompted(SqliteFollower(file))
            except StoreError:
                if looks > _PATIENT_LOOKS:  # its owner may be about to write the first page
                    raise
        if looks == 1:
            _log.warning("waiting for the order store %s: start --part orders", file)
        looks += 1
        time.sleep(_LOOK_S)


def follow_own(
    record: OrderRecord,
    first: Sequence[Event],
    after: int,
    is_ours: Callable[[str], bool],
    stop: Callable[[], bool],
) -> Iterator[Sequence[Event]]:
    """What robots hear of their orders: `first` at once, then each change above `after`.

    is_ours: whether a robot by that name is in this process now.
    """
    if first:
        yield first
    for change in watch(record, after, None, stop):
        if is_ours(change.robot):
            yield [change]


class Sender(Protocol):
    """Where batches go: `bus.Sender`."""

    def send(self, body: bytes, timeout_ms: int = ...) -> bool:
        """Hand over a batch; False when there was no room in time."""


def tell_changes(
    changes: Iterable[Sequence[Event]], robo: Sender, stop: Callable[[], bool]
) -> None:
    """Forward changes to the robots; none is left out, however long their queue is full."""
    for batch in changes:
        body = encode_events(batch)
        while not robo.send(body, 1_000):
            if stop():
                return
