"""Indicators under the names that freqtrade's strategies call as `qtpylib.…`.

Written from their formulas; the tests compare values with the real ones and with TA-Lib. Where a
name takes a table, it has the columns open, high, low, close and volume, oldest candle first; what
comes back has one value a row, NaN where there are too few rows before it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

Series: TypeAlias = "pd.Series[Any]"

__all__ = [
    "atr", "awesome_oscillator", "bollinger_bands", "cci", "chopiness", "crossed",
    "crossed_above", "crossed_below", "heikinashi", "hma", "hull_moving_average", "ibs",
    "ichimoku", "implied_volatility", "keltner_channel", "log_returns", "macd", "mid_price",
    "nans", "pvt", "returns", "roc", "rolling_max", "rolling_mean", "rolling_min", "rolling_std",
    "rolling_vwap", "rolling_weighted_mean", "rsi", "sma", "stoch", "tdi", "true_range",
    "typical_price", "vwap", "weighted_bollinger_bands", "wma", "zlema", "zlhma", "zlma", "zlsma",
    "zscore",
]  # fmt: skip


# ---- prices of a candle -------------------------------------------------------------------------


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


# ---- one line against another -------------------------------------------------------------------


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


# ---- windows ------------------------------------------------------------------------------------


def rolling_mean(series: Any, window: int = 200, min_periods: int | None = None) -> Series:
    """The average of the last `window` values."""
    if _whole_windows(series, window, min_periods):
        return _of_windows(series, window, lambda windows: windows.mean(axis=1))
    value: Series = _rolling(series, window, min_periods).mean()
    return value


def rolling_std(series: Any, window: int = 200, min_periods: int | None = None) -> Series:
    """How far the last `window` values scatter; the sample's standard deviation."""
    if _whole_windows(series, window, min_periods):
        return _of_windows(series, window, lambda windows: windows.std(axis=1, ddof=1))
    value: Series = _rolling(series, window, min_periods).std()
    return value


def rolling_min(series: Any, window: int = 14, min_periods: int | None = None) -> Series:
    """The smallest of the last `window` values."""
    value: Series = _rolling(series, window, min_periods).min()
    return value


def rolling_max(series: Any, window: int = 14, min_periods: int | None = None) -> Series:
    """The largest of the last `window` values."""
    value: Series = _rolling(series, window, min_periods).max()
    return value


def rolling_weighted_mean(
    series: Any, window: float = 200, min_periods: int | None = None
) -> Series:
    """The exponentially weighted average over a span of `window` values."""
    least = int(window) if min_periods is None else min_periods
    value: Series = _series(series).ewm(span=window, min_periods=least).mean()
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
    values = _series(series)
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


# ---- bands --------------------------------------------------------------------------------------


def bollinger_bands(series: Any, window: int = 20, stds: float = 2) -> pd.DataFrame:
    """The plain mean and `stds` deviations around it; columns upper, mid, lower (Bollinger)."""
    mid = rolling_mean(series, window, 1)
    spread = stds * rolling_std(series, window, 1)
    return pd.DataFrame({"upper": mid + spread, "mid": mid, "lower": mid - spread})


def weighted_bollinger_bands(series: Any, window: int = 20, stds: float = 2) -> pd.DataFrame:
    """The weighted mean and `stds` deviations around it; columns upper, mid, lower."""
    mid = rolling_weighted_mean(series, window)
    spread = stds * rolling_std(series, window)
    return pd.DataFrame({"upper": mid + spread, "mid": mid, "lower": mid - spread})


def keltner_channel(bars: pd.DataFrame, window: int = 14, atrs: float = 2) -> pd.DataFrame:
    """The typical price's mean and `atrs` true ranges around it; columns upper, mid, lower."""
    mid = rolling_mean(typical_price(bars), window)
    spread = atr(bars, window) * atrs
    return pd.DataFrame({"upper": mid + spread, "mid": mid, "lower": mid - spread})


def atr(bars: pd.DataFrame, window: int = 14, exp: bool = False) -> Series:
    """Average true range, in quote units; weighted when `exp`."""
    ranges = true_range(bars)
    return rolling_weighted_mean(ranges, window) if exp else rolling_mean(ranges, window)


# ---- oscillators --------------------------------------------------------------------------------


def awesome_oscillator(
    df: pd.DataFrame, weighted: bool = False, fast: int = 5, slow: int = 34
) -> Series:
    """The mid price's fast mean against its slow one; weighted by centres of mass if told so."""
    mid = mid_price(df)
    if weighted:
        return mid.ewm(com=fast).mean() - mid.ewm(com=slow).mean()
    return rolling_mean(mid, fast) - rolling_mean(mid, slow)


def macd(series: Any, fast: int = 3, slow: int = 10, smooth: int = 16) -> pd.DataFrame:
    """Two weighted means apart; columns macd, signal, histogram."""
    line = rolling_weighted_mean(series, fast) - rolling_weighted_mean(series, slow)
    signal = rolling_weighted_mean(line, smooth)
    return pd.DataFrame({"macd": line, "signal": signal, "histogram": line - signal})


def rsi(series: Any, window: int = 14) -> Series:
    """Relative strength index, 0 to 100, begun with plain averages (Wilder 1978)."""
    values = _series(series)
    changes = np.diff(values.to_numpy(dtype=float))
    result = np.full(len(values), 0.0)
    up = max(changes[: window + 1].clip(min=0).sum() / window, 0.0)
    down = -changes[: window + 1].clip(max=0).sum() / window
    result[:window] = _strength(up, down)
    for row in range(window, len(values)):
        change = changes[row - 1]
        up = (up * (window - 1) + max(change, 0.0)) / window
        down = (down * (window - 1) + max(-change, 0.0)) / window
        result[row] = _strength(up, down)
    return pd.Series(result, index=values.index)


