"""The live gateway on a venue that drops, doubles, delays, hides, and fails: a seed decides when.

Checked at the end of each seed, once the venue has had quiet minutes: every order stands as the
venue has it, every fill is booked once, and the venue was never given an id twice. Nothing here has
a socket, a thread or a clock, so a seed is the same run each time.
"""

from __future__ import annotations

import random
from collections import Counter
from decimal import Decimal

import pytest
from tests.survival.harness import Tally
from tests.survival.mutants import BlindResend
from tests.survival.seeded_venue import BINANCE, BTC, NONE, SECOND, SeededLine, World

from millstream.model import MyOrder, OrderStatus, OrderType, Side, TimeInForce
from millstream.orders import Gateway, MemoryStore
from millstream.orders.lines.answers import InDoubt, Rejected
from millstream.orders.live import LiveSettings, LiveVenue
from millstream.orders.live.weighing import Scales
from millstream.orders.machine import Happened, is_open

ORDERS = 8


class Trader:
    """Orders and cancels by a seed, through gateways that live until they are killed."""

    def __init__(self, seed, gateway=Gateway, venue=LiveVenue):
        self.dice = random.Random(seed)
        self.world = World(random.Random(f"{seed} venue"))
        self.store = MemoryStore()
        self._gateway_type, self._venue_type = gateway, venue
        self._number = 0
        self.begin()

    def begin(self):
        """A new life of the gateway, on the same store."""
        settings = LiveSettings(BINANCE, 60 * SECOND, compare_balances=False)
        line = SeededLine(self.world)
        steady_ns = lambda: self.world.now_ns  # noqa: E731
        venue = self._venue_type(settings, line, self.store, lambda events: None, steady_ns)
        self.gateway = self._gateway_type(self.store, venue, 10 * SECOND)
        self.gateway.start(self.world.clock_ns)

    def turn(self, seconds):
        self.world.advance(seconds)
        streamed, self.world.streamed = self.world.streamed, []
        self.gateway.feed(streamed, self.world.clock_ns)
        self.gateway.step(self.world.clock_ns)

    def play(self):
        dice, world = self.dice, self.world
        for _ in range(ORDERS):
            self.wish()
            for _ in range(dice.randrange(1, 4)):
                self.turn(dice.choice((0.05, 0.4, 3.0, 12.0)))
                if dice.random() < 0.4:
                    side = dice.choice((Side.BUY, Side.SELL))
                    world.venue.take(BTC, side, 100 + side.sign, Decimal(1), world.now_ns)
                    world.refill()
                if dice.random() < 0.3:
                    opened = self.store.orders(open_only=True)
                    if opened:
                        self.gateway.cancel([dice.choice(opened).order_id], world.clock_ns)
            if dice.random() < 0.15:
                world.skew_ns = int(dice.choice((15, 3600)) * dice.uniform(-1, 1) * SECOND)
            if dice.random() < 0.2:
                self.begin()  # killed, and started again

    def wish(self):
        dice = self.dice
        self._number += 1
        side = dice.choice((Side.BUY, Side.SELL))
        order = MyOrder(
            received_ns=self.world.clock_ns, exchange=BINANCE, symbol=BTC, robot="trader",
            order_id=f"order{self._number}", venue_id="", side=side, type=OrderType.LIMIT,
            time_in_force=dice.choice((TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC)),
            post_only=False, price=Decimal(100) + dice.randrange(-4, 5) / Decimal(10),
            volume=Decimal(dice.randrange(1, 40)) / 10, status=OrderStatus.INTENT,
            filled_volume=Decimal(0), average_price=None, reason="", revision=0,
        )  # fmt: skip
        self.store.insert([order])

    def settle(self):
        """The venue is well again, and time passes."""
        self.world.faults = NONE
        for _ in range(24):
            self.turn(10.0)


def check(tally, trader, seed):
    before = tally.bad
    venue, store = trader.world.venue, trader.store
    there = {one.wish.client_id: one for one in venue.orders.values()}
    tally.runs += 1
    tally.acked += len(store.orders())
    tally.duplicated += sum(times - 1 for times in Counter(trader.world.placed).values())
    fills = Counter((str(one.trade_id), str(one.side)) for one in venue.fills)
    booked = Counter((one.trade_id, str(one.side)) for one in store.trades())
    tally.lost += sum((fills - booked).values())
    tally.duplicated += sum((booked - fills).values())
    for order in store.orders():
        true = there.get(order.order_id)
        if true is None:
            tally.wrong_state += is_open(order) or order.filled_volume != 0
        else:
            same = order.status is true.status and order.filled_volume == true.filled
            tally.wrong_state += not same
    if tally.bad != before:
        tally.failures.append(f"seed {seed}")


def run(seeds, **types):
    tally = Tally("seeded venue faults")
    for seed in seeds:
        trader = Trader(seed, **types)
        trader.play()
        trader.settle()
        check(tally, trader, seed)
    print(tally)
    return tally


def test_a_thousand_bad_venues_lose_double_and_change_nothing():
    tally = run(range(1_000))
    assert tally.acked == 1_000 * ORDERS
    assert tally.bad == (0, 0, 0), tally


@pytest.mark.soak
def test_a_hundred_thousand_bad_venues_lose_double_and_change_nothing():
    tally = run(range(10_000, 110_000))
    assert tally.bad == (0, 0, 0), tally


def test_a_seed_is_the_same_run_each_time():
    def story(seed):
        trader = Trader(seed)
        trader.play()
        return trader.store.changes(0, limit=10_000)

    assert story(7) == story(7)


# ---- what the harness must catch ----------------------------------------------------------------


class TimeoutMeansRejected(LiveVenue):
    """Takes no answer for a no."""

    def _take(self, answer, now_ns):
        if isinstance(answer, InDoubt):
            answer = Rejected(answer.order_id, answer.reason)
        return super()._take(answer, now_ns)


class IgnoresLateFills(LiveVenue):
    """An order that has ended has no fills any more, it thinks."""

    def _streamed_fill(self, event):
        order = self._own.get(event.order_id)
        return super()._streamed_fill(event) if order is not None and is_open(order) else []

    def _weigh(self, evidence, now_ns):
        reports = super()._weigh(evidence, now_ns)
        return [one for one in reports if one.happened is not Happened.FILLED]


class BelievesNotFound(LiveVenue):
    """Takes "not found" for proof at once."""

    def __init__(self, *given):
        super().__init__(*given)
        self._scales = Scales(self._own, self._doubts, grace_s=0)


@pytest.mark.parametrize(
    ("wrong", "types"),
    [
        ("duplicated", {"gateway": BlindResend}),
        ("wrong_state", {"venue": TimeoutMeansRejected}),
        ("lost", {"venue": IgnoresLateFills}),
        ("wrong_state", {"venue": BelievesNotFound}),
    ],
)
def test_the_harness_catches(wrong, types):
    tally = run(range(60), **types)
    assert getattr(tally, wrong) > 0
    assert tally.failures
