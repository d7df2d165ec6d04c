"""What evidence settles, and what stays in doubt. Pure.

What the venue shows of an order      is stored        and the order
listed, and nothing is missing        as shown         is in doubt no more
listed, but changed here since asked  not its numbers  stays in doubt, if it was
listed, without all of its fills      fills, no end    stays in doubt
listed open, and a cancel is wished   as shown         is canceled again, and stays in doubt
nowhere, before the grace is over     nothing          stays in doubt
nowhere after it, and never seen      REJECTED         never reached the venue
nowhere after it, though it was open  nothing          stays in doubt: only the venue can say how
listed, though it is REJECTED here    fills, a note    is canceled, and asked for until it ended
"""

from __future__ import annotations

import logging
from collections.abc import Container
from typing import Final

import msgspec

from millstream.model import MyOrder, OrderStatus
from millstream.orders.lines.answers import Evidence
from millstream.orders.live.doubts import Doubts
from millstream.orders.live.evidence import missing_fills, reports_of, same_order
from millstream.orders.live.own import NEVER_CAME, OwnOrders, changed_since
from millstream.orders.live.risen import Risen
from millstream.orders.machine import Happened, OrderReport, is_open

__all__ = ["Scales"]

_log = logging.getLogger(__name__)
_SECOND_NS: Final = 1_000_000_000


class Scales:
    """Weighs evidence about own orders. grace_s: for so long "not there" proves nothing."""

    def __init__(self, own: OwnOrders, doubts: Doubts, grace_s: int) -> None:
        self._own, self._doubts, self._grace_ns = own, doubts, grace_s * _SECOND_NS
        self.risen = Risen(own, doubts, self._grace_ns)

    def weigh(
        self,
        evidence: Evidence,
        placing: Container[str],
        revision: int,
        asked_ns: int,
        steady_ns: int,
    ) -> tuple[list[OrderReport], list[MyOrder]]:
        """What to store, and which orders to cancel again.

        placing: not answered yet. revision: how far the store had been read when it was asked for.
        asked_ns, steady_ns: when that was, and now, by the clock of the doubts.
        """
        reports: list[OrderReport] = []
        to_cancel: list[MyOrder] = []
        listed = [*evidence.ended, *evidence.open]
        for order in self._own.open():
            if order.order_id in placing or order.status is OrderStatus.INTENT:
                continue
            seen = next((one for one in listed if same_order(order, one)), None)
            if seen is None:
                if order.symbol in evidence.symbols and not evidence.failure:
                    reports += self._not_found(order, asked_ns, steady_ns)
                continue
            fills = [one for one in evidence.fills if one.venue_id == seen.venue_id]
            # An amend or a fill since then: what is listed may be the order as it was before.
            changed = changed_since(order, evidence.asked_ns, revision)
            reports += reports_of(order, seen, fills, amends=not changed)
            if missing_fills(order, seen, fills) or (not is_open(seen) and evidence.failure):
                self._doubts.begin(order.order_id, steady_ns)
            elif is_open(seen) and order.cancel_wished:
                self._doubts.begin(order.order_id, steady_ns)
                to_cancel.append(msgspec.structs.replace(order, venue_id=seen.venue_id))
            elif not changed:
                self._doubts.settle(order.order_id)
        risen, again = self.risen.weigh(evidence, revision, asked_ns, steady_ns)
        return reports + risen + self._late_fills(evidence), to_cancel + again

    def _not_found(self, order: MyOrder, asked_ns: int, steady_ns: int) -> list[OrderReport]:
        waited_ns = asked_ns - self._doubts.begin(order.order_id, steady_ns)
        if waited_ns < self._grace_ns:
            return []
        if order.status is not OrderStatus.UNKNOWN:
            # It was there once, so it ended; how, only the venue can say.
            _log.error("order %s was open, and the venue lists it nowhere", order.order_id)
            return []
        self._doubts.settle(order.order_id)
        why = f"{NEVER_CAME}: not listed there {waited_ns / 1e9:.0f} s after it was in doubt"
        return [OrderReport(order.order_id, Happened.REJECTED, reason=why)]

    def _late_fills(self, evidence: Evidence) -> list[OrderReport]:
        """Fills of own orders that have ended here: booked all the same, and once."""
        reports = []
        for one in evidence.fills:
            order = self._own.of_venue_id(one.venue_id)
            if order is not None and not is_open(order):
                fill = OrderReport(order.order_id, Happened.FILLED, one.venue_id, one.fill)
                reports.append(fill)
        return reports
