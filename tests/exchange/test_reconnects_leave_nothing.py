"""A stream that has reconnected for months holds no more than one that has reconnected twice."""

import asyncio
import gc
import logging
from collections import Counter
from contextlib import AsyncExitStack
from weakref import WeakSet

import pytest
from msgspec import structs
from tests.exchange.ib import tws
from tests.exchange.reached import reached
from tests.exchange.scripted.ib import ScriptedTws
from tests.exchange.scripted.ib_faults import PAIRS
from tests.exchange.scripted.own import served
from tests.exchange.scripted.tongues import TONGUES
from tests.exchange.scripted.venue import scripted
from tests.exchange.test_contract_own import ACCOUNTS, account_opens
from tests.stream.loopback import until

from millstream.exchange import get_exchange_stream
from millstream.model import Channel
from millstream.stream.limits import HostLimits
from millstream.stream.supervisor import LOOK_EVERY_S
from millstream.stream.websocket import Connection

PATIENCE = {"first_delay_s": 0.01, "longest_delay_s": 0.02, "message_pause_s": 0.001}
REPLACED = {"overlap_s": 0.02, "lifetime_s": 0.3}  # the cuts interrupt some replacements, too
WARM, MORE = 2, 10  # cuts of every connection
TRIES = 10  # to find the streams at rest, and as before: what leaks is more each time
LEAK = 8  # objects of one type: fewer than those cuts, more than come and go with the market
# Of these some come and go: books are deeper, and each of 27 connections has its ping under way.
CHANGING = {"builtins.tuple": 100, "a timer": 40, "builtins.builtin_function_or_method": 40}


@pytest.fixture(autouse=True)
def quiet():
    log = logging.getLogger("millstream")
    level, log.level = log.level, logging.CRITICAL
    log.manager._clear_cache()
    yield
    log.setLevel(level)


class Nobody:
    """An observer that keeps nothing."""

    def __init__(self):
        for name in (*(channel.value for channel in Channel), "health"):
            setattr(self, f"{name}_queue", self)

    def put_nowait(self, event):
        pass

    def qsize(self):
        return 0


def test_public_channels_hold_as_much_after_many_reconnects_and_replacements():
    async def main():
        async with AsyncExitStack() as stack:
            venues = [await stack.enter_async_context(scripted(one(), 1, 0.01)) for one in TONGUES]
            for venue in venues:
                venue.forgets = True

            def cut():
                for venue in venues:
                    for line in list(venue.lines.values()):
                        line.client.transport.disconnect(False)

            return await held_before_and_after([stream_of(venue) for venue in venues], cut)

    assert_nothing_grew(*asyncio.run(main()))


def test_ibs_channels_hold_as_much_after_many_sessions():
    async def main():
        made = ScriptedTws(1)
        async with tws.tws(made.hear) as server:
            server.forgets = True
            moving = asyncio.create_task(made.run(0.01))

            def cut():
                made.forget()
                for client in server.clients:
                    client.hang_up()

            channels = ["ticker", "trade", "book", "candle"]
            stream = get_exchange_stream(
                "ib", PAIRS, channels, api_host=server.url, subscribe_args=PATIENCE
            )
            try:
                return await held_before_and_after([stream], cut)
            finally:
                moving.cancel()

    assert_nothing_grew(*asyncio.run(main()))


def test_private_channels_hold_as_much_after_many_reconnects():
    async def main():
        async with AsyncExitStack() as stack:
            servers, streams = [], []
            for account in (made() for made in ACCOUNTS):
                server, rest_url = await stack.enter_async_context(served(account))
                account_opens(account, server)
                servers.append(server)
                streams.append(private_stream_of(account, server, rest_url))

            def cut():
                for server in servers:
                    for client in server.clients:
                        client.transport.disconnect(False)
                    server.clients.clear()

            return await held_before_and_after(streams, cut)

    assert_nothing_grew(*asyncio.run(main()))


