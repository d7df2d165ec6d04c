"""The follower of the order store that talks to a venue: intent, then sent, then the result."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final, Protocol

from millstream.model import Event, MyOrder, OrderStatus
from millstream.orders.machine import Happened, OrderReport, is_open
from millstream.orders.store import OrderStore

__all__ = ["OLDEST_INTENT_NS", "Gateway", "Venue"]

_log = logging.getLogger(__name__)
OLDEST_INTENT_NS: Final = 10_000_000_000
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

    def amend(
        self, order_id: str, price: Decimal | None, volume: Decimal | None, now_ns: int
    ) -> None:
        """Ask for another price or volume of one; None: as it is."""
        ...

    def feed(self, event: Event) -> list[OrderReport]:
        """Learn of an event of the market or of the account."""
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

    def __init__(
        self, store: OrderStore, venue: Venue, oldest_intent_ns: int = OLDEST_INTENT_NS
    ) -> None:
        """oldest_intent_ns: an intent that is older than this is not sent any more."""
        self.halted = ""  # why nothing may leave; "" while orders may
        self._store = store
        self._venue = venue
        self._oldest_intent_ns = oldest_intent_ns
        self._asked: set[str] = set()  # to be canceled, of the open orders
        self._after = 0  # the last revision that was read

    def start(self, now_ns: int) -> None:
        """Settle what an earlier session left: call this once, before the first step.

        Orders marked SENT without a result become UNKNOWN, never sent again; then the venue is
        asked, and cancels that were wished are asked for again. Intents that were never sent are
        sent now, unless they are too old.
        """
        self._after = self._store.revision  # first: what is stored from here on comes by a step
        opened = self._store.orders(open_only=True)
        doubtful = [order.order_id for order in opened if order.status is OrderStatus.SENT]
        self._report([_report(i, Happened.UNKNOWN, _SENT_IN_DOUBT) for i in doubtful], now_ns)
        left = [order for order in opened if order.status is not OrderStatus.INTENT]
        if left:
            _log.info("%d orders of an earlier session are open: asking the venue", len(left))
            self._report(self._venue.recover(left), now_ns)
            self._ask_to_cancel([order.order_id for order in left if order.cancel_wished], now_ns)
        unsent = [order for order in opened if order.status is OrderStatus.INTENT]
        self._cancel_wished([order.order_id for order in unsent if order.cancel_wished], now_ns)
        self._send([order for order in unsent if not order.cancel_wished], now_ns)

    def step(self, now_ns: int) -> None:
        """Send the new intents, and store what the venue has answered until now."""
        while self._store.revision > self._after:
            changes = self._store.changes(self._after, limit=_PAGE)
            if not changes:
                break
            self._after = changes[-1].revision
            orders = [change for change in changes if isinstance(change, MyOrder)]
            intents = [o for o in orders if o.status is OrderStatus.INTENT and not o.cancel_wished]
            self._send(intents, now_ns)
            # Wished by somebody else: what is wished here has been asked for already.
            wished = [o.order_id for o in orders if o.cancel_wished]
            self._cancel_wished([i for i in wished if i not in self._asked], now_ns)
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
        """Cancel orders that are open; one that was not sent yet never will be.

        The wish is durable before the venue hears of it, so that no crash loses it.
        """
        open_ids = [i for i in order_ids if (o := self._store.get(i)) is not None and is_open(o)]
        self._report([_report(i, Happened.CANCEL_WISHED) for i in open_ids], now_ns)
        self._cancel_wished(open_ids, now_ns)

    def amend(
        self, order_id: str, price: Decimal | None, volume: Decimal | None, now_ns: int
    ) -> None:
        """Ask for another price or volume of an open order; an unsent one is changed here."""
        order = self._store.get(order_id)
        if order is None or not is_open(order):
            return
        if self.halted:
            why = f"amend refused: {self.halted}"
            self._report([_report(order_id, Happened.NOTED, why)], now_ns)
        elif order.status is OrderStatus.INTENT:
            changed = OrderReport(order_id, Happened.AMENDED, price=price, volume=volume)
            self._report([changed], now_ns)
        else:
            self._venue.amend(order_id, price, volume, now_ns)

    def halt(self, why: str, now_ns: int) -> None:
        """Let nothing out from here on, and cancel whatever is open; `resume` ends it."""
        self.halted = why
        _log.warning("trading is halted: %s", why)
        self.cancel([order.order_id for order in self._store.orders(open_only=True)], now_ns)

    def resume(self) -> None:
        """Let orders out again."""
        self.halted = ""

    def _cancel_wished(self, order_ids: Sequence[str], now_ns: int) -> None:
        """End what was not sent, and ask the venue for the rest."""
        unsent: list[str] = []
        sent: list[str] = []
        for order_id in order_ids:
            order = self._store.get(order_id)
            if order is not None and is_open(order):
                (unsent if order.status is OrderStatus.INTENT else sent).append(order_id)
        why = self.halted or "canceled before it was sent"
        self._report([_report(i, Happened.CANCELED, why) for i in unsent], now_ns)
        self._ask_to_cancel(sent, now_ns)

    def _ask_to_cancel(self, order_ids: Sequence[str], now_ns: int) -> None:
        for order_id in order_ids:
            self._asked.add(order_id)
            self._venue.cancel(order_id, now_ns)

    def _send(self, intents: Sequence[MyOrder], now_ns: int) -> None:
        if self.halted:
            held = [_report(o.order_id, Happened.CANCELED, self.halted) for o in intents]
            self._report(held, now_ns)
            return
        reports = [self._too_old(o, now_ns) or _report(o.order_id, Happened.SENT) for o in intents]
        for order in self._report(reports, now_ns):
            # An intent that ended meanwhile, or that somebody else marked, is not in the answer.
            if isinstance(order, MyOrder) and order.status is OrderStatus.SENT:
                self._venue.place(order, now_ns)

    def _too_old(self, intent: MyOrder, now_ns: int) -> OrderReport | None:
        age_ns = now_ns - intent.received_ns
        if age_ns <= self._oldest_intent_ns:
            return None
        why = (
            f"not sent: it was wished {age_ns / 1e9:.1f} s ago, and after "
            f"{self._oldest_intent_ns / 1e9:g} s the market is another"
        )
        return _report(intent.order_id, Happened.EXPIRED, why)

    def _report(self, reports: Sequence[OrderReport], now_ns: int) -> Sequence[Event]:
        if not reports:
            return ()
        changes = self._store.apply(reports, now_ns)
        for change in changes:
            if isinstance(change, MyOrder) and not is_open(change):
                self._asked.discard(change.order_id)
        if changes and changes[0].revision == self._after + 1:
            self._after = changes[-1].revision  # our own words need not be read again
        return changes


def _report(order_id: str, happened: Happened, reason: str = "") -> OrderReport:
    return OrderReport(order_id, happened, reason=reason)
