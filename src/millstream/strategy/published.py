"""What followers were told of each frame, and so what they need to be told next."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from millstream.frames.columns import encode_rows
from millstream.model import PublishFrame


class Published:
    """The frames of one robot as its followers hold them. `limit`: rows that a follower keeps."""

    def __init__(self, timeframe: str, candle_type: str, limit: int) -> None:
        self._timeframe, self._candle_type, self._limit = timeframe, candle_type, limit
        self._told: dict[str, pd.DataFrame] = {}

    def update(self, pair: str, frame: pd.DataFrame, analyzed_ns: int) -> PublishFrame:
        """What a follower needs to hold the last `limit` rows of `frame`: from the first row that
        differs. Where none does it is the last row again, so that its age is known.

        Raises FrameError for a column that cannot be told to another bot.
        """
        whole = frame.iloc[-self._limit :]
        told = self._told.get(pair)
        first = _first_difference(told, whole) if told is not None else None
        self._told[pair] = whole.copy()
        rows = whole if first is None else whole.iloc[min(first, len(whole) - 1) :]
        return PublishFrame(
            pair, self._timeframe, self._candle_type, analyzed_ns, first is None, encode_rows(rows)
        )


def _first_difference(told: pd.DataFrame, whole: pd.DataFrame) -> int | None:
    """The number of the first row that differs; None when only the whole frame will do."""
    if list(told.columns) != list(whole.columns) or list(told.dtypes) != list(whole.dtypes):
        return None
    if told.empty or whole.empty:
        return None
    before, now = told["date"].to_numpy(), whole["date"].to_numpy()
    offset = int(np.searchsorted(before, now[0]))
    common = min(len(before) - offset, len(now))
    if common <= 0 or before[offset] != now[0] or len(before) - offset > len(now):
        return None  # nothing in common, older rows, or rows that are gone
    first = common
    for position in range(len(whole.columns)):
        old = told.iloc[offset : offset + common, position]
        new = whole.iloc[:first, position]
        first = min(first, _same_until(old.iloc[:first], new))
        if not first:
            return None
    return first


def _same_until(old: pd.Series[Any], new: pd.Series[Any]) -> int:
    """How many values are the same from the start, bit for bit."""
    if isinstance(old.dtype, np.dtype) and old.dtype.kind == "f":
        raw = f"i{old.dtype.itemsize}"
        differs = old.to_numpy().view(raw) != new.to_numpy().view(raw)
    elif isinstance(old.dtype, np.dtype) and old.dtype.kind in "biuMm":
        differs = old.to_numpy() != new.to_numpy()
    elif isinstance(old.dtype, pd.DatetimeTZDtype):
        differs = old.to_numpy("datetime64[ns]").view("i8") != new.to_numpy("datetime64[ns]").view(
            "i8"
        )
    else:
        pairs = zip(old.tolist(), new.tolist(), strict=True)
        differs = np.array([a is not b and repr(a) != repr(b) for a, b in pairs], dtype=bool)
    return int(np.argmax(differs)) if differs.any() else len(old)
