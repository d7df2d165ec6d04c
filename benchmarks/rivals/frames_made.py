"""Candles with made-up columns, the same for both ends and for both bots."""

from __future__ import annotations

import numpy as np
import pandas as pd

HISTORY = 1_000  # candles that every consumer holds before anything is timed


def frame(columns: int, first: int, end: int) -> pd.DataFrame:
    """Candles first to end-1 of 5 minutes: `date`, and random numbers in the other columns."""
    values = np.random.default_rng(7).random((columns - 1, HISTORY + 2_000))[:, first:end]
    names = ["open", "high", "low", "close", "volume", *(f"c{n}" for n in range(columns))]
    dates = pd.to_datetime(1_767_225_600 + np.arange(first, end) * 300, unit="s", utc=True)
    return pd.DataFrame({"date": dates, **dict(zip(names[: columns - 1], values, strict=True))})


def pairs(count: int) -> list[str]:
    """Names of pairs."""
    return [f"P{number}/USDT" for number in range(count)]
