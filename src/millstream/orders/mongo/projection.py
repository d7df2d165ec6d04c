"""Writes `orders`, `trades` and `positions` after `changes`, in a thread of its own.

Every write can be repeated, by anybody, in any order: an order is only replaced by a later one, a
fill's `_id` is its revision, a position says up to where it counts. How far all three have come is
written last, so that whoever opens the store next goes on from there.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

from pymongo import InsertOne, UpdateOne
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, DuplicateKeyError, PyMongoError

from millstream.model import MyOrder, MyTrade
from millstream.orders.mongo.documents import Document, order_document, position_key, trade_document
from millstream.orders.mongo.positions import PositionKey, Positions
from millstream.orders.mongo.server import Documents, is_passing
from millstream.orders.rows import text
from millstream.orders.store import Change

__all__ = ["Projector", "write_projection", "write_trades"]

_log = logging.getLogger(__name__)
_PAUSE_S: Final = 0.1
_ENDING_S: Final = 0.5  # for a write that has no primary; it is daemonic, and can be repeated
_PORTION: Final = 5_000  # changes written at once
_GATHER_S: Final = 0.2
_ALREADY: Final = 11_000  # the server's number of "is there already"


def write_trades(database: Documents, changes: Sequence[Change]) -> None:
    """Insert the fills among changes: other programs wait for these."""
    trades = [change for change in changes if isinstance(change, MyTrade)]
    if trades:
        _write(database["trades"], [InsertOne(trade_document(trade)) for trade in trades])


def write_projection(database: Documents, changes: Sequence[Change], positions: Positions) -> None:
    """Write what changes brought about, when their fills are shown already.

    positions: as they were before the changes; they are as after them when this returns.
    """
    positions.count(changes)
    latest: dict[str, MyOrder] = {}
    first: dict[str, int] = {}
    for change in changes:
        if isinstance(change, MyOrder):
            latest[change.order_id] = change
            first.setdefault(change.order_id, change.revision)
    if latest:
        _write(database["orders"], [_show(one, first[name]) for name, one in latest.items()])
    trades = [change for change in changes if isinstance(change, MyTrade)]
    counted = {(one.robot, one.exchange, one.symbol) for one in trades}
    if counted:
        _write(database["positions"], [_count(key, *positions.at(key)) for key in counted])
    database["state"].update_one(
        {"_id": "projected"}, {"$max": {"revision": changes[-1].revision}}, upsert=True
    )


def _show(order: MyOrder, inserted: int) -> UpdateOne:
    older = {"$not": {"$gte": order.revision}}
    return UpdateOne(
        {"order_id": order.order_id, "revision": older},
        {
            "$set": order_document(order),
            "$min": {"inserted": inserted},
            "$setOnInsert": {"_id": order.order_id},
        },
        upsert=True,
    )


def _count(key: PositionKey, volume: Decimal, revision: int) -> UpdateOne:
    robot, exchange, symbol = key
    return UpdateOne(
        {"_id": position_key(*key), "revision": {"$not": {"$gte": revision}}},
        {
            "$set": {
                "name": robot,
                "exchange": str(exchange),
                "symbol": str(symbol),
                "volume": text(volume),
                "revision": revision,
            }
        },
        upsert=True,
    )


def _write(
    collection: Collection[dict[str, Any]], writes: Sequence[InsertOne[Document] | UpdateOne]
) -> None:
    """Write all; what is there already, or newer, stays."""
    try:
        collection.bulk_write(writes, ordered=False)
    except BulkWriteError as error:
        others = [one for one in error.details["writeErrors"] if one["code"] != _ALREADY]
        if others or error.details["writeConcernErrors"]:
            raise
    except DuplicateKeyError:
        return


class Projector:
    """The thread; `revision` is how far the readable collections have come.

    Fills are shown at once. The rest is gathered for a moment: written after each change, it would
    keep the servers' disks from the next one.
    positions: at that revision; counted on here. newer: the first changes above a revision.
    """

    def __init__(
        self,
        database: Documents,
        revision: int,
        positions: Positions,
        newer: Callable[[int, int], Sequence[Change]],
    ) -> None:
        self.revision = revision
        self._database = database
        self._positions = positions
        self._newer = newer
        self._due = threading.Condition()
        self._known = revision
        self._traded = revision  # up to here every fill is shown
        self._gather_until_s = 0.0
        self._waiting = 0  # who waits for the collections
        self._late = False  # a write has failed
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="orders-projection", daemon=True)
        self._thread.start()

    def tell(self, revision: int) -> None:
        """There are changes up to this revision."""
        with self._due:
            if self._known == self.revision:
                self._gather_until_s = time.monotonic() + _GATHER_S
            self._known = revision
            self._due.notify_all()

    def wait(self, revision: int, timeout_s: float) -> bool:
        """Block until the collections have reached a revision; False when the time ran out."""
        with self._due:
            self._waiting += 1
            self._due.notify_all()
            try:
                return self._due.wait_for(lambda: self.revision >= revision, timeout_s)
            finally:
                self._waiting -= 1

    def stop(self, timeout_s: float) -> None:
        """Write what is left, unless that fails, for as long as is given, and end the thread."""
        with self._due:
            self._waiting += 1
            self._late = False
            self._due.notify_all()
            self._due.wait_for(lambda: self._late or self.revision >= self._known, timeout_s)
            self._stopping = True
            self._due.notify_all()
        self._thread.join(_ENDING_S)

    def _run(self) -> None:
        while True:
            with self._due:
                self._due.wait_for(self._has_work, self._gathering_s())
                if self._stopping:
                    return
            if not (self._show_trades() and self._show_the_rest()):
                with self._due:
                    self._late = True
                    self._due.notify_all()
                time.sleep(_PAUSE_S)

    def _has_work(self) -> bool:
        behind = self._known > self.revision
        return self._stopping or self._known > self._traded or (behind and self._waiting > 0)

    def _gathering_s(self) -> float | None:
        """How long to gather still; None: there is nothing to show."""
        if self._known == self.revision:
            return None
        return max(0.0, self._gather_until_s - time.monotonic())

    def _show_trades(self) -> bool:
        changes = self._newer(self._traded, _PORTION)
        if changes and not self._wrote(lambda: write_trades(self._database, changes)):
            return False
        if changes:
            self._traded = changes[-1].revision
        return True

    def _show_the_rest(self) -> bool:
        if not self._waiting and time.monotonic() < self._gather_until_s:
            return True
        changes = self._newer(self.revision, min(_PORTION, self._traded - self.revision))
        if not changes:
            return True
        if not self._wrote(lambda: write_projection(self._database, changes, self._positions)):
            return False
        with self._due:
            self.revision = changes[-1].revision
            self._gather_until_s = time.monotonic() + _GATHER_S
            self._due.notify_all()
        return True

    def _wrote(self, write: Callable[[], None]) -> bool:
        try:
            write()
        except PyMongoError as error:
            # Nothing is lost: `changes` has it. The readable collections are late, and say so.
            level = logging.INFO if is_passing(error) else logging.ERROR
            _log.log(level, "orders, trades and positions are late: %s", error)
            return False
        return True
