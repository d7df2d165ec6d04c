"""The user channel: cumulative numbers of orders to own orders and derived fills. Pure.

Coinbase streams no fills. One is derived whenever an order's cumulative quantity grows: its volume
is what was added, its price what was added to the value divided by that, its fee what was added to
the fees. Its id is the order's with the cumulative quantity it ends at, so that the same fill told
again, by a snapshot or by REST, has the same id.

What was filled before this decoder first heard of an order is not told as a fill when the order
came in the first snapshot: it is old. `MyOrder.filled_volume` has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from millstream.exchange.coinbase import wire
from millstream.exchange.coinbase.wire import amount
from millstream.exchange.coinbase.words import pair_of
from millstream.exchange.own_orders import OwnOrders
from millstream.exchange.times import nanoseconds
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

_ZERO = Decimal(0)
MAX_REMEMBERED = 100_000  # orders whose fills are remembered
HEARTBEATS_TO_END = 2  # a snapshot whose last batch was full has ended after so many

STATUS = {
    "PENDING": OrderStatus.WORKING,
    "QUEUED": OrderStatus.WORKING,
    "OPEN": OrderStatus.WORKING,
    "CANCEL_QUEUED": OrderStatus.WORKING,
    "EDIT_QUEUED": OrderStatus.WORKING,
    "FILLED": OrderStatus.FILLED,
    "CANCELLED": OrderStatus.CANCELED,
    "EXPIRED": OrderStatus.EXPIRED,
    "FAILED": OrderStatus.REJECTED,
}
OPEN = (OrderStatus.WORKING, OrderStatus.PARTIAL)
SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
TYPES = {
    "MARKET": OrderType.MARKET,
    "LIMIT": OrderType.LIMIT,
    "STOP": OrderType.STOP,
    "STOPLIMIT": OrderType.STOP_LIMIT,
}
TIMES = {
    "GOOD_UNTIL_CANCELLED": TimeInForce.GTC,
    "GOOD_UNTIL_DATE_TIME": TimeInForce.GTC,  # Coinbase alone ends it
    "IMMEDIATE_OR_CANCEL": TimeInForce.IOC,
    "FILL_OR_KILL": TimeInForce.FOK,
}


class Filled(msgspec.Struct, frozen=True):
    """How far an order was filled when its last fill was derived."""

    volume: Decimal = _ZERO
    value: Decimal = _ZERO  # in quote currency
    fees: Decimal = _ZERO
    rested: bool = False  # it was seen open before


class Account:
    """The events of one account's orders, of the channels that are wanted."""

    def __init__(self, channels: Sequence[Channel]) -> None:
        self._orders_wanted = Channel.MY_ORDER in channels
        self._trades_wanted = Channel.MY_TRADE in channels
        self._batches_wanted = Channel.MY_ORDER_BATCH in channels
        self._own = OwnOrders(Exchange.COINBASE)
        self._filled: dict[str, Filled] = {}
        self._open: dict[str, None] = {}  # the venue's ids of orders that are open
        self._snapshot: dict[str, None] | None = None  # ids, while batches are still to come
        self._heartbeats = 0  # since the last batch
        self._known_before = False  # a whole snapshot has come on an earlier connection
        self._heard = "", 0  # the venue's time of the last frame, as sent and in ns
        self.lost_at = "", 0  # and of the last one before what was missed, until it is made good

    def restart(self) -> None:
        """A new connection begins: its snapshot is to come."""
        self._snapshot, self._heartbeats = None, 0
        if not self.lost_at[0]:
            self.lost_at = self._heard

    def reconciled(self) -> None:
        """What was missed is known."""
        self.lost_at = "", 0

    @property
    def open_orders(self) -> list[str]:
        """The venue's ids of the orders known to be open."""
        return list(self._open)

    def frame(self, parts: Sequence[wire.Orders], told_at: str, received_ns: int) -> list[Event]:
        """The events of one frame; `told_at` is the venue's time, as sent."""
        told_ns = nanoseconds(told_at)
        self._heard = told_at, told_ns
        events: list[Event] = []
        for part in parts:
            snapshot = part.type == "snapshot"
            for order in part.orders:
                events += self._order(order, snapshot, told_ns, told_ns, received_ns)
            if snapshot:
                events += self._batch(part.orders, received_ns)
        return events

    def heartbeat(self, told_at: str, received_ns: int) -> list[Event]:
        """The events of a sign of life: it may show that a snapshot has ended."""
        if self._heard[1]:
            self._heard = told_at, nanoseconds(told_at)
        if self._snapshot is None:
            return []
        self._heartbeats += 1
        return self._whole(received_ns) if self._heartbeats >= HEARTBEATS_TO_END else []

    def known(self, order_id: str) -> MyOrder | None:
        """What is known of the order with this id of the venue's."""
        return self._own.known(order_id)

    def answer(
        self, orders: Sequence[wire.RestOrder], asked_ns: int, received_ns: int
    ) -> list[Event]:
        """The events of what REST says of orders; what the stream told after `asked_ns` stays."""
        times = [order.last_fill_time for order in orders]
        filled = [nanoseconds(one) if one else asked_ns for one in times]
        events: list[Event] = []
        for order, filled_ns in zip(orders, filled, strict=True):
            events += self._order(_streamed(order), False, asked_ns, filled_ns, received_ns)
        return events

    def _order(
        self,
        order: wire.Order,
        snapshot: bool,
        told_ns: int,
        filled_ns: int,
        received_ns: int,
    ) -> list[Event]:
        pair = pair_of(order.product_id)
        if pair is None or not order.order_id:
            return []  # a future: it is not priced in a currency
        events: list[Event] = []
        fill = self._fill(order, snapshot, filled_ns, received_ns)
        changed = self._merged(order, told_ns, received_ns)
        if fill is not None and self._trades_wanted:
            events.append(fill)
        if changed is not None and self._orders_wanted:
            events.append(changed)
        return events

    def _merged(self, order: wire.Order, told_ns: int, received_ns: int) -> MyOrder | None:
        status, filled = STATUS.get(order.status), amount(order.cumulative_quantity)
        if status is OrderStatus.WORKING and filled:
            status = OrderStatus.PARTIAL
        known = self._own.known(order.order_id)
        volume: Decimal | None = filled + amount(order.leaves_quantity)
        if status is not None and status not in OPEN and known is not None:
            volume = None  # a cancelled order leaves 0: its volume is the one known
        kind = order.order_type.upper().replace(" ", "").replace("_", "")
        merged = self._own.order(
            received_ns,
            order.order_id,
            order_id=order.client_order_id or None,
            symbol=pair_of(order.product_id),
            side=SIDES.get(order.order_side),
            type=TYPES.get(kind, OrderType.OTHER) if kind else None,
            time_in_force=TIMES.get(order.time_in_force),
            post_only=str(order.post_only).lower() == "true" if order.post_only != "" else None,
            price=amount(order.limit_price) or None,
            volume=volume,
            status=status,
            filled_volume=filled,
            average_price=amount(order.avg_price) or None,
            reason=_reason(order) or None,
            updated_ns=told_ns,
        )
        now = self._own.known(order.order_id)
        if now is not None and now.status in OPEN:
            self._open[order.order_id] = None
        else:
            self._open.pop(order.order_id, None)
        return merged

    def _fill(
        self, order: wire.Order, snapshot: bool, filled_ns: int, received_ns: int
    ) -> MyTrade | None:
        before = self._filled.get(order.order_id)
        volume, fees = amount(order.cumulative_quantity), amount(order.total_fees)
        value = amount(order.filled_value) or amount(order.avg_price) * volume
        resting = STATUS.get(order.status) is OrderStatus.WORKING
        if before is None:
            old = snapshot and not self._known_before
            before = Filled(volume, value, fees, resting) if old else Filled()
        added = volume - before.volume
        if added <= 0:
            self._remember(order.order_id, _with_rest(before, resting))
            return None
        self._remember(order.order_id, Filled(volume, value, fees, before.rested or resting))
        pair = pair_of(order.product_id)
        side = SIDES.get(order.order_side)
        known = self._own.known(order.order_id)
        if side is None and known is not None:
            side = known.side
        if side is None or pair is None:
            return None
        trade = MyTrade(
            received_ns,
            Exchange.COINBASE,
            pair,
            "",
            order.client_order_id or (known.order_id if known is not None else ""),
            trade_id(order.order_id, volume),
            side,
            (value - before.value) / added,
            added,
            fees - before.fees,
            pair.quote,
            Liquidity.MAKER if before.rested else Liquidity.TAKER,
            filled_ns,
            0,
            True,
        )
        return self._own.trade(trade)

    def _remember(self, order_id: str, filled: Filled) -> None:
        self._filled.pop(order_id, None)  # to the end of the line
        self._filled[order_id] = filled
        if len(self._filled) > MAX_REMEMBERED:
            oldest = next(iter(self._filled))
            del self._filled[oldest]

    def _batch(self, orders: Sequence[wire.Order], received_ns: int) -> list[Event]:
        """One batch of a snapshot has come; the one that is not full ends it."""
        if self._snapshot is None:
            self._snapshot = {}
        self._snapshot |= dict.fromkeys(order.order_id for order in orders)
        self._heartbeats = 0
        return [] if len(orders) >= wire.SNAPSHOT_BATCH else self._whole(received_ns)

    def _whole(self, received_ns: int) -> list[Event]:
        """The snapshot has ended: every open order of the account."""
        ids, self._snapshot = self._snapshot or {}, None
        self._known_before = True
        if not self._batches_wanted:
            return []
        orders = [order for order in map(self._own.known, ids) if order is not None]
        return [self._own.batch(received_ns, [one for one in orders if one.status in OPEN])]


