"""All venues at once, random faults from a seed: nothing missing is left unexplained.

MILLSTREAM_SOAK_S=1800 .venv/bin/python -m pytest -m soak -s tests/exchange/test_random_faults.py
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import time
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from tests.exchange.ib import tws
from tests.exchange.reached import reached
from tests.exchange.scripted.ib_faults import PAIRS, FaultyTws, TwsWitness
from tests.exchange.scripted.tongues import TONGUES
from tests.exchange.scripted.venue import FAULTS, scripted
from tests.exchange.scripted.witness import Witness

from millstream.exchange import get_exchange_stream

SEED = int(os.environ.get("MILLSTREAM_SEED", "20261121"))
SHORT_S = 8.0
LONG_S = float(os.environ.get("MILLSTREAM_SOAK_S", "1800"))
PATIENCE = {
    "first_delay_s": 0.05,
    "longest_delay_s": 1.0,
    "message_pause_s": 0.01,
    "overlap_s": 0.2,
    "stale_s": 1.0,
    "ack_s": 5.0,
    "first_data_s": 10.0,
    "book_depth": 10,
}
GROWTH_MIB = 64  # what is remembered of the truth grows for five minutes, too
GROWTH_OBJECTS = 5_000  # held by the streams: books are deeper now and then, one is being replaced


@pytest.fixture(autouse=True)
def quiet():
    """A warning for each of some thousand faults is of no use here, and is kept by pytest."""
    logs = [logging.getLogger(name) for name in ("millstream", "ib_async")]
    levels = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.CRITICAL)
    yield
    for log, level in zip(logs, levels, strict=True):
        log.setLevel(level)


def test_all_venues_with_random_faults_lie_about_nothing():
    *_, told, problems = asyncio.run(
        run(SHORT_S, every_s=0.02, faults_every_s=0.05, lifetime_s=4.0)
    )
    assert problems == []
    assert told["unexplained"] == 0
    assert told["books compared"] > 500
    assert told["trades compared"] > 250
    assert told["Gap"] > 5


@pytest.mark.soak
def test_all_venues_with_random_faults_for_half_an_hour():
    grown_mib, grown_objects, told, problems = asyncio.run(
        run(LONG_S, every_s=0.04, faults_every_s=0.2, lifetime_s=90.0)
    )
    assert problems == []
    assert told["unexplained"] == 0
    assert grown_mib < GROWTH_MIB
    assert grown_objects < GROWTH_OBJECTS


async def run(seconds, every_s, faults_every_s, lifetime_s):
    """What grew after the warm-up, in MiB and in objects held; what was told; what was wrong."""
    chance, began = random.Random(SEED), time.monotonic()
    async with AsyncExitStack() as stack:
        venues = [
            await stack.enter_async_context(scripted(tongue(), SEED, every_s)) for tongue in TONGUES
        ]
        for venue in venues:
            venue.forgets = True
        witnesses = [Witness(venue) for venue in venues]
        streams = [stream_of(*one, lifetime_s) for one in zip(venues, witnesses, strict=True)]
        ib = await stack.enter_async_context(faulty_tws(every_s))
        venues.append(ib)
        witnesses.append(TwsWitness(ib))
        streams.append(ib_stream(ib, witnesses[-1]))
        running = [asyncio.create_task(stream.start()) for stream in streams]
        warm_mib, warm_objects, next_print = 0.0, 0, 60.0
        while (passed := time.monotonic() - began) < seconds:
            await asyncio.sleep(faults_every_s)
            venue = chance.choice(venues)
            ib.inject(chance) if venue is ib else inject(chance, venue)
            if not warm_mib and passed > min(180.0, seconds / 3):
                warm_mib, warm_objects = resident_mib(), held(streams, witnesses)
            if passed > next_print:
                next_print += 60.0
                report(passed, venues, witnesses, warm_mib)
                print("  objects that the streams hold:", held(streams, witnesses), flush=True)
            assert not any(task.done() for task in running)
        ib.heal()
        for venue in venues[:-1]:
            for line in venue.lines.values():
                line.fault = ""
        for _ in range(100):  # everything heals, and the stalls end
            if all(set(one.books) == set(one.pairs) and not one.invalid for one in witnesses):
                break
            await asyncio.sleep(0.1)
        for witness in witnesses:
            assert not witness.invalid, (witness.venue.tongue.exchange, witness.invalid)
            assert set(witness.books) == set(witness.pairs), witness.venue.tongue.exchange
        grown = resident_mib() - warm_mib
        grown_objects = held(streams, witnesses) - warm_objects
        for stream in streams:
            await stream.stop()
        await asyncio.gather(*running)
        told = report(time.monotonic() - began, venues, witnesses, warm_mib)
        problems = [
            f"{one.venue.tongue.exchange}: {what}" for one in witnesses for what in one.problems
        ]
    return grown, grown_objects, told, problems


def stream_of(venue, witness, lifetime_s):
    tongue = venue.tongue
    channels = ["ticker", "trade", "book", *(["candle"] if tongue.candles else [])]
    settings = PATIENCE | {"rest_host": venue.rest_url, "lifetime_s": lifetime_s}
    if tongue.candles:
        settings["candle_interval"] = tongue.candle_interval
    stream = get_exchange_stream(
        tongue.exchange, list(venue.pairs), channels, api_host=venue.url, subscribe_args=settings
    )
    stream.bind_observer(witness)
    return stream


@asynccontextmanager
async def faulty_tws(every_s):
    """A TWS whose market moves."""
    heard = []
    async with tws.tws(lambda client, fields: heard[0].hear(client, fields)) as server:
        made = FaultyTws(SEED, server)
        heard.append(made)
        moving = asyncio.create_task(made.run(every_s))
        try:
            yield made
        finally:
            moving.cancel()


def ib_stream(ib, witness):
    """IB's; it refuses `lifetime_s`."""
    channels = ["ticker", "trade", "book", "candle"]
    settings = PATIENCE | {"candle_interval": "1m"}
    stream = get_exchange_stream(
        "ib", PAIRS, channels, api_host=ib.server.url, api_auth_data=7, subscribe_args=settings
    )
    stream.bind_observer(witness)
    return stream


def inject(chance, venue):
    """One more fault, on one line."""
    lines = [line for line in venue.lines.values() if line.subscribed]
    if not lines:
        return
    line, goodbye = chance.choice(lines), venue.tongue.goodbye()
    if goodbye is not None and chance.random() < 0.05:
        venue.said["goodbye"] += 1
        line.answer(goodbye)
    else:
        line.fault = chance.choice(FAULTS)
        line.stall_s = chance.choice((0.1, 0.5, 2.0))


def report(passed_s, venues, witnesses, warm_mib):
    said = sum((venue.said for venue in venues), Counter())
    told = sum((witness.told for witness in witnesses), Counter())
    print(f"\nseed {SEED}, {passed_s:.0f} s, memory {warm_mib:.0f} -> {resident_mib():.0f} MiB")
    print("  venues:", dict(sorted(said.items())), "connections", sum(v.opened for v in venues))
    print("  told:", dict(sorted(told.items())))
    books = {one.venue.tongue.exchange: one.told["books compared"] for one in witnesses}
    print("  books compared:", books, flush=True)
    for witness in witnesses:
        for what in witness.problems[:3]:
            print("  PROBLEM", witness.venue.tongue.exchange, what[:600], flush=True)
    return told


def held(streams, witnesses):
    return sum(reached(streams, *witnesses).values())


def resident_mib():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
