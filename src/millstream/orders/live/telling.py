"""What followers hear beside the changes of orders: all that is open, and what does not add up.

Pure: `tell` is given.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

import msgspec

from millstream.model import Channel, Event, Exchange, Gap, MyOrder, MyOrderBatch, MyTrade
from millstream.orders.lines.answers import Evidence
from millstream.orders.live.account import AccountSum, Comparison
from millstream.orders.live.own import OwnOrders, among

__all__ = ["Teller"]

_log = logging.getLogger(__name__)


class Teller:
    """Tells of the account's open orders, and where it differs from the robots' fills.

    contracts: the venue tells positions in contracts, where others tell balances.
    """

    def __init__(
        self, exchange: Exchange, tell: Callable[[Sequence[Event]], object], *, contracts: bool
    ) -> None:
        self._exchange, self._tell, self._contracts = exchange, tell, contracts
        self._foreign: set[str] = set()  # venue ids told of already
        self._sum = AccountSum()
        self._positions = Comparison()
        self._holdings: Mapping[str, Decimal] | None = None  # until their fills are stored

    def book(self, fill: MyTrade) -> None:
        """A fill has been stored."""
        self._sum.book([fill])

    def look(self, evidence: Evidence, own: OwnOrders) -> None:
        """Tell of every open order, and keep what the account holds for the next `compare`."""
        self._holdings = evidence.holdings
        opened = own.open()
        told: list[MyOrder] = []
        for seen in evidence.open:
            mine = among(opened, seen)
            if mine is None and own.get(seen.order_id) is not None:
                continue  # it has ended since the venue was asked
            if mine is None:
                self._note_foreign(seen)
                told.append(seen)
            else:
                known = {"order_id": mine.order_id, "robot": mine.robot, "revision": mine.revision}
                told.append(msgspec.structs.replace(seen, **known))
        self._tell([MyOrderBatch(evidence.answered_ns, self._exchange, tuple(told))])

    def compare(self, own: OwnOrders, now_ns: int) -> None:
        """The robots' sum against the account, once all fills of the evidence are stored."""
        holdings, self._holdings = self._holdings, None
        if holdings is None:
            return
        if self._contracts:
            differing = self._positions.look(own.positions(), holdings)
        else:
            differing = self._sum.look(holdings)
        events: list[Event] = []
        for name, (expected, found) in differing.items():
            reason = (
                f"the account holds {found:f} {name}, the robots' fills make it {expected:f}: "
                "somebody else traded, paid in or out, or a fill is missing"
            )
            _log.error("%s: %s", self._exchange, reason)
            place = self._exchange, Channel.MY_TRADE, None
            events.append(Gap(now_ns, *place, f"{expected:f}", f"{found:f}", 0, reason))
        if events:
            self._tell(events)

    def _note_foreign(self, seen: MyOrder) -> None:
        if seen.venue_id not in self._foreign:
            self._foreign.add(seen.venue_id)
            words = "%s: order %s of %s is not ours: it is left alone"
            _log.info(words, self._exchange, seen.venue_id, seen.symbol)
