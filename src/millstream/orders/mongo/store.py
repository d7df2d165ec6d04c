"""The order store's owner on MongoDB: the shared keeper of the contract in `store.py`.

A transaction is the insert of one document whose `_id` is its first revision; `commits.py` tells
how it is stored once, whatever dies in between.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, TypeVar

import msgspec
import pymongo

from millstream.errors import DuplicateOrder, StoreError, UnknownOrder
from millstream.model import CurrencyPair, Exchange, MyOrder, MyTrade
from millstream.orders.machine import Happened, OrderReport, changes_of, is_open
from millstream.orders.mongo.address import parse_address
from millstream.orders.mongo.commits import Commits, stored_already
from millstream.orders.mongo.documents import fill_text, robot_document, transaction
from millstream.orders.mongo.lease import Lease
from millstream.orders.mongo.positions import Positions
from millstream.orders.mongo.projection import Projector, write_projection, write_trades
from millstream.orders.mongo.pruning import Pruner
from millstream.orders.mongo.reading import (
    Reader,
    projected_revision,
    pruned_sentence,
    robots_in,
)
from millstream.orders.mongo.server import connect, explained, patiently, prepare
from millstream.orders.mongo.tail import Tail
from millstream.orders.store import Change, SavedRobot

__all__ = ["MongoStore"]

_log = logging.getLogger(__name__)
_C = TypeVar("_C", MyOrder, Change)
_T = TypeVar("_T")
_LATE: Final = 10_000  # changes that the readable collections may lack before writers wait
_PORTION: Final = 5_000
_CLOSING_S: Final = 5.0
_LOOK_S: Final = 0.5
_GOODBYE_S: Final = 1.0


class MongoStore:
    """An `OrderStore` in a database of a replica set; one process owns it, any thread may use it.

    url: `mongodb://[user:password@]host[:port],…/database?replicaSet=…`; database: "millstream"
    if it names none. patience_s: how long a call waits for a new primary before it gives up.
    keep_days: how long each change is kept; then of each order the last one. 0: for ever.
    Raises ConfigError when the URL is not one; StoreError when the servers cannot be reached, are
    no replica set, do not promise durable writes, or when another process owns the store.
    """

    def __init__(self, url: str, patience_s: float = 60.0, keep_days: float = 90) -> None:
        self._address = parse_address(url)
        self._patience_s = patience_s
        self._keep_days = keep_days
        self._told_pruned = 0
        self._writing = threading.RLock()
        self._changed = threading.Condition()
        self._broken = ""  # why every later call is refused
        self._closing = False  # somebody waits to close it: a write must not wait for a primary
        self._attempts = 0
        self._client, self._database = connect(self._address, majority_reads=False)
        self._commits = Commits(
            self._database["changes"], self._address.shown, lambda: self._closing, self._break
        )
        try:
            with explained(self._address.shown):
                prepare(self._database, self._address.shown)
                self._lease = Lease(self._database, self._address.shown, self._was_taken)
                try:
                    self._load()
                except BaseException:
                    self._lease.release()
                    raise
        except BaseException:
            self._client.close()
            raise

    def _load(self) -> None:
        """Bring the readable collections up to date, then know what is open by heart."""
        # The lease was a majority write: what is read from here on was stored before it, for good.
        reached = projected_revision(self._database)
        reader = Reader(self._database, lambda: reached, lambda after: [])
        positions = Positions.load(self._database["positions"].find())
        while changes := reader.changes(reached, None, _PORTION):
            write_trades(self._database, changes)
            write_projection(self._database, changes, positions)
            reached = changes[-1].revision
        self._positions = positions.copy()
        self._tail = Tail(reached)
        self._open = {order.order_id: order for order in reader.orders(None, open_only=True)}
        self._projector = Projector(self._database, reached, positions, self._unprojected)
        self._reader = Reader(
            self._database, lambda: self._projector.revision, self._newer, self._tell_pruned
        )
        self._pruner = None
        if self._keep_days:
            shown, projector = self._address.shown, self._projector
            self._pruner = Pruner(
                self._database, shown, self._keep_days, lambda: projector.revision
            )

    @property
    def revision(self) -> int:
        """The number of the latest change; 0 in an empty store."""
        return self._tail.revision

    def insert(self, orders: Sequence[MyOrder]) -> list[MyOrder]:
        """Store new orders, all or none; see `OrderStore.insert`."""
        ids = [order.order_id for order in orders]
        twice = [order_id for order_id, count in Counter(ids).items() if count > 1]
        if twice:
            raise stored_already(twice[0])

        def work(first: int) -> list[MyOrder]:
            return [
                msgspec.structs.replace(order, revision=revision)
                for revision, order in enumerate(orders, first)
            ]

        return self._transact(work, ids, ids)

    def apply(self, reports: Sequence[OrderReport], now_ns: int) -> list[Change]:
        """Merge reports; see `OrderStore.apply`."""

        def work(first: int) -> list[Change]:
            changes: list[Change] = []
            merged = self._orders_of(reports)
            booked = self._booked(merged, reports)
            for report in reports:
                order = merged[report.order_id]
                fill = _fill_of(order, report)
                trade, changed = changes_of(order, report, fill in booked, now_ns)
                if trade is not None:
                    booked.add(fill)
                    changes.append(msgspec.structs.replace(trade, revision=first + len(changes)))
                if changed is not None:
                    changed = msgspec.structs.replace(changed, revision=first + len(changes))
                    merged[changed.order_id] = changed
                    changes.append(changed)
            return changes

        return self._transact(work, [], [report.order_id for report in reports])

    def get(self, order_id: str) -> MyOrder | None:
        """The order as it stands, or None."""
        with self._writing:
            self._check_usable()
            if (order := self._open.get(order_id)) is not None:
                return order
        return self._read(lambda: self._reader.order(order_id))

    def orders(self, robot: str | None = None, open_only: bool = False) -> list[MyOrder]:
        """Orders as they stand, in the order of their insertion."""
        if open_only:
            with self._writing:
                self._check_usable()
                return [o for o in self._open.values() if robot is None or o.robot == robot]
        return self._read(lambda: self._reader.orders(robot, open_only=False))

    def trades(self, robot: str | None = None) -> list[MyTrade]:
        """Fills, of one robot or of all (None), ascending by revision."""
        return self._read(lambda: self._reader.trades(robot))

    def position(self, robot: str | None, exchange: Exchange, symbol: CurrencyPair) -> Decimal:
        """What the fills of a robot, or of all (None), add up to, in base currency."""
        with self._writing:
            self._check_usable()
            return self._positions.volume(robot, exchange, symbol)

    def changes(self, after: int, robot: str | None = None, limit: int = 1000) -> list[Change]:
        """The first `limit` changes with a revision above `after`, ascending."""
        with self._changed:
            self._check_usable()
            latest = self._tail.revision
            if after >= latest:
                return []
            if self._tail.covers(after):
                return self._tail.after(after, robot, limit)
        # What is in doubt yet may be there already: it is not told before it is certain.
        return self._read(lambda: self._reader.changes(after, robot, limit, latest))

    def wait(self, after: int, timeout_s: float) -> bool:
        """Block until `revision` is above `after`; False when the time ran out or it was closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._broken or self.revision > after, timeout_s)
            return self.revision > after

    def save_robot(self, robot: SavedRobot) -> None:
        """Keep a set-up; see `RobotRecord.save_robot`."""
        robots = self._database["robots"]

        def write() -> None:
            latest = robots.find_one({}, {"number": 1}, sort=[("number", -1)])
            number = 1 if latest is None else latest["number"] + 1
            robots.update_one(
                {"_id": robot.name},
                {"$set": robot_document(robot), "$setOnInsert": {"number": number}},
                upsert=True,
            )

        self._write_robots(write)

    def remove_robot(self, name: str) -> None:
        """Keep it no longer."""
        self._write_robots(lambda: self._database["robots"].delete_one({"_id": name}))

    def saved_robots(self) -> list[SavedRobot]:
        """Every set-up, in the order in which their names were first saved."""
        return self._read(lambda: robots_in(self._database))

    def wait_until_readable(self, timeout_s: float) -> bool:
        """Block until `orders`, `trades` and `positions` show every change so far."""
        return self._projector.wait(self.revision, timeout_s)

    def close(self) -> None:
        """Finish the readable collections and let the next owner in; whoever waits is woken."""
        self._closing = True
        with self._writing:
            if self._broken.startswith("it is closed"):
                return
            healthy = not self._broken
            self._break("it is closed; open it again to use it")
        self._projector.stop(_CLOSING_S if healthy else 0)
        if self._pruner is not None:
            self._pruner.stop(_CLOSING_S)
        late = self.revision - self._projector.revision
        if late:
            words = (
                "%s: orders, trades and positions lack %d changes that the next owner shows there"
            )
            _log.warning(words, self._address.shown, late)
        self._lease.release()
        with pymongo.timeout(_GOODBYE_S):
            self._client.close()

    # ---- writing ---------------------------------------------------------------------------------

    def _transact(
        self, work: Callable[[int], list[_C]], new_ids: Sequence[str], about: Sequence[str]
    ) -> list[_C]:
        """One durable transaction, or none of it; then its changes are visible.

        work: given the next revision, answers what changes; asked again if somebody else took it.
        about: the orders that it is about.
        """
        with self._writing:
            self._check_usable()
            try:
                return self._commit(work, new_ids)
            except StoreError as error:
                if self._closing and not isinstance(error, DuplicateOrder | UnknownOrder):
                    orders = ", ".join(dict.fromkeys(about))
                    words = "%s: closed before a change of these orders was stored for certain: %s"
                    _log.error(words, self._address.shown, orders)
                raise

    def _commit(self, work: Callable[[int], list[_C]], new_ids: Sequence[str]) -> list[_C]:
        until_s = time.monotonic() + self._patience_s
        while self._projector.revision < self.revision - _LATE and not self._closing:
            if self._projector.wait(self.revision - _LATE, _LOOK_S) or time.monotonic() > until_s:
                break
        while True:
            changes = self._read(lambda: work(self.revision + 1))
            if not changes:
                return []
            self._attempts += 1
            token = f"{self._lease.owner}:{self._attempts}"
            document = transaction(changes, new_ids, self._lease.epoch, token, datetime.now(UTC))
            if self._commits.is_stored(document, until_s):
                self._remember(changes)
                return changes
            self._catch_up()

    def _write_robots(self, write: Callable[[], object]) -> None:
        # No revision is in the way of an owner that was overtaken: it has to ask.
        with self._writing:
            if not self._read(self._lease.is_held):
                self._was_taken()
            self._read(write)

    def _catch_up(self) -> None:
        """Take in what another owner has stored; end if that one is the later."""
        known = self.revision
        newer = {"_id": {"$gt": known}, "epoch": {"$gt": self._lease.epoch}}
        if self._read(lambda: self._database["changes"].find_one(newer, {"_id": 1})) is not None:
            self._was_taken()
            self._check_usable()
        self._remember(self._read(lambda: self._reader.changes(known, None, None)))

    def _was_taken(self) -> None:
        self._break("another process has taken it over; stop one of the two")

    def _break(self, why: str) -> None:
        with self._changed:
            self._broken = self._broken if self._broken and "closed" not in why else why
            self._changed.notify_all()

    def _remember(self, changes: Sequence[Change]) -> None:
        self._positions.count(changes)
        for change in changes:
            if isinstance(change, MyOrder):
                if is_open(change):
                    self._open[change.order_id] = change
                else:
                    self._open.pop(change.order_id, None)
        with self._changed:
            self._tail.append(changes, self._projector.revision)
            self._changed.notify_all()
        self._projector.tell(self.revision)

    # ---- reading ---------------------------------------------------------------------------------

    def _orders_of(self, reports: Sequence[OrderReport]) -> dict[str, MyOrder]:
        found: dict[str, MyOrder] = {}
        for report in reports:
            if report.order_id not in found:
                known = self._open.get(report.order_id) or self._reader.order(report.order_id)
                if known is None:
                    raise UnknownOrder(
                        f"order {report.order_id} is not in the store; nothing of this batch of "
                        "reports was stored"
                    )
                found[report.order_id] = known
        return found

    def _booked(self, orders: dict[str, MyOrder], reports: Sequence[OrderReport]) -> set[str]:
        fills = {_fill_of(orders[one.order_id], one) for one in reports} - {""}
        return self._reader.booked(list(fills)) if fills else set()

    def _tell_pruned(self, after: int, until: int) -> None:
        # Who begins at 0 wants what there is: fills for a drawdown, ids of the venue's.
        if after and until > self._told_pruned:
            self._told_pruned = until
            _log.warning("%s", pruned_sentence(self._address.shown, after, until))

    def _newer(self, after: int) -> list[Change]:
        with self._changed:
            return self._tail.after(after)

    def _unprojected(self, after: int, limit: int) -> list[Change]:
        with self._changed:
            return self._tail.after(after, None, limit)

    def _read(self, query: Callable[[], _T]) -> _T:
        self._check_usable()
        with explained(self._address.shown):
            return patiently(query, time.monotonic() + self._patience_s, lambda: self._closing)

    def _check_usable(self) -> None:
        if self._broken:
            raise StoreError(f"order store {self._address.shown}: {self._broken}")


def _fill_of(order: MyOrder, report: OrderReport) -> str:
    """What the fill of a report is known by; "" when it has none."""
    if report.fill is None or report.happened is not Happened.FILLED:
        return ""
    return fill_text(order, report.fill.trade_id)
