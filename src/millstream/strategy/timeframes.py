"""Timeframes as strategies write them: "5m", "1h", "1d", "1w", "1M"."""

from __future__ import annotations

import re

import pandas as pd

from millstream.errors import ConfigError

MINUTE_NS = 60_000_000_000
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800, "M": 2_592_000, "y": 31_536_000}
_TIMEFRAME = re.compile(r"([1-9]\d*)([smhdwMy])")


def timeframe_to_seconds(timeframe: str) -> int:
    """Seconds of a timeframe; a month counts 30 days, a year 365. Raises ConfigError."""
    match = _TIMEFRAME.fullmatch(timeframe)
    if match is None:
        raise ConfigError(f'"{timeframe}" is not a timeframe; write it like 1m, 5m, 1h, 1d or 1w')
    return int(match[1]) * _SECONDS[match[2]]


def timeframe_to_minutes(timeframe: str) -> int:
    """Whole minutes of a timeframe. Raises ConfigError."""
    return timeframe_to_seconds(timeframe) // 60


def timeframe_to_msecs(timeframe: str) -> int:
    """Milliseconds of a timeframe. Raises ConfigError."""
    return timeframe_to_seconds(timeframe) * 1_000


def timeframe_to_ns(timeframe: str) -> int:
    """Nanoseconds of a timeframe. Raises ConfigError."""
    return timeframe_to_seconds(timeframe) * 1_000_000_000


def timeframe_to_prev_date(timeframe: str, date: pd.Timestamp) -> pd.Timestamp:
    """The beginning of the candle that `date` (UTC) is in. A robot has no other clock to ask."""
    return date.floor(f"{timeframe_to_seconds(timeframe)}s")


def timeframe_to_next_date(timeframe: str, date: pd.Timestamp) -> pd.Timestamp:
    """The beginning of the candle after the one that `date` (UTC) is in."""
    length = pd.Timedelta(seconds=timeframe_to_seconds(timeframe))
    return timeframe_to_prev_date(timeframe, date) + length
