"""Frames of Binance spot for tests: pasted from the recording of 2024-08-08, or built alike."""

from __future__ import annotations

import json
from pathlib import Path

TICKER = (
    b'{"stream":"btcusdt@bookTicker","data":{"u":50093239212,"s":"BTCUSDT",'
    b'"b":"61837.63000000","B":"3.78826000","a":"61837.64000000","A":"1.54698000"}}'
)
TRADE = (
    b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT",'
    b'"t":3735683259,"p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true}}'
)
DIFF = (
    b'{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161255308,"s":"BTCUSDT",'
    b'"U":50093239203,"u":50093239207,"b":[["55653.87000000","0.00000000"],'
    b'["61837.63000000","3.78826000"]],"a":[["61838.04000000","0.32332000"]]}}'
)
KLINE = (
    b'{"stream":"ethbtc@kline_1m","data":{"e":"kline","E":1579482921215,"s":"ETHBTC","k":{'
    b'"t":1579482900000,"T":1579482959999,"s":"ETHBTC","i":"1m","f":158411535,"L":158411550,'
    b'"o":"0.01913200","c":"0.01913500","h":"0.01913700","l":"0.01913200","v":"5.08400000",'
    b'"n":16,"x":false,"q":"0.09728060","V":"3.30200000","Q":"0.06318500","B":"0"}}}'
)
FUTURES_DIFF = (
    b'{"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","E":1723161256299,'
    b'"T":1723161256298,"s":"BTCUSDT","U":5123107832006,"u":5123107837557,"pu":5123107831937,'
    b'"b":[["58710.20","0.014"]],"a":[]}}'
)
FUTURES_TICKER = (
    b'{"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":5123107839020,"s":"BTCUSDT",'
    b'"b":"61800.20","B":"2.507","a":"61800.30","A":"2.510","T":1723161256313,"E":1723161256313}}'
)
FUTURES_TRADE = (
    b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161256322,"T":1723161256322,'
    b'"s":"BTCUSDT","t":5266583935,"p":"61800.30","q":"0.006","X":"MARKET","m":false}}'
)
REFUSAL = b'{"error":{"code":2,"msg":"Invalid request: invalid stream"},"id":1}'
ACK = b'{"result":null,"id":1}'

RECORDINGS = Path(__file__).parents[4] / "shared" / "data" / "exchanges"
SPOT = RECORDINGS / "binance_spot" / "hftbacktest_spot_btcusdt_20240808.gz"
USDM = RECORDINGS / "binance_usdm" / "hftbacktest_usdm_btcusdt_20240808.gz"


def data_of(frame: bytes) -> bytes:
    """The raw-stream form of a combined frame."""
    return frame[frame.index(b'"data":') + 7 : -1]


def diff(first, last, bids=(), asks=(), symbol="btcusdt", **more) -> bytes:
    data = {
        "e": "depthUpdate",
        "E": 1000 + last,
        "s": symbol.upper(),
        "U": first,
        "u": last,
        "b": [_text(level) for level in bids],
        "a": [_text(level) for level in asks],
        **more,
    }
    return json.dumps({"stream": f"{symbol}@depth@100ms", "data": data}).encode()


def snapshot(last, bids=((99, 1),), asks=((101, 1),)) -> bytes:
    body = {
        "lastUpdateId": last,
        "bids": [_text(level) for level in bids],
        "asks": [_text(level) for level in asks],
    }
    return json.dumps(body).encode()


def trade(number, symbol="btcusdt") -> bytes:
    return TRADE.replace(b"3735683259", str(number).encode()).replace(b"btcusdt", symbol.encode())


def _text(level):
    return [f"{level[0]:.8f}", f"{level[1]:.8f}"]
