"""Indicators under the names that freqtrade's strategies call as `qtpylib.…`.

Written from their formulas; the tests compare values with the real ones and with TA-Lib. Where a
name takes a table, it has the columns open, high, low, close and volume, oldest candle first; what
comes back has one value a row, NaN where there are too few rows before it.
"""

from millstream.strategy.qtpylib.oscillators import (
    atr,
    awesome_oscillator,
    bollinger_bands,
    cci,
    chopiness,
    ichimoku,
    keltner_channel,
    macd,
    rsi,
    stoch,
    tdi,
    weighted_bollinger_bands,
)
from millstream.strategy.qtpylib.prices import (
    crossed,
    crossed_above,
    crossed_below,
    heikinashi,
    ibs,
    implied_volatility,
    log_returns,
    mid_price,
    nans,
    pvt,
    returns,
    roc,
    rolling_vwap,
    true_range,
    typical_price,
    vwap,
    zscore,
)
from millstream.strategy.qtpylib.windows import (
    hma,
    hull_moving_average,
    rolling_max,
    rolling_mean,
    rolling_min,
    rolling_std,
    rolling_weighted_mean,
    sma,
    wma,
    zlema,
    zlhma,
    zlma,
    zlsma,
)

__all__ = [
    "atr", "awesome_oscillator", "bollinger_bands", "cci", "chopiness", "crossed",
    "crossed_above", "crossed_below", "heikinashi", "hma", "hull_moving_average", "ibs",
    "ichimoku", "implied_volatility", "keltner_channel", "log_returns", "macd", "mid_price",
    "nans", "pvt", "returns", "roc", "rolling_max", "rolling_mean", "rolling_min", "rolling_std",
    "rolling_vwap", "rolling_weighted_mean", "rsi", "sma", "stoch", "tdi", "true_range",
    "typical_price", "vwap", "weighted_bollinger_bands", "wma", "zlema", "zlhma", "zlma", "zlsma",
    "zscore",
]  # fmt: skip
