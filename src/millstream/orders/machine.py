"""The life of an order: one table, and how a report changes an order.

Reports merge whatever their order: repeated, late, a fill before the acknowledgement. A status only
moves forward, filled volume never falls, and an order that ended never reopens. What a report
proves is kept even then: a late fill of a canceled order is booked and the status stays.
"""

from __future__ import annotations

import logging
from decimal import Context, Decimal
from enum import StrEnum
from typing import Final

import msgspec

from millstream.errors import StoreError
from millstream.model import Liquidity, MyOrder, MyTrade, OrderStatus
from millstream.orders.numbers import EXACT

__all__ = [
    "LIFE",
    "TERMINAL",
    "Fill",
    "Happened",
    "OrderReport",
    "changes_of",
    "is_open",
    "merge",
]

_log = logging.getLogger(__name__)


class Happened(StrEnum):
    """What a report says happened to an order."""

    SENT = "sent"  # marked before the bytes leave
    UNKNOWN = "unknown"  # sent, and the outcome is in doubt
    ACCEPTED = "accepted"
    FILLED = "filled"  # in part or whole: the volumes say which
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    # What follows moves no status, and is not in the table.
    CANCEL_WISHED = "cancel_wished"  # stored before the venue is asked, so that no crash loses it
    AMENDED = "amended"  # price or volume are others now
    NOTED = "noted"  # a sentence about it: a fill that is impossible, an amend that was refused


# Short names, so that the table below fits a screen.
_INTENT, _SENT, _UNKNOWN = OrderStatus.INTENT, OrderStatus.SENT, OrderStatus.UNKNOWN
_WORKING, _PARTIAL, _FILLED = OrderStatus.WORKING, OrderStatus.PARTIAL, OrderStatus.FILLED
_CANCELED, _EXPIRED, _REJECTED = OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.REJECTED
_STAYS: Final = None

# Status by what happened gives status. PARTIAL reads FILLED once nothing is left to fill.
# Doubt about an order that is known to work changes nothing: its exposure counts either way.
# fmt: off
_TABLE: Final[dict[OrderStatus, tuple[OrderStatus | None, ...]]] = {
    #            sent    unknown   accepted  filled    canceled   expired   rejected
    _INTENT:   (_SENT,  _UNKNOWN, _WORKING, _PARTIAL, _CANCELED, _EXPIRED, _REJECTED),
    _SENT:     (_STAYS, _UNKNOWN, _WORKING, _PARTIAL, _CANCELED, _EXPIRED, _REJECTED),
    _UNKNOWN:  (_STAYS, _STAYS,   _WORKING, _PARTIAL, _CANCELED, _EXPIRED, _REJECTED),
    _WORKING:  (_STAYS, _STAYS,   _STAYS,   _PARTIAL, _CANCELED, _EXPIRED, _REJECTED),
    _PARTIAL:  (_STAYS, _STAYS,   _STAYS,   _PARTIAL, _CANCELED, _EXPIRED, _REJECTED),
    _FILLED:   (_STAYS, _STAYS,   _STAYS,   _STAYS,   _STAYS,    _STAYS,   _STAYS),
    _CANCELED: (_STAYS, _STAYS,   _STAYS,   _STAYS,   _STAYS,    _STAYS,   _STAYS),
    _EXPIRED:  (_STAYS, _STAYS,   _STAYS,   _STAYS,   _STAYS,    _STAYS,   _STAYS),
    _REJECTED: (_STAYS, _STAYS,   _STAYS,   _STAYS,   _STAYS,    _STAYS,   _STAYS),
}
# fmt: on

_STATUSLESS: Final = (Happened.CANCEL_WISHED, Happened.AMENDED, Happened.NOTED)
_COLUMNS: Final = tuple(what for what in Happened if what not in _STATUSLESS)
LIFE: Final[dict[OrderStatus, dict[Happened, OrderStatus]]] = {
    status: {what: after or status for what, after in zip(_COLUMNS, row, strict=True)}
    | dict.fromkeys(_STATUSLESS, status)
    for status, row in _TABLE.items()
}
TERMINAL: Final = frozenset({_FILLED, _CANCELED, _EXPIRED, _REJECTED})


class Fill(msgspec.Struct, frozen=True):
    """One execution, as the venue reports it."""

    trade_id: str  # unique on the venue for this pair
    price: Decimal
    volume: Decimal  # in base currency
    fee: Decimal  # positive: paid
    fee_currency: str
    liquidity: Liquidity
    exchange_ns: int


class OrderReport(msgspec.Struct, frozen=True):
    """One thing that a venue, or our own gateway, says about an order."""

    order_id: str  # ours
    happened: Happened
    venue_id: str = ""  # the venue's, when the report carries it
    fill: Fill | None = None  # with FILLED, and only with it
    reason: str = ""
    exchange_ns: int = 0  # the venue's own time; 0: it sent none
    price: Decimal | None = None  # with AMENDED; None: as it was
    volume: Decimal | None = None  # with AMENDED; None: as it was


def is_open(order: MyOrder) -> bool:
    """True while the order may still fill; an order in doubt is open."""
    return order.status not in TERMINAL