def stoch(df: pd.DataFrame, window: int = 14, d: int = 3, k: int = 3, fast: bool = False) -> Any:
    """Stochastic oscillator; columns fast_k, fast_d, or slow_k, slow_d unless `fast`."""
    highest, lowest = rolling_max(df["high"], window), rolling_min(df["low"], window)
    fast_k = 100 * (df["close"] - lowest) / (highest - lowest)
    fast_d = rolling_mean(fast_k, d)
    if fast:
        return pd.DataFrame({"fast_k": fast_k, "fast_d": fast_d})
    slow_k = rolling_mean(fast_k, k)
    return pd.DataFrame({"slow_k": slow_k, "slow_d": rolling_mean(slow_k, d)})


def cci(series: pd.DataFrame, window: int = 14) -> Series:
    """The typical price's distance from its mean, in deviations of that mean over the whole table.

    As freqtrade's strategies know it: a value changes while candles come. `ta.CCI` is Lambert's.
    """
    price = typical_price(series)
    middle = rolling_mean(price, window)
    return (price - middle) / (0.015 * middle.std(ddof=0))


def chopiness(bars: pd.DataFrame, window: int = 14) -> Series:
    """100 where the market goes nowhere, low where it has a direction."""
    ranges = true_range(bars).rolling(window).sum()
    spread = bars["high"].rolling(window).max() - bars["low"].rolling(window).min()
    value: Series = 100 * np.log10(ranges / spread) / np.log10(window)
    return value


def tdi(
    series: Any,
    rsi_lookback: int = 13,
    rsi_smooth_len: int = 2,
    rsi_signal_len: int = 7,
    bb_lookback: int = 34,
    bb_std: float = 1.6185,
) -> pd.DataFrame:
    """Traders' dynamic index; columns rsi, rsi_signal, rsi_smooth, rsi_bb_upper, _lower, _mid."""
    strength = rsi(series, rsi_lookback)
    bands = bollinger_bands(strength, bb_lookback, bb_std)
    return pd.DataFrame(
        {
            "rsi": strength,
            "rsi_signal": sma(strength, rsi_signal_len),
            "rsi_smooth": sma(strength, rsi_smooth_len),
            "rsi_bb_upper": bands["upper"],
            "rsi_bb_lower": bands["lower"],
            "rsi_bb_mid": bands["mid"],
        }
    )


def ichimoku(
    bars: pd.DataFrame,
    conversion_line_period: int = 9,
    base_line_periods: int = 26,
    laggin_span: int = 52,
    displacement: int = 26,
) -> dict[str, Series]:
    """Ichimoku's lines: tenkan_sen, kijun_sen, the two leading spans (already displaced), chikou.

    chikou_span looks ahead, as the chart shows it: never trade on it. `cloud_green` and
    `cloud_red` say which leading span is above.
    """

    def middle(window: int) -> Series:
        highest = bars["high"].rolling(window).max()
        return (highest + bars["low"].rolling(window).min()) / 2

    tenkan, kijun = middle(conversion_line_period), middle(base_line_periods)
    leading_a, leading_b = (tenkan + kijun) / 2, middle(laggin_span)
    span_a, span_b = leading_a.shift(displacement - 1), leading_b.shift(displacement - 1)
    return {
        "tenkan_sen": tenkan,
        "kijun_sen": kijun,
        "senkou_span_a": span_a,
        "senkou_span_b": span_b,
        "leading_senkou_span_a": leading_a,
        "leading_senkou_span_b": leading_b,
        "chikou_span": bars["close"].shift(-displacement),
        "cloud_green": span_a > span_b,
        "cloud_red": span_b > span_a,
    }


# ---- returns and volume -------------------------------------------------------------------------


def returns(series: Any) -> Series:
    """The change of each value as a ratio of the one before it."""
    return _finite(_series(series) / _series(series).shift(1) - 1)


def log_returns(series: Any) -> Series:
    """The natural logarithm of each value's ratio to the one before it."""
    values = _series(series)
    return _finite(np.log(values / values.shift(1)))


def implied_volatility(series: Any, window: int = 252) -> Series:
    """The log returns' deviation over `window` values, times its root: a year's, for days."""
    values = _series(series)
    spread = log_returns(values).rolling(window).std()
    return _finite(spread * np.sqrt(window))


def roc(series: Any, window: int = 14) -> Series:
    """Rate of change over `window` values, as a ratio."""
    values = _series(series)
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


# ---- shared -------------------------------------------------------------------------------------


def _series(values: Any) -> Series:
    return values if isinstance(values, pd.Series) else pd.Series(values)


def _rolling(values: Any, window: int, min_periods: int | None) -> Any:
    least = window if min_periods is None else min_periods
    return _series(values).rolling(window=window, min_periods=least)


def _whole_windows(values: Any, window: int, min_periods: int | None) -> bool:
    return min_periods in (None, window) and len(values) > window


def _of_windows(
    values: Any, window: int, told: Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]
) -> Series:
    """One value for each whole window, computed afresh: no rounding is carried along."""
    series = _series(values)
    numbers = series.to_numpy(dtype=float)
    result = np.full(len(series), np.nan)
    result[window - 1 :] = told(np.lib.stride_tricks.sliding_window_view(numbers, window))
    return pd.Series(result, index=series.index)


def _finite(values: Any) -> Series:
    """Infinite values count as missing."""
    cleaned: Series = values.replace([np.inf, -np.inf], np.nan)
    return cleaned


def _strength(up: float, down: float) -> float:
    return 100.0 if down == 0 else 100.0 - 100.0 / (1 + up / down)
