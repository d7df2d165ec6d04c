"""A live venue for the gateway: sends once, and lets only evidence settle what is in doubt.

Pure: the way to the venue (`Line`) is given, and so is the time. Evidence is what the venue lists
as open, as ended and as filled; it is asked for at the start, after each reconnect of the private
stream, once a minute, and soon after anything that leaves an order in doubt.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from millstream.model import (
    Channel,
    Connected,
    CurrencyPair,
    Event,
    Exchange,
    Gap,
    MyOrder,
    MyOrderBatch,
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
)
from millstream.orders.lines.venues import FACTS
from millstream.orders.live.account import AccountSum
from millstream.orders.live.evidence import missing_fills, reports_of, same_order
from millstream.orders.machine import Fill, Happened, OrderReport, is_open
from millstream.orders.store import OrderRecord

__all__ = ["LiveSettings", "LiveVenue"]

_log = logging.getLogger(__name__)
_SECOND_NS: Final = 1_000_000_000
_SKEW_NS: Final = 60 * _SECOND_NS  # the venue's clock may be as far behind ours
_SOONEST_NS: Final = (
    _SECOND_NS // 2
)  # the first question about a doubt; then twice as late each time
_LATEST_NS: Final = 30 * _SECOND_NS


class LiveSettings(msgspec.Struct, frozen=True):
    """How often a live venue is asked how things stand."""

    exchange: Exchange
    reconcile_ns: int = 60 * _SECOND_NS
    compare_balances: bool = True  # robots' sum against the account; on spot only
    cancel_all_after_s: int = 0  # the venue cancels all when we are silent so long; 0: never


class _Doubt:
    """An order that has to be asked for."""

    __slots__ = ("next_ns", "since_ns", "tries")

    def __init__(self, since_ns: int) -> None:
        self.since_ns = since_ns
        self.next_ns = since_ns + _SOONEST_NS
        self.tries = 0

    def asked(self, now_ns: int) -> None:
        self.tries += 1
        self.next_ns = now_ns + min(_LATEST_NS, _SOONEST_NS << min(self.tries, 10))


class LiveVenue:
    """A `Venue` behind a `Line`.

    record: the store, to read only. tell: given what followers should hear of beside changes of
    orders: every open order of the account (`MyOrderBatch`), and differences (`Gap`).
    """

    def __init__(
        self,
        settings: LiveSettings,
        line: Line,
        record: OrderRecord,
        tell: Callable[[Sequence[Event]], object],
    ) -> None:
        self._settings = settings
        self._exchange = settings.exchange
        self._facts = FACTS[settings.exchange]
        self._line = line
        self._record = record
        self._tell = tell
        self._doubts: dict[str, _Doubt] = {}
        self._placing: set[str] = set()  # sent, and no answer yet
        self._asking = False
        self._next_reconcile_ns = 0
        self._next_sign_ns = 0  # when the venue has to hear that we are there
        self._foreign: set[str] = set()  # venue ids told of already
        self._sum = AccountSum()
        self._after = 0  # the last revision that was read
        self._order_ids: dict[str, str] = {}  # by the venue's id, of every order there was
        self._born_ns: dict[str, int] = {}  # when open orders were wished
        self._pairs: set[CurrencyPair] = set()  # that have had orders lately
        self._balances: Mapping[str, Decimal] | None = (
            None  # to be compared once its fills are stored
        )

    # ---- what the gateway asks for ------------------------------------------------------------

    def place(self, order: MyOrder, now_ns: int) -> None:
        """Send an order, once."""
        self._placing.add(order.order_id)
        self._pairs.add(order.symbol)
        self._line.place(order)

    def cancel(self, order_id: str, now_ns: int) -> None:
        """Ask to cancel one; asked again for as long as the venue shows it open."""
        order = self._record.get(order_id)
        if order is None or not is_open(order):
            return
        if order.venue_id or self._facts.cancels_by_client_id or order_id in self._placing:
            self._line.cancel(order)
        else:
            self._doubt(order_id, now_ns)  # it is canceled when its id is found

    def amend(
        self, order_id: str, price: Decimal | None, volume: Decimal | None, now_ns: int
    ) -> None:
        """Ask for another price or volume."""
        order = self._record.get(order_id)
        if order is not None and is_open(order):
            self._line.amend(order, price, volume)

    def recover(self, orders: Sequence[MyOrder]) -> list[OrderReport]:
        """Ask for the open orders of an earlier session; the answers come by `advance`."""
        self._follow()
        for order in orders:
            if order.exchange is self._exchange:
                born_ns = self._born_ns.get(order.order_id, order.received_ns)
                self._doubts[order.order_id] = _Doubt(born_ns)
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
        self._follow()
        if self._balances is not None:
            self._compare_balances(self._balances, now_ns)
        reports: list[OrderReport] = []
        for answer in self._line.answers():
            reports += self._take(answer, now_ns)
        self._ask_what_is_due(now_ns)
        self._sign_of_life(now_ns)
        return reports

    # ---- answers ------------------------------------------------------------------------------

    def _take(self, answer: Answer, now_ns: int) -> list[OrderReport]:
        match answer:
            case Placed(order_id, venue_id, at_rest):
                self._placing.discard(order_id)
                if not at_rest:
                    self._doubt(order_id, now_ns)
                return [OrderReport(order_id, Happened.ACCEPTED, venue_id)]
            case Rejected(order_id, reason):
                self._placing.discard(order_id)
                return [OrderReport(order_id, Happened.REJECTED, reason=reason)]
            case InDoubt(order_id, reason):
                self._placing.discard(order_id)
                self._doubt(order_id, now_ns)
                return [OrderReport(order_id, Happened.UNKNOWN, reason=reason)]
            case Moved(order_id):
                doubt = self._doubt(order_id, now_ns)
                doubt.next_ns = min(doubt.next_ns, now_ns + _SOONEST_NS)
                return []
            case Canceled(order_id):
                self._doubt(order_id, now_ns)
                return []
            case NotCanceled(order_id, reason):
                _log.info("order %s: the cancel was not taken: %s", order_id, reason)
                self._doubt(order_id, now_ns)
                return []
            case Amended(order_id, price, volume, venue_id):
                happened = Happened.AMENDED
                return [OrderReport(order_id, happened, venue_id, price=price, volume=volume)]
            case NotAmended(order_id, reason, in_doubt):
                if in_doubt:
                    self._doubt(order_id, now_ns)
                return [OrderReport(order_id, Happened.NOTED, reason=f"amend: {reason}")]
            case Evidence():
                self._asking = False
                return self._weigh(answer, now_ns)

    def _weigh(self, evidence: Evidence, now_ns: int) -> list[OrderReport]:
        """Settle what this evidence settles."""
        if evidence.failure:
            _log.warning("%s: not all could be asked: %s", self._exchange, evidence.failure)
        reports: list[OrderReport] = []
        listed = [*evidence.ended, *evidence.open]
        for order in self._own(open_only=True):
            if order.order_id in self._placing or order.status is OrderStatus.INTENT:
                continue
            seen = next((one for one in listed if same_order(order, one)), None)
            if seen is not None:
                reports += self._seen(order, seen, evidence, now_ns)
            elif order.symbol in evidence.symbols and not evidence.failure:
                reports += self._not_found(order, evidence)
        reports += self._late_fills(evidence)
        if not evidence.failure:
            self._tell_open(evidence)
            self._balances = evidence.balances
        return reports

    def _seen(
        self, order: MyOrder, seen: MyOrder, evidence: Evidence, now_ns: int
    ) -> list[OrderReport]:
        fills = [one for one in evidence.fills if one.venue_id == seen.venue_id]
        if missing_fills(order, seen, fills) or (not is_open(seen) and evidence.failure):
            self._doubt(order.order_id, now_ns)
        elif is_open(seen) and order.cancel_wished:
            self._doubt(order.order_id, now_ns)
            self._line.cancel(msgspec.structs.replace(order, venue_id=seen.venue_id))
        else:
            self._doubts.pop(order.order_id, None)
        return reports_of(order, seen, fills)

    def _not_found(self, order: MyOrder, evidence: Evidence) -> list[OrderReport]:
        """Nobody has the order: no proof before the venue's grace is over."""
        doubt = self._doubt(order.order_id, evidence.answered_ns)
        waited_ns = evidence.asked_ns - doubt.since_ns
        if waited_ns < self._facts.not_found_grace_s * _SECOND_NS:
            return []
        if order.status is not OrderStatus.UNKNOWN:
            # It was there once, so it ended; how, only the venue can say.
            _log.error("order %s was open, and the venue lists it nowhere", order.order_id)
            return []
        self._doubts.pop(order.order_id, None)
        why = f"never reached the venue: not listed there {waited_ns / 1e9:.0f} s after it was sent"
        return [OrderReport(order.order_id, Happened.REJECTED, reason=why)]

    def _late_fills(self, evidence: Evidence) -> list[OrderReport]:
        """Fills of own orders that have ended here: booked all the same, and once."""
        reports = []
        for one in evidence.fills:
            order = self._record.get(self._order_ids.get(one.venue_id, ""))
            if order is not None and not is_open(order):
                fill = OrderReport(order.order_id, Happened.FILLED, one.venue_id, one.fill)
                reports.append(fill)
        return reports

    # ---- the private stream -------------------------------------------------------------------

    def _streamed_fill(self, event: MyTrade) -> list[OrderReport]:
        if event.exchange is not self._exchange or event.revision:
            return []
        order = self._record.get(event.order_id) if event.order_id else None
        if order is None or event.synthetic or not self._facts.fills_by_stream:
            self._next_reconcile_ns = min(self._next_reconcile_ns, event.received_ns + _SECOND_NS)
            return []
        fill = Fill(
            event.trade_id, event.price, event.volume, event.fee, event.fee_currency,
            event.liquidity, event.exchange_ns,
        )  # fmt: skip
        return [OrderReport(order.order_id, Happened.FILLED, order.venue_id, fill)]

    def _streamed_order(self, event: MyOrder) -> list[OrderReport]:
        if event.exchange is not self._exchange or event.revision:
            return []
        order = self._record.get(event.order_id) if event.order_id else None
        if order is None:
            own = self._own(open_only=True)
            order = next((one for one in own if same_order(one, event)), None)
        if order is None or not is_open(order):
            return []
        if missing_fills(order, event, ()) or event.status is OrderStatus.FILLED:
            self._doubt(order.order_id, event.received_ns)
        return reports_of(order, event, ())

    # ---- questions ----------------------------------------------------------------------------

    def _doubt(self, order_id: str, now_ns: int) -> _Doubt:
        doubt = self._doubts.get(order_id)
        if doubt is None:
            doubt = self._doubts[order_id] = _Doubt(now_ns)
        return doubt

    def _sign_of_life(self, now_ns: int) -> None:
        """Renew the venue's timer, three times before it would run out."""
        seconds = self._settings.cancel_all_after_s
        if seconds and now_ns >= self._next_sign_ns:
            self._next_sign_ns = now_ns + seconds * _SECOND_NS // 3
            self._line.cancel_all_after(seconds)

    def _ask_what_is_due(self, now_ns: int) -> None:
        if self._asking:
            return
        whole = now_ns >= self._next_reconcile_ns
        if not whole and not any(doubt.next_ns <= now_ns for doubt in self._doubts.values()):
            return
        opened = {order.order_id: order for order in self._own(open_only=True)}
        for order_id in [one for one in self._doubts if one not in opened]:
            del self._doubts[order_id]  # settled meanwhile
        asked = list(opened.values()) if whole else [opened[one] for one in self._doubts]
        if not asked and not whole:
            return
        for doubt in self._doubts.values():
            doubt.asked(now_ns)
        if whole:
            self._next_reconcile_ns = now_ns + self._settings.reconcile_ns
        born_ns = (self._born_ns.get(order.order_id, order.received_ns) for order in asked)
        since_ns = min([*born_ns, now_ns - self._settings.reconcile_ns])
        since_ns = max(0, since_ns - _SKEW_NS)
        pairs = {order.symbol for order in asked} | (self._pairs if whole else set())
        balances = whole and self._settings.compare_balances and not self._facts.contracts
        self._asking = True
        self._line.ask(asked, sorted(pairs), since_ns, balances)

    def _follow(self) -> None:
        """Read what the store has learned since."""
        while changes := self._record.changes(self._after):
            self._after = changes[-1].revision
            for change in changes:
                if change.exchange is not self._exchange:
                    continue
                if isinstance(change, MyTrade):
                    self._sum.book([change])
                    continue
                if change.venue_id:
                    self._order_ids[change.venue_id] = change.order_id
                if is_open(change):
                    self._born_ns.setdefault(change.order_id, change.received_ns)
                else:
                    self._born_ns.pop(change.order_id, None)

    # ---- what followers hear ------------------------------------------------------------------

    def _tell_open(self, evidence: Evidence) -> None:
        own = self._own(open_only=True)
        told: list[MyOrder] = []
        for seen in evidence.open:
            mine = next((order for order in own if same_order(order, seen)), None)
            if mine is None and seen.order_id and self._record.get(seen.order_id) is not None:
                continue  # it has ended since the venue was asked
            if mine is None:
                self._note_foreign(seen)
                told.append(seen)
            else:
                told.append(
                    msgspec.structs.replace(
                        seen, order_id=mine.order_id, robot=mine.robot, revision=mine.revision
                    )
                )
        self._tell([MyOrderBatch(evidence.answered_ns, self._exchange, tuple(told))])

    def _note_foreign(self, seen: MyOrder) -> None:
        if seen.venue_id not in self._foreign:
            self._foreign.add(seen.venue_id)
            words = "%s: order %s of %s is not ours: it is left alone"
            _log.info(words, self._exchange, seen.venue_id, seen.symbol)

    def _compare_balances(self, balances: Mapping[str, Decimal], now_ns: int) -> None:
        """The robots' sum against the account, once all fills of the evidence are stored."""
        self._balances = None
        events: list[Event] = []
        for currency, (expected, found) in self._sum.look(balances).items():
            reason = (
                f"the account holds {found:f} {currency}, the robots' fills make it {expected:f}: "
                "somebody else traded, paid in or out, or a fill is missing"
            )
            _log.error("%s: %s", self._exchange, reason)
            place = self._exchange, Channel.MY_TRADE, None
            events.append(Gap(now_ns, *place, f"{expected:f}", f"{found:f}", 0, reason))
        if events:
            self._tell(events)

    def _own(self, *, open_only: bool) -> list[MyOrder]:
        orders = self._record.orders(open_only=open_only)
        return [order for order in orders if order.exchange is self._exchange]
