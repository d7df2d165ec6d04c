"""What is known of the account's own orders, put together from reports. For private decoders; pure.

Venues send an order in pieces, twice, late, and out of order. The rules that hold for all of them:

    a report leaves something out       what is known of it stays
    filled volume                       never falls
    a terminal order                    never opens again
    a report older than what is known   only fills in what was not known at all
    a fill seen before                  is dropped
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final, TypeAlias

from msgspec.structs import replace

from millstream.model import (
    CurrencyPair,
    Exchange,
    MyOrder,
    MyOrderBatch,
    MyTrade,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
)

MAX_TRADES = 100_000  # fills remembered by their ids
MAX_ENDED = 10_000  # ended orders remembered, so that a late report cannot open them again

# A status never goes down this list.
_RANKS: Final[dict[OrderStatus, int]] = {
    OrderStatus.INTENT: 0,
    OrderStatus.UNKNOWN: 0,
    OrderStatus.SENT: 1,
    OrderStatus.WORKING: 2,
    OrderStatus.PARTIAL: 3,
    OrderStatus.FILLED: 4,
    OrderStatus.CANCELED: 4,
    OrderStatus.EXPIRED: 4,
    OrderStatus.REJECTED: 4,
}
_ENDED = 4

_TradeKey: TypeAlias = tuple[CurrencyPair, str, Side]


class _Known:
    """An order as far as it is known; None: not known yet."""

    __slots__ = (
        *("average_price", "filled_volume", "order_id", "post_only", "price", "reason"),
        *("received_ns", "side", "status", "symbol", "time_in_force", "told", "type"),
        *("unlisted", "updated_ns", "volume"),
    )

    def __init__(self) -> None:
        self.order_id: str | None = None
        self.symbol: CurrencyPair | None = None
        self.side: Side | None = None
        self.type: OrderType | None = None
        self.time_in_force: TimeInForce | None = None
        self.post_only: bool | None = None
        self.price: Decimal | None = None
        self.volume: Decimal | None = None
        self.status: OrderStatus | None = None
        self.filled_volume = Decimal(0)
        self.average_price: Decimal | None = None
        self.reason: str | None = None
        self.updated_ns = 0  # the venue's time of the newest report
        self.received_ns = 0
        self.told: MyOrder | None = None  # as it was last given out
        self.unlisted = False  # a list of the open ones had it no more, and nothing came since

    @property
    def ended(self) -> bool:
        return self.status is not None and _RANKS[self.status] == _ENDED

    @property
    def open(self) -> bool:
        return not (self.ended or self.unlisted)


class OwnOrders:
    """The own orders of one account on one venue."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._orders: dict[str, _Known] = {}
        self._ended: dict[str, None] = {}  # venue ids, oldest first
        self._trades: dict[_TradeKey, None] = {}  # oldest first

    def order(
        self,
        received_ns: int,
        venue_id: str,
        *,
        order_id: str | None = None,
        symbol: CurrencyPair | None = None,
        side: Side | None = None,
        type: OrderType | None = None,  # noqa: A002 - as MyOrder names it
        time_in_force: TimeInForce | None = None,
        post_only: bool | None = None,
        price: Decimal | None = None,
        volume: Decimal | None = None,
        status: OrderStatus | None = None,
        filled_volume: Decimal | None = None,
        average_price: Decimal | None = None,
        reason: str | None = None,
        updated_ns: int = 0,
    ) -> MyOrder | None:
        """The order after this report, which may be partial; None: nothing changed.

        A field left None keeps its value. updated_ns is the venue's time of the report, 0 when it
        has none. While symbol, side or volume are not known the report is remembered and None
        returned.
        """
        known = self._orders.get(venue_id)
        if known is None:
            known = self._orders[venue_id] = _Known()
        known.received_ns = received_ns
        known.unlisted = False
        news = {
            "order_id": order_id,
            "symbol": symbol,
            "side": side,
            "type": type,
            "time_in_force": time_in_force,
            "post_only": post_only,
            "price": price,
            "volume": volume,
            "reason": reason,
        }
        old = 0 < updated_ns < known.updated_ns
        if known.status is OrderStatus.FILLED and status is not OrderStatus.FILLED:
            news["reason"] = None  # of a cancel that came too late: it is not this order's end
        for name, value in news.items():
            if value is not None and (not old or getattr(known, name) is None):
                setattr(known, name, value)
        if not old:
            known.updated_ns = max(known.updated_ns, updated_ns)
            _fill(known, filled_volume, average_price)
            _advance(known, status)
        elif known.status is None:
            _advance(known, status)
        return self._tell(received_ns, venue_id, known)

    def trade(self, trade: MyTrade) -> MyTrade | None:
        """The fill; None when its symbol, trade id and side were seen before."""
        key = (trade.symbol, trade.trade_id, trade.side)
        if key in self._trades:
            return None
        self._trades[key] = None
        if len(self._trades) > MAX_TRADES:
            del self._trades[next(iter(self._trades))]
        return trade

    def batch(
        self, received_ns: int, orders: Iterable[MyOrder], *, asked_ns: int = 0
    ) -> MyOrderBatch:
        """Every open order: `orders`, which overwrite what is known to be open.

        asked_ns: when a REST question was asked; what the stream told since then is newer than the
        answer and stays. An order that is known to have ended is left out; filled volumes that are
        known to be higher stay.
        """
        listed = {order.venue_id: order for order in orders}
        for venue_id, known in list(self._orders.items()):
            newer = asked_ns and known.received_ns >= asked_ns
            if venue_id not in listed and not known.ended and not newer:
                known.unlisted = True  # remembered: a late report must not take back its fills
                self._end(venue_id)
        for venue_id, order in listed.items():
            before = self._orders.get(venue_id)
            if before is not None and asked_ns and before.received_ns >= asked_ns:
                continue
            self.order(
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
                status=order.status,
                filled_volume=order.filled_volume,
                average_price=order.average_price,
                reason=order.reason or None,
            )
        told = [known.told for known in self._orders.values() if known.open]
        return MyOrderBatch(received_ns, self._exchange, tuple(one for one in told if one))

    def open_orders(self) -> list[MyOrder]:
        """The orders that are open as far as is known, as they were last given out."""
        return [known.told for known in self._orders.values() if known.told and known.open]

    def known(self, venue_id: str) -> MyOrder | None:
        """The order as it was last given out; None when it never was."""
        known = self._orders.get(venue_id)
        return known.told if known is not None else None

    def _tell(self, received_ns: int, venue_id: str, known: _Known) -> MyOrder | None:
        if known.symbol is None or known.side is None or known.volume is None:
            if known.ended:  # and the rest may never be told
                self._end(venue_id)
            return None
        told = known.told
        order = MyOrder(
            told.received_ns if told is not None else received_ns,
            self._exchange,
            known.symbol,
            "",
            known.order_id or "",
            venue_id,
            known.side,
            known.type or OrderType.OTHER,
            known.time_in_force or TimeInForce.GTC,
            bool(known.post_only),
            known.price,
            known.volume,
            known.status or OrderStatus.WORKING,
            known.filled_volume,
            known.average_price,
            known.reason or "",
            0,
        )
        if order == told:  # but for the time at which we heard of it
            return None
        if told is not None:
            order = replace(order, received_ns=received_ns)
        known.told = order
        if known.ended:
            self._end(venue_id)
        return order

    def _end(self, venue_id: str) -> None:
        """Remember it among the last that ended, or that no list has any more."""
        self._ended[venue_id] = None
        if len(self._ended) > MAX_ENDED:
            oldest = next(iter(self._ended))
            del self._ended[oldest]
            if (known := self._orders.get(oldest)) is not None and not known.open:
                del self._orders[oldest]


def _fill(known: _Known, filled_volume: Decimal | None, average_price: Decimal | None) -> None:
    if filled_volume is not None and filled_volume < known.filled_volume:
        return
    if filled_volume is not None:
        known.filled_volume = filled_volume
    if average_price is not None:
        known.average_price = average_price


def _advance(known: _Known, status: OrderStatus | None) -> None:
    """Move the status on, never back; an open order with a fill is PARTIAL."""
    before = known.status
    if status is not None and (before is None or _RANKS[status] > _RANKS[before]):
        known.status = status
    if known.status is OrderStatus.WORKING and known.filled_volume > 0:
        known.status = OrderStatus.PARTIAL