def test_a_connection_that_was_replaced_is_let_go():
    async def main():
        others = connections()
        async with scripted(TONGUES[0](), 1, 0.01) as venue:
            stream = stream_of(venue)
            stream.bind_observer(Nobody())
            running = asyncio.create_task(stream.start())
            await until(lambda: is_live(stream))
            first = connections() - others
            assert first
            await until(lambda: reconnects(stream) >= 1, 30)
            await until(lambda: not (gc.collect(), len(first))[1], 30)
            await stream.stop()
            await running

    def connections():
        return WeakSet(one for one in gc.get_objects() if isinstance(one, Connection))

    asyncio.run(main())


def stream_of(venue):
    tongue = venue.tongue
    channels = ["ticker", "trade", "book", *(["candle"] if tongue.candles else [])]
    settings = PATIENCE | REPLACED | {"rest_host": venue.rest_url}
    if tongue.candles:
        settings["candle_interval"] = tongue.candle_interval
    stream = get_exchange_stream(
        tongue.exchange, list(venue.pairs), channels, api_host=venue.url, subscribe_args=settings
    )
    stream.allowed = HostLimits()  # so many connects a second as no venue would allow
    return stream


def private_stream_of(account, server, rest_url):
    stream = get_exchange_stream(
        account.exchange,
        [f"BTC/{account.quote}"],
        ["my_order"],
        api_host=server.url,
        subscribe_args=PATIENCE | {"rest_host": rest_url},
        **account.keys,
    )
    stream.allowed = HostLimits()
    return stream


async def held_before_and_after(streams, cut):
    """What is held by streams, and by the tasks and timers of the loop, twice."""
    observer, held = Nobody(), []
    for stream in streams:
        stream.bind_observer(observer)
    running = [asyncio.create_task(stream.start()) for stream in streams]
    for cuts in (WARM, MORE):
        for _ in range(cuts):
            await after(cut, streams)
        held.append(await at_rest(cut, streams, observer, *held))
    for stream in streams:
        await stream.stop()
    await asyncio.gather(*running)
    return held


async def after(cut, streams):
    """Every channel was cut off, and has data again."""
    await until(lambda: all(map(is_live, streams)))
    wanted = [reconnects(stream) + 1 for stream in streams]
    cut()
    await until(lambda: have_reconnected(streams, wanted))
    await until(lambda: all(map(is_live, streams)))


async def at_rest(cut, streams, observer, *before):
    """What is held while no connection is replaced by another."""
    settings = [stream.settings for stream in streams]
    for stream in streams:
        stream.settings = structs.replace(stream.settings, lifetime_s=0.0)
    for _ in range(TRIES):
        await after(cut, streams)
        seen = attempts(streams)
        await asyncio.sleep(3 * LOOK_EVERY_S)
        look = await least(streams, observer)
        # A connection that took another's place in the moment of the cut is replaced as before.
        if attempts(streams) == seen and not (before and grown(*before, look)):
            break
    for stream, own in zip(streams, settings, strict=True):
        stream.settings = own
    return look


def is_live(stream):
    topics = stream.topics()
    wanted = [topic.acknowledged if topic.channel.private else topic.last_ns for topic in topics]
    connected = all(one.state == "connected" for one in stream.statistics())
    return connected and bool(topics) and all(wanted)


def have_reconnected(streams, wanted):
    return all(reconnects(one) >= times for one, times in zip(streams, wanted, strict=True))


def reconnects(stream):
    return min(one.reconnects for one in stream.statistics())


def attempts(streams):
    return [one.reconnects for stream in streams for one in stream.statistics()]


async def least(streams, observer):
    """The fewest of each type in some looks: timers and what the market tells come and go."""
    looks = []
    for _ in range(6):
        await asyncio.sleep(0.1)
        look = reached(streams, observer)
        look["a task"] = len(asyncio.all_tasks())
        timers = asyncio.get_running_loop()._scheduled
        look["a timer"] = sum(not timer.cancelled() for timer in timers)
        looks.append(look)
    return Counter({kind: min(look[kind] for look in looks) for kind in looks[0]})


def assert_nothing_grew(before, after):
    assert before["millstream.exchange.decoding.FrameCounts"] > 0  # it looks into the streams
    assert grown(before, after) == {}


def grown(before, after):
    more = after - before - Counter(CHANGING)
    return {kind: count for kind, count in more.items() if count >= LEAK}
