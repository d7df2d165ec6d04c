"""Binance's market streams as the venue speaks them: subscriptions and answers, frames, REST.

Websocket: https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from millstream.model import CurrencyPair

_METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
_MAX_STREAMS = 1024  # a connection
_WRAPPED = b'{"stream":"'
_QUOTES = (
    "FDUSD",
    "USDT",
    "USDC",
    "TUSD",
    "BUSD",
    "USD",
    "EUR",
    "GBP",
    "TRY",
    "BRL",
    "BTC",
    "ETH",
    "BNB",
)


# ---- one connection -----------------------------------------------------------------------------


class Session:
    """What one connection is subscribed to, and what the venue answers it. Touches no socket.

    path: as in the websocket's request, "/stream?streams=a/b", "/ws/a" or either without streams.
    Raises ValueError for any other path.
    """

    def __init__(self, path: str) -> None:
        url = urlsplit(path)
        place, _, names = unquote(url.path).removeprefix("/").partition("/")
        if place == "stream":
            names = "/".join(parse_qs(url.query).get("streams", []))
        elif place != "ws":
            raise ValueError(f"the venue has nothing at {path}")
        self.combined = place == "stream"  # frames carry the name of their stream
        self.streams: dict[str, None] = dict.fromkeys(name for name in names.split("/") if name)

    def receive(self, text: str | bytes) -> list[bytes]:
        """The venue's answers to a text from the client; `streams` and `combined` follow it.

        As on the venue, a stream that does not exist is accepted, and stays silent for ever.
        """
        try:
            request = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return [_error(3, "Invalid JSON: expected value at line 1 column 1", None)]
        if not isinstance(request, dict):
            return [_error(2, "Invalid request: missing field method at line 1 column 1", None)]
        number = request.get("id")
        if not _is_id(number):
            message = "Invalid request: request ID must be an unsigned integer"
            return [_error(2, message, None)]
        return [self._answer(request.get("method"), request.get("params"), number)]

    def _answer(self, method: object, params: object, number: object) -> bytes:
        match method:
            case None:
                message = "Invalid request: missing field method at line 1 column 1"
                return _error(2, message, number)
            case "LIST_SUBSCRIPTIONS":
                return _result(list(self.streams), number)
            case "SUBSCRIBE" | "UNSUBSCRIBE":
                return self._subscribe(method == "SUBSCRIBE", params, number)
            case "SET_PROPERTY" | "GET_PROPERTY":
                return self._property(method == "SET_PROPERTY", params, number)
        message = (
            f"Invalid request: unknown variant `{str(method)[:60]}`, expected one of "
            f"{', '.join(f'`{name}`' for name in _METHODS)} at line 1 column 1"
        )
        return _error(2, message, number)

    def _subscribe(self, wanted: bool, params: object, number: object) -> bytes:
        if not isinstance(params, list) or not all(isinstance(name, str) for name in params):
            return _error(2, "Invalid request: invalid type, expected a list of streams", number)
        if wanted and len(self.streams | dict.fromkeys(params)) > _MAX_STREAMS:
            return _error(2, "Invalid request: too many parameters", number)
        for name in params:
            if wanted:
                self.streams[name] = None
            else:
                self.streams.pop(name, None)
        return _result(None, number)

    def _property(self, set_it: bool, params: object, number: object) -> bytes:
        if not isinstance(params, list) or not params or not isinstance(params[0], str):
            return _error(2, "Invalid request: property name must be a string", number)
        if params[0] != "combined":
            return _error(0, "Unknown property", number)
        if not set_it:
            return _result(self.combined, number)
        if len(params) != 2 or not isinstance(params[1], bool):
            return _error(1, "Invalid value type: expected Boolean", number)
        self.combined = params[1]
        return _result(None, number)


def _is_id(number: object) -> bool:
    if isinstance(number, str):
        return len(number) <= 36 and number.isalnum() and number.isascii()
    return number is None or (isinstance(number, int) and type(number) is int and number >= 0)


def _result(result: object, number: object) -> bytes:
    return msgspec.json.encode({"result": result, "id": number})


def _error(code: int, message: str, number: object) -> bytes:
    body: dict[str, Any] = {"error": {"code": code, "msg": message}}
    if number is not None:
        body["id"] = number
    return msgspec.json.encode(body)


# ---- frames -------------------------------------------------------------------------------------


class _BareKline(msgspec.Struct):
    i: str = ""


class _Bare(msgspec.Struct):
    """As much of a frame without its stream's name as is needed to find that name."""

    s: str
    e: str = "bookTicker"  # the one frame that does not name itself
    k: _BareKline | None = None


_bare = msgspec.json.Decoder(_Bare)
_KINDS = {
    "bookTicker": "bookTicker",
    "trade": "trade",
    "aggTrade": "aggTrade",
    "depthUpdate": "depth@100ms",
    "24hrTicker": "ticker",
    "24hrMiniTicker": "miniTicker",
}


def wrapped(raw: bytes) -> bytes | None:
    """The frame with the name of its stream around it; None: it is no frame of a stream."""
    if raw.startswith(_WRAPPED):
        return raw
    try:
        bare = _bare.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    kind = f"kline_{bare.k.i}" if bare.e == "kline" and bare.k else _KINDS.get(bare.e)
    if kind is None:
        return None
    return b'{"stream":"%b@%b","data":%b}' % (bare.s.lower().encode(), kind.encode(), raw)


def stream_of(raw: bytes) -> bytes:
    """The stream's name in a frame that has it around it."""
    return raw[11 : raw.index(b'"', 11)]


def unwrapped(raw: bytes, stream: bytes) -> bytes:
    """The frame as a connection to /ws gets it: without the name of its stream."""
    return raw[len(stream) + 20 : -1]


def is_futures(raw: bytes) -> bool:
    """True for a frame of the USD-M futures, which resemble spot's but follow other rules."""
    head = raw[:250]
    return b'"pu":' in head or b'"e":"bookTicker"' in head


def pair_of(symbol: str) -> CurrencyPair:
    """The pair a symbol stands for: "BTCUSDT" is BTC/USDT."""
    for quote in _QUOTES:
        if symbol.endswith(quote) and len(symbol) > len(quote):
            return CurrencyPair(symbol[: -len(quote)], quote)
    return CurrencyPair(symbol[:-3] or symbol, symbol[-3:])


# ---- REST ---------------------------------------------------------------------------------------


def exchange_info(pairs: Iterable[CurrencyPair], now_ms: int) -> bytes:
    """A small exchangeInfo: what is traded, as MARKET and LIMIT."""
    symbols = [
        {
            "symbol": pair.base + pair.quote,
            "status": "TRADING",
            "baseAsset": pair.base,
            "baseAssetPrecision": 8,
            "quoteAsset": pair.quote,
            "quotePrecision": 8,
            "quoteAssetPrecision": 8,
            "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
            "isSpotTradingAllowed": True,
            "filters": [],
        }
        for pair in pairs
    ]
    answer = {"timezone": "UTC", "serverTime": now_ms, "rateLimits": [], "exchangeFilters": []}
    return msgspec.json.encode(answer | {"symbols": symbols})
