"""Frames that both ends can make: no Millstream and no freqtrade is imported here."""

from __future__ import annotations

import numpy as np
import pandas as pd

START_MS = 1_767_225_600_000  # 2026-01-01


def candles(first: int, end: int, seed: int = 0, **changes) -> pd.DataFrame:
    """Candles first to end-1 of 5 minutes, each with the same values whoever makes it."""
    number = np.arange(first, end)
    made = pd.DataFrame(
        {
            "date": pd.to_datetime(START_MS + number * 300_000, unit="ms", utc=True),
            "open": number + 0.1 + seed,
            "high": number + 0.7,
            "low": number - 0.7,
            "close": np.sin(number + seed),
            "volume": number * 1.5,
            "rsi": np.where(number < 14, np.nan, np.cos(number + seed)),
            "enter_long": (number % 7 == 0).astype("int64"),
            "enter_tag": [f"tag {n}" if n % 7 == 0 else None for n in number],
        }
    )
    for name, value in changes.items():
        made[name] = value
    return made
