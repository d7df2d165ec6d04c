"""The order store's contract: what every keeper of orders promises.

One place, outside the robots, holds every order. Whoever wants to know follows its changes.
A keeper must hold the promises below through any crash; `tests/orders/test_store.py` runs the same
test over each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any, Protocol, TypeAlias, runtime_checkable

import msgspec

from millstream.model import CurrencyPair, Exchange, MyOrder, MyTrade, Side
from millstream.orders.machine import OrderReport

__all__ = [
    "Change",
    "OrderRecord",
    "OrderStore",
    "RobotRecord",
    "SavedRobot",
    "SavedRobots",
    "fill_key",
    "watch",
]

Change: TypeAlias = MyOrder | MyTrade


class OrderRecord(Protocol):
    """What everybody may read: every order, every fill and every change.

    Keepers offer it, and followers in other processes.
    """

    @property
    def revision(self) -> int:
        """The number of the latest change; 0 in an empty store."""
        ...

    def get(self, order_id: str) -> MyOrder | None:
        """The order as it stands, or None."""
        ...

    def orders(self, robot: str | None = None, open_only: bool = False) -> list[MyOrder]:
        """Orders as they stand, of one robot or of all (None), in the order of their insertion."""
        ...

    def trades(self, robot: str | None = None) -> list[MyTrade]:
        """Fills, of one robot or of all (None), ascending by revision."""
        ...

    def position(self, robot: str | None, exchange: Exchange, symbol: CurrencyPair) -> Decimal:
        """What the fills of a robot, or of all (None), add up to, in base currency.

        Negative when more was sold.
        """
        ...

    def changes(self, after: int, robot: str | None = None, limit: int = 1000) -> list[Change]:
        """The first `limit` changes with a revision above `after`, ascending."""
        ...

    def wait(self, after: int, timeout_s: float) -> bool:
        """Block until `revision` is above `after`; False when the time ran out or it was closed."""
        ...

    def close(self) -> None:
        """Let go of everything; every later call raises StoreError."""
        ...


class OrderStore(OrderRecord, Protocol):
    """Keeps every order, every fill and every change.

    - A call that returned is durable: no crash loses what it did. A call that raised did nothing.
    - Each change gets the next `revision`, when it is committed: 1, 2, 3, … without a hole.
    - `changes` gives every change since a revision, not only the latest state, so that a follower
      that was away misses nothing and sees nothing twice.
    - A fill is booked once, whoever reports it how often: per exchange, pair, trade id and side (a
      trade between two own orders has a buyer and a seller).
    - All methods may be called from any thread.
    """

    def insert(self, orders: Sequence[MyOrder]) -> list[MyOrder]:
        """Store new orders, all or none; returns them with their revisions.

        Raises DuplicateOrder, and stores nothing, when an id is in the store or twice in `orders`.
        """
        ...

    def apply(self, reports: Sequence[OrderReport], now_ns: int) -> list[Change]:
        """Merge reports one by one, in one durable step; returns what changed, by revision.

        A fill comes before the order it changes. What is known already changes nothing. A fill that
        is impossible (beyond the volume, not a number) is refused for itself alone: the order's
        `reason` becomes the sentence, which is a change like any other.
        Raises UnknownOrder when an id is not in the store; then nothing is stored.
        """
        ...


class SavedRobot(msgspec.Struct, frozen=True, kw_only=True):
    """A robot's set-up, as it returns at the next start."""

    name: str
    robot: str  # its class: "module:Class"
    markets: tuple[str, ...]  # "binance@btc/usdt"
    parameters: dict[str, Any]  # plain values, as in JSON
    standing: str = "running"  # or "paused", "stopped"
    who: str = ""  # saved it
    why: str = ""
    saved_ns: int = 0
    process: str = ""  # the robots process it was in; "": the one without a name


@runtime_checkable
class SavedRobots(Protocol):
    """Where the set-ups of robots can be read: keepers offer it, and followers elsewhere."""

    def saved_robots(self) -> list[SavedRobot]:
        """Every set-up, in the order in which their names were first saved."""
        ...


@runtime_checkable
class RobotRecord(SavedRobots, Protocol):
    """Keeps the set-ups of robots beside the orders.

    A call that returned is durable. All methods may be called from any thread.
    """

    def save_robot(self, robot: SavedRobot) -> None:
        """Keep a set-up, in place of what was kept under its name."""
        ...

    def remove_robot(self, name: str) -> None:
        """Keep it no longer; nothing happens when there is none by that name."""
        ...


def fill_key(order: MyOrder, trade_id: str) -> tuple[Exchange, CurrencyPair, str, Side]:
    """What a fill is known by, whoever reports it."""
    return order.exchange, order.symbol, trade_id, order.side


def watch(
    store: OrderRecord,
    after: int,
    robot: str | None,
    stop: Callable[[], bool],
    poll_s: float = 0.25,
) -> Iterator[Change]:
    """Every change above `after`, for ever; after `stop()` what is stored by then, and no more.

    To resume without a gap, start again after the last revision that was handled.
    stop: asked at least every `poll_s` seconds.
    """
    while True:
        stopping = stop()
        changes = [] if stopping else store.changes(after, robot)
        if not changes:
            # Asked only now: a follower of a server asks the server, and what is here need not wait
            # for that. Read first, so that a change committed after changes() has looked ends the
            # wait at once.
            seen = store.revision
            changes = store.changes(after, robot)
        for change in changes:
            after = change.revision
            yield change
        if stopping and (not changes or after >= seen):
            return
        if not changes:
            store.wait(seen, poll_s)
