"""The length of a candle, and how many lie between two dates: months and years too."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import numpy as np

_TIMEFRAME: Final = re.compile(r"([1-9]\d{0,3})([smhdwMy])")
_UNIT_NS: Final = {
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
    "w": 604_800_000_000_000,
}


@lru_cache(maxsize=256)
def length_ns(timeframe: str) -> int:
    """Nanoseconds of a candle; 0: it has no one length ("1M", "1y"), or is no timeframe."""
    match = _TIMEFRAME.fullmatch(timeframe)
    return int(match[1]) * _UNIT_NS.get(match[2], 0) if match else 0


def candles_between(timeframe: str, first_ns: int, second_ns: int) -> float:
    """How many candles lie from one candle's date to another's; 1: they are neighbours.

    A timeframe that nobody can read has no gaps: 1 for any later date.
    """
    if step_ns := length_ns(timeframe):
        return (second_ns - first_ns) / step_ns
    match = _TIMEFRAME.fullmatch(timeframe)
    if match is None:
        return float((second_ns > first_ns) - (second_ns < first_ns))
    unit = "M" if match[2] == "M" else "Y"
    first, second = (
        int(np.datetime64(ns, "ns").astype(f"datetime64[{unit}]").astype(np.int64))
        for ns in (first_ns, second_ns)
    )
    return (second - first) / int(match[1])
