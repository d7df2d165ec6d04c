"""Whether a wished order may leave. No robot can reach this.

An approved order is a type of its own: what turns a wish into an intent takes nothing else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec

from millstream.model import MyOrder, OrderType, PlaceOrder, Side

__all__ = ["Approved", "Exposure", "Refusal", "RiskBook", "RiskLimits", "RiskState"]

_SECOND_NS: Final = 1_000_000_000
_NOTHING: Final = Decimal(0)
_ACCOUNT: Final = ""  # no robot has an empty name
_KINDS: Final = (OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT)


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
    max_drawdown: Decimal | None = None  # below the best so far; beyond it only ways out
    price_collar_bps: Decimal | None = None  # how far beyond the market a price may take


NO_LIMITS: Final = RiskLimits()


class Exposure(msgspec.Struct, frozen=True):
    """What somebody has at stake already."""

    position: Decimal  # in the wish's pair, in base currency
    open_orders: Sequence[MyOrder]  # of any pair; one whose outcome is in doubt counts as open
    drawdown: Decimal = _NOTHING  # in the pair's quote currency


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
    account: for all robots together.
    """

    def __init__(
        self,
        limits: RiskLimits,
        limits_by_robot: Mapping[str, RiskLimits] | None = None,
        account: RiskLimits = NO_LIMITS,
    ) -> None:
        self.state = RiskState.ACTIVE
        self._limits = limits
        self._account = account
        self._limits_by_robot = dict(limits_by_robot or {})
        self._approved_ns: dict[str, deque[int]] = {}

    @property
    def wants_drawdown(self) -> bool:
        """Whether any limit needs to know what was lost."""
        every = (self._limits, self._account, *self._limits_by_robot.values())
        return any(limits.max_drawdown is not None for limits in every)

    def judge(
        self,
        wish: PlaceOrder,
        robot: str,
        own: Exposure,
        reference_price: Decimal | None,
        now_ns: int,
        account: Exposure | None = None,
    ) -> Approved | Refusal:
        """Approve the wish, or say which limit it breaks.

        own: the robot's. account: that of all robots; None: nobody else is there.
        reference_price: the pair's latest known price, None if there is none.
        """
        limits = self._limits_by_robot.get(robot, self._limits)
        reason = _malformed(wish, reference_price) or self._against_state(wish, own)
        reason = reason or self._beyond(limits, robot, wish, own, reference_price, now_ns)
        if not reason:
            everybody = account or own
            reason = self._beyond(self._account, _ACCOUNT, wish, everybody, reference_price, now_ns)
            reason = f"of the account: {reason}" if reason else ""
        if reason:
            return Refusal(f"risk: {reason}")
        for name in (robot, _ACCOUNT):
            self._approved_ns.setdefault(name, deque()).append(now_ns)
        return Approved(wish, robot)

    def _beyond(
        self,
        limits: RiskLimits,
        name: str,
        wish: PlaceOrder,
        stake: Exposure,
        reference_price: Decimal | None,
        now_ns: int,
    ) -> str:
        return (
            self._too_many(limits, name, len(stake.open_orders), now_ns)
            or _too_far(limits, wish, reference_price)
            or _too_large(limits, wish, stake, reference_price)
            or _too_much_lost(limits, wish, stake)
        )

    def _against_state(self, wish: PlaceOrder, own: Exposure) -> str:
        if self.state is RiskState.HALTED:
            return "trading is halted"
        if self.state is RiskState.ACTIVE and not wish.reduce_only:
            return ""
        if _only_reduces(wish, own):
            return ""
        what = "the order is" if wish.reduce_only else "trading is"
        worst = _worst_position(wish, own)
        return f"{what} reducing only, and this could turn {own.position} into {worst}"

    def _too_many(self, limits: RiskLimits, name: str, opened: int, now_ns: int) -> str:
        if limits.max_open_orders is not None and opened >= limits.max_open_orders:
            return f"{opened} orders are open, the limit is {limits.max_open_orders}"
        times = self._approved_ns.get(name, deque())
        if times and times[-1] > now_ns:  # the clock was set back: the second begins anew
            self._approved_ns[name] = times = deque([now_ns] * len(times))
        while times and times[0] <= now_ns - _SECOND_NS:
            times.popleft()
        limit = limits.max_orders_per_second
        if limit is not None and len(times) >= limit:
            return f"{len(times)} orders within one second, the limit is {limit}"
        return ""


