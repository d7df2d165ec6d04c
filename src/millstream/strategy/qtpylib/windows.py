"""Rolling windows, and the averages made of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

Series: TypeAlias = "pd.Series[Any]"


def as_series(values: Any) -> Series:
    """A column, whatever holds its values."""
    return values if isinstance(values, pd.Series) else pd.Series(values)


def rolling(values: Any, window: int, min_periods: int | None) -> Any:
    """pandas' windows; min_periods: how many values one needs, None: all."""
    least = window if min_periods is None else min_periods
    return as_series(values).rolling(window=window, min_periods=least)


def whole_windows(values: Any, window: int, min_periods: int | None) -> bool:
    """Whether only whole windows count, and there is one."""
    return min_periods in (None, window) and len(values) > window


def of_windows(
    values: Any, window: int, told: Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]
) -> Series:
    """One value for each whole window, computed afresh: no rounding is carried along."""
    series = as_series(values)
    numbers = series.to_numpy(dtype=float)
    result = np.full(len(series), np.nan)
    result[window - 1 :] = told(np.lib.stride_tricks.sliding_window_view(numbers, window))
    return pd.Series(result, index=series.index)


def rolling_mean(series: Any, window: int = 200, min_periods: int | None = None) -> Series:
    """The average of the last `window` values."""
    if whole_windows(series, window, min_periods):
        return of_windows(series, window, lambda windows: windows.mean(axis=1))
    value: Series = rolling(series, window, min_periods).mean()
    return value


def rolling_std(series: Any, window: int = 200, min_periods: int | None = None) -> Series:
    """How far the last `window` values scatter; the sample's standard deviation."""
    if whole_windows(series, window, min_periods):
        return of_windows(series, window, lambda windows: windows.std(axis=1, ddof=1))
    value: Series = rolling(series, window, min_periods).std()
    return value


def rolling_min(series: Any, window: int = 14, min_periods: int | None = None) -> Series:
    """The smallest of the last `window` values."""
    value: Series = rolling(series, window, min_periods).min()
    return value


def rolling_max(series: Any, window: int = 14, min_periods: int | None = None) -> Series:
    """The largest of the last `window` values."""
    value: Series = rolling(series, window, min_periods).max()
    return value


def rolling_weighted_mean(
    series: Any, window: float = 200, min_periods: int | None = None
) -> Series:
    """The exponentially weighted average over a span of `window` values."""
    least = int(window) if min_periods is None else min_periods
    value: Series = as_series(series).ewm(span=window, min_periods=least).mean()
    return value


def sma(series: Any, window: int = 200, min_periods: int | None = None) -> Series:
    """`rolling_mean`."""
    return rolling_mean(series, window, min_periods)


def wma(series: Any, window: int = 200, min_periods: int | None = None) -> Series:
    """`rolling_weighted_mean`."""
    return rolling_weighted_mean(series, window, min_periods)


def hull_moving_average(series: Any, window: int = 200, min_periods: int | None = None) -> Series:
    """Hull's average on weighted means: quick and smooth."""
    least = window if min_periods is None else min_periods
    faster = 2 * rolling_weighted_mean(series, window / 2, least)
    difference = faster - rolling_weighted_mean(series, window, least)
    return rolling_weighted_mean(difference, float(np.sqrt(window)), least)


def hma(series: Any, window: int = 200, min_periods: int | None = None) -> Series:
    """`hull_moving_average`."""
    return hull_moving_average(series, window, min_periods)


def zlma(
    series: Any, window: int = 20, min_periods: int | None = None, kind: str = "ema"
) -> Series:
    """An average that is led by what it lags: of kind "ema", "hma" or "sma"."""
    lag = (window - 1) // 2
    values = as_series(series)
    led = 2 * values - values.shift(lag)
    least = window if min_periods is None else min_periods
    if kind in ("ewm", "ema"):
        return wma(led, lag, least)
    if kind == "hma":
        return hma(led, lag, least)
    return sma(led, lag, min(least, lag))


def zlema(series: Any, window: int, min_periods: int | None = None) -> Series:
    """`zlma` of exponential means."""
    return zlma(series, window, min_periods, kind="ema")


def zlsma(series: Any, window: int, min_periods: int | None = None) -> Series:
    """`zlma` of plain means."""
    return zlma(series, window, min_periods, kind="sma")


def zlhma(series: Any, window: int, min_periods: int | None = None) -> Series:
    """`zlma` of Hull's means."""
    return zlma(series, window, min_periods, kind="hma")
