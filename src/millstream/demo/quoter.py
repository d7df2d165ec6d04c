"""A two-sided market maker with an inventory limit: one order to buy, one to sell, both resting.

Each side is a slot that seeks a goal: an order at the price it desires, or none when the position
has reached its limit. One thing at a time: a slot that waits for an answer does nothing else.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from millstream.model import (
    Action,
    MyOrder,
    MyTrade,
    OrderStatus,
    Side,
    Ticker,
)
from millstream.robot import Robot
from millstream.robot.prices import round_down, round_up

# What the store says of an order, and what that makes of the slot that wished it.
SLOT_AFTER = {
    OrderStatus.INTENT: "pending_new",
    OrderStatus.SENT: "pending_new",
    OrderStatus.WORKING: "working",
    OrderStatus.PARTIAL: "working",
    OrderStatus.UNKNOWN: "pending_new",
    OrderStatus.FILLED: "free",
    OrderStatus.CANCELED: "free",
    OrderStatus.EXPIRED: "free",
    OrderStatus.REJECTED: "free",
}


class Slot(msgspec.Struct):
    """One side: at most one order."""

    state: str = "free"  # free → pending_new → working → pending_cancel → free
    order_id: str = ""
    price: Decimal = Decimal(0)


class QuoterState(msgspec.Struct):
    """What the quoter remembers."""

    buy: Slot = msgspec.field(default_factory=Slot)
    sell: Slot = msgspec.field(default_factory=Slot)
    position: Decimal = Decimal(0)
    fills: int = 0


class QuoterParameters(msgspec.Struct, frozen=True):
    """What the quoter is told."""

    volume: Decimal  # of each order, in base currency
    tick: Decimal  # the price grid of the venue
    most_position: Decimal  # long or short, in base currency
    away_bps: float = 2.0  # how far from the mid price it quotes
    requote_bps: float = 1.0  # how far its price may be off before it moves the order
    skew_bps: float = 2.0  # how far a full position pushes both quotes back towards zero


class Quoter(Robot):
    """Quotes both sides of its first market, as far as its position allows."""

    State = QuoterState
    Parameters = QuoterParameters
    state: QuoterState
    parameters: QuoterParameters

    def on_start(self) -> None:
        """Look at the inventory now and then."""
        self.every("5s", "inventory")

    def on_ticker(self, ticker: Ticker) -> list[Action]:
        """Move each side towards its goal."""
        wishes: list[Action] = []
        for side, slot in ((Side.BUY, self.state.buy), (Side.SELL, self.state.sell)):
            wish = self._seek(side, slot, ticker)
            if wish is not None:
                wishes.append(wish)
        return wishes

    def on_my_order(self, order: MyOrder) -> None:
        """Follow what became of an order."""
        for slot in (self.state.buy, self.state.sell):
            if slot.order_id == order.order_id:
                after = SLOT_AFTER[order.status]
                if not (slot.state == "pending_cancel" and after != "free"):
                    slot.state = after

    def on_my_trade(self, trade: MyTrade) -> None:
        """Count what was bought and sold."""
        self.state.position += trade.side.sign * trade.volume
        self.state.fills += 1
        self.log.info(
            f"{trade.side} {trade.volume} at {trade.price}: position {self.state.position}"
        )

    def on_timer(self, timer: object) -> None:
        """Say how the inventory stands."""
        self.log.debug(f"position {self.state.position} after {self.state.fills} fills")

    def _seek(self, side: Side, slot: Slot, ticker: Ticker) -> Action | None:
        goal = self._goal(side, ticker)
        if slot.state == "free" and goal is not None:
            order = self.limit(side, goal, self.parameters.volume, post_only=True)
            slot.state, slot.order_id, slot.price = "pending_new", order.order_id, goal
            return order
        if slot.state == "working" and (goal is None or self._is_off(slot.price, goal)):
            slot.state = "pending_cancel"
            return self.cancel(slot.order_id)
        return None

    def _goal(self, side: Side, ticker: Ticker) -> Decimal | None:
        """The price this side should rest at; None when the position allows no more."""
        told = self.parameters
        after = self.state.position + side.sign * told.volume
        if abs(after) > told.most_position and abs(after) > abs(self.state.position):
            return None
        full = float(self.state.position / told.most_position)
        fair = ticker.mid_price * (1 - full * told.skew_bps / 10_000)
        price = fair * (1 - side.sign * told.away_bps / 10_000)
        if side is Side.BUY:  # never at or through the other side: this order is to rest
            return min(round_down(price, told.tick), round_down(ticker.bid_price, told.tick))
        return max(round_up(price, told.tick), round_up(ticker.ask_price, told.tick))

    def _is_off(self, price: Decimal, goal: Decimal) -> bool:
        return abs(price - goal) * 10_000 > goal * Decimal(repr(self.parameters.requote_bps))
