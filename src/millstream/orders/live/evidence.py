"""What a venue's own words prove about an order of ours. Pure.

An order is settled by what is seen of it: never by silence before the grace is over, and never as
ended before every fill that the venue counts has been booked.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from millstream.model import MyOrder, OrderStatus, OrderType
from millstream.orders.lines.answers import SeenFill
from millstream.orders.machine import Happened, OrderReport, is_open

__all__ = ["missing_fills", "reports_of", "same_order"]

_ENDS: Final = {
    OrderStatus.CANCELED: Happened.CANCELED,
    OrderStatus.EXPIRED: Happened.EXPIRED,
    OrderStatus.REJECTED: Happened.REJECTED,
}
_PRICED: Final = (OrderType.LIMIT, OrderType.STOP_LIMIT)


def same_order(order: MyOrder, seen: MyOrder) -> bool:
    """Whether the venue speaks of this order of ours: by our id, else by its own."""
    if seen.order_id:
        return seen.order_id == order.order_id
    return bool(seen.venue_id) and seen.venue_id == order.venue_id


def reports_of(
    order: MyOrder, seen: MyOrder, fills: Sequence[SeenFill], *, amends: bool = True
) -> list[OrderReport]:
    """What to store about an order, given how the venue shows it and its fills.

    amends: whether other numbers than ours are to be believed.
    """
    reports = [
        OrderReport(order.order_id, Happened.FILLED, seen.venue_id, one.fill) for one in fills
    ]
    unheard = not order.venue_id or order.status in (OrderStatus.SENT, OrderStatus.UNKNOWN)
    if unheard and seen.status is not OrderStatus.REJECTED:
        reports.insert(0, OrderReport(order.order_id, Happened.ACCEPTED, seen.venue_id))
    if amends and is_open(seen) and _differs(order, seen):
        amended = OrderReport(
            order.order_id, Happened.AMENDED, seen.venue_id,
            price=seen.price, volume=seen.volume or None,  # 0: the venue did not say
        )  # fmt: skip
        reports.insert(0, amended)
    end = _ENDS.get(seen.status)
    if end is not None and not missing_fills(order, seen, fills):
        reports.append(OrderReport(order.order_id, end, seen.venue_id, reason=seen.reason))
    return reports


def missing_fills(order: MyOrder, seen: MyOrder, fills: Sequence[SeenFill]) -> bool:
    """Whether the venue counts more as filled than these fills show."""
    listed = sum((one.fill.volume for one in fills), Decimal(0))
    return seen.filled_volume > max(order.filled_volume, listed)


def _differs(order: MyOrder, seen: MyOrder) -> bool:
    if order.type not in _PRICED or seen.price is None:
        return False
    return seen.price != order.price or seen.volume not in (order.volume, 0)
