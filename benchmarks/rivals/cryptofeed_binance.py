"""cryptofeed's Binance feed: its own message handler, fed as its connection handler does.

`python cryptofeed_binance.py FILE CHANNEL`. It subscribes to aggTrade, not to trade, so each trade
frame becomes the aggTrade of one trade first.
"""

import asyncio
import json
import logging
import sys
import time
from decimal import Decimal
from importlib.metadata import version

from cryptofeed.defines import L2_BOOK, TICKER, TRADES
from cryptofeed.exchanges import Binance
from cryptofeed.symbols import Symbols
from cryptofeed.types import OrderBook
from serve import lines, serve

CHANNELS = {"ticker": TICKER, "trade": TRADES, "book": L2_BOOK}
SYMBOLS = {f"{base}-USDT": f"{base}USDT" for base in ("BTC", "ETH", "SOL")}


def aggregate(frame):
    """The aggTrade frame of a single trade."""
    outer = json.loads(frame)
    data = outer["data"]
    data["e"] = "aggTrade"
    data["a"] = data["f"] = data["l"] = data.pop("t")
    outer["stream"] = outer["stream"].replace("@trade", "@aggTrade")
    return json.dumps(outer, separators=(",", ":"))


def load_books(feed, books):
    """Stand where its snapshot would have put it."""
    feed._l2_book.clear()
    for symbol, text in books.items():
        book = json.loads(text)
        pair = feed.exchange_symbol_to_std_symbol(symbol)
        bids, asks = (
            {Decimal(price): Decimal(volume) for price, volume in book[side]}
            for side in ("bids", "asks")
        )
        feed.last_update_id[pair] = book["lastUpdateId"]
        feed._l2_book[pair] = OrderBook(feed.id, pair, bids=bids, asks=asks)
        feed._l2_book[pair].delta = {}


def main():
    logging.disable(logging.WARNING)
    path, channel = sys.argv[1:]
    books, frames = lines(path)
    if channel == "trade":
        frames = [aggregate(frame) for frame in frames]
    Symbols.set(Binance.id, SYMBOLS, {})
    called = 0

    async def callback(event, received):
        nonlocal called
        called += 1

    name = CHANNELS[channel]
    feed = Binance(symbols=list(SYMBOLS), channels=[name], callbacks={name: callback})

    async def feed_all():
        handler = feed.message_handler
        began = time.process_time()
        for frame in frames:
            await handler(frame, None, 1723161600.0)
        return time.process_time() - began

    def measure():
        nonlocal called
        called = 0
        load_books(feed, books)
        spent = asyncio.run(feed_all())
        return {"us": spent / len(frames) * 1e6, "n": len(frames), "called": called}

    serve(f"cryptofeed {version('cryptofeed')}", measure)


main()