def merge(order: MyOrder, report: OrderReport, now_ns: int) -> MyOrder | None:
    """The order after the report, or None when the report says nothing new.

    The caller has removed fills that are booked already (`changes_of` does it for a store).
    Raises StoreError when a fill goes beyond the order's volume, or FILLED comes without a fill.
    """
    if report.happened in _STATUSLESS:
        return _beside_the_table(order, report, now_ns)
    filled, average, fill = order.filled_volume, order.average_price, report.fill
    if report.happened is Happened.FILLED:
        if fill is None:
            raise StoreError(
                f"order {order.order_id}: the report says filled but carries no fill; nothing is "
                "booked, ask the venue for the trades of this order"
            )
        filled, average = _with_fill(order, fill)
    status = LIFE[order.status][report.happened]
    if status is _PARTIAL and filled == order.volume:
        status = _FILLED
    venue_id = order.venue_id or report.venue_id
    if status is order.status and filled == order.filled_volume and venue_id == order.venue_id:
        return None
    return msgspec.structs.replace(
        order,
        received_ns=now_ns,
        venue_id=venue_id,
        status=status,
        filled_volume=filled,
        average_price=average,
        reason=order.reason if status is order.status else report.reason,
    )


def _beside_the_table(order: MyOrder, report: OrderReport, now_ns: int) -> MyOrder | None:
    """The order after a report that moves no status, or None when it says nothing new."""
    changed = order
    if report.happened is Happened.NOTED:
        changed = msgspec.structs.replace(order, reason=report.reason)
    elif not is_open(order):
        return None
    elif report.happened is Happened.CANCEL_WISHED:
        changed = msgspec.structs.replace(order, cancel_wished=True)
    else:
        volume = order.volume if report.volume is None else report.volume
        volume = max(volume, order.filled_volume)  # what is filled stays filled
        whole = order.filled_volume == volume and volume > 0
        changed = msgspec.structs.replace(
            order,
            price=order.price if report.price is None else report.price,
            volume=volume,
            status=_FILLED if whole else order.status,
        )
    if changed == order:
        return None
    return msgspec.structs.replace(changed, received_ns=now_ns)


def changes_of(
    order: MyOrder, report: OrderReport, fill_is_booked: bool, now_ns: int
) -> tuple[MyTrade | None, MyOrder | None]:
    """What a store must write for one report: the new fill and the changed order, if any.

    A fill that is booked already still proves that the venue has the order. One that is impossible
    is refused for itself alone: the order's reason says so, and followers hear of it.
    """
    if fill_is_booked:
        report = msgspec.structs.replace(report, happened=Happened.ACCEPTED, fill=None, reason="")
    try:
        changed = merge(order, report, now_ns)
    except StoreError as error:
        _log.error("%s", error)
        note = OrderReport(order.order_id, Happened.NOTED, reason=str(error))
        return None, merge(order, note, now_ns)
    if report.happened is not Happened.FILLED or report.fill is None:
        return None, changed
    return _trade_of(order, report.fill, now_ns), changed


def _trade_of(order: MyOrder, fill: Fill, now_ns: int) -> MyTrade:
    return MyTrade(
        received_ns=now_ns,
        exchange=order.exchange,
        symbol=order.symbol,
        robot=order.robot,
        order_id=order.order_id,
        trade_id=fill.trade_id,
        side=order.side,
        price=fill.price,
        volume=fill.volume,
        fee=fill.fee,
        fee_currency=fill.fee_currency,
        liquidity=fill.liquidity,
        exchange_ns=fill.exchange_ns,
        revision=0,
    )


# An average is a quotient of 34 digits (as many as a decimal128 holds), from which the exact cost
# so far is found again by rounding to 32: real costs have fewer. So the order in which fills came
# leaves no trace in it.
_AVERAGE: Final = Context(prec=34)
_COST: Final = Context(prec=32)
_NOTHING: Final = Decimal(0)


def _with_fill(order: MyOrder, fill: Fill) -> tuple[Decimal, Decimal]:
    """Filled volume and average price after one more fill."""
    if not (fill.volume.is_finite() and fill.volume > 0 and fill.price.is_finite()):
        raise StoreError(
            f"order {order.order_id}: fill {fill.trade_id} of {fill.volume} at {fill.price} is not "
            "a trade; it is refused, compare it with the venue's own record"
        )
    filled = EXACT.add(order.filled_volume, fill.volume)
    if filled > order.volume:
        raise StoreError(
            f"order {order.order_id} is for {order.volume} {order.symbol.base} and has "
            f"{order.filled_volume}: fill {fill.trade_id} of {fill.volume} goes beyond it; it is "
            "refused, compare both with the venue's own record"
        )
    before = EXACT.multiply(order.average_price or _NOTHING, order.filled_volume)
    cost = EXACT.add(_COST.plus(before), EXACT.multiply(fill.price, fill.volume))
    return filled, _plain(_AVERAGE.divide(cost, filled))


def _plain(number: Decimal) -> Decimal:
    """The number without trailing zeros and without an exponent a person would not write."""
    short = EXACT.normalize(number)
    return short.quantize(Decimal(1), context=EXACT) if short.as_tuple().exponent > 0 else short  # type: ignore[operator]
