"""A live venue for the gateway: sends once, and lets only evidence settle what is in doubt.

Pure: the way to the venue (`Line`) is given, and so are both clocks. Evidence is what the venue
lists as open, as ended and as filled; it is asked for at the start, after each reconnect of the
private stream, once a minute, and soon after anything that leaves an order in doubt.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from millstream.model import (
    Connected,
    CurrencyPair,
    Event,
    Exchange,
    Gap,
    MyOrder,
    MyTrade,
    OrderStatus,
    Resynced,
)
from millstream.orders.lines.answers import (
    Amended,
    Answer,
    Canceled,
    Evidence,
    InDoubt,
    Line,
    Moved,
    NotAmended,
    NotCanceled,
    Placed,
    Rejected,
    Unsent,
)
from millstream.orders.lines.venues import FACTS
from millstream.orders.live.doubts import Doubts
from millstream.orders.live.evidence import missing_fills, reports_of
from millstream.orders.live.own import OwnOrders, among
from millstream.orders.live.telling import Teller
from millstream.orders.live.weighing import Scales
from millstream.orders.machine import Fill, Happened, OrderReport, is_open
from millstream.orders.store import OrderRecord

__all__ = ["LiveSettings", "LiveVenue"]

_log = logging.getLogger(__name__)
_SECOND_NS: Final = 1_000_000_000
_RISING_NS: Final = 86_400 * _SECOND_NS  # given up for longer than this: no list would tell
_LOOKS_BACK: Final = 3  # a list that cannot be had whole must not spoil the answers for ever
_SKEW_NS: Final = 60 * _SECOND_NS  # the venue's clock may be as far behind ours


class LiveSettings(msgspec.Struct, frozen=True):
    """How often a live venue is asked how things stand."""

    exchange: Exchange
    reconcile_ns: int = 60 * _SECOND_NS
    compare_balances: bool = True  # robots' sum against the account; of contracts, its positions
    cancel_all_after_s: int = 0  # the venue cancels all when we are silent so long; 0: never


class LiveVenue:
    """A `Venue` behind a `Line`.

    record: the store, to read only. tell: given what followers should hear of beside changes of
    orders: every open order of the account (`MyOrderBatch`), and differences (`Gap`).
    steady_ns: a clock that nobody sets; how long something takes is measured by it alone.
    """

    def __init__(
        self,
        settings: LiveSettings,
        line: Line,
        record: OrderRecord,
        tell: Callable[[Sequence[Event]], object],
        steady_ns: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._steady_ns = steady_ns
        self._exchange = settings.exchange
        self._facts = FACTS[settings.exchange]
        self._line = line
        self._teller = Teller(self._exchange, tell, contracts=self._facts.contracts)
        self._own = OwnOrders(record, self._exchange, self._teller.book)
        self._doubts = Doubts()
        self._scales = Scales(self._own, self._doubts, self._facts.not_found_grace_s)
        self._placing: set[str] = set()  # sent, and no answer yet
        self._pairs: set[CurrencyPair] = set()  # that have had orders lately
        self._refused: list[OrderReport] = []  # orders for another exchange
        self._asking = False
        self._next_reconcile_ns = 0
        self._asked_ns = 0  # when the question under way was asked
        self._asked_at = 0  # how far the store was read then
        self._looking_back = False  # whether it looks back farther
        self._looks_back = _LOOKS_BACK  # answers to whole questions that look back farther
        self._next_sign_ns = 0  # when the venue has to hear that we are there

    # ---- what the gateway asks for ------------------------------------------------------------

    def place(self, order: MyOrder, now_ns: int) -> None:
        """Send an order, once; one for another exchange is refused by the next `advance`."""
        if order.exchange is not self._exchange:
            why = f"nothing was sent: this order is for {order.exchange}, the gateway trades on "
            reason = f"{why}{self._exchange}"
            self._refused.append(OrderReport(order.order_id, Happened.REJECTED, reason=reason))
            return
        self._placing.add(order.order_id)
        self._pairs.add(order.symbol)
        self._line.place(order)

    def cancel(self, order_id: str, now_ns: int) -> None:
        """Ask to cancel one; asked again for as long as the venue shows it open."""
        order = self._open_here(order_id)
        if order is None:
            return
        if order.venue_id or self._facts.cancels_by_client_id or order_id in self._placing:
            self._line.cancel(order)
        else:
            self._doubts.begin(order_id, self._steady_ns())  # canceled when its id is found

    def amend(
        self, order_id: str, price: Decimal | None, volume: Decimal | None, now_ns: int
    ) -> None:
        """Ask for another price or volume."""
        order = self._open_here(order_id)
        if order is not None:
            self._line.amend(order, price, volume)

    def recover(self, orders: Sequence[MyOrder]) -> list[OrderReport]:
        """Ask for the open orders of an earlier session; the answers come by `advance`."""
        self._own.follow()
        for order in orders:
            if order.exchange is self._exchange:
                self._doubts.begin(order.order_id, self._steady_ns())
        return []

    def feed(self, event: Event) -> list[OrderReport]:
        """Learn from the account's private stream; the market itself says nothing here."""
        if isinstance(event, MyTrade):
            return self._streamed_fill(event)
        if isinstance(event, MyOrder):
            return self._streamed_order(event)
        if (
            isinstance(event, Connected | Resynced | Gap)
            and event.exchange is self._exchange
            and event.channel.private
        ):
            self._next_reconcile_ns = 0  # what came meanwhile was not told
        return []

    def advance(self, now_ns: int) -> list[OrderReport]:
        """What came back; and ask again where it is time."""
        steady_ns = self._steady_ns()
        self._own.follow()
        self._teller.compare(self._own, now_ns)
        reports, self._refused = self._refused, []
        for answer in self._line.answers():
            reports += self._take(answer, steady_ns)
        self._ask_what_is_due(steady_ns, now_ns)
        self._sign_of_life(steady_ns)
        return reports

    def _open_here(self, order_id: str) -> MyOrder | None:
        """An open order of this exchange; another's ids may be those of somebody's order here."""
        order = self._own.get(order_id)
        here = order is not None and order.exchange is self._exchange and is_open(order)
        return order if here else None

    # ---- answers ------------------------------------------------------------------------------

    def _take(self, answer: Answer, steady_ns: int) -> list[OrderReport]:
        match answer:
            case Placed(order_id, venue_id, at_rest):
                self._placing.discard(order_id)
                if not at_rest:
                    self._doubts.begin(order_id, steady_ns)
                return [OrderReport(order_id, Happened.ACCEPTED, venue_id)]
            case Rejected(order_id, reason):
                self._placing.discard(order_id)
                return [OrderReport(order_id, Happened.REJECTED, reason=reason)]
            case Unsent(order_id):
                self._placing.discard(order_id)
                why = "canceled before it was sent"
                return [OrderReport(order_id, Happened.CANCELED, reason=why)]
            case InDoubt(order_id, reason):
                self._placing.discard(order_id)
                self._doubts.begin(order_id, steady_ns)
                return [OrderReport(order_id, Happened.UNKNOWN, reason=reason)]
            case Moved(order_id):
                self._doubts.hurry(order_id, steady_ns)
                return []
            case Canceled(order_id):
                self._doubts.begin(order_id, steady_ns)
                return []
            case NotCanceled(order_id, reason):
                _log.info("order %s: the cancel was not taken: %s", order_id, reason)
                self._doubts.begin(order_id, steady_ns)
                return []
            case Amended(order_id, price, volume, venue_id):
                happened = Happened.AMENDED
                return [OrderReport(order_id, happened, venue_id, price=price, volume=volume)]
            case NotAmended(order_id, reason, in_doubt):
                if in_doubt:
                    self._doubts.begin(order_id, steady_ns)
                return [OrderReport(order_id, Happened.NOTED, reason=f"amend: {reason}")]
            case Evidence():
                self._asking = False
                return self._weigh(answer, steady_ns)

    def _weigh(self, evidence: Evidence, steady_ns: int) -> list[OrderReport]:
        if evidence.failure:
            _log.warning("%s: not all could be asked: %s", self._exchange, evidence.failure)
        if self._looking_back and _says_anything(evidence):
            self._looks_back -= 1
        asked = self._asked_at, self._asked_ns, steady_ns
        reports, to_cancel = self._scales.weigh(evidence, self._placing, *asked)
        for order in to_cancel:
            self._line.cancel(order)
        if not evidence.failure:
            self._teller.look(evidence, self._own)
        return reports

    # ---- the private stream -------------------------------------------------------------------

    def _streamed_fill(self, event: MyTrade) -> list[OrderReport]:
        if event.exchange is not self._exchange or event.revision:
            return []
        order = self._own.get(event.order_id)
        if order is None or event.synthetic or not self._facts.fills_by_stream:
            soon_ns = self._steady_ns() + _SECOND_NS
            self._next_reconcile_ns = min(self._next_reconcile_ns, soon_ns)
            return []
        fill = Fill(
            event.trade_id, event.price, event.volume, event.fee, event.fee_currency,
            event.liquidity, event.exchange_ns,
        )  # fmt: skip
        return [OrderReport(order.order_id, Happened.FILLED, order.venue_id, fill)]

    def _streamed_order(self, event: MyOrder) -> list[OrderReport]:
        if event.exchange is not self._exchange or event.revision:
            return []
        order = self._own.get(event.order_id)
        if order is None:
            order = among(self._own.open(), event)
        if is_open(event) and self._own.given_up(event) is not None:
            self._next_reconcile_ns = 0  # the lists prove it, and then it is canceled
        if order is None or not is_open(order):
            return []
        if missing_fills(order, event, ()) or event.status is OrderStatus.FILLED:
            self._doubts.begin(order.order_id, self._steady_ns())
        return reports_of(order, event, ())

    # ---- questions ----------------------------------------------------------------------------

    def _sign_of_life(self, steady_ns: int) -> None:
        """Renew the venue's timer, three times before it would run out."""
        seconds = self._settings.cancel_all_after_s
        if seconds and steady_ns >= self._next_sign_ns:
            self._next_sign_ns = steady_ns + seconds * _SECOND_NS // 3
            self._line.cancel_all_after(seconds)

    def _ask_what_is_due(self, steady_ns: int, now_ns: int) -> None:
        if self._asking:
            return
        whole = steady_ns >= self._next_reconcile_ns
        if not whole and not self._doubts.due(steady_ns):
            return
        mine = [*self._own.open(), *self._scales.risen.orders()]
        self._looking_back = whole and self._looks_back > 0
        if self._looking_back:
            # What was given up by an earlier life may have come, and gone, while nobody ran.
            mine += self._own.never_came(now_ns - _RISING_NS)
        opened = {order.order_id: order for order in mine}
        doubtful = [opened[one] for one in self._doubts.keep(opened)]
        asked = list(opened.values()) if whole else doubtful
        if not asked and not whole:
            return
        self._doubts.asked(steady_ns)
        if whole:
            self._next_reconcile_ns = steady_ns + self._settings.reconcile_ns
        born_ns = (self._own.born_ns(order) for order in asked)
        since_ns = min([*born_ns, now_ns - self._settings.reconcile_ns])
        since_ns = max(0, since_ns - _SKEW_NS)
        pairs = {order.symbol for order in asked} | (self._pairs if whole else set())
        holdings = whole and self._settings.compare_balances
        self._asking, self._asked_ns, self._asked_at = True, steady_ns, self._own.revision
        self._line.ask(asked, sorted(pairs), since_ns, holdings)


def _says_anything(evidence: Evidence) -> bool:
    """Whether the venue answered at all."""
    told = evidence.open or evidence.ended or evidence.fills or evidence.holdings is not None
    return bool(told) or not evidence.failure
