"""What the store's collections hold, read so that it does not matter how far they have come.

`orders`, `trades` and `positions` are written after `changes`, perhaps by a process that died. So
first the revision is read that all three have reached, then they, then the changes above it: what
is known twice is the newer one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

from millstream.model import CurrencyPair, Exchange, MyOrder, MyTrade, OrderStatus
from millstream.orders.machine import TERMINAL, is_open
from millstream.orders.mongo.documents import (
    Document,
    changes_in,
    order_in,
    position_key,
    robot_in,
    trade_in,
    trades_of,
)
from millstream.orders.mongo.positions import Positions
from millstream.orders.mongo.server import Documents
from millstream.orders.store import Change, SavedRobot

__all__ = [
    "Reader",
    "latest_revision",
    "projected_revision",
    "pruned_revision",
    "pruned_sentence",
    "robots_in",
]

_OPEN: Final = [str(status) for status in OrderStatus if status not in TERMINAL]
_BODIES: Final = {"changes.revision": 1, "changes.name": 1, "changes.body": 1}


def latest_revision(database: Documents) -> int:
    """The number of the latest change; 0 in an empty store."""
    found = database["changes"].find_one({}, {"last": 1}, sort=[("_id", -1)])
    return 0 if found is None else int(found["last"])


def projected_revision(database: Documents) -> int:
    """The revision that `orders`, `trades` and `positions` have all reached."""
    found = database["state"].find_one({"_id": "projected"})
    return 0 if found is None else int(found["revision"])


def robots_in(database: Documents) -> list[SavedRobot]:
    """Every set-up, in the order in which their names were first saved."""
    return [robot_in(one) for one in database["robots"].find().sort("number", 1)]


def pruned_revision(database: Documents) -> int:
    """Up to here changes are kept no more; 0: all are there. See `pruning.py`."""
    found = database["state"].find_one({"_id": "pruned"})
    return 0 if found is None else int(found["revision"])


def pruned_sentence(shown: str, after: int, until: int) -> str:
    """What somebody is told who stood before what is still there."""
    return (
        f"order store {shown}: changes up to {until} are kept no more (order_changes_days), and "
        f"somebody stood at {after}; in their place come each order's last state and every fill"
    )


class Reader:
    """Queries of an order store.

    projected: the revision that the readable collections have reached.
    newer: every change above a revision.
    pruned: told when somebody asked for changes above one revision, and they are there above
        another only: last states and fills come in the place of those between.
    """

    def __init__(
        self,
        database: Documents,
        projected: Callable[[], int],
        newer: Callable[[int], Sequence[Change]],
        pruned: Callable[[int, int], object] = lambda after, until: None,
    ) -> None:
        self._database = database
        self._projected = projected
        self._newer = newer
        self._pruned = pruned

    def order(self, order_id: str) -> MyOrder | None:
        """The order as it stands, or None."""
        reached = self._projected()
        shown = self._database["orders"].find_one(
            {"order_id": order_id, "revision": {"$gt": 0}}, {"body": 1}
        )
        order = None if shown is None else order_in(shown)
        for change in self._newer(reached):
            if isinstance(change, MyOrder) and change.order_id == order_id:
                order = change
        return order

    def orders(self, robot: str | None, open_only: bool) -> list[MyOrder]:
        """Orders as they stand, in the order of their insertion."""
        reached = self._projected()
        wanted: Document = {"revision": {"$gt": 0}}
        if robot is not None:
            wanted["name"] = robot
        if open_only:
            wanted["status"] = {"$in": _OPEN}
        shown = self._database["orders"].find(wanted, {"body": 1}).sort("inserted", 1)
        found = {order.order_id: order for order in map(order_in, shown)}
        for change in self._newer(reached):
            if isinstance(change, MyOrder) and (robot is None or change.robot == robot):
                known = found.get(change.order_id)
                if known is None or known.revision < change.revision:
                    found[change.order_id] = change
        return [order for order in found.values() if not open_only or is_open(order)]

    def trades(self, robot: str | None) -> list[MyTrade]:
        """Fills, ascending by revision."""
        reached = self._projected()
        wanted: Document = {"_id": {"$lte": reached}}
        if robot is not None:
            wanted["name"] = robot
        shown = self._database["trades"].find(wanted).sort("_id", 1)
        return [*map(trade_in, shown), *trades_of(self._newer(reached), robot)]

    def position(self, robot: str | None, exchange: Exchange, symbol: CurrencyPair) -> Decimal:
        """What fills add up to, in base currency."""
        reached = self._projected()
        wanted: Document = {"exchange": str(exchange), "symbol": str(symbol)}
        if robot is not None:
            wanted = {"_id": position_key(robot, exchange, symbol)}
        positions = Positions.load(self._database["positions"].find(wanted))
        positions.count(trades_of(self._newer(reached), robot))
        return positions.volume(robot, exchange, symbol)

    def changes(
        self, after: int, robot: str | None, limit: int | None, until: int | None = None
    ) -> list[Change]:
        """The first `limit` changes with a revision above `after`, and not above `until`.

        Of what was pruned, each order's last state and every fill.
        """
        whole = after
        while True:
            changes = self._last_states(after, whole, robot, limit) if whole > after else []
            if limit is None or len(changes) < limit:
                changes += self._changes(whole, robot, limit, until)
            # Looked up afterwards: what went while it was read is read again in the other way.
            pruned = pruned_revision(self._database)
            if pruned <= whole:
                break
            whole = pruned
        if whole > after:
            self._pruned(after, whole)
        return changes[:limit]

    def _changes(
        self, after: int, robot: str | None, limit: int | None, until: int | None
    ) -> list[Change]:
        above: Document = {"$gt": after}
        wanted: Document = {"last": above}
        if until is not None:
            wanted["_id"] = {"$lte": until}
        if robot is not None:
            wanted["names"] = robot
        found = self._database["changes"].find(wanted, _BODIES).sort("last", 1)
        if limit is not None:
            found = found.limit(limit + 1)  # each has one at least; the first may be known whole
        changes: list[Change] = []
        for document in found:
            changes += changes_in(document, after, robot)
            if limit is not None and len(changes) >= limit:
                return changes[:limit]
        return changes

    def _last_states(
        self, after: int, until: int, robot: str | None, limit: int | None
    ) -> list[Change]:
        """What is left of the changes between: an order that changed later is not among them."""
        named: Document = {} if robot is None else {"name": robot}
        between = {"$gt": after, "$lte": until}
        orders = self._database["orders"].find({"revision": between, **named}, {"body": 1})
        trades = self._database["trades"].find({"_id": between, **named})
        found: list[Change] = [
            *map(order_in, orders.sort("revision", 1).limit(limit or 0)),
            *map(trade_in, trades.sort("_id", 1).limit(limit or 0)),
        ]
        return sorted(found, key=lambda change: change.revision)[:limit]

    def booked(self, fills: Sequence[str]) -> set[str]:
        """Which of these fills are in the store."""
        given = set(fills)
        found: set[Any] = set()
        for document in self._database["changes"].find({"fills": {"$in": fills}}, {"fills": 1}):
            found.update(document["fills"])
        return given & found
