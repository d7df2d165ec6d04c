"""The order store in one SQLite file: the embedded keeper of the contract in `store.py`.

Tables for a person with a shell: `orders` (each as it stands), `trades`, `positions`, and
`changes`, which holds every change as the bytes that travel on the bus.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import apsw
import msgspec

from millstream.errors import DuplicateOrder, StoreError, UnknownOrder
from millstream.model import CurrencyPair, Exchange, MyOrder, MyTrade
from millstream.model.codec import batch, decode_events
from millstream.orders.machine import Happened, OrderReport, changes_of, is_open
from millstream.orders.rows import (
    OPEN,
    ORDERS,
    ROBOTS,
    SAVED_ROBOTS,
    SCHEMA,
    TRADES,
    Row,
    change_row,
    order_row,
    position_of_all,
    robot_row,
    saved_robot,
    text,
    trade_row,
    update_row,
)
from millstream.orders.sqlite_file import (
    BUSY_MS,
    Checkpointer,
    OwnerLock,
    connect,
    explained,
    prefill_log,
)
from millstream.orders.store import Change, SavedRobot, fill_key

__all__ = ["SqliteStore"]

_INSERT_ORDER: Final = "INSERT INTO orders VALUES (" + ",".join("?" * 21) + ")"
_INSERT_CHANGE: Final = "INSERT INTO changes VALUES (?, ?, ?, ?, ?)"
_INSERT_TRADE: Final = "INSERT INTO trades VALUES (" + ",".join("?" * 14) + ")"
_UPDATE_ORDER: Final = """
UPDATE orders SET status = ?, filled_volume = ?, average_price = ?, venue_id = ?, reason = ?,
    received_ns = ?, revision = ?, price = ?, volume = ?, cancel_wished = ? WHERE order_id = ?"""
_SET_POSITION: Final = "INSERT OR REPLACE INTO positions VALUES (?, ?, ?, ?)"
_POSITION: Final = "SELECT volume FROM positions WHERE robot = ? AND exchange = ? AND symbol = ?"
_HAS_FILL: Final = """
SELECT 1 FROM trades WHERE exchange = ? AND symbol = ? AND trade_id = ? AND side = ?"""
_SAVE_ROBOT: Final = """
INSERT INTO robots (name, robot, markets, parameters, standing, who, why, saved_ns, process)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET
    robot = excluded.robot, markets = excluded.markets, parameters = excluded.parameters,
    standing = excluded.standing, who = excluded.who, why = excluded.why,
    saved_ns = excluded.saved_ns, process = excluded.process"""
_HAS_PROCESS: Final = "SELECT count(*) FROM pragma_table_info('robots') WHERE name = 'process'"
_GET: Final = f"{ORDERS} WHERE orders.order_id = ?"

_LATEST: Final = 1_000  # changes that a follower need not read from the file

_C = TypeVar("_C", MyOrder, Change)


class SqliteStore:
    """An `OrderStore` in a file; one process owns it, any thread may use it.

    path: the file; created if it does not exist, its directory must.
    Raises StoreError when the file is foreign, corrupt, locked, read-only or owned already.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)
        self._owner = OwnerLock(self._path)
        try:
            self._writer = connect(self._path, SCHEMA)
            prefill_log(self._path)
            # Whoever reads much reads beside the writer, and neither waits for the other.
            with explained(self._path):
                self._reader = apsw.Connection(str(self._path))
                self._reader.set_busy_timeout(BUSY_MS)
            self._writing = threading.Lock()
            self._reading = threading.Lock()
            self._changed = threading.Condition()
            self._latest: deque[Change] = deque(maxlen=_LATEST)  # committed, all of them
            self._broken = ""  # why every later call is refused
            self._load()
            with explained(self._path):
                self._checkpointer = Checkpointer(self._path, self._writer, self._writing)
        except BaseException:
            self._owner.release()
            raise

    def _load(self) -> None:
        """Know by heart what an index would know: one process owns the file.

        Two indexes less in every commit: measured, 30 µs of 65 beside the wait for the disk.
        """
        with explained(self._path):
            self._writer.execute(ROBOTS)  # files of before it are as good without
            if not self._writer.execute(_HAS_PROCESS).get:
                self._writer.execute("ALTER TABLE robots ADD COLUMN process TEXT")
            latest = self._writer.execute("SELECT max(revision) FROM changes").get
            self._revision = cast("int", latest or 0)
            robots = self._writer.execute("SELECT robot, max(revision) FROM orders GROUP BY robot")
            self._revision_of_robot = dict(cast("list[tuple[str, int]]", robots.fetchall()))
        found: list[MyOrder] = self._read(f"{ORDERS} {OPEN}", ())
        self._open = {order.order_id: order for order in found}

    @property
    def revision(self) -> int:
        """The number of the latest change; 0 in an empty store."""
        return self._revision

    def insert(self, orders: Sequence[MyOrder]) -> list[MyOrder]:
        """Store new orders, all or none; see `OrderStore.insert`."""

        def work(first: int) -> list[MyOrder]:
            stored = [
                msgspec.structs.replace(order, revision=revision)
                for revision, order in enumerate(orders, first)
            ]
            try:
                self._writer.executemany(_INSERT_ORDER, map(order_row, stored))
            except apsw.ConstraintError as error:
                raise DuplicateOrder(
                    f"order {self._first_duplicate(orders)} is in the store already; nothing of "
                    "this batch was stored"
                ) from error
            return stored

        return self._transact(work)

    def apply(self, reports: Sequence[OrderReport], now_ns: int) -> list[Change]:
        """Merge reports; see `OrderStore.apply`."""

        def work(first: int) -> list[Change]:
            changes: list[Change] = []
            merged: dict[str, MyOrder] = {}
            for report in reports:
                order = merged.get(report.order_id) or self._order(report.order_id)
                if order is None:
                    raise UnknownOrder(
                        f"order {report.order_id} is not in the store; nothing of this batch of "
                        "reports was stored"
                    )
                booked = report.happened is Happened.FILLED and self._has_fill(order, report)
                trade, changed = changes_of(order, report, booked, now_ns)
                if trade is not None:
                    trade = msgspec.structs.replace(trade, revision=first + len(changes))
                    self._book(trade)
                    changes.append(trade)
                if changed is not None:
                    changed = msgspec.structs.replace(changed, revision=first + len(changes))
                    merged[changed.order_id] = changed
                    changes.append(changed)
            self._writer.executemany(_UPDATE_ORDER, map(update_row, merged.values()))
            return changes

        return self._transact(work)

    def get(self, order_id: str) -> MyOrder | None:
        """The order as it stands, or None."""
        with self._writing, explained(self._path):
            self._check_usable()
            return self._order(order_id)

    def orders(self, robot: str | None = None, open_only: bool = False) -> list[MyOrder]:
        """Orders as they stand, in the order of their insertion."""
        if open_only:
            with self._writing:
                self._check_usable()
                return [o for o in self._open.values() if robot is None or o.robot == robot]
        if robot is None:
            return self._read(f"{ORDERS} ORDER BY inserted", ())
        return self._read(f"{ORDERS} WHERE orders.robot = ? ORDER BY inserted", (robot,))

    def trades(self, robot: str | None = None) -> list[MyTrade]:
        """Fills, ascending by revision."""
        if robot is None:
            return self._read(f"{TRADES} ORDER BY revision", ())
        return self._read(f"{TRADES} WHERE trades.robot = ? ORDER BY revision", (robot,))

    def position(self, robot: str | None, exchange: Exchange, symbol: CurrencyPair) -> Decimal:
        """What the fills of a robot, or of all (None), add up to, in base currency."""
        with self._writing, explained(self._path):
            self._check_usable()
            if robot is not None:
                return self._position((robot, str(exchange), str(symbol)))
            return position_of_all(self._writer, exchange, symbol)

    def changes(self, after: int, robot: str | None = None, limit: int = 1000) -> list[Change]:
        """The first `limit` changes with a revision above `after`, ascending."""
        latest = self._revision if robot is None else self._revision_of_robot.get(robot, 0)
        if after >= latest and not self._broken:
            return []
        if (known := self._known_since(after)) is not None:
            of_it = (change for change in known if robot is None or change.robot == robot)
            return list(islice(of_it, limit))
        if robot is None:
            return self._read(
                "SELECT body FROM changes WHERE revision > ? ORDER BY revision LIMIT ?",
                (after, limit),
            )
        return self._read(
            "SELECT body FROM changes WHERE revision > ? AND robot = ? ORDER BY revision LIMIT ?",
            (after, robot, limit),
        )

    def wait(self, after: int, timeout_s: float) -> bool:
        """Block until `revision` is above `after`; False when the time ran out."""
        with self._changed:
            self._changed.wait_for(lambda: self._broken or self._revision > after, timeout_s)
            return self._revision > after

    def save_robot(self, robot: SavedRobot) -> None:
        """Keep a set-up; see `RobotRecord.save_robot`."""
        with self._writing, explained(self._path):
            self._check_usable()
            self._writer.execute(_SAVE_ROBOT, robot_row(robot))

    def remove_robot(self, name: str) -> None:
        """Keep it no longer."""
        with self._writing, explained(self._path):
            self._check_usable()
            self._writer.execute("DELETE FROM robots WHERE name = ?", (name,))

    def saved_robots(self) -> list[SavedRobot]:
        """Every set-up, in the order in which their names were first saved."""
        with self._writing, explained(self._path):
            self._check_usable()
            return [saved_robot(row) for row in self._writer.execute(SAVED_ROBOTS)]

    def close(self) -> None:
        """Copy the log into the file and let go of it; whoever waits is woken."""
        with self._writing:
            if self._broken.startswith("it is closed"):
                return
            self._broken = "it is closed; open it again to use it"
        with self._changed:
            self._changed.notify_all()
        self._checkpointer.stop()
        with self._writing, self._reading:
            self._reader.close(True)
            self._writer.close(True)  # the last one out copies the log
            self._owner.release()

    def _transact(self, work: Callable[[int], list[_C]]) -> list[_C]:
        """One durable transaction, or none of it; then its changes are visible.

        work: writes the tables, given the next revision, and answers what it changed.
        """
        with self._writing, explained(self._path):
            self._check_usable()
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                changes = work(self._revision + 1)
                self._writer.executemany(_INSERT_CHANGE, map(change_row, changes))
                self._writer.execute("COMMIT")
            except BaseException as error:
                if isinstance(error, apsw.IOError):
                    # After a failed sync nobody knows what is on the disk: say no until a restart
                    # has read it again.
                    self._broken = f"writing failed earlier ({error}); check the disk, restart"
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise
            self._remember(changes)
            return changes

    def _remember(self, changes: Sequence[Change]) -> None:
        for change in changes:
            self._revision_of_robot[change.robot] = change.revision
            if isinstance(change, MyOrder):
                if is_open(change):
                    self._open[change.order_id] = change
                else:
                    self._open.pop(change.order_id, None)
        with self._changed:
            self._latest += changes
            self._revision += len(changes)
            self._changed.notify_all()

    def _known_since(self, after: int) -> list[Change] | None:
        """All changes above a revision, ascending, without the file; None: read it.

        Each statement would let go of the interpreter, which a busy session gives back late.
        """
        with self._changed:
            wanted = self._revision - after
            if self._broken or wanted > len(self._latest):
                return None
            return list(islice(self._latest, len(self._latest) - wanted, None))

    def _check_usable(self) -> None:
        if self._broken:
            raise StoreError(f"order store {self._path}: {self._broken}")

    def _order(self, order_id: str) -> MyOrder | None:
        if (order := self._open.get(order_id)) is not None:
            return order
        body = self._writer.execute(_GET, (order_id,)).get
        return None if body is None else cast("MyOrder", decode_events(b"\x91" + body)[0])

    def _has_fill(self, order: MyOrder, report: OrderReport) -> bool:
        if report.fill is None:
            return False
        exchange, symbol, trade_id, side = fill_key(order, report.fill.trade_id)
        key = (str(exchange), str(symbol), trade_id, str(side))
        return self._writer.execute(_HAS_FILL, key).get is not None

    def _book(self, trade: MyTrade) -> None:
        self._writer.execute(_INSERT_TRADE, trade_row(trade))
        key = (trade.robot, str(trade.exchange), str(trade.symbol))
        position = self._position(key) + trade.volume * trade.side.sign
        self._writer.execute(_SET_POSITION, (*key, text(position)))

    def _position(self, key: tuple[str, str, str]) -> Decimal:
        volume = self._writer.execute(_POSITION, key).get
        return Decimal(cast("str", volume)) if volume is not None else Decimal(0)

    def _first_duplicate(self, orders: Sequence[MyOrder]) -> str:
        before: set[str] = set()
        for order in orders:  # an order of this batch has no change yet, so _order does not see it
            if order.order_id in before or self._order(order.order_id) is not None:
                break
            before.add(order.order_id)
        return order.order_id

    def _read(self, sql: str, args: Row) -> list[Any]:
        with self._reading, explained(self._path):
            self._check_usable()
            bodies = [row[0] for row in self._reader.execute(sql, args)]
        return cast("list[Any]", decode_events(batch(bodies)))
