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
    OrderStatus.REJECTED: "refused",  # until the next timer: nothing has changed yet
}


class Slot(msgspec.Struct):
    """One side: at most one order."""

    state: str = "free"  # free → pending_new → working → pending_cancel → free; refused
    order_id: str = ""
    price: float = 0.0
    allowed: bool = True  # False when one more fill would take the position past its limit


class QuoterState(msgspec.Struct):
    """What the quoter remembers."""

    buy: Slot = msgspec.field(default_factory=Slot)
    sell: Slot = msgspec.field(default_factory=Slot)
    position: Decimal = Decimal(0)
    lean: float = 0.0  # how far both quotes are pushed back towards a flat position, of the price
    fills: int = 0


class QuoterParameters(msgspec.Struct, frozen=True):
    """What the quoter is told."""

    volume: Decimal  # of each order, in base currency
    tick: Decimal  # the price grid of the venue
    most_position: Decimal  # long or short, in base currency
    away_bps: float = 4.0  # how far from the fair price it quotes
    requote_bps: float = 2.0  # how far its price may be off before it moves the order
    skew_bps: float = 5.0  # how far a full position pushes both quotes back towards a flat one

    def __post_init__(self) -> None:
        for name in ("volume", "tick", "most_position"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} takes a number above 0")


class Quoter(Robot):
    """Quotes both sides of its first market, as far as its position allows."""

    State = QuoterState
    Parameters = QuoterParameters
    state: QuoterState
    parameters: QuoterParameters

    def on_start(self) -> None:
        """Look at the inventory now and then."""
        self.every("5s", "inventory")

    def on_ticker(self, ticker: Ticker) -> list[Action] | None:
        """Move each side towards its goal."""
        state = self.state
        fair = ticker.mid_price * (1 - state.lean)
        away = fair * self.parameters.away_bps / 10_000
        # Never at or through the other side: these orders are to rest.
        buy = self._seek(Side.BUY, state.buy, min(fair - away, ticker.bid_price))
        sell = self._seek(Side.SELL, state.sell, max(fair + away, ticker.ask_price))
        if buy is None and sell is None:
            return None
        return [wish for wish in (buy, sell) if wish is not None]

    def on_my_order(self, order: MyOrder) -> None:
        """Follow what became of an order."""
        for slot in (self.state.buy, self.state.sell):
            if slot.order_id == order.order_id:
                after = SLOT_AFTER[order.status]
                if not (slot.state == "pending_cancel" and after != "free"):
                    slot.state = after

    def on_my_trade(self, trade: MyTrade) -> None:
        """Count what was bought and sold."""
        state, told = self.state, self.parameters
        state.position += trade.side.sign * trade.volume
        state.fills += 1
        state.lean = float(state.position / told.most_position) * told.skew_bps / 10_000
        state.buy.allowed = state.position + told.volume <= told.most_position
        state.sell.allowed = state.position - told.volume >= -told.most_position
        self.log.info(f"{trade.side} {trade.volume} at {trade.price}: position {state.position}")

    def on_timer(self, timer: object) -> None:
        """Say how the inventory stands, and try again what was refused."""
        for slot in (self.state.buy, self.state.sell):
            if slot.state == "refused":
                slot.state = "free"
        self.log.debug(f"position {self.state.position} after {self.state.fills} fills")

    def _seek(self, side: Side, slot: Slot, goal: float) -> Action | None:
        """One step of a slot towards an order at the goal, or towards none."""
        if slot.state == "free" and slot.allowed:
            rounded = round_down if side is Side.BUY else round_up
            order = self.limit(
                side, rounded(goal, self.parameters.tick), self.parameters.volume, post_only=True
            )
            slot.state, slot.order_id, slot.price = "pending_new", order.order_id, goal
            return order
        if slot.state == "working":
            off_bps = abs(slot.price - goal) / goal * 10_000
            if not slot.allowed or off_bps > self.parameters.requote_bps:
                slot.state = "pending_cancel"
                return self.cancel(slot.order_id)
        return None