def _malformed(wish: PlaceOrder, reference_price: Decimal | None) -> str:
    """What is wrong with the order itself."""
    if wish.type not in _KINDS:
        return f'orders of the type "{wish.type}" cannot be placed'
    if not wish.volume.is_finite() or wish.volume <= 0:
        return f"the volume is {wish.volume}, it must be above 0"
    if wish.type in (OrderType.MARKET, OrderType.STOP):
        if wish.price is not None or wish.post_only:
            return f"a {wish.type} order has no price and cannot be post-only"
        if reference_price is None:
            return (
                f"no price of {wish.symbol} is known yet, so a {wish.type} order cannot be judged"
            )
    elif not _is_price(wish.price):
        return f"the price of a limit order is {wish.price}, it must be above 0"
    if wish.type in (OrderType.STOP, OrderType.STOP_LIMIT):
        if not _is_price(wish.stop_price):
            return f"the stop price is {wish.stop_price}, it must be above 0"
    elif wish.stop_price is not None:
        return f"a {wish.type} order has no stop price; its type would be stop or stop_limit"
    return ""


def _is_price(price: Decimal | None) -> bool:
    return price is not None and price.is_finite() and price > 0


def _too_far(limits: RiskLimits, wish: PlaceOrder, reference_price: Decimal | None) -> str:
    """Why the price is beyond the collar: a slip of the pen, or of a robot's arithmetic."""
    collar = limits.price_collar_bps
    if collar is None or wish.price is None:
        return ""
    if reference_price is None:
        return f"no price of {wish.symbol} is known yet, so the price collar cannot be held"
    beyond = (wish.price - reference_price) * wish.side.sign / reference_price * 10_000
    if beyond <= collar:
        return ""
    return (
        f"the price {wish.price:f} is {beyond:.0f} bps beyond the market's {reference_price:f}, "
        f"the limit is {collar:f}"
    )


def _too_much_lost(limits: RiskLimits, wish: PlaceOrder, stake: Exposure) -> str:
    limit = limits.max_drawdown
    if limit is None or stake.drawdown <= limit or _only_reduces(wish, stake):
        return ""
    return (
        f"{stake.drawdown:f} {wish.symbol.quote} below the best, the limit is {limit:f}: only "
        "orders that make the position smaller"
    )


def _too_large(
    limits: RiskLimits,
    wish: PlaceOrder,
    stake: Exposure,
    reference_price: Decimal | None,
) -> str:
    price = _price_to_judge(wish, reference_price)
    # A sell may fill far above its price: only a buy's own price bounds what it is worth.
    unbounded = wish.side is Side.SELL and reference_price is None
    unknown = f"no price of {wish.symbol} is known yet, so the worth of a sell cannot be judged"
    if limits.max_order_notional is not None and unbounded:
        return unknown
    notional = wish.volume * price
    if limits.max_order_notional is not None and notional > limits.max_order_notional:
        return (
            f"the order is worth {notional:f} {wish.symbol.quote}, the limit is "
            f"{limits.max_order_notional:f}"
        )
    # Only the side that the order adds to: a way back below a limit is never shut.
    worst = _worst_position(wish, stake) * wish.side.sign
    if limits.max_position_volume is not None and worst > limits.max_position_volume:
        return (
            f"the position could reach {worst:f} {wish.symbol.base} {_way(wish)}, the limit is "
            f"{limits.max_position_volume:f}"
        )
    if limits.max_position_notional is not None and unbounded and worst > 0:
        return unknown
    if limits.max_position_notional is not None and worst * price > limits.max_position_notional:
        return (
            f"the position could reach {worst * price:f} {wish.symbol.quote} {_way(wish)}, the "
            f"limit is {limits.max_position_notional:f}"
        )
    return ""


def _price_to_judge(wish: PlaceOrder, reference_price: Decimal | None) -> Decimal:
    """The highest price at which the order can be expected to fill."""
    if wish.price is None:
        return max(reference_price or _NOTHING, wish.stop_price or _NOTHING)
    if wish.side is Side.SELL and reference_price is not None:
        return max(wish.price, reference_price)
    return wish.price


def _only_reduces(wish: PlaceOrder, stake: Exposure) -> bool:
    """Whether the position can only become smaller by it, and never turn."""
    worst = _worst_position(wish, stake)
    return stake.position * wish.side.sign < 0 and worst * stake.position >= 0


def _worst_position(wish: PlaceOrder, stake: Exposure) -> Decimal:
    """The position if this order and every open one on its side filled whole."""
    pending = sum(
        (
            order.open_volume
            for order in stake.open_orders
            if order.side is wish.side
            and order.symbol == wish.symbol
            and order.exchange is wish.exchange
        ),
        _NOTHING,
    )
    return stake.position + (pending + wish.volume) * wish.side.sign


def _way(wish: PlaceOrder) -> str:
    return "long" if wish.side is Side.BUY else "short"
