"""Whether a wished order may leave. No robot can reach this.

An approved order is a type of its own: what turns a wish into an intent takes nothing else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec

from millstream.model import MyOrder, OrderType, PlaceOrder, Side

__all__ = ["Approved", "Refusal", "RiskBook", "RiskLimits", "RiskState"]

_SECOND_NS: Final = 1_000_000_000
_NOTHING: Final = Decimal(0)


class RiskState(StrEnum):
    """What may leave at all. Cancels always may."""

    ACTIVE = "active"  # every order within the limits
    REDUCING = "reducing"  # only orders that make a position smaller
    HALTED = "halted"  # no order


class RiskLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The limits of one robot; None: no limit. Notionals are in the pair's quote currency."""

    max_orders_per_second: int | None = None
    max_order_notional: Decimal | None = None
    max_position_notional: Decimal | None = None  # per pair, if all its open orders filled
    max_position_volume: Decimal | None = None  # the same in base currency
    max_open_orders: int | None = None


class Approved(msgspec.Struct, frozen=True):
    """An order that may leave."""

    wish: PlaceOrder
    robot: str


class Refusal(msgspec.Struct, frozen=True):
    """An order that may not leave."""

    reason: str  # "risk: …", as the robot reads it in its order


class RiskBook:
    """Judges wishes one by one; remembers when each robot's orders were approved.

    limits: for every robot that has none of its own in `limits_by_robot`.
    """

    def __init__(
        self, limits: RiskLimits, limits_by_robot: Mapping[str, RiskLimits] | None = None
    ) -> None:
        self.state = RiskState.ACTIVE
        self._limits = limits
        self._limits_by_robot = dict(limits_by_robot or {})
        self._approved_ns: dict[str, deque[int]] = {}

    def judge(
        self,
        wish: PlaceOrder,
        robot: str,
        position: Decimal,
        open_orders: Iterable[MyOrder],
        reference_price: Decimal | None,
        now_ns: int,
    ) -> Approved | Refusal:
        """Approve the wish, or say which limit it breaks.

        position: the robot's, in the wish's pair, in base currency.
        open_orders: the robot's, of any pair; one whose outcome is in doubt counts as open.
        reference_price: the pair's latest known price, None if there is none.
        """
        open_orders = list(open_orders)
        limits = self._limits_by_robot.get(robot, self._limits)
        reason = (
            _malformed(wish, reference_price)
            or self._against_state(wish, position, open_orders)
            or self._too_many(limits, robot, len(open_orders), now_ns)
            or _too_large(limits, wish, position, open_orders, reference_price)
        )
        if reason:
            return Refusal(f"risk: {reason}")
        self._approved_ns.setdefault(robot, deque()).append(now_ns)
        return Approved(wish, robot)

    def _against_state(
        self, wish: PlaceOrder, position: Decimal, open_orders: list[MyOrder]
    ) -> str:
        if self.state is RiskState.ACTIVE:
            return ""
        if self.state is RiskState.HALTED:
            return "trading is halted"
        worst = _worst_position(wish, position, open_orders)
        if position * wish.side.sign < 0 and worst * position >= 0:
            return ""
        return f"trading is reducing only, and this could turn {position} into {worst}"

    def _too_many(self, limits: RiskLimits, robot: str, opened: int, now_ns: int) -> str:
        if limits.max_open_orders is not None and opened >= limits.max_open_orders:
            return f"{opened} orders are open, the limit is {limits.max_open_orders}"
        times = self._approved_ns.get(robot, deque())
        while times and times[0] <= now_ns - _SECOND_NS:
            times.popleft()
        limit = limits.max_orders_per_second
        if limit is not None and len(times) >= limit:
            return f"{len(times)} orders within one second, the limit is {limit}"
        return ""


def _malformed(wish: PlaceOrder, reference_price: Decimal | None) -> str:
    """What is wrong with the order itself."""
    if not wish.volume.is_finite() or wish.volume <= 0:
        return f"the volume is {wish.volume}, it must be above 0"
    if wish.type is OrderType.MARKET:
        if wish.price is not None or wish.post_only:
            return "a market order has no price and cannot be post-only"
        if reference_price is None:
            return f"no price of {wish.symbol} is known yet, so a market order cannot be judged"
    elif wish.price is None or not wish.price.is_finite() or wish.price <= 0:
        return f"the price of a limit order is {wish.price}, it must be above 0"
    return ""


def _too_large(
    limits: RiskLimits,
    wish: PlaceOrder,
    position: Decimal,
    open_orders: list[MyOrder],
    reference_price: Decimal | None,
) -> str:
    price = _price_to_judge(wish, reference_price)
    notional = wish.volume * price
    if limits.max_order_notional is not None and notional > limits.max_order_notional:
        return (
            f"the order is worth {notional:f} {wish.symbol.quote}, the limit is "
            f"{limits.max_order_notional:f}"
        )
    # Only the side that the order adds to: a way back below a limit is never shut.
    worst = _worst_position(wish, position, open_orders) * wish.side.sign
    if limits.max_position_volume is not None and worst > limits.max_position_volume:
        return (
            f"the position could reach {worst:f} {wish.symbol.base} {_way(wish)}, the limit is "
            f"{limits.max_position_volume:f}"
        )
    if limits.max_position_notional is not None and worst * price > limits.max_position_notional:
        return (
            f"the position could reach {worst * price:f} {wish.symbol.quote} {_way(wish)}, the "
            f"limit is {limits.max_position_notional:f}"
        )
    return ""


def _price_to_judge(wish: PlaceOrder, reference_price: Decimal | None) -> Decimal:
    """The highest price at which the order can be expected to fill."""
    if wish.price is None:
        return reference_price or _NOTHING
    if wish.side is Side.SELL and reference_price is not None:
        return max(wish.price, reference_price)
    return wish.price


def _worst_position(wish: PlaceOrder, position: Decimal, open_orders: list[MyOrder]) -> Decimal:
    """The position if this order and every open one on its side filled whole."""
    pending = sum(
        (
            order.open_volume
            for order in open_orders
            if order.side is wish.side
            and order.symbol == wish.symbol
            and order.exchange is wish.exchange
        ),
        _NOTHING,
    )
    return position + (pending + wish.volume) * wish.side.sign


def _way(wish: PlaceOrder) -> str:
    return "long" if wish.side is Side.BUY else "short"
