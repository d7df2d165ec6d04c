"""The executions channel: partial reports of own orders, and their fills. Pure.

Frames are numbered one by one on each connection. After a hole the channel is to be subscribed
anew: its snapshot holds every open order. A fill is told once, however often a snapshot repeats it.
Orders that a snapshot has no more ended unseen: REST says how, and its answer goes to `ended`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from millstream.exchange.decoding import FrameCounts
from millstream.exchange.kraken import wire
from millstream.exchange.own_orders import OwnOrders
from millstream.exchange.times import nanoseconds
from millstream.exchange.vanished import Vanished
from millstream.model import (
    Channel,
    CurrencyPair,
    Event,
    Exchange,
    Gap,
    Liquidity,
    MyOrder,
    MyTrade,
    OrderStatus,
    OrderType,
    Resynced,
    Side,
    TimeInForce,
)

_KRAKEN = Exchange.KRAKEN
_ZERO = Decimal(0)

STATUS = {
    "pending_new": OrderStatus.WORKING,
    "new": OrderStatus.WORKING,
    "triggered": OrderStatus.WORKING,
    "partially_filled": OrderStatus.PARTIAL,
    "filled": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELED,
    "expired": OrderStatus.EXPIRED,
    "rejected": OrderStatus.REJECTED,
}
ENDS = {
    "closed": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELED,
    "expired": OrderStatus.EXPIRED,
}
OPEN = (OrderStatus.WORKING, OrderStatus.PARTIAL)
SIDES = {"buy": Side.BUY, "sell": Side.SELL}
TYPES = {
    "limit": OrderType.LIMIT,
    "market": OrderType.MARKET,
    "stop-loss": OrderType.STOP,
    "stop-loss-limit": OrderType.STOP_LIMIT,
}
TIMES = {
    "gtc": TimeInForce.GTC,
    "gtd": TimeInForce.GTC,  # Kraken alone ends it
    "ioc": TimeInForce.IOC,
    "fok": TimeInForce.FOK,
}


class Account:
    """The events of one account, of the channels that are wanted."""

    def __init__(
        self, channels: Sequence[Channel], counts: FrameCounts, wanted: list[CurrencyPair | None]
    ) -> None:
        self._channels = frozenset(channels)
        self._channel = next((one for one in channels if one.private), Channel.MY_ORDER)
        self._counts, self._wanted = counts, wanted  # wanted: None is the account
        self._own = OwnOrders(_KRAKEN)
        self._vanished = Vanished(self._own, counts)
        self._expected = -1  # the number that should come; -1: any
        self._lost = False  # something is missing, and no snapshot has come since

    def restart(self) -> None:
        """A new connection begins, and counts anew."""
        self._expected, self._lost = -1, False

    def replaced(self) -> None:
        """Another connection takes over, and counts anew; what is missing still is."""
        self._expected = -1

    def frame(self, frame: wire.ExecutionFrame, received_ns: int) -> list[Event]:
        """The events of one frame. Raises WrongFrame when a time in it is none."""
        times = [nanoseconds(one.timestamp) if one.timestamp else 0 for one in frame.data]
        snapshot = frame.type == "snapshot"
        if not snapshot and 0 <= frame.sequence < self._expected:
            return []  # it has come before
        events = self._numbered(frame.sequence, snapshot, received_ns)
        in_snapshot: dict[str, None] = {}
        for report, updated_ns in zip(frame.data, times, strict=True):
            if not report.order_id:
                continue
            fill = self._fill(report, updated_ns, received_ns)
            old_fill = snapshot and report.exec_type == "trade"
            order = None if old_fill else self._order(report, fill, updated_ns, received_ns)
            if fill is not None and Channel.MY_TRADE in self._channels:
                events.append(fill)
            if order is not None and Channel.MY_ORDER in self._channels:
                events.append(order)
            if snapshot and not old_fill:
                in_snapshot[report.order_id] = None
        if snapshot:
            events += self._snapshot(frame, in_snapshot, received_ns)
        return events

    @property
    def vanished(self) -> list[str]:
        """The venue's ids of orders that ended, nobody knows how."""
        return list(self._vanished.orders)

    def unanswered(self, venue_ids: Sequence[str], received_ns: int) -> list[Event]:
        """REST was asked about these; a Gap for each that it is not worth asking for again."""
        return self._vanished.unanswered(received_ns, venue_ids)

    def ended(self, told: Mapping[str, wire.RestOrder], received_ns: int) -> list[Event]:
        """The events of what REST says of them; one that it calls open still is asked for again."""
        events: list[Event] = []
        for venue_id, order in told.items():
            status = ENDS.get(order.status)
            if status is None or not self._vanished.can_be(venue_id, order.vol_exec, order.price):
                continue
            average, reason = order.price or None, order.reason or ""
            changed = self._vanished.ended(
                received_ns, venue_id, status, order.vol_exec, average, reason
            )
            if changed is not None:
                events.append(changed)
        return events

    def lose(self, received_ns: int, expected: str, got: str, missing: int, reason: str) -> Gap:
        """What is known may lack something until the next snapshot."""
        self._lost = True
        self._wanted.append(None)
        self._counts.gaps += 1
        return Gap(received_ns, _KRAKEN, self._channel, None, expected, got, missing, reason)

    def _numbered(self, number: int, snapshot: bool, received_ns: int) -> list[Event]:
        expected, self._expected = self._expected, number + 1
        if snapshot or expected < 0 or number == expected:
            return []
        told, got, missing = str(expected), str(number), number - expected
        return [self.lose(received_ns, told, got, missing, "frames of the account are missing")]

    def _snapshot(
        self, frame: wire.ExecutionFrame, order_ids: dict[str, None], received_ns: int
    ) -> list[Event]:
        events: list[Event] = []
        if self._lost:
            self._lost = False
            self._counts.resynced += 1
            events.append(Resynced(received_ns, _KRAKEN, self._channel, None, frame.sequence))
        if frame.data and not order_ids:
            return events  # of fills only: it says nothing of open orders
        known = (self._own.known(order_id) for order_id in order_ids)
        orders = [order for order in known if order is not None and order.status in OPEN]
        if Channel.MY_ORDER in self._channels:
            self._vanished.listed(order_ids)
        batch = self._own.batch(received_ns, orders)
        if Channel.MY_ORDER_BATCH in self._channels:
            events.append(batch)
        return events

    def _fill(self, report: wire.Execution, updated_ns: int, received_ns: int) -> MyTrade | None:
        """The fill that a report tells of, unless it was told before."""
        known = self._own.known(report.order_id)
        pair = known.symbol if known is not None else wire.pair_of(report.symbol)
        side = SIDES.get(report.side) or (known.side if known is not None else None)
        price, volume = report.last_price, report.last_qty
        if report.exec_type != "trade" or not report.exec_id or price is None or volume is None:
            return None
        if pair is None or side is None:
            return None
        currency = report.fees[0].asset if report.fees else pair.quote
        fee = sum((fee.qty for fee in report.fees if fee.asset == currency), _ZERO)
        return self._own.trade(
            MyTrade(
                received_ns,
                _KRAKEN,
                pair,
                "",
                report.cl_ord_id or (known.order_id if known is not None else ""),
                report.exec_id,
                side,
                price,
                volume,
                fee,
                currency,
                Liquidity.MAKER if report.liquidity_ind == "m" else Liquidity.TAKER,
                updated_ns,
                0,
            )
        )

    def _order(
        self,
        report: wire.Execution,
        fill: MyTrade | None,
        updated_ns: int,
        received_ns: int,
    ) -> MyOrder | None:
        known = self._own.known(report.order_id)
        status = STATUS.get(report.order_status)
        if report.exec_type == "rejected":
            status = OrderStatus.REJECTED
        filled = report.cum_qty
        if filled is None and known is not None:
            if status is OrderStatus.FILLED:
                filled = known.volume
            elif fill is not None:  # a fill need not say how much there is in all
                filled = known.filled_volume + fill.volume
        if status is OrderStatus.WORKING and filled:
            status = OrderStatus.PARTIAL
        kind = TYPES.get(report.order_type, OrderType.OTHER) if report.order_type else None
        return self._own.order(
            received_ns,
            report.order_id,
            order_id=report.cl_ord_id or None,
            symbol=wire.pair_of(report.symbol) if report.symbol else None,
            side=SIDES.get(report.side),
            type=kind,
            time_in_force=TIMES.get(report.time_in_force.lower()),
            post_only=report.post_only,
            price=_price(report, kind),
            volume=report.order_qty,
            status=status,
            filled_volume=filled,
            average_price=report.avg_price or None,
            reason=report.reason or report.cancel_reason or None,
            updated_ns=updated_ns,
        )


def _price(report: wire.Execution, kind: OrderType | None) -> Decimal | None:
    """What it is to be priced at: a stop order's is its stop price; 0 is none."""
    if kind is OrderType.STOP:
        trigger = report.triggers.price if report.triggers is not None else None
        return trigger or report.stop_price or None
    return report.limit_price or None
