"""What waits of other bots: bounded, whole, and said. Real producers and sockets."""

from __future__ import annotations

import asyncio
import random

import pandas as pd
import pytest
from tests.frames.live import PAIR, Followed, publish, serving, until
from tests.frames.sample import frame, update

from millstream.frames.held import HeldFrames
from millstream.model import (
    CurrencyPair,
    Exchange,
    FrameUpdate,
    Gap,
    ProducerState,
    Trade,
    Whitelist,
)
from millstream.model.codec import decode_events
from millstream.model.frames import PublishWhitelist
from millstream.session.in_step import StepPublisher
from millstream.session.learned import LearnedPublisher, LearnedQueue
from millstream.strategy.producer_market import ProducerMarket

LAST = 700
PAST = 150
MOST = 100  # may wait


ALL = frame(0, LAST).assign(high=1e9, low=0.0, volume=1.0)


def candles(first, end):
    return ALL[first:end]


class Robots:
    """Takes batches, or does not; what it took."""

    def __init__(self):
        self.events, self.takes = [], True

    def send(self, body, timeout_ms=0):
        self.events += decode_events(body)
        return True

    def offer(self, body):
        return self.takes and self.send(body)


async def flood(server, followed):
    """More updates than may wait, and the one that ends them."""
    await until(lambda: followed.client.figures()[0].frames == 1)
    for row in range(PAST, LAST):
        server.publish(publish(candles(row, row + 1)))
        if row % 20 == 0:
            await asyncio.sleep(0)  # as a market has it: not all in one turn
    await until(lambda: len(followed.client.followers[0].held.keys("p")) == 1)
    await until(lambda: last_row(followed.client.followers[0].held) == LAST)


def last_row(held):
    status = held.status("p", PAIR, "5m", "spot")
    begins = frame(0, 1)["date"].iloc[0].value
    return (status.last_ns - begins) // 300_000_000_000 + 1


def held_by(events):
    held = HeldFrames()
    for event in events:
        if isinstance(event, FrameUpdate):
            assert held.apply(event).ok
    return held.get("p", PAIR, "5m", "spot")[0]


@pytest.mark.parametrize("limit", [1_500, 200], ids=["all", "cut"])
def test_a_market_that_is_slower_than_its_producer_waits_bounded_and_says_what_is_gone(limit):
    """cut: more candles come than a frame holds, so some of them are nowhere any more."""
    market, robots, quiet = Robots(), Robots(), [True]
    made = ProducerMarket("p", Exchange.BINANCE, {PAIR: CurrencyPair("BTC", "USDT")}, "5m", "spot")

    async def story():
        async with serving() as server:
            server.publish(PublishWhitelist((PAIR,)))
            server.publish(publish(candles(0, PAST), replace=True))
            followed = Followed(server.port)
            followed.client.followers[0]._taken.held = HeldFrames(limit)
            steps = StepPublisher(
                market, robots, lambda: quiet[0], lambda: None, lambda: None,
                LearnedQueue(followed.client.as_one, MOST), made.events,
            )  # fmt: skip
            followed.client._publish = lambda events: [steps.learn(event) for event in events]
            async with followed:
                await until(lambda: any(isinstance(e, FrameUpdate) for e in robots.events))
                quiet[0] = False
                await flood(server, followed)
                assert steps.waiting <= MOST + 1
                quiet[0] = True
                await until(lambda: not steps.waiting)
                produced = followed.client.followers[0].held.get("p", PAIR, "5m", "spot")[0]
        return produced

    produced = asyncio.run(story())
    took = held_by(robots.events).tail(limit).reset_index(drop=True)
    pd.testing.assert_frame_equal(took, produced.tail(limit).reset_index(drop=True))
    told = [e for e in robots.events if isinstance(e, ProducerState) and e.state == "conflated"]
    assert told
    assert "updates came as one" in told[0].reason
    prices = [event.price for event in market.events if isinstance(event, Trade)]
    opened = prices[::4]
    missing = sum(event.missing for event in market.events if isinstance(event, Gap))
    assert opened == sorted(set(opened))  # each candle once, in order
    assert len(opened) + missing == LAST - PAST
    assert bool(missing) is (limit == 200)


def test_robots_that_take_nothing_for_a_while_get_every_row_later():
    robots = Robots()
    robots.takes = False

    async def story():
        async with serving() as server:
            server.publish(PublishWhitelist((PAIR,)))
            server.publish(publish(candles(0, PAST), replace=True))
            followed = Followed(server.port)
            learned = LearnedPublisher(
                robots, lambda: 1, LearnedQueue(followed.client.as_one, MOST)
            )
            followed.client._publish = lambda events: [learned.learn(event) for event in events]
            async with followed:
                await flood(server, followed)
                assert learned.waiting <= MOST + 200  # and a batch on its way
                robots.takes = True
                await until(lambda: not learned.waiting)
                produced = followed.client.followers[0].held.get("p", PAIR, "5m", "spot")[0]
            learned.close()
        return produced

    produced = asyncio.run(story())
    pd.testing.assert_frame_equal(held_by(robots.events), produced)


def test_what_came_as_one_leaves_the_same_frame_wherever_the_queue_was_full():
    """Rows that change, old ones too, whole frames, other states between them."""
    for seed in range(10):
        chance = random.Random(seed)
        held, robots, taken = HeldFrames(400), HeldFrames(400), []
        queue = LearnedQueue(held.as_one, chance.choice([2, 5, 20]))
        end = 50
        for number in range(1, 200):
            kind = chance.random()
            if kind < 0.05 or number == 1:
                end += chance.randrange(1, 30)
                event = update(frame(chance.randrange(end - 40), end), True, number)
            elif kind < 0.15:
                event = ProducerState(1, "p", "gap", "BTC/USDT", "5m", "spot")
            elif kind < 0.2:
                event = Whitelist(1, "p", (str(number),))
            else:
                first = chance.randrange(end - 5, end + 1)
                end = max(end, first + chance.randrange(1, 4))
                event = update(frame(first, end).assign(close=float(number)), False, number)
            if isinstance(event, FrameUpdate):
                assert held.apply(event).ok
            queue.put(event)
            while queue and chance.random() < 0.4:
                taken += queue.take()
        while queue:
            taken += queue.take()
        for event in taken:
            if isinstance(event, FrameUpdate):
                assert robots.apply(event).ok
        key = ("p", "BTC/USDT", "5m", "spot")
        pd.testing.assert_frame_equal(robots.get(*key)[0], held.get(*key)[0])
        assert robots.status(*key).sequence == held.status(*key).sequence
        assert queue.conflated
