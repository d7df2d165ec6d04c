"""Plays a folder of candles: what lies before a date as history, then one candle after the other.

Like an exchange's stream for who runs it: `bind_observer`, `await start()`, `await stop()`.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from millstream.errors import ConfigError
from millstream.model import CandleHistory, Channel, Connected, CurrencyPair, Event, Exchange
from millstream.strategy.files import file_of, read_candles, split_at
from millstream.strategy.played import PastCandle, played
from millstream.strategy.timeframes import timeframe_to_ns
from millstream.stream.settings import ChannelStatistics

WARM_UP_CANDLES = 1_500  # as many as a frame shows


class CandleFeed:
    """The candles of several pairs, in step.

    pairs: as freqtrade writes them: "BTC/USDT", "XRP/USDT:USDT". since: the first candle that is
    played; None: the one after `startup` candles. every_s: between two candles; 0: as fast as they
    are taken. Raises ConfigError or TapeError: no such file, nothing left to play.
    """

    def __init__(
        self,
        folder: Path,
        exchange: Exchange,
        pairs: Sequence[str],
        timeframe: str,
        since: str | None = None,
        every_s: float = 1.0,
        startup: int = 100,
    ) -> None:
        self.exchange = exchange
        self._timeframe, self._every_s = timeframe, every_s
        self._interval_ns = timeframe_to_ns(timeframe)
        self._observers: list[Any] = []
        self._stop: asyncio.Event | None = None
        self._stopped = False
        self._may_go_on = asyncio.Event()
        self._may_go_on.set()
        self._past: dict[CurrencyPair, Sequence[PastCandle]] = {}
        self._coming: dict[CurrencyPair, Sequence[PastCandle]] = {}
        since_ns = None if since is None else parse_date(since)
        for pair in pairs:
            symbol = CurrencyPair.parse(pair.partition(":")[0])
            candles = read_candles(file_of(folder, pair, timeframe))
            first_ns = since_ns
            if first_ns is None:
                first_ns = candles[startup].open_ns if len(candles) > startup else sys.maxsize
            past, coming = split_at(candles, first_ns)
            if not coming:
                raise ConfigError(
                    f"{pair}: the folder has {len(candles)} candles of {timeframe}, "
                    "and none that begins later; choose an earlier date"
                )
            self._past[symbol], self._coming[symbol] = past[-WARM_UP_CANDLES:], coming
        self._last_ns = 0
        self.played = 0  # candles so far
        self.finished = False  # every candle was played

    def bind_observer(self, observer: Any) -> None:
        """Give an observer every event: its `candle_queue`, `ticker_queue`, `trade_queue`."""
        self._observers.append(observer)

    def pause_reading(self) -> None:
        """Play nothing more for now: who listens is behind."""
        self._may_go_on.clear()

    def resume_reading(self) -> None:
        """Go on."""
        self._may_go_on.set()

    def statistics(self) -> list[ChannelStatistics]:
        """The figures of its one channel; its frames are candles."""
        state = "idle" if self._stop is None else "connected"
        return [
            ChannelStatistics(
                Channel.CANDLE,
                "stopped" if self._stopped else state,
                frames=self.played,
                last_received_ns=self._last_ns,
            )
        ]

    async def start(self) -> None:
        """Play until the last candle, then stay quiet until `stop`."""
        self._stop = asyncio.Event()
        if self._stopped:
            return
        received_ns = time.time_ns()
        self._give(
            "health_queue",
            Connected(received_ns, self.exchange, Channel.CANDLE, None, 1),
        )
        for symbol, past in self._past.items():
            if past:
                history = history_of(self.exchange, symbol, self._timeframe, past, received_ns)
                self._give("candle_queue", history)
        for step in self._steps():
            if await self._told_to_stop(self._every_s):
                return
            await self._may_go_on.wait()
            received_ns = self._last_ns = time.time_ns()
            for symbol, candle in step:
                for event in played(
                    self.exchange, symbol, self._timeframe, self._interval_ns, candle, received_ns
                ):
                    self._give(_QUEUES[type(event).__name__], event)
            self.played += 1
        self.finished = True
        await self._stop.wait()

    async def stop(self) -> None:
        """End what `start` plays."""
        self._stopped = True
        self._may_go_on.set()
        if self._stop is not None:
            self._stop.set()

    def _steps(self) -> Iterator[list[tuple[CurrencyPair, PastCandle]]]:
        """All pairs' candles of one interval, interval by interval; quiet ones are left out."""
        by_time: dict[int, list[tuple[CurrencyPair, PastCandle]]] = {}
        for symbol, candles in self._coming.items():
            for candle in candles:
                by_time.setdefault(candle.open_ns, []).append((symbol, candle))
        for open_ns in sorted(by_time):
            yield by_time[open_ns]

    async def _told_to_stop(self, wait_s: float) -> bool:
        assert self._stop is not None
        if wait_s <= 0:
            await asyncio.sleep(0)
            return self._stop.is_set()
        try:
            await asyncio.wait_for(self._stop.wait(), wait_s)
        except TimeoutError:
            return False
        return True

    def _give(self, queue: str, event: Event) -> None:
        for observer in self._observers:
            taken = getattr(observer, queue, None)
            if taken is not None:
                taken.put_nowait(event)


_QUEUES = {"Trade": "trade_queue", "Ticker": "ticker_queue", "Candle": "candle_queue"}


def history_of(
    exchange: Exchange,
    symbol: CurrencyPair,
    interval: str,
    candles: Sequence[PastCandle],
    received_ns: int,
) -> CandleHistory:
    """Past candles as one event."""
    return CandleHistory(
        received_ns, exchange, symbol, 0, interval,
        tuple(candle.open_ns for candle in candles),
        tuple(candle.open for candle in candles),
        tuple(candle.high for candle in candles),
        tuple(candle.low for candle in candles),
        tuple(candle.close for candle in candles),
        tuple(candle.volume for candle in candles),
    )  # fmt: skip


def parse_date(text: str) -> int:
    """Nanoseconds since 1970 of "2018-01-15", "20180115" or "2018-01-15 12:00", read as UTC."""
    try:
        date = pd.Timestamp(text)
    except ValueError as error:
        raise ConfigError(f'"{text}" is not a date; write it like 2018-01-15: {error}') from None
    date = date.tz_localize("UTC") if date.tz is None else date.tz_convert("UTC")
    return date.as_unit("ns").value
