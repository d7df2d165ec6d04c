"""Robots that run away: limits hold them at every moment, and nothing leaves after the kill's mark.

A seed decides the limits, how the robots rave, what fills, and when somebody halts. Then the robots
rave on, or hang: the orders thread asks neither.
"""

from __future__ import annotations

import random
from decimal import Decimal

import pytest
from tests.orders.sample import BTC, VENUE, ticker
from tests.orders.test_service import events, wishes
from tests.survival.harness import Tally

from millstream.model import Liquidity, OrderType, Output, PlaceOrder, Side, TimeInForce
from millstream.orders import (
    Fill,
    Gateway,
    Happened,
    MemoryStore,
    OrderDesk,
    OrderReport,
    RiskBook,
    RiskLimits,
    RiskState,
)
from millstream.orders.kill_switch import Brake
from millstream.orders.service import orders_loop

SECOND = 1_000_000_000
TURNS = 12
ROBOTS = ("ann", "ben")


class Street:
    """A venue that notes what comes when, and fills some of it."""

    def __init__(self, dice):
        self._dice = dice
        self.came = []  # (time, order)
        self.canceled = []
        self.filled = set()
        self._reports = []

    def place(self, order, now_ns):
        self.came.append((now_ns, order))
        self._reports.append(OrderReport(order.order_id, Happened.ACCEPTED, f"v{order.order_id}"))
        if self._dice.random() < 0.2:
            self.filled.add(order.order_id)
            fee = Decimal(0)
            fill = Fill(
                order.order_id, Decimal(100), order.volume, fee, "USDT", Liquidity.TAKER, now_ns
            )
            self._reports.append(OrderReport(order.order_id, Happened.FILLED, fill=fill))

    def cancel(self, order_id, now_ns):
        self.canceled.append(order_id)
        self._reports.append(OrderReport(order_id, Happened.CANCELED))

    @property
    def ended(self):
        return self.filled.union(self.canceled)

    def feed(self, event):
        return []

    def advance(self, now_ns):
        reports, self._reports = self._reports, []
        return reports

    def recover(self, orders):
        return []


class Raving:
    """An inbox full of wishes, and the time that goes with it."""

    def __init__(self, seed, hang):
        self.dice = random.Random(seed)
        self.now_ns = 1_000 * SECOND
        self.turn = 0
        self.mark = self.dice.randrange(2, TURNS)
        self._hang = hang  # from the mark on the robots say nothing
        self._number = 0

    def receive(self, timeout_ms):
        self.turn += 1
        self.now_ns += self.dice.choice((1_000, 40_000_000, 400_000_000))
        if self.turn > TURNS or (self._hang and self.turn > self.mark):
            return []
        told = [events(ticker(self.now_ns))]
        batches = [self.dice.randrange(1, 25) for _ in range(self.dice.randrange(1, 4))]
        return told + [wishes(*(self._wish() for _ in range(count))) for count in batches]

    def _wish(self):
        self._number += 1
        dice = self.dice
        wish = PlaceOrder(
            VENUE, BTC, dice.choice((Side.BUY, Side.BUY, Side.SELL)), OrderType.LIMIT,
            Decimal(dice.randrange(1, 60)) / 10, Decimal(dice.randrange(95, 106)),
            TimeInForce.GTC, False, f"o{self._number}",
        )  # fmt: skip
        return Output(self.turn, dice.choice(ROBOTS), wish)

    def clock_ns(self):
        self.now_ns += 1
        return self.now_ns

    def stop(self):
        return self.turn > TURNS

    def brake(self, now_ns):
        halted = self.turn >= self.mark
        return Brake(RiskState.HALTED, "the test", "runaway", 1) if halted else Brake()


def drawn_limits(seed):
    dice = random.Random(f"{seed} limits")
    return RiskLimits(
        max_orders_per_second=dice.randrange(1, 15),
        max_open_orders=dice.randrange(1, 10),
        max_order_notional=Decimal(dice.randrange(50, 500)),
        max_position_volume=Decimal(dice.randrange(1, 15)),
    )


