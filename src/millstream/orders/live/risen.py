"""Orders that were given up here as REJECTED, and that the venue has all the same. Pure.

They came after the grace, or the refusal was none. Here they stay REJECTED, for what ended never
reopens: so the venue is told to cancel them, and what they fill is booked. Their reasons say which
of them may still be there: a later life goes on asking for those.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from msgspec.structs import replace

from millstream.model import MyOrder
from millstream.orders.lines.answers import Evidence, SeenFill
from millstream.orders.live.doubts import Doubts
from millstream.orders.live.evidence import missing_fills
from millstream.orders.live.own import IS_GONE, IS_THERE, OwnOrders, changed_since
from millstream.orders.machine import Happened, OrderReport, is_open

__all__ = ["Risen"]

_log = logging.getLogger(__name__)


class Risen:
    """Cancels them, and has them asked for until they have ended with all of their fills."""

    def __init__(self, own: OwnOrders, doubts: Doubts, grace_ns: int) -> None:
        self._own, self._doubts, self._grace_ns = own, doubts, grace_ns

    def orders(self) -> list[MyOrder]:
        """Those to be asked for, as the store has them now."""
        return [order for one in self._own.risen if (order := self._own.get(one)) is not None]

    def weigh(
        self, evidence: Evidence, revision: int, asked_ns: int, steady_ns: int
    ) -> tuple[list[OrderReport], list[MyOrder]]:
        """What to store, and which to cancel. The rest is as for `Scales.weigh`."""
        reports: list[OrderReport] = []
        to_cancel: list[MyOrder] = []
        listed: set[str] = set()
        for seen in (*evidence.ended, *evidence.open):
            order = self._own.given_up(seen)
            if order is None:
                continue
            listed.add(order.order_id)
            if changed_since(order, evidence.asked_ns, revision):
                continue  # it may have been refused since the venue was asked
            if not is_open(seen) and not seen.filled_volume and IS_THERE not in order.reason:
                continue  # it never was anything but refused
            fills = [one for one in evidence.fills if one.venue_id == seen.venue_id]
            gone = not is_open(seen) and not missing_fills(order, seen, fills)
            reports += _reports_of(order, seen, fills, gone=gone)
            if is_open(seen):
                to_cancel.append(replace(order, venue_id=seen.venue_id))
            if gone:
                self._forget(order)
            else:
                self._own.risen[order.order_id] = None
                self._doubts.begin(order.order_id, steady_ns)
        if not evidence.failure:
            for order in self.orders():
                if order.order_id not in listed and order.symbol in evidence.symbols:
                    reports += self._not_found(order, asked_ns, steady_ns)
        return reports, to_cancel

    def _not_found(self, order: MyOrder, asked_ns: int, steady_ns: int) -> list[OrderReport]:
        if asked_ns - self._doubts.begin(order.order_id, steady_ns) < self._grace_ns:
            return []
        _log.error("order %s: the venue lists it nowhere any more", order.order_id)
        self._forget(order)
        return [_noted(order, gone=True)]

    def _forget(self, order: MyOrder) -> None:
        self._own.risen.pop(order.order_id, None)
        self._doubts.settle(order.order_id)


def _reports_of(
    order: MyOrder, seen: MyOrder, fills: Sequence[SeenFill], *, gone: bool
) -> list[OrderReport]:
    note = _noted(order, gone=gone)
    if IS_THERE not in order.reason:
        _log.error("order %s: %s", order.order_id, note.reason)
    return [
        OrderReport(order.order_id, Happened.ACCEPTED, seen.venue_id),  # its id there
        note,
        *(OrderReport(order.order_id, Happened.FILLED, seen.venue_id, one.fill) for one in fills),
    ]


def _noted(order: MyOrder, *, gone: bool) -> OrderReport:
    """Its reason as a later life has to read it."""
    reason = (order.reason or "rejected").removesuffix(f"; {IS_GONE}")
    reason = reason if IS_THERE in reason else f"{reason}; {IS_THERE}"
    reason = f"{reason}; {IS_GONE}" if gone else reason
    return OrderReport(order.order_id, Happened.NOTED, reason=reason)
