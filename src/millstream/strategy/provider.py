"""`self.dp`: what a strategy may look at beside the table in its hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any

import pandas as pd

from millstream.frames.held import HeldFrames
from millstream.model import Book, Ticker
from millstream.strategy.ring import CandleRing

EPOCH = pd.Timestamp(0, tz="UTC")


class RunMode(StrEnum):
    """What kind of run this is; `dp.runmode.value` is the word."""

    LIVE = "live"
    DRY_RUN = "dry_run"
    BACKTEST = "backtest"


def utc(ns: int) -> pd.Timestamp:
    """Nanoseconds since 1970 as a time with a zone."""
    return pd.Timestamp(ns, tz="UTC")


class DataProvider:
    """Candles, quotes, frames of other bots. Everything it tells came in as an event."""

    def __init__(
        self,
        timeframe: str,
        candle_type: str,
        stake_currency: str,
        producers: Sequence[str],
        runmode: RunMode,
        held: HeldFrames,
        say: Callable[[str], None],
    ) -> None:
        self._timeframe, self._candle_type = timeframe, candle_type
        self.stake_currency = stake_currency
        self.producers = list(producers)
        self.runmode = runmode
        self.held = held
        self._say = say
        self._said: set[str] = set()
        self._asked: set[tuple[str, str, str, str]] = set()
        self.whitelist: list[str] = []
        self.rings: dict[tuple[str, str], CandleRing] = {}  # of (pair, timeframe)
        self.analyzed: dict[str, tuple[pd.DataFrame, pd.Timestamp]] = {}
        self.tickers: dict[str, Ticker] = {}
        self.books: dict[str, Book] = {}

    # ---- other bots --------------------------------------------------------------------------

    @property
    def external_data_enabled(self) -> bool:
        """Whether it follows any other bot."""
        return bool(self.producers)

    def get_producer_pairs(self, producer_name: str = "default") -> list[str]:
        """The pairs that another bot analyzes; none of one we do not know."""
        return self.held.pairs(producer_name)

    def get_producer_df(
        self,
        pair: str,
        timeframe: str | None = None,
        candle_type: str | None = None,
        producer_name: str = "default",
    ) -> tuple[pd.DataFrame, pd.Timestamp]:
        """(another bot's frame, when it was analyzed); an empty one and 1970 where there is none.

        A frame past its `max_age` is none. The table is yours to change.
        """
        key = (producer_name, pair, timeframe or self._timeframe, candle_type or self._candle_type)
        frame, analyzed_ns = self.held.get(*key)
        if not analyzed_ns:
            self._explain(key)
            return pd.DataFrame(), EPOCH
        return frame, utc(analyzed_ns)

    def get_producer_age(
        self,
        pair: str,
        now: pd.Timestamp,
        timeframe: str | None = None,
        candle_type: str | None = None,
        producer_name: str = "default",
    ) -> tuple[pd.Timedelta, int, str] | None:
        """(age of a frame since it came, its sequence, its state); None where there is none."""
        status = self.held.status(
            producer_name, pair, timeframe or self._timeframe, candle_type or self._candle_type
        )
        if status is None:
            return None
        age = pd.Timedelta(status.age_ns(now.value), unit="ns")
        return age, status.sequence, status.state

    def _explain(self, key: tuple[str, str, str, str]) -> None:
        """Say once why there is no frame, when there are others of the same pair."""
        producer, pair, timeframe, candle_type = key
        if key in self._asked:
            return
        others = [
            f"{other[2]} {other[3]}" for other in self.held.keys(producer) if other[1] == pair
        ]
        if others and f"{timeframe} {candle_type}" not in others:
            self._asked.add(key)
            self._say(
                f'producer "{producer}" has no {timeframe} {candle_type} frame of {pair}; '
                f"it has: {', '.join(sorted(others))}"
            )

    # ---- its own -----------------------------------------------------------------------------

    def current_whitelist(self) -> list[str]:
        """The pairs it trades."""
        return list(self.whitelist)

    def available_pairs(self) -> list[tuple[str, str]]:
        """(pair, timeframe) of the candles it has."""
        return [key for key, ring in self.rings.items() if len(ring)]

    def ohlcv(
        self, pair: str, timeframe: str | None = None, copy: bool = True, candle_type: str = ""
    ) -> pd.DataFrame:
        """The closed candles of a pair; an empty table where it has none."""
        ring = self.rings.get((pair, timeframe or self._timeframe))
        return ring.frame() if ring is not None and len(ring) else pd.DataFrame()

    def get_pair_dataframe(
        self, pair: str, timeframe: str | None = None, candle_type: str = ""
    ) -> pd.DataFrame:
        """The same as `ohlcv`."""
        return self.ohlcv(pair, timeframe, candle_type=candle_type)

    def get_analyzed_dataframe(
        self, pair: str, timeframe: str | None = None
    ) -> tuple[pd.DataFrame, pd.Timestamp]:
        """(the last analyzed table of a pair, when); an empty one and 1970 where there is none."""
        if timeframe not in (None, self._timeframe) or pair not in self.analyzed:
            return pd.DataFrame(), EPOCH
        frame, when = self.analyzed[pair]
        return frame.copy(deep=False), when

    def ticker(self, pair: str) -> dict[str, Any]:
        """The best bid and ask, by ccxt's names; empty before the first one came."""
        quote = self.tickers.get(pair)
        if quote is None:
            return {}
        return {
            "symbol": pair, "bid": quote.bid_price, "bidVolume": quote.bid_volume,
            "ask": quote.ask_price, "askVolume": quote.ask_volume, "last": quote.mid_price,
            "timestamp": (quote.exchange_ns or quote.received_ns) // 1_000_000,
        }  # fmt: skip

    def orderbook(self, pair: str, maximum: int) -> dict[str, list[list[float]]]:
        """At most `maximum` levels of each side, best first; of the ticker where there is no book.

        What is not known is an empty list.
        """
        book = self.books.get(pair)
        if book is not None:
            return {
                "bids": [list(level) for level in book.bids[:maximum]],
                "asks": [list(level) for level in book.asks[:maximum]],
            }
        quote = self.tickers.get(pair)
        if quote is None:
            return {"bids": [], "asks": []}
        return {
            "bids": [[quote.bid_price, quote.bid_volume]],
            "asks": [[quote.ask_price, quote.ask_volume]],
        }

    def send_msg(self, message: str, *, always_send: bool = False) -> None:
        """Log a line; the same one again only with `always_send`."""
        if always_send or message not in self._said:
            self._said.add(message)
            self._say(message)