def run_away(tally, seed, gateway=Gateway, book=RiskBook):
    limits, raving, store = drawn_limits(seed), Raving(seed, hang=seed % 2 == 1), MemoryStore()
    street = Street(raving.dice)
    left_at_mark, looks = [], [0]

    def brake(now_ns):
        found = raving.brake(now_ns)
        if found.state is RiskState.HALTED:
            if not left_at_mark:
                left_at_mark.append(len(street.came))
            looks[0] += 1
            if looks[0] == 2:  # between two looks everything was canceled
                left_at_mark.append(len({i.order_id for _, i in street.came} - street.ended))
        return found

    orders_loop(
        raving, store, OrderDesk(store, book(limits)), gateway(store, street, 10 * SECOND),
        lambda: None, raving.clock_ns, raving.stop, brake,
    )  # fmt: skip
    tally.runs += 1
    tally.acked += len(store.orders())
    wrong = len(street.came) - left_at_mark[0]  # what left after the mark
    wrong += left_at_mark[1]  # what was still at work at the next look
    for robot in ROBOTS:
        came = [one for one in street.came if one[1].robot == robot]
        wrong += _beyond_limits(came, limits) + _beyond_position(came, street.filled, limits)
    tally.wrong_state += wrong
    if wrong:
        tally.failures.append(f"seed {seed}")
    return street


def _beyond_limits(came, limits):
    """How many of a robot's orders were beyond its limits when they came."""
    wrong = 0
    for at, (now_ns, order) in enumerate(came):
        recent = [1 for then_ns, _ in came[: at + 1] if now_ns - then_ns < SECOND - 1_000_000]
        wrong += len(recent) > limits.max_orders_per_second
        at_least = Decimal(0) if order.side is Side.BUY else Decimal(100)  # a sell gets the market
        wrong += max(order.price, at_least) * order.volume > limits.max_order_notional
    return wrong


def _beyond_position(came, filled, limits):
    """How many came while position and open orders of their side could pass the limit."""
    position, resting, wrong = Decimal(0), {Side.BUY: Decimal(0), Side.SELL: Decimal(0)}, 0
    for _, order in came:
        resting[order.side] += order.volume
        worst = position * order.side.sign + resting[order.side]
        wrong += worst > limits.max_position_volume
        if order.order_id in filled:
            position += order.volume * order.side.sign
            resting[order.side] -= order.volume
    return wrong


def run_away_often(seeds, **types):
    tally, came = Tally("runaway robots"), 0
    for seed in seeds:
        came += len(run_away(tally, seed, **types).came)
    print(f"{tally}; {came} orders left")
    return tally, came


def test_runaway_robots_are_held_by_limits_and_stopped_by_the_kill_switch():
    tally, came = run_away_often(range(100))
    assert tally.acked > 100 * 20
    assert came > 100  # limits hold back; they do not shut
    assert tally.wrong_state == 0, tally


@pytest.mark.soak
def test_ten_thousand_runaway_robots():
    tally, _ = run_away_often(range(1_000, 11_000))
    assert tally.wrong_state == 0, tally


class DeafGateway(Gateway):
    """Hears of no kill."""

    def halt(self, why, now_ns):
        pass


class Limitless(RiskBook):
    """Forgets its limits."""

    def __init__(self, limits):
        super().__init__(RiskLimits())


class Rateless(RiskBook):
    """Forgets how fast."""

    def __init__(self, limits):
        kept = {name: getattr(limits, name) for name in limits.__struct_fields__}
        super().__init__(RiskLimits(**kept | {"max_orders_per_second": None}))


@pytest.mark.parametrize(
    "types", [{"gateway": DeafGateway}, {"book": Limitless}, {"book": Rateless}]
)
def test_the_harness_catches(types):
    tally, _ = run_away_often(range(20), **types)
    assert tally.wrong_state > 0
    assert tally.failures
