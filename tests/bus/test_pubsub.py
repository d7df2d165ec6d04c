from __future__ import annotations

import asyncio
import time

import pytest
import zmq

from millstream.bus.pubsub import Publisher, Subscriber
from millstream.errors import ConfigError
from millstream.model import Channel, Connected, CurrencyPair, Exchange, Gap, Side, Trade

USD, USDT = CurrencyPair.BTC_USD, CurrencyPair.BTC_USDT


def trade(number, symbol=USDT):
    return Trade(number, Exchange.BINANCE, symbol, 0, 1.0, 1.0, Side.BUY, str(number))


def run(scene):
    context = zmq.Context()
    try:
        return asyncio.run(asyncio.wait_for(scene(context), 100))
    finally:
        context.destroy(linger=0)


def publisher(context, root):
    return Publisher(context, root, Exchange.BINANCE, Channel.TRADE)


def subscriber(context, root, symbols, got):
    return Subscriber(context, root, Exchange.BINANCE, Channel.TRADE, symbols, got.extend)


def trades(got):
    return [event for event in got if isinstance(event, Trade)]


async def until(condition, most_s=60.0):
    ends = time.monotonic() + most_s
    while not condition() and time.monotonic() < ends:
        await asyncio.sleep(0.01)


def test_a_follower_gets_what_was_published_in_order(tmp_path):
    got = []

    async def scene(context):
        sender = publisher(context, tmp_path)
        follower = subscriber(context, tmp_path, [], got)
        running = asyncio.create_task(follower.start())
        await until(lambda: any(isinstance(event, Connected) for event in got))
        for number in range(100):
            sender.publish(trade(number))
            await asyncio.sleep(0)
        await until(lambda: len(trades(got)) == 100)
        await follower.stop()
        await running
        sender.close()

    run(scene)
    assert trades(got) == [trade(number) for number in range(100)]
    assert not any(isinstance(event, Gap) for event in got)


def test_a_pair_whose_name_begins_another_is_kept_apart(tmp_path):
    got = []

    async def scene(context):
        sender = publisher(context, tmp_path)
        follower = subscriber(context, tmp_path, [USD], got)
        running = asyncio.create_task(follower.start())
        await until(lambda: any(isinstance(event, Connected) for event in got))
        sender.publish(trade(1, USDT))
        sender.publish(trade(2, USD))
        await until(lambda: len(trades(got)) == 1)
        await asyncio.sleep(0.1)
        await follower.stop()
        await running
        sender.close()

    run(scene)
    assert trades(got) == [trade(2, USD)]


def test_what_a_full_queue_dropped_is_a_gap_with_its_count(tmp_path):
    got = []

    async def scene(context):
        sender = Publisher(context, tmp_path, Exchange.BINANCE, Channel.TRADE, queue_messages=5)
        follower = Subscriber(
            context, tmp_path, Exchange.BINANCE, Channel.TRADE, [], got.extend, queue_messages=5
        )
        running = asyncio.create_task(follower.start())
        await until(lambda: any(isinstance(event, Connected) for event in got))
        for number in range(20_000):  # without giving the follower a turn
            sender.publish(trade(number))
            sender.flush()
        await until(lambda: lost() and len(trades(got)) + lost() >= 20_000)
        await follower.stop()
        await running
        sender.close()

    def lost():
        return sum(event.missing for event in got if isinstance(event, Gap))

    run(scene)
    assert lost() > 0
    assert len(trades(got)) + lost() == 20_000


def test_a_second_publisher_of_the_same_address_is_refused(tmp_path):
    async def scene(context):
        sender = publisher(context, tmp_path)
        with pytest.raises(ConfigError, match=r"binance\.trade"):
            publisher(context, tmp_path)
        sender.close()

    run(scene)
