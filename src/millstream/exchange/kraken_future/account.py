"""The private feeds: open orders and fills to own orders and own trades. Pure.

Only products of the stream's own kind (PF_ or PI_) are told of: a volume of PI_XBTUSD is in
dollars, one of PF_XBTUSD in bitcoins, and both are BTC/USD.

`qty` of an order is what remains. An order that is filled leaves the open orders, so its last word
is `is_cancel` with the reason full_fill: a fill, not a cancel. Fills carry numbers that are no test
of completeness; a snapshot of them comes with each connection, and each is told once. Orders that a
snapshot of open ones has no more ended unseen: the history says how, and goes to `ended`.
"""

from __future__ import annotations

from collections.abc import Sequence

from millstream.exchange.decoding import FrameCounts
from millstream.exchange.kraken_future import wire
from millstream.exchange.own_orders import OwnOrders
from millstream.exchange.vanished import Vanished
from millstream.model import (
    Channel,
    Event,
    Exchange,
    Liquidity,
    MyOrder,
    MyTrade,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
)

_KRAKEN_FUTURE = Exchange.KRAKEN_FUTURE
OPEN = (OrderStatus.WORKING, OrderStatus.PARTIAL)
FULL_FILL = "full_fill"
TRIGGERED = "stop_order_triggered"  # it leaves the stop orders, and lives on
NOT_TAKEN = ("post_order_failed", "not_enough_margin")  # never in the book, unless filled in part
TYPES = {
    "limit": OrderType.LIMIT,
    "lmt": OrderType.LIMIT,
    "post": OrderType.LIMIT,
    "ioc": OrderType.LIMIT,
    "market": OrderType.MARKET,
    "mkt": OrderType.MARKET,
    "stop": OrderType.STOP_LIMIT,
    "stp": OrderType.STOP_LIMIT,
}


