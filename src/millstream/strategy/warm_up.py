"""Asks a venue's REST side for the candles before now."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine, Sequence
from typing import Any

from millstream.errors import BadMessage, MillstreamError, StreamError
from millstream.model import CandleHistory, Channel, Connected, CurrencyPair, Event, Exchange
from millstream.strategy.feed import history_of
from millstream.strategy.played import PastCandle
from millstream.strategy.timeframes import timeframe_to_ns
from millstream.strategy.venue_candles import closed, venue_candles
from millstream.stream import rest

MAX_PAGES = 30
FIRST_WAIT_S = 3.0  # for the streams: what is asked after they are connected has no hole behind it
RETRY_S = 10.0
_log = logging.getLogger(__name__)


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


class WarmUp:
    """Tells robots of a venue's past: at the start, and whenever a stream is connected again.

    Bind it to the streams as an observer, so that it hears of that: what a live candle missed
    while there was no connection is in the past then. A venue that cannot be asked is asked again.
    count: candles of each pair. after: the channel whose connection is waited for. host: instead of
    the venue's own.
    """

    def __init__(
        self,
        exchange: Exchange,
        symbols: Sequence[CurrencyPair],
        timeframe: str,
        count: int,
        *,
        after: Channel = Channel.CANDLE,
        host: str = "",
        timeout_s: float = 10.0,
        retry_s: float = RETRY_S,
    ) -> None:
        venue_candles(exchange)  # raises ConfigError for one that cannot be asked
        self._exchange, self._symbols, self._timeframe = exchange, symbols, timeframe
        self._count, self._after, self._host = count, after, host
        self._timeout_s, self._retry_s = timeout_s, retry_s
        self._observers: list[Any] = []
        self._wanted = asyncio.Event()
        self._stop = asyncio.Event()
        self.told: dict[CurrencyPair, int] = {}  # candles, by pair
        self.failure = ""  # of the last attempt
        self.health_queue = self

    def bind_observer(self, observer: Any) -> None:
        """Give an observer each history, in its `candle_queue`."""
        self._observers.append(observer)

    def put_nowait(self, event: Event) -> None:
        """Hear how a stream stands."""
        if isinstance(event, Connected) and event.channel is self._after:
            self._wanted.set()

    async def start(self) -> None:
        """Ask, and ask again when it is wanted, until `stop`."""
        stopping = asyncio.ensure_future(self._stop.wait())
        try:
            while not self._stop.is_set():
                await _first_of(stopping, self._wanted.wait(), FIRST_WAIT_S)
                while not self._stop.is_set():
                    self._wanted.clear()
                    if await self._ask_all():
                        break
                    await _first_of(stopping, self._wanted.wait(), self._retry_s)
                await _first_of(stopping, self._wanted.wait(), None)
        finally:
            stopping.cancel()

    async def stop(self) -> None:
        """Ask no more."""
        self._stop.set()

    async def _ask_all(self) -> bool:
        """Ask for every pair; False where one could not be had."""
        failures = []
        for symbol in self._symbols:
            if self._stop.is_set():
                return True
            try:
                history = await fetch_history(
                    self._exchange, symbol, self._timeframe, self._count,
                    host=self._host, timeout_s=self._timeout_s,
                )  # fmt: skip
            except MillstreamError as error:
                failures.append(str(error))
                continue
            self.told[symbol] = len(history.open_ns)
            for observer in self._observers:
                observer.candle_queue.put_nowait(history)
        self.failure = failures[0] if failures else ""
        if failures:
            _log.warning("past candles: %s Asked again in %g s.", failures[0], self._retry_s)
        return not failures


async def _first_of(
    stopping: asyncio.Future[Any], other: Coroutine[Any, Any, Any], wait_s: float | None
) -> None:
    waiting = asyncio.ensure_future(other)
    await asyncio.wait({stopping, waiting}, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
