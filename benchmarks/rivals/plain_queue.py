"""What one writes by hand: json.loads, a dataclass, an asyncio.Queue, a callback behind it.

`python plain_queue.py FILE CHANNEL`.
"""

import asyncio
import json
import sys
import time
from dataclasses import dataclass

from serve import lines, serve


@dataclass(frozen=True, slots=True)
class Ticker:
    received_ns: int
    symbol: str
    bid_price: float
    bid_volume: float
    ask_price: float
    ask_volume: float


@dataclass(frozen=True, slots=True)
class Trade:
    received_ns: int
    symbol: str
    price: float
    volume: float
    side: str
    trade_id: int
    exchange_ns: int


@dataclass(frozen=True, slots=True)
class Book:
    received_ns: int
    symbol: str
    bids: list
    asks: list


def ticker(data, received_ns, books):
    return Ticker(
        received_ns,
        data["s"],
        float(data["b"]),
        float(data["B"]),
        float(data["a"]),
        float(data["A"]),
    )


def trade(data, received_ns, books):
    side = "sell" if data["m"] else "buy"
    return Trade(
        received_ns,
        data["s"],
        float(data["p"]),
        float(data["q"]),
        side,
        data["t"],
        data["T"] * 1_000_000,
    )


def book(data, received_ns, books):
    """Two dicts, and the best 20 levels of each by sorting."""
    bids, asks = books[data["s"]]
    for side, changes in ((bids, data["b"]), (asks, data["a"])):
        for price, volume in changes:
            if float(volume):
                side[float(price)] = float(volume)
            else:
                side.pop(float(price), None)
    return Book(
        received_ns,
        data["s"],
        sorted(bids.items(), reverse=True)[:20],
        sorted(asks.items())[:20],
    )


async def pass_on(frames, make, books):
    """Each frame through the queue to the callback; returns the CPU time and the calls."""
    queue, called = asyncio.Queue(), 0

    def callback(event):
        nonlocal called
        called += 1

    began = time.process_time()
    for frame in frames:
        await queue.put(make(json.loads(frame)["data"], time.time_ns(), books))
        callback(await queue.get())
    return time.process_time() - began, called


def main():
    path, channel = sys.argv[1:]
    snapshots, frames = lines(path)

    def measure():
        books = {}
        for symbol, text in snapshots.items():
            read = json.loads(text)
            books[symbol] = [{float(p): float(v) for p, v in read[side]} for side in read_sides]
        make = {"ticker": ticker, "trade": trade, "book": book}[channel]
        spent, called = asyncio.run(pass_on(frames, make, books))
        return {"us": spent / len(frames) * 1e6, "n": len(frames), "called": called}

    read_sides = ("bids", "asks")
    serve("json.loads, dataclass, asyncio.Queue", measure)


main()
