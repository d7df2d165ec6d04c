"""The order store's file as another process reads it: while its owner writes, and after it died.

Nothing here writes, so nothing here can be in the owner's way. The truth is what is read again: a
follower that is told "there is something new" by a bus only reads sooner.
"""

from __future__ import annotations

import threading
import time
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, cast

import apsw

from millstream.errors import StoreError
from millstream.model import CurrencyPair, Exchange, MyOrder, MyTrade
from millstream.model.codec import batch, decode_events
from millstream.orders.rows import (
    OPEN,
    ORDERS,
    SAVED_ROBOTS,
    TRADES,
    Row,
    position_of_all,
    saved_robot,
)
from millstream.orders.sqlite_file import BUSY_MS, check_ours, explained
from millstream.orders.store import Change, SavedRobot

__all__ = ["SqliteFollower"]

_POLL_S: Final = 0.02
_HAS_ROBOTS: Final = "SELECT count(*) FROM sqlite_schema WHERE name = 'robots'"
_OF_ROBOT: Final = "SELECT volume FROM positions WHERE robot = ? AND exchange = ? AND symbol = ?"


class SqliteFollower:
    """An `OrderRecord` over the file of a `SqliteStore`, which may be open elsewhere.

    path: the file; it must exist.
    Raises StoreError when it is not there, foreign, corrupt or of another version.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)
        if not self._path.is_file():
            raise StoreError(f"order store {self._path}: there is no such file; check the path")
        self._reading = threading.Lock()
        self._closed = False
        with explained(self._path):
            self._reader = apsw.Connection(str(self._path), flags=apsw.SQLITE_OPEN_READONLY)
            try:
                self._reader.set_busy_timeout(BUSY_MS)
                check_ours(self._reader, self._path)
            except BaseException:
                self._reader.close(True)
                raise

    @property
    def revision(self) -> int:
        """The number of the latest change; 0 in an empty store."""
        with self._reading, explained(self._path):
            self._check_open()
            return cast("int", self._reader.execute("SELECT max(revision) FROM changes").get or 0)

    def get(self, order_id: str) -> MyOrder | None:
        """The order as it stands, or None."""
        found = self._read(f"{ORDERS} WHERE orders.order_id = ?", (order_id,))
        return cast("MyOrder", found[0]) if found else None

    def orders(self, robot: str | None = None, open_only: bool = False) -> list[MyOrder]:
        """Orders as they stand, in the order of their insertion."""
        if open_only:
            found = self._read(f"{ORDERS} {OPEN}", ())
            return [one for one in found if robot is None or one.robot == robot]
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
        with self._reading, explained(self._path):
            self._check_open()
            if robot is None:
                return position_of_all(self._reader, exchange, symbol)
            volume = self._reader.execute(_OF_ROBOT, (robot, str(exchange), str(symbol))).get
            return Decimal(cast("str", volume or "0"))

    def changes(self, after: int, robot: str | None = None, limit: int = 1000) -> list[Change]:
        """The first `limit` changes with a revision above `after`, ascending."""
        mine, given = ("", ()) if robot is None else (" AND robot = ?", (robot,))
        return self._read(
            f"SELECT body FROM changes WHERE revision > ?{mine} ORDER BY revision LIMIT ?",
            (after, *given, limit),
        )

    def saved_robots(self) -> list[SavedRobot]:
        """Every set-up of a robot; none in a file whose owner knows of no set-ups yet."""
        with self._reading, explained(self._path):
            self._check_open()
            if not self._reader.execute(_HAS_ROBOTS).get:
                return []
            return [saved_robot(row) for row in self._reader.execute(SAVED_ROBOTS)]

    def wait(self, after: int, timeout_s: float) -> bool:
        """Look again and again until `revision` is above `after`; False when the time ran out."""
        deadline = time.monotonic() + timeout_s
        while not self._closed:
            if self.revision > after:
                return True
            left = deadline - time.monotonic()
            if left <= 0:
                break
            time.sleep(min(_POLL_S, left))
        return False

    def close(self) -> None:
        """Let go of the file; every later call raises StoreError."""
        with self._reading:
            if not self._closed:
                self._closed = True
                self._reader.close(True)

    def _read(self, sql: str, args: Row) -> list[Any]:
        with self._reading, explained(self._path):
            self._check_open()
            bodies = [row[0] for row in self._reader.execute(sql, args)]
        return cast("list[Any]", decode_events(batch(bodies)))

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError(f"order store {self._path}: it is closed; open it again to use it")
