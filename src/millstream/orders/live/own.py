"""Our own orders on one venue, as the store has them, and found by what the venue says. Pure."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from millstream.model import CurrencyPair, Exchange, MyOrder, MyTrade, OrderStatus
from millstream.orders.live.evidence import same_order
from millstream.orders.machine import is_open
from millstream.orders.store import OrderRecord

__all__ = ["IS_GONE", "IS_THERE", "NEVER_CAME", "OwnOrders", "among", "changed_since"]

# In the reason of an order that was given up, so that a later life knows it by the store alone.
NEVER_CAME: Final = "never reached the venue"
IS_THERE: Final = "the venue has it all the same, so it is canceled there"
IS_GONE: Final = "it is there no more"


class OwnOrders:
    """A reader of the store. on_fill: given each fill of the venue's orders."""

    def __init__(
        self, record: OrderRecord, exchange: Exchange, on_fill: Callable[[MyTrade], object]
    ) -> None:
        self._record, self._exchange, self._on_fill = record, exchange, on_fill
        self._after = 0  # the last revision that was read
        self._order_ids: dict[str, str] = {}  # by the venue's id, of every order there was
        self._born_ns: dict[str, int] = {}  # when open orders were wished, and given up ones
        self._filled: set[CurrencyPair] = set()
        self._never_came: dict[str, int] = {}  # given up, and not seen since: when
        self.risen: dict[str, None] = {}  # given up, seen since, and not known to be gone

    def follow(self) -> None:
        """Read what the store has learned since."""
        while changes := self._record.changes(self._after):
            self._after = changes[-1].revision
            for change in changes:
                if change.exchange is self._exchange:
                    self._read(change)

    @property
    def revision(self) -> int:
        """The last of the store's changes that was read."""
        return self._after

    def get(self, order_id: str) -> MyOrder | None:
        """The order as it stands, or None."""
        return self._record.get(order_id) if order_id else None

    def of_venue_id(self, venue_id: str) -> MyOrder | None:
        """The order that the venue calls so, ended or not."""
        return self.get(self._order_ids.get(venue_id, ""))

    def given_up(self, seen: MyOrder) -> MyOrder | None:
        """The order that the venue speaks of, if it was sent and is REJECTED here."""
        order = self.get(seen.order_id) or self.of_venue_id(seen.venue_id)
        if order is None or order.order_id not in self._born_ns or is_open(order):
            return None
        same = (order.exchange, order.symbol, order.side) == (
            self._exchange, seen.symbol, seen.side,
        )  # fmt: skip
        return order if same else None

    def never_came(self, since_ns: int) -> list[MyOrder]:
        """Those that were given up since then, and that no list has shown since."""
        found = [self.get(one) for one, when_ns in self._never_came.items() if when_ns >= since_ns]
        return [order for order in found if order is not None]

    def open(self) -> list[MyOrder]:
        """Every open order."""
        orders = self._record.orders(open_only=True)
        return [order for order in orders if order.exchange is self._exchange]

    def born_ns(self, order: MyOrder) -> int:
        """When an open order, or one that was given up, was wished."""
        return self._born_ns.get(order.order_id, order.received_ns)

    def positions(self) -> dict[str, Decimal]:
        """What the fills of all robots add up to in base currency, by pair."""
        everybody = None
        return {
            str(pair): self._record.position(everybody, self._exchange, pair)
            for pair in self._filled
        }

    def _read(self, change: MyOrder | MyTrade) -> None:
        if isinstance(change, MyTrade):
            self._filled.add(change.symbol)
            self._on_fill(change)
            return
        if change.venue_id:
            self._order_ids[change.venue_id] = change.order_id
        if is_open(change):
            self._born_ns.setdefault(change.order_id, change.received_ns)
        elif change.status is OrderStatus.REJECTED:
            self._read_given_up(change)
        else:
            self._born_ns.pop(change.order_id, None)

    def _read_given_up(self, order: MyOrder) -> None:
        self._never_came.pop(order.order_id, None)
        self.risen.pop(order.order_id, None)
        if IS_THERE in order.reason:
            if IS_GONE not in order.reason:
                self.risen[order.order_id] = None
        elif order.reason.startswith(NEVER_CAME):
            self._never_came[order.order_id] = order.received_ns


def changed_since(order: MyOrder, asked_ns: int, revision: int) -> bool:
    """Whether an order has changed here since the venue was asked.

    revision: how far the store had been read then: a clock that was set back proves nothing.
    """
    return order.revision > revision and order.received_ns > asked_ns


def among(orders: list[MyOrder], seen: MyOrder) -> MyOrder | None:
    """The one of our orders that the venue speaks of."""
    return next((order for order in orders if same_order(order, seen)), None)
