"""Bands around a price, and oscillators."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from millstream.strategy.qtpylib.prices import mid_price, true_range, typical_price
from millstream.strategy.qtpylib.windows import (
    Series,
    as_series,
    rolling_max,
    rolling_mean,
    rolling_min,
    rolling_std,
    rolling_weighted_mean,
    sma,
)


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
    values = as_series(series)
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


def _strength(up: float, down: float) -> float:
    return 100.0 if down == 0 else 100.0 - 100.0 / (1 + up / down)
