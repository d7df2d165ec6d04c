"""ccxt.pro's exchange: its own websocket client's text handler, without a connection.

`python ccxt_venue.py VENUE FILE CHANNEL`. The handler parses the text and calls `handle_message`.
Nobody awaits the result, which is less work than a `watch_...` would be; what is counted is the
first and the last message that it resolves.
"""

import asyncio
import sys
import time
from importlib.metadata import version

import ccxt.pro
from serve import serve

VENUES = {  # the class, its symbol, the venue's id, whether it is a swap
    "binance": (ccxt.pro.binance, "BTC/USDT", "BTCUSDT", False),
    "binance_future": (ccxt.pro.binanceusdm, "BTC/USDT:USDT", "BTCUSDT", True),
    "kraken": (ccxt.pro.kraken, "BTC/USD", "BTC/USD", False),
    "kraken_future": (ccxt.pro.krakenfutures, "BTC/USD:USD", "PF_XBTUSD", True),
    "coinbase": (ccxt.pro.coinbase, "BTC/USD", "BTC-USD", False),
    "okx": (ccxt.pro.okx, "BTC/USDT", "BTC-USDT", False),
    "okx_swap": (ccxt.pro.okx, "BTC/USDT:USDT", "BTC-USDT-SWAP", True),
}


def market(symbol, identity, swap):
    """As load_markets would describe it."""
    base, quote = symbol.split(":")[0].split("/")
    return {
        "id": identity,
        "lowercaseId": identity.lower(),
        "symbol": symbol,
        "base": base,
        "quote": quote,
        "baseId": base,
        "quoteId": quote,
        "settle": quote if swap else None,
        "settleId": quote if swap else None,
        "type": "swap" if swap else "spot",
        "spot": not swap,
        "swap": swap,
        "future": False,
        "option": False,
        "contract": swap,
        "linear": True if swap else None,
        "inverse": False if swap else None,
        "contractSize": 1.0 if swap else None,
        "active": True,
        "precision": {"amount": 1e-8, "price": 1e-1},
        "limits": {},
        "info": {"wsname": symbol},
    }


async def run(venue, path, channel):
    with open(path) as file:
        frames = file.read().split("\n")
    kind, symbol, identity, swap = VENUES[venue]

    async def measure():
        exchange = kind()
        exchange.set_markets([exchange.safe_market_structure(market(symbol, identity, swap))])
        client = exchange.client("wss://example.invalid/stream")
        client.subscriptions[f"books:{symbol}"] = True  # okx: without it a book is not gone on with
        called, resolve = 0, client.resolve

        def counted(*arguments):
            nonlocal called
            called += 1
            return resolve(*arguments)

        took = client.handle_text_or_binary_message
        client.resolve = counted
        took(frames[0])
        assert called, (venue, channel)
        client.resolve = resolve
        began = time.process_time()
        for frame in frames[1:-1]:
            took(frame)
        spent = time.process_time() - began
        client.resolve, called = counted, 0
        took(frames[-1])
        await exchange.close()
        n = len(frames) - 2
        return {"us": spent / n * 1e6, "n": n, "called": n if called else 0}

    loop = asyncio.get_running_loop()

    def ask():
        return asyncio.run_coroutine_threadsafe(measure(), loop).result()

    await asyncio.to_thread(serve, f"ccxt.pro {version('ccxt')}", ask)


asyncio.run(run(*sys.argv[1:]))
