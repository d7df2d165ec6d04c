"""Past candles as venues' REST pages tell them: the question's path, and the answer's meaning.

Each answer's last candle may still run; `closed` leaves it out. Sources: binance "Kline/Candlestick
data", kraken "Get OHLC Data", okx "Get candlesticks history", coinbase "Get Public Product
Candles".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from millstream.errors import BadMessage, ConfigError
from millstream.exchange.binance import wire as binance
from millstream.exchange.binance_future import wire as binance_future
from millstream.exchange.coinbase import wire as coinbase
from millstream.exchange.kraken import wire as kraken
from millstream.exchange.okx import wire as okx
from millstream.model import CurrencyPair, Exchange
from millstream.strategy.played import PastCandle
from millstream.strategy.timeframes import timeframe_to_ns, timeframe_to_seconds

_MS: Final = 1_000_000
_S: Final = 1_000_000_000
_COINBASE: Final = {
    "1m": "ONE_MINUTE", "5m": "FIVE_MINUTE", "15m": "FIFTEEN_MINUTE", "30m": "THIRTY_MINUTE",
    "1h": "ONE_HOUR", "2h": "TWO_HOUR", "4h": "FOUR_HOUR", "6h": "SIX_HOUR", "1d": "ONE_DAY",
}  # fmt: skip


class VenueCandles(msgspec.Struct, frozen=True):
    """How one venue is asked for candles."""

    host: str
    page: int  # candles of one answer, at most
    path: Callable[[CurrencyPair, str, int, int], str]  # pair, timeframe, since ns, end ns
    read: Callable[[bytes], list[PastCandle]]
    from_the_start: bool = True  # an answer holds the first candles since the asked time


def venue_candles(exchange: Exchange) -> VenueCandles:
    """How to ask a venue; raises ConfigError for one that cannot be asked."""
    found = _VENUES.get(exchange)
    if found is None:
        known = ", ".join(str(each) for each in _VENUES)
        raise ConfigError(
            f"{exchange}: past candles cannot be asked there; they come from: {known}. Give a "
            "folder of candles instead (--data DIR), or let the strategy wait for new ones"
        )
    return found


def closed(candles: Sequence[PastCandle], timeframe: str, now_ns: int) -> list[PastCandle]:
    """Oldest first, each once, without the one that still runs."""
    length_ns = timeframe_to_ns(timeframe)
    by_time = {each.open_ns: each for each in candles if each.open_ns + length_ns <= now_ns}
    return [by_time[open_ns] for open_ns in sorted(by_time)]


def _binance_path(path: str) -> Callable[[CurrencyPair, str, int, int], str]:
    def question(pair: CurrencyPair, timeframe: str, since_ns: int, end_ns: int) -> str:
        return (
            f"{path}?symbol={binance.symbol(pair)}&interval={timeframe}"
            f"&startTime={since_ns // _MS}&limit=1000"
        )

    return question


def _kraken_path(pair: CurrencyPair, timeframe: str, since_ns: int, end_ns: int) -> str:
    minutes = kraken.INTERVALS.get(timeframe)
    if minutes is None:
        raise ConfigError(
            f"kraken has no {timeframe} candles; it has {', '.join(kraken.INTERVALS)}"
        )
    # It answers what begins after `since`, so one second before.
    since_s = since_ns // _S - 1
    return f"/0/public/OHLC?pair={pair.base}/{pair.quote}&interval={minutes}&since={since_s}"


def _okx_path(suffix: str) -> Callable[[CurrencyPair, str, int, int], str]:
    def question(pair: CurrencyPair, timeframe: str, since_ns: int, end_ns: int) -> str:
        if timeframe not in okx.CANDLES:
            raise ConfigError(f"okx has no {timeframe} candles; it has {', '.join(okx.CANDLES)}")
        bar = okx.CANDLES[timeframe][0].removeprefix("candle")
        # `after` asks for what is older than it: newest first.
        return (
            f"/api/v5/market/history-candles?instId={okx.symbol(pair, suffix)}&bar={bar}"
            f"&after={end_ns // _MS}&limit=100"
        )

    return question


def _coinbase_path(pair: CurrencyPair, timeframe: str, since_ns: int, end_ns: int) -> str:
    if timeframe not in _COINBASE:
        raise ConfigError(f"coinbase has no {timeframe} candles; it has {', '.join(_COINBASE)}")
    last_s = min(end_ns // _S, since_ns // _S + 299 * timeframe_to_seconds(timeframe))
    return (
        f"/api/v3/brokerage/market/products/{pair.base}-{pair.quote}/candles"
        f"?start={since_ns // _S}&end={last_s}&granularity={_COINBASE[timeframe]}&limit=300"
    )


def _rows(raw: bytes, venue: str, *path: str) -> list[Any]:
    try:
        found: Any = msgspec.json.decode(raw)
        for key in path:
            found = found[key]
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, IndexError):
        raise BadMessage(f"{venue}: no candles in {raw[:200]!r}") from None
    if not isinstance(found, list):
        raise BadMessage(f"{venue}: no candles in {raw[:200]!r}")
    return found


def _candles(rows: list[Any], venue: str, unit_ns: int, order: Sequence[Any]) -> list[PastCandle]:
    """order: where the time, open, high, low, close and volume stand in a row."""
    try:
        return [
            PastCandle(int(row[order[0]]) * unit_ns, *(float(row[place]) for place in order[1:]))
            for row in rows
        ]
    except (KeyError, IndexError, TypeError, ValueError):
        raise BadMessage(f"{venue}: not candles: {rows[:1]!r:.200}") from None


def _read_binance(raw: bytes) -> list[PastCandle]:
    return _candles(_rows(raw, "binance"), "binance", _MS, (0, 1, 2, 3, 4, 5))


def _read_okx(raw: bytes) -> list[PastCandle]:
    rows = [row for row in _rows(raw, "okx", "data") if len(row) < 9 or row[8] == "1"]
    return _candles(rows, "okx", _MS, (0, 1, 2, 3, 4, 5))


def _read_okx_swap(raw: bytes) -> list[PastCandle]:
    rows = [row for row in _rows(raw, "okx", "data") if len(row) < 9 or row[8] == "1"]
    return _candles(rows, "okx", _MS, (0, 1, 2, 3, 4, 6))  # 5 counts contracts, 6 base currency


def _read_kraken(raw: bytes) -> list[PastCandle]:
    try:
        answer = msgspec.json.decode(raw)
        errors, result = answer["error"], answer.get("result", {})
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError):
        raise BadMessage(f"kraken: no candles in {raw[:200]!r}") from None
    if errors:
        raise BadMessage(f"kraken: {', '.join(map(str, errors))}")
    rows: list[Any] = next((value for key, value in result.items() if key != "last"), [])
    return _candles(rows, "kraken", _S, (0, 1, 2, 3, 4, 6))  # 5 is the average price


def _read_coinbase(raw: bytes) -> list[PastCandle]:
    order = ("start", "open", "high", "low", "close", "volume")
    return _candles(_rows(raw, "coinbase", "candles"), "coinbase", _S, order)


_VENUES: Final[dict[Exchange, VenueCandles]] = {
    Exchange.BINANCE: VenueCandles(
        binance.REST_HOST, 1000, _binance_path("/api/v3/klines"), _read_binance
    ),
    Exchange.BINANCE_FUTURE: VenueCandles(
        binance_future.REST_HOST, 1000, _binance_path("/fapi/v1/klines"), _read_binance
    ),
    Exchange.KRAKEN: VenueCandles(kraken.REST_HOST, 720, _kraken_path, _read_kraken),
    Exchange.OKX: VenueCandles(okx.REST_HOST, 100, _okx_path(""), _read_okx, False),
    Exchange.OKX_SWAP: VenueCandles(okx.REST_HOST, 100, _okx_path("-SWAP"), _read_okx_swap, False),
    Exchange.COINBASE: VenueCandles(coinbase.REST_HOST, 300, _coinbase_path, _read_coinbase),
}
