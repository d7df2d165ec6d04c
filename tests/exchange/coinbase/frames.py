"""Frames of Coinbase for tests: pasted from real ones of 2021 and 2026, or built alike."""

from __future__ import annotations

import json
from pathlib import Path

FOLDER = Path(__file__).parents[4] / "shared" / "data" / "exchanges" / "coinbase"

TICKER = (
    b'{"channel":"ticker","timestamp":"2026-08-12T19:27:33.829058895Z","sequence_num":2,"events":'
    b'[{"type":"update","tickers":[{"type":"ticker","product_id":"BTC-USD","price":"63320.73",'
    b'"volume_24_h":"6629.927726","low_24_h":"63235.88","high_24_h":"64416.3",'
    b'"low_52_w":"57717.55","high_52_w":"126296","price_percent_chg_24_h":"0.03813791548644",'
    b'"best_bid":"63318.86","best_ask":"63318.87","best_bid_quantity":"0.2275291",'
    b'"best_ask_quantity":"0.49990114"}]}]}'
)
TRADES = (
    b'{"channel":"market_trades","timestamp":"2026-08-12T19:27:48.364886251Z","sequence_num":2,'
    b'"events":[{"type":"update","trades":[{"product_id":"BTC-USD","trade_id":"1069726293",'
    b'"price":"63310.25","size":"0.00000012","time":"2026-08-12T19:27:48.298771Z","side":"BUY"},'
    b'{"product_id":"BTC-USD","trade_id":"1069726292","price":"63310.25","size":"0.00000012",'
    b'"time":"2026-08-12T19:27:48.266642Z","side":"BUY"}]}]}'
)
ACK = (
    b'{"channel":"subscriptions","timestamp":"2026-08-12T19:27:48.098899106Z","sequence_num":1,'
    b'"events":[{"subscriptions":{"market_trades":["BTC-USD"]}}]}'
)
HEARTBEAT = (
    b'{"channel":"heartbeats","timestamp":"2026-09-07T23:37:22.675755362Z","sequence_num":3,'
    b'"events":[{"current_time":"2026-09-07 23:37:22.674409 +0000 UTC m=+139651.272674714",'
    b'"heartbeat_counter":139651}]}'
)
ERROR = b'{"type":"error","message":"authentication failure"}'

# The Exchange feed, 2021-04-17: the same trade told twice, by ticker and by last_match.
EXCHANGE_TICKER = (
    b'{"type":"ticker","sequence":333938798,"product_id":"BAND-GBP","price":"14.7775",'
    b'"open_24h":"14.6647","volume_24h":"94381.28000000","low_24h":"14.3691","high_24h":"16.55",'
    b'"volume_30d":"2295579.57000000","best_bid":"14.7550","best_ask":"14.8060","side":"buy",'
    b'"time":"2021-04-17T16:43:30.244075Z","trade_id":881613,"last_size":"0.04"}'
)
EXCHANGE_MATCH = (
    b'{"type":"last_match","trade_id":881613,"maker_order_id":'
    b'"27fff20b-af29-4f45-8744-56dd1ef57dc0","taker_order_id":'
    b'"1da6ce16-c8da-4732-9f71-6049f4c6aaf8","side":"sell","size":"0.04","price":"14.7775",'
    b'"product_id":"BAND-GBP","sequence":333938798,"time":"2021-04-17T16:43:30.244075Z"}'
)
RECORDING = FOLDER / "cryptofeed_exchange_COINBASE.ws.28.0.gz"
TIME = "2026-08-12T19:27:48.5Z"
TIME_NS = 1_786_562_868_500_000_000


def frame(channel, number, *events, time=TIME) -> bytes:
    body = {"channel": channel, "timestamp": time, "sequence_num": number, "events": events}
    return json.dumps(body, separators=(",", ":")).encode()


def ack(number, **subscriptions) -> bytes:
    return frame("subscriptions", number, {"subscriptions": subscriptions})


def heartbeat(number) -> bytes:
    return frame("heartbeats", number, {"heartbeat_counter": number})


def ticker(number, bid, ask, product="BTC-USD") -> bytes:
    tick = {"product_id": product, "best_bid": str(bid), "best_ask": str(ask)}
    tick |= {"best_bid_quantity": "1", "best_ask_quantity": "2"}
    return frame("ticker", number, {"type": "update", "tickers": [tick]})


def trades(number, *ids, product="BTC-USD", side="BUY") -> bytes:
    """Newest first, as Coinbase sends them."""
    some = [
        {"product_id": product, "trade_id": str(one), "price": "5", "size": "1", "time": TIME}
        | {"side": side}
        for one in sorted(ids, reverse=True)
    ]
    return frame("market_trades", number, {"type": "update", "trades": some})


def book(number, kind, bids=(), asks=(), product="BTC-USD") -> bytes:
    sides = [("bid", level) for level in bids] + [("offer", level) for level in asks]
    updates = [
        {"side": side, "event_time": TIME, "price_level": str(price), "new_quantity": str(volume)}
        for side, (price, volume) in sides
    ]
    return frame("l2_data", number, {"type": kind, "product_id": product, "updates": updates})


def candles(number, *bars, product="BTC-USD") -> bytes:
    """bars: (start in seconds, close)."""
    some = [
        {"start": str(start), "open": "5", "high": "9", "low": "1", "close": str(close)}
        | {"volume": "3", "product_id": product}
        for start, close in bars
    ]
    return frame("candles", number, {"type": "update", "candles": some})


def order(order_id="v-1", **changes) -> dict[str, str]:
    """An own order as the user channel tells it: open, nothing filled."""
    return {
        "order_id": order_id,
        "client_order_id": "c1",
        "cumulative_quantity": "0",
        "leaves_quantity": "2",
        "avg_price": "0",
        "filled_value": "0",
        "total_fees": "0",
        "status": "OPEN",
        "product_id": "BTC-USD",
        "order_side": "BUY",
        "order_type": "Limit",
        "limit_price": "50000.10",
        "time_in_force": "GOOD_UNTIL_CANCELLED",
        "post_only": "false",
        "cancel_reason": "",
        "reject_reason": "",
    } | changes


def user(number, kind, *orders) -> bytes:
    return frame("user", number, {"type": kind, "orders": list(orders)})