class Account:
    """The events of one account, of the channels that are wanted."""

    def __init__(self, channels: Sequence[Channel], prefix: str, counts: FrameCounts) -> None:
        self._channels, self._prefix = frozenset(channels), prefix
        self._own = OwnOrders(_KRAKEN_FUTURE)
        self._vanished = Vanished(self._own, counts)

    def snapshot(self, orders: Sequence[wire.Order], received_ns: int) -> list[Event]:
        """The events of all open orders."""
        events: list[Event] = []
        listed = []
        for order in orders:
            events += self._changed(order, received_ns)
            known = self._own.known(order.order_id)
            if known is not None and known.status in OPEN:
                listed.append(known)
        if Channel.MY_ORDER in self._channels:
            self._vanished.listed([order.venue_id for order in listed])
        batch = self._own.batch(received_ns, listed)
        if Channel.MY_ORDER_BATCH in self._channels:
            events.append(batch)
        return events

    @property
    def vanished(self) -> list[str]:
        """The venue's ids of orders that ended, nobody knows how."""
        return list(self._vanished.orders)

    def unanswered(self, venue_ids: Sequence[str], received_ns: int) -> list[Event]:
        """REST was asked about these; a Gap for each that it is not worth asking for again."""
        return self._vanished.unanswered(received_ns, venue_ids)

    def ended(self, kind: str, event: wire.PastEvent, received_ns: int) -> list[Event]:
        """The events of what the history says last of one of them; none when that is no end."""
        order = event.new_order or event.order
        if order is None or not self._vanished.can_be(order.uid, order.quantity, order.filled):
            return []
        full = event.reason == FULL_FILL or (not order.quantity and order.filled > 0)
        status: OrderStatus | None = None
        if kind == "OrderRejected":
            status = OrderStatus.REJECTED
        elif full or kind == "OrderCancelled":
            status = _end(event.reason, full, order.filled > 0)
        if status is None:
            return []
        changed = self._vanished.ended(
            received_ns, order.uid, status, order.filled, None, event.reason
        )
        return [changed] if changed is not None else []

    def change(self, told: wire.OrderChange, received_ns: int) -> list[Event]:
        """The events of one change of one order."""
        if told.order is not None:
            return self._changed(told.order, received_ns, told.is_cancel, told.reason)
        known = self._own.known(told.order_id)
        if not told.order_id or not told.is_cancel:
            return []
        full = told.reason == FULL_FILL
        return self._told(
            self._own.order(
                received_ns,
                told.order_id,
                order_id=told.cli_ord_id or None,
                status=_end(told.reason, full, known is not None and known.filled_volume > 0),
                filled_volume=known.volume if full and known is not None else None,
                reason=told.reason or None,
            )
        )

    def fills(self, fills: Sequence[wire.Fill], snapshot: bool, received_ns: int) -> list[Event]:
        """The events of fills, in the order of their times."""
        events: list[Event] = []
        for fill in sorted(fills, key=lambda one: one.time):
            pair = wire.pair_of(fill.instrument, self._prefix)
            if pair is None or not fill.fill_id:
                continue
            side = Side.BUY if fill.buy else Side.SELL
            known = self._own.known(fill.order_id)
            new = self._own.trade(
                MyTrade(
                    received_ns,
                    _KRAKEN_FUTURE,
                    pair,
                    "",
                    fill.cli_ord_id or (known.order_id if known is not None else ""),
                    fill.fill_id,
                    side,
                    fill.price,
                    fill.qty,
                    fill.fee_paid,
                    fill.fee_currency or pair.quote,
                    Liquidity.MAKER if fill.fill_type == "maker" else Liquidity.TAKER,
                    fill.time * 1_000_000,
                    0,
                )
            )
            if new is None:
                continue
            if Channel.MY_TRADE in self._channels:
                events.append(new)
            if not snapshot or known is not None:  # a fill of long ago is no order of now
                events += self._filled(fill, new, known, received_ns)
        return events

    def _filled(
        self, fill: wire.Fill, trade: MyTrade, known: MyOrder | None, received_ns: int
    ) -> list[Event]:
        left = fill.remaining_order_qty
        if left is None:
            return []
        volume = known.volume if known is not None else fill.qty + left
        return self._told(
            self._own.order(
                received_ns,
                fill.order_id,
                order_id=fill.cli_ord_id or None,
                symbol=trade.symbol,
                side=trade.side,
                type=None if known is not None else TYPES.get(fill.order_type, OrderType.OTHER),
                volume=None if known is not None else volume,
                status=OrderStatus.PARTIAL if left else OrderStatus.FILLED,
                filled_volume=max(volume - left, fill.qty),
            )
        )

    def _changed(
        self, order: wire.Order, received_ns: int, is_cancel: bool = False, reason: str = ""
    ) -> list[Event]:
        pair = wire.pair_of(order.instrument, self._prefix)
        if pair is None or not order.order_id:
            return []
        full = reason == FULL_FILL or (is_cancel and not order.qty and order.filled > 0)
        filled, volume = order.filled, order.qty + order.filled
        if full:  # what is said to remain then is nobody's
            known = self._own.known(order.order_id)
            volume = known.volume if known is not None else volume
            filled = volume
        status: OrderStatus | None = OrderStatus.PARTIAL if filled else OrderStatus.WORKING
        if full or is_cancel:
            status = _end(reason, full, filled > 0)
        kind = TYPES.get(order.type, OrderType.OTHER)
        if kind is OrderType.STOP_LIMIT and not order.limit_price:
            kind = OrderType.STOP
        price = order.stop_price if kind is OrderType.STOP else order.limit_price
        changed = self._own.order(
            received_ns,
            order.order_id,
            order_id=order.cli_ord_id or None,
            symbol=pair,
            side=Side.SELL if order.direction else Side.BUY,
            type=kind,
            time_in_force=TimeInForce.IOC if order.type == "ioc" else TimeInForce.GTC,
            post_only=True if order.type == "post" else None,
            price=price or None,
            volume=volume,
            status=status,
            filled_volume=filled,
            reason=reason or None,
            updated_ns=(order.last_update_time or order.time) * 1_000_000,
        )
        return self._told(changed)

    def _told(self, order: MyOrder | None) -> list[Event]:
        return [order] if order is not None and Channel.MY_ORDER in self._channels else []


def _end(reason: str, full: bool, filled: bool) -> OrderStatus | None:
    """What `is_cancel` means; None: the order goes on."""
    if full:
        return OrderStatus.FILLED
    if reason == TRIGGERED:
        return None
    if not filled and reason.startswith(NOT_TAKEN):
        return OrderStatus.REJECTED
    return OrderStatus.CANCELED
