"""The follower of the order store that talks to a venue: intent, then sent, then the result."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from millstream.model import Event, MyOrder, OrderStatus
from millstream.orders.machine import Happened, OrderReport, is_open
from millstream.orders.store import OrderStore

__all__ = ["Gateway", "Venue"]

_log = logging.getLogger(__name__)
_PAGE: Final = 1000  # changes read at once
_SENT_IN_DOUBT: Final = "the session ended before the venue answered"


class Venue(Protocol):
    """Where orders go. Nothing here waits: results come later, as reports."""

    def place(self, order: MyOrder, now_ns: int) -> None:
        """Send an order, once."""
        ...

    def cancel(self, order_id: str, now_ns: int) -> None:
        """Ask to cancel one."""
        ...

    def feed(self, event: Event) -> list[OrderReport]:
        """Learn of a market event (a paper venue fills by it)."""
        ...

    def advance(self, now_ns: int) -> list[OrderReport]:
        """What came back, or came due, until now."""
        ...

    def recover(self, orders: Sequence[MyOrder]) -> list[OrderReport]:
        """What became of the open orders of an earlier session, as far as there is evidence."""
        ...


class Gateway:
    """Sends what the store holds as INTENT, and stores what the venue says.

    An order is marked SENT, durably, before it is sent, and only the one who marked it sends it: so
    none is sent twice, through any crash.
    """

    def __init__(self, store: OrderStore, venue: Venue) -> None:
        self._store = store
        self._venue = venue
        self._after = 0  # the last revision that was read

    def start(self, now_ns: int) -> None:
        """Settle what an earlier session left: call this once, before the first step.

        Orders marked SENT without a result become UNKNOWN, never sent again; then the venue is
        asked. Intents that were never sent are sent now.
        """
        self._after = self._store.revision  # first: what is stored from here on comes by a step
        opened = self._store.orders(open_only=True)
        doubtful = [order.order_id for order in opened if order.status is OrderStatus.SENT]
        self._report([_report(i, Happened.UNKNOWN, _SENT_IN_DOUBT) for i in doubtful], now_ns)
        left = [order for order in opened if order.status is not OrderStatus.INTENT]
        if left:
            _log.info("%d orders of an earlier session are open: asking the venue", len(left))
            self._report(self._venue.recover(left), now_ns)
        self._send([order for order in opened if order.status is OrderStatus.INTENT], now_ns)

    def step(self, now_ns: int) -> None:
        """Send the new intents, and store what the venue has answered until now."""
        while self._store.revision > self._after:
            changes = self._store.changes(self._after, limit=_PAGE)
            if not changes:
                break
            self._after = changes[-1].revision
            self._send(
                [
                    change
                    for change in changes
                    if isinstance(change, MyOrder) and change.status is OrderStatus.INTENT
                ],
                now_ns,
            )
        self._report(self._venue.advance(now_ns), now_ns)

    def feed(self, events: Iterable[Event], now_ns: int) -> None:
        """Let the venue see market events, and store what they bring about."""
        feed = self._venue.feed
        reports: list[OrderReport] = []
        for event in events:
            if found := feed(event):
                reports += found
        self._report(reports, now_ns)

    def cancel(self, order_ids: Sequence[str], now_ns: int) -> None:
        """Cancel orders that are open; one that was not sent yet never will be."""
        for order_id in order_ids:
            order = self._store.get(order_id)
            if order is None or not is_open(order):
                continue
            if order.status is OrderStatus.INTENT:
                why = "canceled before it was sent"
                self._report([_report(order_id, Happened.CANCELED, why)], now_ns)
            else:
                self._venue.cancel(order_id, now_ns)

    def _send(self, intents: Sequence[MyOrder], now_ns: int) -> None:
        marked = self._report([_report(o.order_id, Happened.SENT) for o in intents], now_ns)
        for order in marked:
            # An intent that ended meanwhile, or that somebody else marked, is not in the answer.
            if isinstance(order, MyOrder) and order.status is OrderStatus.SENT:
                self._venue.place(order, now_ns)

    def _report(self, reports: Sequence[OrderReport], now_ns: int) -> Sequence[Event]:
        if not reports:
            return ()
        changes = self._store.apply(reports, now_ns)
        if changes and changes[0].revision == self._after + 1:
            self._after = changes[-1].revision  # our own words need not be read again
        return changes


def _report(order_id: str, happened: Happened, reason: str = "") -> OrderReport:
    return OrderReport(order_id, happened, reason=reason)
