"""Orders that were given up here as REJECTED, and that the venue has all the same. Pure.

They came after the grace, or the refusal was none. Here they stay REJECTED, for what ended never
reopens: so the venue is told to cancel them, and what they fill is booked.
"""

from __future__ import annotations

import logging
from typing import Final

from msgspec.structs import replace

from millstream.model import MyOrder
from millstream.orders.lines.answers import Evidence
from millstream.orders.live.doubts import Doubts
from millstream.orders.live.evidence import missing_fills
from millstream.orders.live.own import OwnOrders
from millstream.orders.machine import Happened, OrderReport, is_open

__all__ = ["Risen"]

_log = logging.getLogger(__name__)
_NOTE: Final = "the venue has it all the same, so it is canceled there"


class Risen:
    """Cancels them, and has them asked for until they have ended with all of their fills."""

    def __init__(self, own: OwnOrders, doubts: Doubts, grace_ns: int) -> None:
        self._own, self._doubts, self._grace_ns = own, doubts, grace_ns
        self._order_ids: dict[str, None] = {}  # as a set that keeps its order

    def orders(self) -> list[MyOrder]:
        """Those to be asked for, as the store has them now."""
        return [order for one in self._order_ids if (order := self._own.get(one)) is not None]

    def weigh(self, evidence: Evidence, now_ns: int) -> tuple[list[OrderReport], list[MyOrder]]:
        """What to store, and which to cancel."""
        reports: list[OrderReport] = []
        to_cancel: list[MyOrder] = []
        listed: set[str] = set()
        for seen in (*evidence.ended, *evidence.open):
            order = self._own.given_up(seen)
            if order is None or order.received_ns > evidence.asked_ns:
                continue  # it may have been refused since the venue was asked
            listed.add(order.order_id)
            if not is_open(seen) and not seen.filled_volume:
                self._forget(order.order_id)  # gone, or it never was anything but refused
                continue
            reports += self._of(order, seen, evidence)
            if is_open(seen):
                to_cancel.append(replace(order, venue_id=seen.venue_id))
            fills = [one for one in evidence.fills if one.venue_id == seen.venue_id]
            if is_open(seen) or missing_fills(order, seen, fills):
                self._order_ids[order.order_id] = None
                self._doubts.begin(order.order_id, now_ns)
            else:
                self._forget(order.order_id)
        if not evidence.failure:
            self._give_up_again(
                [one for one in self.orders() if one.order_id not in listed], evidence
            )
        return reports, to_cancel

    def _of(self, order: MyOrder, seen: MyOrder, evidence: Evidence) -> list[OrderReport]:
        reports: list[OrderReport] = []
        if _NOTE not in order.reason:
            reason = f"{order.reason or 'rejected'}; {_NOTE}"
            _log.error("order %s: %s", order.order_id, reason)
            reports = [
                OrderReport(order.order_id, Happened.ACCEPTED, seen.venue_id),  # its id there
                OrderReport(order.order_id, Happened.NOTED, reason=reason),
            ]
        return reports + [
            OrderReport(order.order_id, Happened.FILLED, seen.venue_id, one.fill)
            for one in evidence.fills
            if one.venue_id == seen.venue_id
        ]

    def _give_up_again(self, missing: list[MyOrder], evidence: Evidence) -> None:
        for order in missing:
            waited_ns = evidence.asked_ns - self._doubts.begin(order.order_id, evidence.asked_ns)
            if order.symbol in evidence.symbols and waited_ns >= self._grace_ns:
                _log.error("order %s: the venue lists it nowhere any more", order.order_id)
                self._forget(order.order_id)

    def _forget(self, order_id: str) -> None:
        self._order_ids.pop(order_id, None)
        self._doubts.settle(order_id)