def trade_id(order_id: str, volume: Decimal) -> str:
    """A derived fill's id: the order, and how much of it was filled when it had happened."""
    return f"{order_id}:{volume.normalize():f}"


def _with_rest(filled: Filled, resting: bool) -> Filled:
    rested = filled.rested or resting
    return filled if rested == filled.rested else msgspec.structs.replace(filled, rested=rested)


def _reason(order: wire.Order) -> str:
    reasons = (order.reject_reason, order.cancel_reason)
    return next((reason for reason in reasons if reason and "UNSPECIFIED" not in reason), "")


def _streamed(order: wire.RestOrder) -> wire.Order:
    """REST's words for an order as the stream's."""
    terms = next(iter(order.order_configuration.values()), wire.Terms())
    left = max(_ZERO, amount(terms.base_size) - amount(order.filled_size))
    return wire.Order(
        order_id=order.order_id,
        product_id=order.product_id,
        status=order.status,
        client_order_id=order.client_order_id,
        order_side=order.side,
        order_type=order.order_type,
        time_in_force=order.time_in_force,
        cumulative_quantity=order.filled_size,
        leaves_quantity=f"{left:f}",
        avg_price=order.average_filled_price,
        filled_value=order.filled_value,
        total_fees=order.total_fees,
        limit_price=terms.limit_price,
        post_only=terms.post_only,
        cancel_reason=order.cancel_message,
        reject_reason=order.reject_reason,
    )
