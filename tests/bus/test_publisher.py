from __future__ import annotations

import asyncio

from millstream.bus import EventPublisher
from millstream.model import CurrencyPair, Exchange, Side, Ticker, Trade
from millstream.model.codec import decode_events

BTC = CurrencyPair.BTC_USDT


def trade(number):
    return Trade(
        number, Exchange.BINANCE, CurrencyPair.BTC_USDT, 0, 1.0, 1.0, Side.BUY, str(number)
    )


def ticker(number):
    return Ticker(number, Exchange.BINANCE, BTC, 0, 1.0, 1.0, 2.0, 1.0)


class Follower:
    """Takes batches while it has room."""

    def __init__(self, room=1_000_000):
        self.room = room
        self.batches = []

    def offer(self, body):
        if not self.room:
            return False
        self.room -= 1
        self.batches.append(body)
        return True

    @property
    def events(self):
        return [event for body in self.batches for event in decode_events(body)]


def run(scene):
    asyncio.run(asyncio.wait_for(scene(), 10))


def test_what_comes_in_one_turn_of_the_loop_leaves_as_one_batch():
    follower = Follower()

    async def scene():
        publisher = EventPublisher([follower], lambda: 0)
        for number in range(3):
            publisher.trade_queue.put_nowait(trade(number))
        assert follower.batches == []
        await asyncio.sleep(0)
        publisher.trade_queue.put_nowait(trade(3))
        await asyncio.sleep(0)

    run(scene)
    assert [len(decode_events(body)) for body in follower.batches] == [3, 1]


def test_a_long_turn_leaves_in_batches_of_128():
    follower = Follower()

    async def scene():
        publisher = EventPublisher([follower], lambda: 0)
        for number in range(300):
            publisher.put_nowait(trade(number))
        await asyncio.sleep(0)

    run(scene)
    assert [len(decode_events(body)) for body in follower.batches] == [128, 128, 44]


def test_every_follower_gets_the_same_bytes():
    first, second = Follower(), Follower()

    async def scene():
        publisher = EventPublisher([first, second], lambda: 0)
        publisher.put_nowait(trade(1))
        await asyncio.sleep(0)

    run(scene)
    assert first.batches[0] is second.batches[0]


def test_a_full_follower_slows_nobody_and_gets_every_trade_later():
    slow, fast = Follower(room=1), Follower()

    async def scene():
        publisher = EventPublisher([slow, fast], lambda: 0)
        for number in range(5):
            publisher.put_nowait(trade(number))
            publisher.put_nowait(ticker(number))
            await asyncio.sleep(0)
        assert len(fast.events) == 10
        assert len(slow.events) == 2
        slow.room = 100
        while publisher.waiting:
            await asyncio.sleep(0.005)
        assert publisher.conflated == 3

    run(scene)
    trades = [event for event in slow.events if isinstance(event, Trade)]
    assert trades == [trade(number) for number in range(5)]
    assert slow.events[-1] == ticker(4)


def test_a_feed_that_is_paused_when_full_arrives_whole_and_goes_on_when_there_is_room():
    slow = Follower(room=1)
    told = []

    async def scene():
        publisher = EventPublisher(
            [slow], lambda: 0, lambda: told.append("full"), lambda: told.append("room")
        )
        for number in range(5):
            publisher.put_nowait(ticker(number))
            await asyncio.sleep(0)
        assert told == ["full"]
        slow.room = 100
        while publisher.waiting:
            await asyncio.sleep(0.005)
        assert publisher.conflated == 0

    run(scene)
    assert slow.events == [ticker(number) for number in range(5)]
    assert told == ["full", "room"]


def test_nothing_is_sent_once_it_is_closed():
    slow = Follower(room=0)

    async def scene():
        publisher = EventPublisher([slow], lambda: 0)
        publisher.put_nowait(trade(1))
        await asyncio.sleep(0)
        publisher.close()
        slow.room = 10
        await asyncio.sleep(0.02)
        publisher.put_nowait(trade(2))
        await asyncio.sleep(0)

    run(scene)
    assert slow.events == []
