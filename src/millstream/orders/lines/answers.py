"""What is asked of a live venue, and what comes back: values between its thread and the gateway's.

Pure. An answer comes for every question, in whatever order; one that failed says how.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Protocol, TypeAlias

import msgspec

from millstream.model import CurrencyPair, MyOrder, Side
from millstream.orders.machine import Fill

__all__ = [
    "Amended",
    "Answer",
    "Canceled",
    "Evidence",
    "InDoubt",
    "Line",
    "Moved",
    "NotAmended",
    "NotCanceled",
    "Placed",
    "Rejected",
    "SeenFill",
    "Unsent",
    "unlisted",
]


class Placed(msgspec.Struct, frozen=True):
    """The venue has the order."""

    order_id: str
    venue_id: str
    at_rest: bool = True  # False: it filled or ended at once, or may have: ask how it stands


class Rejected(msgspec.Struct, frozen=True):
    """The venue, or a rule of the instrument, refused the order for certain."""

    order_id: str
    reason: str


class Unsent(msgspec.Struct, frozen=True):
    """The order was canceled while it waited for its turn: it never left."""

    order_id: str


class InDoubt(msgspec.Struct, frozen=True):
    """Nobody knows whether the venue has the order."""

    order_id: str
    reason: str


class Canceled(msgspec.Struct, frozen=True):
    """The venue took the cancel; how much was filled before is still to be asked."""

    order_id: str


class NotCanceled(msgspec.Struct, frozen=True):
    """The cancel was refused, or failed, or the order was gone: ask how it stands."""

    order_id: str
    reason: str


class Moved(msgspec.Struct, frozen=True):
    """The venue told something new of the order, unasked: ask how it stands."""

    order_id: str


class Amended(msgspec.Struct, frozen=True):
    """The order has these numbers from now on; before it is placed, too: they were made to fit."""

    order_id: str
    price: Decimal | None
    volume: Decimal | None
    venue_id: str = ""


class NotAmended(msgspec.Struct, frozen=True):
    """The order is as it was, or, if in doubt, nobody knows."""

    order_id: str
    reason: str
    in_doubt: bool


class SeenFill(msgspec.Struct, frozen=True):
    """A fill as the venue's list has it."""

    venue_id: str  # of its order
    symbol: CurrencyPair
    side: Side
    fill: Fill


class Evidence(msgspec.Struct, frozen=True):
    """What the venue's lists say. Orders are as a private stream tells them: without a robot."""

    asked_ns: int
    answered_ns: int
    symbols: frozenset[CurrencyPair]  # whose ended orders and fills were asked
    open: tuple[MyOrder, ...]  # of the whole account
    ended: tuple[MyOrder, ...]
    fills: tuple[SeenFill, ...]
    holdings: Mapping[str, Decimal] | None = None  # by currency, of contracts by pair
    failure: str = ""  # why it is not complete, and proves no absence


Answer: TypeAlias = (
    Placed
    | Rejected
    | Unsent
    | InDoubt
    | Moved
    | Canceled
    | NotCanceled
    | Amended
    | NotAmended
    | Evidence
)


class Line(Protocol):
    """The way to a venue. Nothing here waits."""

    def place(self, order: MyOrder) -> None:
        """Send an order, once. Answers: Amended first if rounded; then one of three."""
        ...

    def cancel(self, order: MyOrder) -> None:
        """Ask to cancel one, behind its placing if that is under way; Unsent if it can be."""
        ...

    def amend(self, order: MyOrder, price: Decimal | None, volume: Decimal | None) -> None:
        """Ask for another price or volume."""
        ...

    def ask(
        self,
        orders: Sequence[MyOrder],
        symbols: Sequence[CurrencyPair],
        since_ns: int,
        holdings: bool,
    ) -> None:
        """Ask how these orders stand, for every open order, and for the pairs' fills since then.

        holdings: ask for what the account holds, too.
        """
        ...

    def cancel_all_after(self, seconds: int) -> None:
        """Have the venue cancel all orders of the account if this is not said again in time.

        0: never. Only where the venue can; no answer comes.
        """
        ...

    def answers(self) -> list[Answer]:
        """What came back since this was called last."""
        ...


def unlisted(
    orders: Sequence[MyOrder], opened: Sequence[MyOrder]
) -> tuple[list[MyOrder], list[CurrencyPair]]:
    """Of which orders to ask beside the open ones: by the venue's id; else all of their pairs."""
    listed = {one.venue_id for one in opened} | {one.order_id for one in opened}
    rest = [
        order
        for order in orders
        if order.order_id not in listed and order.venue_id not in listed - {""}
    ]
    nameless = {order.symbol for order in rest if not order.venue_id}
    return [order for order in rest if order.venue_id], sorted(nameless)
