"""Own orders that a venue's snapshot of open orders has no more: they ended unseen. Pure.

The snapshot does not say how. REST does, and until it has, they are remembered here.
"""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal

from millstream.exchange.own_orders import OwnOrders
from millstream.model import MyOrder, OrderStatus


class Vanished:
    """The orders of one account whose end is not known yet."""

    def __init__(self, own: OwnOrders) -> None:
        self._own = own
        self._orders: dict[str, MyOrder] = {}

    @property
    def orders(self) -> dict[str, MyOrder]:
        """By the venue's id, each as it was last given out."""
        return dict(self._orders)

    def listed(self, venue_ids: Collection[str]) -> None:
        """A snapshot has these orders only; to be called before it overwrites what is known."""
        for order in self._own.open_orders():
            if order.venue_id not in venue_ids:
                self._orders[order.venue_id] = order
        for venue_id in venue_ids:
            self._orders.pop(venue_id, None)

    def ended(
        self,
        received_ns: int,
        venue_id: str,
        status: OrderStatus,
        filled_volume: Decimal,
        average_price: Decimal | None = None,
        reason: str = "",
    ) -> MyOrder | None:
        """The order after its end, as REST tells it; None when that is no news."""
        order = self._orders.pop(venue_id, None)
        if order is None:
            return None
        return self._own.order(
            received_ns,
            venue_id,
            order_id=order.order_id or None,
            symbol=order.symbol,
            side=order.side,
            type=order.type,
            time_in_force=order.time_in_force,
            post_only=order.post_only,
            price=order.price,
            volume=order.volume,
            status=status,
            filled_volume=max(order.filled_volume, filled_volume),
            average_price=average_price or order.average_price,
            reason=reason or None,
        )
