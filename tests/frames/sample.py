"""Frames for tests."""

from __future__ import annotations

import numpy as np
import pandas as pd

from millstream.frames.columns import encode_rows
from millstream.model.frames import FrameUpdate

START = pd.Timestamp("2026-01-01", tz="UTC")
STEP_NS = 300_000_000_000


def frame(first: int, end: int, **more) -> pd.DataFrame:
    """Candles first to end-1 of 5 minutes, each with the same values wherever it is made."""
    number = np.arange(first, end)
    columns = {
        "date": START + pd.to_timedelta(number * 300, unit="s"),
        "open": number + 0.1,
        "close": np.sin(number),
        "volume": number.astype("float64"),
        "rsi": np.where(number < 14, np.nan, np.cos(number)),
        "enter_long": (number % 7 == 0).astype("int64"),
    }
    made = pd.DataFrame(columns | {name: np.full(len(number), v) for name, v in more.items()})
    made["date"] = made["date"].astype("datetime64[ms, UTC]")
    return made


def update(rows: pd.DataFrame, replace=False, sequence=0, timeframe="5m", at=1, producer="p"):
    return FrameUpdate(
        received_ns=at,
        producer=producer,
        pair="BTC/USDT",
        timeframe=timeframe,
        candle_type="spot",
        analyzed_ns=at,
        sequence=sequence,
        replace=replace,
        rows=encode_rows(rows),
    )
