"""A candle's prices, lines that cross, returns and volume."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from millstream.strategy.qtpylib.windows import (
    Series,
    as_series,
    rolling_mean,
    rolling_std,
)


def typical_price(bars: pd.DataFrame) -> Series:
    """(high + low + close) / 3."""
    return (bars["high"] + bars["low"] + bars["close"]) / 3.0


def mid_price(bars: pd.DataFrame) -> Series:
    """Half way between high and low."""
    return (bars["high"] + bars["low"]) / 2.0


def ibs(bars: pd.DataFrame) -> Series:
    """Internal bar strength: where the close lies between low (0) and high (1), 2 decimals."""
    return ((bars["close"] - bars["low"]) / (bars["high"] - bars["low"])).round(2)


def true_range(bars: pd.DataFrame) -> Series:
    """The largest of high - low, and high and low against the last close (Wilder 1978)."""
    last = bars["close"].shift(1)
    ranges = pd.concat(
        [bars["high"] - bars["low"], (bars["high"] - last).abs(), (bars["low"] - last).abs()],
        axis=1,
    )
    return ranges.max(axis=1)


def heikinashi(bars: pd.DataFrame) -> pd.DataFrame:
    """Average candles; columns open, high, low, close."""
    close = (bars["open"] + bars["high"] + bars["low"] + bars["close"]) / 4
    opens, closes = np.empty(len(bars)), close.to_numpy()
    if len(bars):
        opens[0] = (bars["open"].iloc[0] + bars["close"].iloc[0]) / 2
    for row in range(1, len(bars)):
        opens[row] = (opens[row - 1] + closes[row - 1]) / 2
    open_ = pd.Series(opens, index=bars.index)
    high = pd.concat([bars["high"], open_, close], axis=1).max(axis=1)
    low = pd.concat([bars["low"], open_, close], axis=1).min(axis=1)
    return pd.DataFrame({"open": open_, "high": high, "low": low, "close": close})


def crossed(series1: Any, series2: Any, direction: str | None = None) -> Series:
    """True where series1 comes to the other side of series2: "above", "below", or either (None).

    Either may be a number. Touching is not crossing: it must have been at the line or beyond.
    """
    first = series1 if isinstance(series1, pd.Series) else pd.Series(series1)
    second = series2 if isinstance(series2, pd.Series) else pd.Series(series2, index=first.index)
    above = below = pd.Series(False, index=first.index)
    if direction != "below":
        above = (first > second) & (first.shift(1) <= second.shift(1))
    if direction != "above":
        below = (first < second) & (first.shift(1) >= second.shift(1))
    return above | below


def crossed_above(series1: Any, series2: Any) -> Series:
    """True where series1 rises above series2."""
    return crossed(series1, series2, "above")


def crossed_below(series1: Any, series2: Any) -> Series:
    """True where series1 falls below series2."""
    return crossed(series1, series2, "below")


def returns(series: Any) -> Series:
    """The change of each value as a ratio of the one before it."""
    return _finite(as_series(series) / as_series(series).shift(1) - 1)


def log_returns(series: Any) -> Series:
    """The natural logarithm of each value's ratio to the one before it."""
    values = as_series(series)
    return _finite(np.log(values / values.shift(1)))


def implied_volatility(series: Any, window: int = 252) -> Series:
    """The log returns' deviation over `window` values, times its root: a year's, for days."""
    values = as_series(series)
    spread = log_returns(values).rolling(window).std()
    return _finite(spread * np.sqrt(window))


def roc(series: Any, window: int = 14) -> Series:
    """Rate of change over `window` values, as a ratio."""
    values = as_series(series)
    return (values - values.shift(window)) / values.shift(window)


def zscore(bars: pd.DataFrame, window: int = 20, stds: float = 1, col: str = "close") -> Series:
    """How many deviations a column is away from its mean."""
    return (bars[col] - rolling_mean(bars[col], window)) / (stds * rolling_std(bars[col], window))


def pvt(bars: pd.DataFrame) -> Series:
    """Price volume trend: the volume, weighted by the change of the close, summed up."""
    last = bars["close"].shift(1)
    return (((bars["close"] - last) / last) * bars["volume"]).cumsum()


def vwap(bars: pd.DataFrame) -> Series:
    """Raises ValueError: since the first row of what? Call `rolling_vwap`."""
    raise ValueError(
        "using `qtpylib.vwap` facilitates lookahead bias. Please use "
        "`qtpylib.rolling_vwap` instead, which calculates vwap in a rolling manner."
    )


def rolling_vwap(bars: pd.DataFrame, window: int = 200, min_periods: int | None = None) -> Series:
    """The typical price, weighted by volume, over the last `window` rows."""
    least = window if min_periods is None else min_periods
    weighted = (typical_price(bars) * bars["volume"]).rolling(window, min_periods=least).sum()
    volume = bars["volume"].rolling(window, min_periods=least).sum()
    return _finite(weighted / volume).ffill()


def nans(length: int = 1) -> np.ndarray[Any, Any]:
    """As many NaN."""
    return np.full(length, np.nan)


def _finite(values: Any) -> Series:
    """Infinite values count as missing."""
    cleaned: Series = values.replace([np.inf, -np.inf], np.nan)
    return cleaned
