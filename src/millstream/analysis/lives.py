"""The life of each order: what the order store said of it, change by change, and when.

Times are stamps that the session made; none is made up. What they mean is in `tables.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Final, TypeAlias

import msgspec

from millstream.analysis.markets import Quote
from millstream.model import CurrencyPair, Exchange, MyOrder, MyTrade, OrderStatus, PlaceOrder
from millstream.orders.machine import TERMINAL

__all__ = ["Change", "Decided", "Life", "Lives"]

Change: TypeAlias = MyOrder | MyTrade
_AT_HOME: Final = frozenset({OrderStatus.INTENT, OrderStatus.SENT, OrderStatus.UNKNOWN})


class Decided(msgspec.Struct, frozen=True):
    """The answer that wished an order, and what its robot could know."""

    sequence: int  # of the event that caused it
    cause: str  # the kind of that event
    event_ns: int
    robot: str
    wish: PlaceOrder
    quote: Quote


class Step(msgspec.Struct, frozen=True):
    """One change of an order."""

    step: str  # the status it came to, or "cancel_wished"
    order: MyOrder
    heard: int | None  # by which event its robot heard of it


class Booked(msgspec.Struct, frozen=True):
    """One fill of an order."""

    trade: MyTrade
    heard: int | None
    mid_price: float | None  # when it was heard
    position: Decimal  # of its robot on its market, after it


class Life(msgspec.Struct):
    """One order from wish to end; it has a wish, or steps, or both.

    Times in nanoseconds since 1970 UTC; None: it did not happen.
    """

    order_id: str
    decided: Decided | None = None  # None: no robot of this journal wished it
    steps: list[Step] = []
    fills: list[Booked] = []

    @property
    def order(self) -> MyOrder | None:
        """As it stood last; None: it never reached the order store."""
        return self.steps[-1].order if self.steps else None

    @property
    def robot(self) -> str:
        """Whose it is; "" when nobody knows."""
        return self.decided.robot if self.decided else self.steps[0].order.robot

    @property
    def wish(self) -> PlaceOrder | MyOrder:
        """What was wished: the robot's wish, else the order as it was stored first."""
        return self.decided.wish if self.decided else self.steps[0].order

    @property
    def event_ns(self) -> int | None:
        """When the event that caused it came in."""
        return self.decided.event_ns if self.decided else None

    @property
    def durable_ns(self) -> int | None:
        """When event and decision were on disk, and risk was about to judge."""
        return self.steps[0].order.received_ns if self.steps else None

    @property
    def sent_ns(self) -> int | None:
        """When its intent was on disk, and it was about to be marked sent and to be sent."""
        return self._when(lambda step: step.step == "sent")

    @property
    def acknowledged_ns(self) -> int | None:
        """When the venue's first word was known."""
        if self.sent_ns is None:
            return None
        return self._when(lambda step: step.order.status not in _AT_HOME)

    @property
    def first_fill_ns(self) -> int | None:
        """When its first fill was known."""
        return min((fill.trade.received_ns for fill in self.fills), default=None)

    @property
    def filled_ns(self) -> int | None:
        """When the fill that completed it was known."""
        return self._when(lambda step: step.order.status is OrderStatus.FILLED)

    @property
    def ended_ns(self) -> int | None:
        """When it could not fill any more."""
        return self._when(lambda step: step.order.status in TERMINAL)

    @property
    def refused_by(self) -> str | None:
        """ "risk": our own limits; "venue"; None: nobody refused it."""
        order = self.order
        if order is None or order.status is not OrderStatus.REJECTED:
            return None
        return "risk" if self.steps[0].order.status is OrderStatus.REJECTED else "venue"

    def _when(self, is_it: Callable[[Step], bool]) -> int | None:
        return next((step.order.received_ns for step in self.steps if is_it(step)), None)


class Lives:
    """Every order of a session, from its robots' wishes and its order store's changes."""

    def __init__(self) -> None:
        self._decided: dict[str, Decided] = {}
        self._changes: dict[int, tuple[Change, int | None, float | None]] = {}  # by revision

    def decide(self, decided: Decided) -> None:
        """A robot wished an order. The first one with an id is the order; others are repeats."""
        self._decided.setdefault(decided.wish.order_id, decided)

    def change(self, change: Change, heard: int | None, mid_price: float | None = None) -> None:
        """The order store said something, which its robot heard by the event `heard`.

        What a venue's private stream said by itself has revision 0 and is no change of the store.
        """
        if change.revision:
            self._changes.setdefault(change.revision, (change, heard, mid_price))

    def lives(self) -> list[Life]:
        """Every order, in the order of the wishes; then those that no robot wished."""
        lives = {order_id: Life(order_id, decided) for order_id, decided in self._decided.items()}
        for change, heard, mid_price, position in self._booked():
            life = lives.setdefault(change.order_id, Life(change.order_id))
            if isinstance(change, MyTrade):
                life.fills.append(Booked(change, heard, mid_price, position))
            else:
                life.steps.append(Step(_step(life.order, change), change, heard))
        return [life for life in lives.values() if life.decided or life.steps]

    def _booked(self) -> Iterator[tuple[Change, int | None, float | None, Decimal]]:
        """Changes by revision, each with the position of its robot on its market after it."""
        positions: dict[tuple[str, Exchange, CurrencyPair], Decimal] = {}
        for revision in sorted(self._changes):
            change, heard, mid_price = self._changes[revision]
            place = (change.robot, change.exchange, change.symbol)
            position = positions.get(place, Decimal(0))
            if isinstance(change, MyTrade):
                position += change.side.sign * change.volume
                if change.fee_currency == change.symbol.base:  # paid out of what was bought
                    position -= change.fee
                positions[place] = position
            yield change, heard, mid_price, position


def _step(before: MyOrder | None, now: MyOrder) -> str:
    if before is not None and now.cancel_wished and not before.cancel_wished:
        return "cancel_wished"
    return str(now.status)
