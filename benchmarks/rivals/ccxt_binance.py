"""ccxt.pro's Binance: its own websocket client's text handler, without a connection.

`python ccxt_binance.py FILE CHANNEL`. A `watch_...` coroutine wakes at each message: the future it
would wait for is made before each frame, and what it gives is the callback.
"""

import asyncio
import json
import sys
import time
from importlib.metadata import version

import ccxt.pro
from serve import lines, serve

BASES = ("BTC", "ETH", "SOL")


def market(base):
    """As load_markets would describe it."""
    return {
        "id": f"{base}USDT",
        "lowercaseId": f"{base}USDT".lower(),
        "symbol": f"{base}/USDT",
        "base": base,
        "quote": "USDT",
        "baseId": base,
        "quoteId": "USDT",
        "type": "spot",
        "spot": True,
        "swap": False,
        "future": False,
        "option": False,
        "contract": False,
        "active": True,
        "precision": {"amount": 1e-5, "price": 1e-2},
        "limits": {},
        "info": {},
    }


def awaited(channel, frame):
    """The message hash that a `watch_...` of this frame's pair waits for."""
    base = next(base for base in BASES if f"{base.lower()}usdt@" in frame[:40])
    return {
        "ticker": f"bidask:bookTicker@{base}/USDT",
        "trade": f"trade::{base}/USDT",
        "book": f"orderbook::{base}/USDT",
    }[channel]


async def run(path, channel):
    books, frames = lines(path)
    hashes = [awaited(channel, frame) for frame in frames]
    exchange = ccxt.pro.binance()
    exchange.set_markets([exchange.safe_market_structure(market(base)) for base in BASES])
    client = exchange.client("wss://stream.binance.com:9443/stream")

    async def measure():
        exchange.trades.clear()
        for symbol, text in books.items():
            book = json.loads(text)
            pair = exchange.safe_symbol(symbol, None, None, "spot")
            snapshot = exchange.parse_order_book(book, pair)
            snapshot["nonce"] = book["lastUpdateId"]
            exchange.orderbooks[pair] = exchange.order_book(snapshot)
        called = 0

        def callback(_):
            nonlocal called
            called += 1

        took = client.handle_text_or_binary_message
        began = time.process_time()
        for frame, wanted in zip(frames, hashes, strict=True):
            future = client.future(wanted)
            took(frame)
            if future.done():
                callback(future.result())
        spent = time.process_time() - began
        return {"us": spent / len(frames) * 1e6, "n": len(frames), "called": called}

    loop = asyncio.get_running_loop()

    def ask():
        return asyncio.run_coroutine_threadsafe(measure(), loop).result()

    await asyncio.to_thread(serve, f"ccxt.pro {version('ccxt')}", ask)
    await exchange.close()


asyncio.run(run(*sys.argv[1:]))
