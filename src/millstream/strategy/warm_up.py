"""Asks a venue's REST side for the candles before now."""

from __future__ import annotations

import time

from millstream.errors import BadMessage, StreamError
from millstream.model import CandleHistory, CurrencyPair, Exchange
from millstream.strategy.feed import history_of
from millstream.strategy.played import PastCandle
from millstream.strategy.timeframes import timeframe_to_ns
from millstream.strategy.venue_candles import closed, venue_candles
from millstream.stream import rest

MAX_PAGES = 30


async def fetch_history(
    exchange: Exchange,
    symbol: CurrencyPair,
    timeframe: str,
    count: int,
    *,
    host: str = "",
    timeout_s: float = 10.0,
) -> CandleHistory:
    """The last `count` closed candles of a pair, or as many as the venue tells.

    host: instead of the venue's own, like "http://127.0.0.1:9000". Raises StreamError when the
    venue cannot be asked, ConfigError when it has no such candles.
    """
    venue = venue_candles(exchange)
    length_ns = timeframe_to_ns(timeframe)
    now_ns = time.time_ns()
    since_ns = now_ns - now_ns % length_ns - count * length_ns
    end_ns = now_ns
    found: dict[int, PastCandle] = {}
    for _ in range(MAX_PAGES):
        path = venue.path(symbol, timeframe, since_ns, end_ns)
        try:
            page = venue.read(await rest.get((host or venue.host) + path, timeout_s))
        except BadMessage as error:
            raise StreamError(f"{exchange}: past candles of {symbol}: {error}") from None
        new = [candle for candle in page if candle.open_ns not in found]
        found |= {candle.open_ns: candle for candle in page}
        if not new:
            break
        if venue.from_the_start:
            since_ns = max(candle.open_ns for candle in page) + length_ns
            if since_ns + length_ns > now_ns:
                break
        else:
            end_ns = min(candle.open_ns for candle in page)
        if len(closed(list(found.values()), timeframe, now_ns)) >= count:
            break
    past = closed(list(found.values()), timeframe, now_ns)[-count:]
    return history_of(exchange, symbol, timeframe, past, time.time_ns())
