"""What becomes of wishes for orders that find no room on their way out. Pure.

The orders were stuck, or away, for as long as a sender waits: what is wished then is old.

    an order to place    is not placed: its robot hears of it, REJECTED with the reason
    a cancel             is kept, and goes out before anything else
    an amend             is left out: a `Gap` among the own orders says so
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Protocol

from millstream.model import (
    AmendOrder,
    AnyEvent,
    CancelAll,
    CancelOrder,
    Channel,
    Gap,
    MyOrder,
    OrderStatus,
    Output,
    PlaceOrder,
)
from millstream.model.codec import decode_events, decode_outputs, encode_outputs
from millstream.robot.group import RobotGroup

__all__ = ["Outgoing", "Sender", "orders_left_out"]

_PATIENCE_MS: Final = 10_000
_WHY: Final = "it found no room on its way to the orders, which took nothing for long"
_NOT_PLACED: Final = f"not placed: {_WHY}"


class Sender(Protocol):
    """Where batches go: `bus.Sender`."""

    def send(self, body: bytes, timeout_ms: int = ...) -> bool:
        """Hand over a batch; False when there was no room for so long."""


class Outgoing:
    """The way of wishes to the orders: a `Sender` that leaves nothing out without a word."""

    def __init__(self, wishes: Sender, robots: RobotGroup) -> None:
        self._wishes, self._robots = wishes, robots
        self._cancels: list[Output] = []  # that found no room
        self._left: list[Output] = []  # what robots have not heard of yet

    def send(self, body: bytes, timeout_ms: int = _PATIENCE_MS) -> bool:
        """Hand over a batch of wishes, behind the cancels that found no room before."""
        if self.retry(timeout_ms) and self._wishes.send(body, timeout_ms):
            return True
        for output in decode_outputs(body):
            is_cancel = isinstance(output.body, CancelOrder | CancelAll)
            (self._cancels if is_cancel else self._left).append(output)
        return False

    def retry(self, timeout_ms: int = 0) -> bool:
        """Hand over the cancels that found no room; whether none is left."""
        if self._cancels and self._wishes.send(encode_outputs(self._cancels), timeout_ms):
            self._cancels = []
        return not self._cancels

    def told(self, now_ns: int) -> list[AnyEvent]:
        """What robots have to hear of what was left out since this was called last."""
        left, self._left = self._left, []
        events: list[AnyEvent] = []
        for output in left:
            if isinstance(output.body, PlaceOrder):
                events.append(_refused(output.robot, output.body, now_ns))
            elif isinstance(output.body, AmendOrder):
                events += self._amend_left_out(output.robot, output.body, now_ns)
        return events

    def _amend_left_out(self, robot: str, amend: AmendOrder, now_ns: int) -> list[AnyEvent]:
        seat = self._robots.seat(robot)
        exchanges = dict.fromkeys(market.exchange for market in seat.robot.markets) if seat else ()
        reason = f"{robot}: the amend of order {amend.order_id} was left out: {_WHY}"
        place = Channel.MY_ORDER, None, "", "", 1, reason
        return [Gap(now_ns, exchange, *place) for exchange in exchanges]


def _refused(robot: str, wish: PlaceOrder, now_ns: int) -> MyOrder:
    """The order as its robot hears of it; the order store has never had it."""
    return MyOrder(
        received_ns=now_ns, exchange=wish.exchange, symbol=wish.symbol, robot=robot,
        order_id=wish.order_id, venue_id="", side=wish.side, type=wish.type,
        time_in_force=wish.time_in_force, post_only=wish.post_only, price=wish.price,
        volume=wish.volume, status=OrderStatus.REJECTED, filled_volume=Decimal(0),
        average_price=None, reason=_NOT_PLACED, revision=0,
        stop_price=wish.stop_price, reduce_only=wish.reduce_only,
    )  # fmt: skip


def orders_left_out(body: bytes) -> set[str]:
    """The ids of orders of which a batch of events says that they were not placed."""
    if _WHY.encode() not in body:
        return set()
    events = [event for event in decode_events(body) if isinstance(event, MyOrder)]
    return {order.order_id for order in events if order.reason == _NOT_PLACED}
