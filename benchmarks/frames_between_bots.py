"""One candle of every pair from a producer to its consumers: encode, carry, apply.

    python -m benchmarks.frames_between_bots

The burst is timed on the wall, from the first frame that the producer is given until the last
consumer holds the last row; producer and consumers share one process and one event loop, over real
websockets on 127.0.0.1. Both wires are ours to send; freqtrade itself is not in this run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import perf_counter

import numpy as np
import pandas as pd

from benchmarks.measure import OURS, Figure, cpu_us, main
from millstream.frames.client import FrameClient
from millstream.frames.columns import encode_rows, from_frame, unpack
from millstream.frames.freqtrade_wire import Frame, frame_message, parse_message
from millstream.frames.held import HeldFrames
from millstream.frames.server import FrameServer
from millstream.frames.settings import ApiServerSection, ConsumerSection, ProducerEntry
from millstream.model.events import Event
from millstream.model.frames import FrameUpdate, PublishFrame, PublishWhitelist

TOKEN = "benchmark"
HISTORY = 200  # candles that every consumer holds before the burst
WIRES = {True: f"{OURS}, its own wire", False: f"{OURS}, freqtrade's wire"}


def measure(quick: bool) -> list[Figure]:
    """Bursts of both sizes to 1, 5 and 100 consumers, then each step alone."""
    sizes = [(50, 16, 1), (50, 16, 5)]
    sizes += [] if quick else [(50, 16, 100), (100, 100, 1), (100, 100, 5)]
    figures = []
    for pairs, columns, consumers in sizes:
        for fast, who in WIRES.items():
            runs = asyncio.run(_bursts(pairs, columns, consumers, fast, 3 if quick else 9))
            figures.append(
                Figure(
                    what=f"a candle, {pairs} pairs x {columns} columns, to {consumers} consumers",
                    who=who,
                    unit="ms",
                    runs=runs,
                    n=pairs * consumers,
                    target=20.0 if (pairs, consumers) == (50, 5) else None,
                )
            )
    return [*figures, *_steps(2_000 if quick else 20_000)]


def frame(columns: int, first: int, end: int) -> pd.DataFrame:
    """Candles with their date and random numbers."""
    values = np.random.default_rng(first).random((end - first, columns - 1))
    made = pd.DataFrame(values, columns=[f"c{number}" for number in range(columns - 1)])
    dates = pd.to_datetime(1_767_225_600 + np.arange(first, end) * 300, unit="s", utc=True)
    made.insert(0, "date", dates)
    made["date"] = made["date"].astype("datetime64[ms, UTC]")
    return made


def _published(pair: str, rows: bytes, replace: bool) -> PublishFrame:
    return PublishFrame(pair, "5m", "spot", 1, replace, rows)


async def _bursts(pairs: int, columns: int, consumers: int, fast: bool, count: int) -> list[float]:
    server = FrameServer(ApiServerSection(enabled=True, listen_port=0, ws_token=TOKEN))
    await server.start()
    names = [f"P{number}/USDT" for number in range(pairs)]
    server.publish(PublishWhitelist(tuple(names)))
    for name in names:
        server.publish(_published(name, encode_rows(frame(columns, 0, HISTORY)), True))
    got = 0
    done = asyncio.Event()
    want = pairs * consumers

    def take(events: Sequence[Event]) -> None:
        nonlocal got
        got += sum(type(event) is FrameUpdate for event in events)
        if got >= want:
            done.set()

    entry = ProducerEntry(name="p", host="127.0.0.1", port=server.port, ws_token=TOKEN, fast=fast)
    section = ConsumerSection(enabled=True, producers=[entry], initial_candle_limit=HISTORY)
    clients = [FrameClient(section, take) for _ in range(consumers)]
    for client in clients:
        await client.start()
    await done.wait()
    runs = []
    for number in range(HISTORY, HISTORY + count):
        rows = encode_rows(frame(columns, number, number + 1))
        burst = [_published(name, rows, False) for name in names]
        got = 0
        done.clear()
        began = perf_counter()
        for message in burst:
            server.publish(message)
        await done.wait()
        runs.append((perf_counter() - began) * 1e3)
    for client in clients:
        await client.stop()
    await server.stop()
    return runs


def _steps(count: int) -> list[Figure]:
    """Each step of one row of 16 columns alone."""
    one = frame(16, HISTORY, HISTORY + 1)
    rows = from_frame(one)
    raw = encode_rows(one)
    text = frame_message(Frame("A/B", "5m", "spot", 1, rows), HISTORY)
    like = {("A/B", "5m", "spot"): rows.schema}
    whole = frame(16, 0, HISTORY + count)
    updates = [
        FrameUpdate(1, "p", "A/B", "5m", "spot", 1, number, number == HISTORY, encode_rows(part))
        for number in range(HISTORY, HISTORY + count)
        for part in [whole[number : number + 1]]
    ]

    def apply() -> None:
        held = HeldFrames()
        for update in updates:
            held.apply(update)

    few = max(100, count // 10)
    steps = {
        "encode a row of a DataFrame, 16 columns": (lambda: _repeat(few, encode_rows, one), few),
        "read a row of our wire, 16 columns": (lambda: _repeat(count, unpack, raw), count),
        "apply a row, 16 columns": (apply, count),
        "write a row for freqtrade's wire, 16 columns": (
            lambda: _repeat(few, frame_message, Frame("A/B", "5m", "spot", 1, rows), HISTORY),
            few,
        ),
        "read a row of freqtrade's wire, 16 columns": (
            lambda: _repeat(few, parse_message, text, like),
            few,
        ),
    }
    return [
        Figure(
            what=what,
            who=OURS,
            unit="µs CPU",
            runs=[cpu_us(step, n) for _ in range(3)],
            n=n,
            target=20.0 if what.startswith("apply") else None,
        )
        for what, (step, n) in steps.items()
    ]


def _repeat(count, call, *arguments) -> None:
    for _ in range(count):
        call(*arguments)


if __name__ == "__main__":
    main("benchmarks.frames_between_bots", measure)
