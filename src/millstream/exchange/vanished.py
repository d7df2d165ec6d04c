"""Own orders that a venue's snapshot of open orders has no more: they ended unseen. Pure.

The snapshot does not say how. REST does, and until it has, they are remembered here.
"""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Final

from millstream.exchange.decoding import FrameCounts
from millstream.exchange.own_orders import OwnOrders
from millstream.model import Channel, Event, Gap, MyOrder, OrderStatus

LARGEST_EXPONENT: Final = 30  # of prices and volumes; beyond some more arithmetic itself raises
MOST_QUESTIONS: Final = 8  # about one order, with the pauses between them some two minutes


class Vanished:
    """The orders of one account whose end is not known yet."""

    def __init__(self, own: OwnOrders, counts: FrameCounts) -> None:
        self._own, self._counts = own, counts
        self._orders: dict[str, MyOrder] = {}
        self._questions: dict[str, int] = {}  # that did not say how it ended, by the venue's id

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
            self._forget(venue_id)

    def unanswered(self, received_ns: int, venue_ids: Collection[str]) -> list[Event]:
        """REST was asked about these once more; a Gap for each that it will not be asked again."""
        events: list[Event] = []
        for venue_id in venue_ids:
            order = self._orders.get(venue_id)
            if order is None:
                continue
            self._questions[venue_id] = self._questions.get(venue_id, 0) + 1
            if self._questions[venue_id] < MOST_QUESTIONS:
                continue
            self._forget(venue_id)
            reason = (
                f"order {venue_id} is not open any more, and in {MOST_QUESTIONS} answers the venue "
                "did not say how it ended; look it up there"
            )
            about = order.exchange, Channel.MY_ORDER, order.symbol
            events.append(Gap(received_ns, *about, venue_id, "", 1, reason))
        return events

    def can_be(self, venue_id: str, *numbers: Decimal) -> bool:
        """Whether these are numbers of an order; else its answer is counted, and is none."""
        if all(map(_possible, numbers)):
            return True
        if venue_id in self._orders:
            self._counts.frames += 1
            detail = f"order {venue_id}: {', '.join(map(str, numbers))}"
            self._counts.reject("an impossible number in an answer about orders", detail, b"")
        return False

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
        order = self._forget(venue_id)
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

    def _forget(self, venue_id: str) -> MyOrder | None:
        self._questions.pop(venue_id, None)
        return self._orders.pop(venue_id, None)


def _possible(number: Decimal) -> bool:
    if not number.is_finite() or number < 0:
        return False
    return not number or abs(number.adjusted()) <= LARGEST_EXPONENT
