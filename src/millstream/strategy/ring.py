"""The candles of one pair and timeframe: bounded, appended in place, shown as a DataFrame.

The first row stays the same for `slack` candles, and only then moves on by as many: so an indicator
that remembers everything since the first row gives the same value for a row until then, and a
follower is told one new row a candle, not a whole table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

COLUMNS = ("open", "high", "low", "close", "volume")


class CandleRing:
    """At least the last `keep` candles, at most `slack` more. Dates are interval starts, in ns."""

    def __init__(self, keep: int, slack: int) -> None:
        self._keep, self._slack = keep, slack
        room = 2 * (keep + slack)
        self._dates: np.ndarray[Any, Any] = np.empty(room, dtype=np.int64)
        self._values: np.ndarray[Any, Any] = np.empty((len(COLUMNS), room))
        self._first = self._end = 0

    def __len__(self) -> int:
        return self._end - self._first

    @property
    def last_open_ns(self) -> int:
        """When the last candle began; 0 when there is none."""
        return int(self._dates[self._end - 1]) if self._end > self._first else 0

    @property
    def last_close(self) -> float:
        """The last close; NaN when there is none."""
        return float(self._values[3, self._end - 1]) if self._end > self._first else float("nan")

    def append(self, open_ns: int, prices: Sequence[float]) -> bool:
        """Add a closed candle, or correct one that is there; False when nothing changed.

        prices: open, high, low, close, volume. An older candle finds its own place.
        """
        row = np.asarray(prices, dtype=float)
        if open_ns > self.last_open_ns:
            if self._end == len(self._dates):
                self._move(self._dates[self._first : self._end].copy(), self._held().copy())
            self._dates[self._end] = open_ns
            self._values[:, self._end] = row
            self._end += 1
            if len(self) > self._keep + self._slack:
                self._first = self._end - self._keep
            return True
        held = self._dates[self._first : self._end]
        place = int(np.searchsorted(held, open_ns))
        if held[place] == open_ns:
            if np.array_equal(self._values[:, self._first + place], row, equal_nan=True):
                return False
            values = self._held().copy()  # a frame that was given out keeps what it showed
            values[:, place] = row
            self._move(held.copy(), values)
            return True
        values = np.insert(self._held(), place, row, axis=1)
        self._move(np.insert(held, place, open_ns), values)
        return True

    def frame(self) -> pd.DataFrame:
        """The candles as freqtrade shows them: date (UTC), open, high, low, close, volume.

        Its columns are views; pandas copies a column when somebody writes to it.
        """
        dates = self._dates[self._first : self._end].view("datetime64[ns]")
        values = self._held()
        columns: dict[str, Any] = {"date": pd.DatetimeIndex(dates).tz_localize("UTC")}
        for number, name in enumerate(COLUMNS):
            columns[name] = values[number]
        return pd.DataFrame(columns, index=pd.RangeIndex(len(self)))

    def kept(self) -> tuple[int, int, np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """(keep, slack, dates, matrix of prices): what `hold` takes."""
        return self._keep, self._slack, self._dates[self._first : self._end], self._held()

    def hold(self, dates: np.ndarray[Any, Any], values: np.ndarray[Any, Any]) -> None:
        """Hold these candles, and no others."""
        self._move(dates, values)

    def _held(self) -> np.ndarray[Any, Any]:
        return self._values[:, self._first : self._end]

    def _move(self, dates: np.ndarray[Any, Any], values: np.ndarray[Any, Any]) -> None:
        """To new memory: what was shown before stays as it was."""
        count = min(len(dates), self._keep + self._slack)
        self._dates = np.empty(2 * (self._keep + self._slack), dtype=np.int64)
        self._values = np.empty((len(COLUMNS), len(self._dates)))
        self._dates[:count] = dates[len(dates) - count :]
        self._values[:, :count] = values[:, values.shape[1] - count :]
        self._first, self._end = 0, count
