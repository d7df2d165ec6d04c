"""Frames of OKX for tests: pasted from the recordings and the venue's examples, or built alike."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

TICKER = (
    b'{"arg":{"channel":"tickers","instId":"BTC-USDT"},"data":[{"instType":"SPOT","instId":'
    b'"BTC-USDT","last":"63707.3","lastSz":"0.00164251","askPx":"63707.3","askSz":"0.15455902",'
    b'"bidPx":"63707.2","bidSz":"1.70080521","open24h":"63958.9","high24h":"64496.9","low24h":'
    b'"63309.4","sodUtc0":"63484.7","sodUtc8":"63445.9","volCcy24h":"229576048.730317321",'
    b'"vol24h":"3601.1585121","ts":"1786613174873"}]}'
)
SWAP_TICKER = (
    b'{"arg":{"channel":"tickers","instId":"BTC-USDT-SWAP"},"data":[{"instType":"SWAP","instId":'
    b'"BTC-USDT-SWAP","last":"63921","lastSz":"0.4","askPx":"63921.1","askSz":"1871.75","bidPx":'
    b'"63921","bidSz":"779.3","open24h":"64297.6","high24h":"64466","low24h":"63162.7","sodUtc0":'
    b'"63566","sodUtc8":"63584.6","volCcy24h":"73998.8786","vol24h":"7399887.86","ts":'
    b'"1786540471710"}]}'
)
TRADE = (
    b'{"arg":{"channel":"trades","instId":"BTC-USDT"},"data":[{"instId":"BTC-USDT","tradeId":'
    b'"674510826","px":"95634.9","sz":"0.00011186","side":"buy","ts":"1740394561685","count":"1"}]}'
)
CANDLE = (
    b'{"arg":{"channel":"candle1m","instId":"BTC-USDT"},"data":[["1597026383085","8533.02",'
    b'"8553.74","8527.17","8548.26","45247","529.5858061","5529.5858061","1"]]}'
)
INSTRUMENTS = (
    b'{"code":"0","msg":"","data":[{"instId":"BTC-USD-SWAP","ctMult":"1","ctType":"inverse",'
    b'"ctVal":"100","ctValCcy":"USD"},{"instId":"BTC-USDT-SWAP","ctMult":"1","ctType":"linear",'
    b'"ctVal":"0.01","ctValCcy":"BTC"}]}'
)
NOTICE = (
    b'{"event":"notice","msg":"The connection will soon be closed for a service upgrade. Please '
    b'reconnect.","code":"64008","connId":"761bf5d1"}'
)
UNKNOWN = (
    b'{"event":"error","code":"60018","msg":"Wrong URL or channel:tickers,instId:BTC-USTD '
    b"doesn't exist. Please use the correct URL, channel and parameters referring to API "
    b'document.","connId":"a4d3ae55"}'
)

DATA = Path(__file__).parents[4] / "shared" / "data" / "exchanges" / "okx"
RECORDING = DATA / "cryptofeed_OKX.ws.1.0.gz"
ORDERS = DATA / "gct" / "wsOrders.json.jsonl"


def recorded(channel: str, instrument: str) -> list[bytes]:
    """The recorded frames of one subscription, as they came."""
    with gzip.open(RECORDING, "rt") as lines:
        bodies = [line.split(": ", 1)[1].strip() for line in lines if line[:1].isdigit()]
    wanted = f'{{"arg":{{"channel":"{channel}","instId":"{instrument}"'
    return [body.encode() for body in bodies if body.startswith(wanted)]


def book(before, number, bids=(), asks=(), action="update", pair="BTC-USDT", checksum=0) -> bytes:
    depth = {
        "asks": [[*level, "0", "1"] for level in asks],
        "bids": [[*level, "0", "1"] for level in bids],
        "ts": "1597026383085",
        "checksum": checksum,
        "prevSeqId": before,
        "seqId": number,
    }
    return json.dumps(
        {"arg": {"channel": "books", "instId": pair}, "action": action, "data": [depth]},
        separators=(",", ":"),
    ).encode()


def whole(number, pair="BTC-USDT") -> bytes:
    return book(-1, number, [("99", "1"), ("98", "2")], [("101", "1")], "snapshot", pair)


def trade(number, count=1, pair="BTC-USDT") -> bytes:
    made = TRADE.replace(b"674510826", str(number).encode()).replace(b"BTC-USDT", pair.encode())
    return made.replace(b'"count":"1"', f'"count":"{count}"'.encode())


def order(**fields) -> dict[str, str]:
    return {
        "instId": "BTC-USDT",
        "ordId": "1",
        "clOrdId": "ours1",
        "side": "buy",
        "ordType": "limit",
        "state": "live",
        "px": "100.5",
        "sz": "2",
        "accFillSz": "0",
        "avgPx": "",
        "uTime": "1000",
        "tradeId": "",
        "fillSz": "0",
        "fillPx": "",
    } | fields


def orders(*data, kind="SPOT") -> bytes:
    return json.dumps(
        {"arg": {"channel": "orders", "instType": kind, "uid": "1"}, "data": list(data)}
    ).encode()
