"""An order store in plain dicts: the contract without durability, for tests."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from millstream.errors import DuplicateOrder, StoreError, UnknownOrder
from millstream.model import CurrencyPair, Exchange, MyOrder, MyTrade, Side
from millstream.orders.machine import Happened, OrderReport, changes_of, is_open
from millstream.orders.store import Change, SavedRobot, fill_key

__all__ = ["MemoryStore"]

_FillKey = tuple[Exchange, CurrencyPair, str, Side]


class MemoryStore:
    """An `OrderStore` that forgets everything when the process ends."""

    def __init__(self) -> None:
        self._orders: dict[str, MyOrder] = {}
        self._changes: list[Change] = []  # the change with revision n is at n - 1
        self._fills: set[_FillKey] = set()
        self._robots: dict[str, SavedRobot] = {}
        self._changed = threading.Condition(threading.RLock())
        self._closed = False

    @property
    def revision(self) -> int:
        """The number of the latest change; 0 in an empty store."""
        return len(self._changes)

    def insert(self, orders: Sequence[MyOrder]) -> list[MyOrder]:
        """Store new orders, all or none; see `OrderStore.insert`."""
        with self._changed:
            self._check_open()
            new: set[str] = set()
            for order in orders:
                if order.order_id in self._orders or order.order_id in new:
                    raise DuplicateOrder(
                        f"order {order.order_id} is in the store already; nothing of this batch "
                        "was stored"
                    )
                new.add(order.order_id)
            stored = [
                msgspec.structs.replace(order, revision=revision)
                for revision, order in enumerate(orders, self.revision + 1)
            ]
            self._commit(stored, set())
            return stored

    def apply(self, reports: Sequence[OrderReport], now_ns: int) -> list[Change]:
        """Merge reports; see `OrderStore.apply`."""
        with self._changed:
            self._check_open()
            merged: dict[str, MyOrder] = {}
            fills: set[_FillKey] = set()
            changes: list[Change] = []
            revision = self.revision
            for report in reports:
                order = merged.get(report.order_id) or self._orders.get(report.order_id)
                if order is None:
                    raise UnknownOrder(
                        f"order {report.order_id} is not in the store; nothing of this batch of "
                        "reports was stored"
                    )
                key = fill_key(order, report.fill.trade_id) if report.fill else None
                booked = (
                    key is not None
                    and report.happened is Happened.FILLED
                    and (key in fills or key in self._fills)
                )
                for change in changes_of(order, report, booked, now_ns):
                    if change is None:
                        continue
                    revision += 1
                    changed = msgspec.structs.replace(change, revision=revision)
                    changes.append(changed)
                    if isinstance(changed, MyOrder):
                        merged[changed.order_id] = changed
                    elif key is not None:
                        fills.add(key)
            self._commit(changes, fills)
            return changes

    def get(self, order_id: str) -> MyOrder | None:
        """The order as it stands, or None."""
        with self._changed:
            self._check_open()
            return self._orders.get(order_id)

    def orders(self, robot: str | None = None, open_only: bool = False) -> list[MyOrder]:
        """Orders as they stand, in the order of their insertion."""
        with self._changed:
            self._check_open()
            return [
                order
                for order in self._orders.values()
                if (robot is None or order.robot == robot) and (not open_only or is_open(order))
            ]

    def trades(self, robot: str | None = None) -> list[MyTrade]:
        """Fills, ascending by revision."""
        with self._changed:
            self._check_open()
            return [
                change
                for change in self._changes
                if isinstance(change, MyTrade) and (robot is None or change.robot == robot)
            ]

    def position(self, robot: str | None, exchange: Exchange, symbol: CurrencyPair) -> Decimal:
        """What the robot's fills add up to, in base currency."""
        return sum(
            (
                trade.volume * trade.side.sign
                for trade in self.trades(robot)
                if trade.exchange is exchange and trade.symbol == symbol
            ),
            Decimal(0),
        )

    def changes(self, after: int, robot: str | None = None, limit: int = 1000) -> list[Change]:
        """The first `limit` changes with a revision above `after`, ascending."""
        with self._changed:
            self._check_open()
            first = bisect_right(self._changes, after, key=lambda change: change.revision)
            if robot is None:
                return self._changes[first : first + limit]
            own = [change for change in self._changes[first:] if change.robot == robot]
            return own[:limit]

    def wait(self, after: int, timeout_s: float) -> bool:
        """Block until `revision` is above `after`; False when the time ran out."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self.revision > after, timeout_s)
            return self.revision > after

    def save_robot(self, robot: SavedRobot) -> None:
        """Keep a set-up; see `RobotRecord.save_robot`."""
        with self._changed:
            self._check_open()
            self._robots[robot.name] = robot

    def remove_robot(self, name: str) -> None:
        """Keep it no longer."""
        with self._changed:
            self._check_open()
            self._robots.pop(name, None)

    def saved_robots(self) -> list[SavedRobot]:
        """Every set-up, in the order in which their names were first saved."""
        with self._changed:
            self._check_open()
            return list(self._robots.values())

    def close(self) -> None:
        """Every later call raises StoreError; whoever waits is woken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _commit(self, changes: Sequence[Change], fills: set[_FillKey]) -> None:
        self._fills |= fills
        self._changes.extend(changes)
        for change in changes:
            if isinstance(change, MyOrder):
                self._orders[change.order_id] = change
        self._changed.notify_all()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError("the order store is closed; open it again to use it")
