"""cryptofeed's feed of a venue: its own message handler, fed as its connection handler does.

`python cryptofeed_venue.py VENUE FILE CHANNEL`. Binance's trades become aggTrades of one trade
first: that is the channel it subscribes to.
"""

import asyncio
import json
import logging
import sys
import time
from importlib.metadata import version

from cryptofeed import exchanges
from cryptofeed.defines import L2_BOOK, TICKER, TRADES
from cryptofeed.symbols import Symbols
from serve import serve

CHANNELS = {"ticker": TICKER, "trade": TRADES, "book": L2_BOOK}
FEEDS = {  # the class, its name of the pair, the venue's
    "binance": (exchanges.Binance, "BTC-USDT", "BTCUSDT"),
    "binance_future": (exchanges.BinanceFutures, "BTC-USDT-PERP", "BTCUSDT"),
    "kraken_future": (exchanges.KrakenFutures, "BTC-USD-PERP", "pf_xbtusd"),
    "coinbase": (exchanges.Coinbase, "BTC-USD", "BTC-USD"),
    "okx": (exchanges.OKX, "BTC-USDT", "BTC-USDT"),
}


def aggregate(frame):
    """The aggTrade frame of a single trade."""
    outer = json.loads(frame)
    data = outer["data"]
    data["e"] = "aggTrade"
    data["a"] = data["f"] = data["l"] = data.pop("t")
    outer["stream"] = outer["stream"].replace("@trade", "@aggTrade")
    return json.dumps(outer, separators=(",", ":"))


def main():
    logging.disable(logging.WARNING)
    venue, path, channel = sys.argv[1:]
    with open(path) as file:
        frames = file.read().split("\n")
    if venue.startswith("binance") and channel == "trade":
        frames = [aggregate(frame) for frame in frames]
    kind, pair, symbol = FEEDS[venue]
    Symbols.set(kind.id, {pair: symbol}, {})
    called = 0

    async def callback(event, received):
        nonlocal called
        called += 1

    def measure():
        nonlocal called
        called, name = 0, CHANNELS[channel]
        feed = kind(symbols=[pair], channels=[name], callbacks={name: callback})
        feed.seq_no = {}  # as its connect leaves it

        async def feed_all():
            handler = feed.message_handler
            began = time.process_time()
            for frame in frames:
                await handler(frame, None, 1723161600.0)
            return time.process_time() - began

        spent = asyncio.run(feed_all())
        return {"us": spent / len(frames) * 1e6, "n": len(frames), "called": called}

    serve(f"cryptofeed {version('cryptofeed')}", measure)


main()
