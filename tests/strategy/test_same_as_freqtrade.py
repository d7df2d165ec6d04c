"""The helpers of a strategy give what the real freqtrade's give, value for value."""

import pickle
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from millstream.strategy import merge_informative_pair, qtpylib, stops
from millstream.strategy.pair_lists import PairList, whitelist
from millstream.strategy.timeframes import timeframe_to_seconds

ROOT = Path(__file__).parents[2]
PEER = ROOT / ".freqtrade" / "bin" / "python"
pytestmark = [
    pytest.mark.skipif(not PEER.exists(), reason="there is no .freqtrade; `make test` makes it"),
    pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning"),
]


def candles(seed, rows=300, start="2026-01-01", freq="5min", zeros=False):
    chance = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(chance.normal(0, 0.01, rows)))
    open_ = np.concatenate([[100.0], close[:-1]])
    high = np.maximum(open_, close) * (1 + chance.uniform(0, 0.01, rows))
    low = np.minimum(open_, close) * (1 - chance.uniform(0, 0.01, rows))
    volume = chance.uniform(0, 1000, rows)
    if zeros:  # quiet minutes: the price stands still
        high[50:90] = low[50:90] = close[50:90] = open_[50:90] = close[50]
        volume[50:90] = 0.0
    dates = pd.date_range(start, periods=rows, freq=freq, tz="UTC")
    return pd.DataFrame(
        {"date": dates, "open": open_, "high": high, "low": low, "close": close, "volume": volume}
    )


def indicator_cases():
    for seed, zeros in ((1, False), (2, True)):
        bars = candles(seed, zeros=zeros)
        close = bars["close"]
        short = bars.iloc[:15].reset_index(drop=True)
        for table in (bars, short):
            whole = (
                ("awesome_oscillator", "zscore") if table is bars else ()
            )  # it fails on few rows
            for name in (
                *whole, "typical_price", "mid_price", "ibs", "true_range", "heikinashi", "atr",
                "keltner_channel", "stoch", "cci", "chopiness",
                "pvt", "vwap", "rolling_vwap",
            ):  # fmt: skip
                yield name, (table,), {}
            yield "atr", (table,), {"window": 7, "exp": True}
            yield "awesome_oscillator", (table,), {"weighted": True, "fast": 3, "slow": 9}
            yield "stoch", (table,), {"fast": True}
            yield "keltner_channel", (table,), {"window": 9, "atrs": 1.5}
            yield "rolling_vwap", (table,), {"window": 20, "min_periods": 5}
        for name in (
            "rolling_mean", "rolling_std", "rolling_min", "rolling_max", "rolling_weighted_mean",
            "sma", "wma", "hull_moving_average", "hma", "zlma", "bollinger_bands",
            "weighted_bollinger_bands", "macd", "rsi", "returns", "log_returns",
            "implied_volatility", "roc", "tdi",
        ):  # fmt: skip
            yield name, (close,), {}
        for name in ("zlema", "zlsma", "zlhma"):
            yield name, (close, 14), {"min_periods": 4}
        for name in ("rolling_mean", "rolling_std", "sma", "wma", "hma"):
            yield name, (close,), {"window": 10}
            yield name, (close,), {"window": 10, "min_periods": 3}
        yield "bollinger_bands", (close,), {"window": 15, "stds": 3}
        yield "nans", (5,), {}
        level = qtpylib.rolling_mean(close, 20)
        for name in ("crossed", "crossed_above", "crossed_below"):
            yield name, (close, level), {}
            yield name, (close, 100), {}
            yield name, (close, 100.0), {}
            yield name, (close.round(0), close.round(0).shift(3)), {}


def merge_cases():
    chance = np.random.default_rng(7)
    for seed in range(40):
        rows, frames = int(chance.integers(1, 200)), ["5m", "15m", "1h", "4h", "1d"]
        ours, theirs = sorted(chance.integers(0, len(frames), 2))
        start = pd.Timestamp("2026-01-01") + pd.Timedelta(minutes=5 * int(chance.integers(0, 300)))
        base = candles(seed, rows, start, pd.Timedelta(seconds=timeframe_to_seconds(frames[ours])))
        other = candles(
            seed + 100, int(chance.integers(1, 150)),
            pd.Timestamp("2026-01-01") + pd.Timedelta(minutes=15 * int(chance.integers(0, 50))),
            pd.Timedelta(seconds=timeframe_to_seconds(frames[theirs])),
        )  # fmt: skip
        other["rsi"] = np.where(chance.random(len(other)) < 0.2, np.nan, other["close"])
        other["enter_long"] = (chance.random(len(other)) < 0.3).astype(int)
        other["enter_tag"] = ["a" if c else None for c in other["enter_long"]]
        other = other[chance.random(len(other)) < 0.9]
        for ffill in (True, False):
            yield "merge_informative_pair", (base, other, frames[ours], frames[theirs], ffill), {}
            yield (
                "merge_informative_pair", (base, other, frames[ours], frames[theirs], ffill),
                {"append_timeframe": False, "suffix": "default"},
            )  # fmt: skip
            if ours != theirs or not len(other):
                yield (
                    "merge_informative_pair", (base, other, frames[ours], frames[theirs], ffill),
                    {"append_timeframe": False},
                )  # fmt: skip
    base, hour = candles(1, 50), candles(2, 20, freq="1h")
    month = candles(3, 4, "2025-12-01", "MS")
    old = candles(4, 10, "2020-01-01", "1h")
    double = pd.concat([hour, hour.iloc[[3]]]).sort_values("date")
    for keywords in ({}, {"ffill": False}):
        yield "merge_informative_pair", (base, month, "5m", "1M"), keywords
        yield "merge_informative_pair", (base, old, "5m", "1h"), keywords
        yield "merge_informative_pair", (base, double, "5m", "1h"), keywords
        yield "merge_informative_pair", (base, hour.iloc[:0], "5m", "1h"), keywords
        yield "merge_informative_pair", (base, base.iloc[:-3], "5m", "5m"), keywords
    yield "merge_informative_pair", (hour, base, "1h", "5m"), {}
    yield "merge_informative_pair", (base, hour, "5m", "1h"), {"suffix": "x"}


def stop_cases():
    chance = np.random.default_rng(9)
    for _ in range(60):
        wanted, profit = (float(x) for x in chance.uniform(-0.3, 0.3, 2))
        short, leverage = bool(chance.integers(2)), float(chance.integers(1, 4))
        yield "stoploss_from_open", (wanted, profit, short, leverage), {}
        rate = float(chance.uniform(80, 120))
        yield "stoploss_from_absolute", (rate, 100.0, short, leverage), {}
    yield "stoploss_from_open", (0.1, -1), {}
    yield "stoploss_from_absolute", (1.0, 0), {}


def pair_list_cases():
    own, other = ["A/B", "C/D", "E/F"], ["C/D", "G/H", "C/D", "I/J"]
    for before in (None, [], own):
        for upstream in ([], other):
            for number in (0, 1, 3, 9):
                yield "producer_pair_list", (before, upstream, number), {}


def producer_pair_list(before, upstream, number):
    lists = [PairList("ProducerPairList", number, "p")]
    if before is not None:
        lists.insert(0, PairList())
    return whitelist(lists, before or [], lambda name: upstream)


CASES = [*indicator_cases(), *merge_cases(), *stop_cases(), *pair_list_cases()]
OURS = {
    "merge_informative_pair": merge_informative_pair,
    "producer_pair_list": producer_pair_list,
    "stoploss_from_open": stops.stoploss_from_open,
    "stoploss_from_absolute": stops.stoploss_from_absolute,
}


@pytest.fixture(scope="module")
def theirs():
    told = subprocess.run(
        [PEER, Path(__file__).with_name("real_freqtrade.py")],
        input=pickle.dumps(CASES), stdout=subprocess.PIPE, check=True, timeout=120, cwd=ROOT,
    )  # fmt: skip
    return pickle.loads(told.stdout)


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda n: f"{n}-{CASES[n][0]}")
def test_a_helper_gives_what_freqtrades_gives(theirs, number):
    name, arguments, keywords = CASES[number]
    kind, expected = theirs[number]
    function = OURS.get(name) or getattr(qtpylib, name)
    if kind == "error":
        with pytest.raises(Exception) as raised:  # noqa: PT011 - compared as text below
            function(*arguments, **keywords)
        assert f"{type(raised.value).__name__}: {raised.value}" == expected
        return
    got = function(*arguments, **keywords)
    if isinstance(expected, pd.DataFrame):
        missing = [column for column in expected if column not in got]
        assert missing == []
        if name == "merge_informative_pair":
            assert list(got.columns) == list(expected.columns)
        pd.testing.assert_frame_equal(
            got[list(expected.columns)], expected, check_dtype=name == "merge_informative_pair",
            check_index_type=False, rtol=1e-9, atol=1e-12, check_freq=False,
        )  # fmt: skip
    elif isinstance(expected, pd.Series):
        pd.testing.assert_series_equal(
            got, expected, check_names=False, check_dtype=False, check_index_type=False,
            rtol=1e-9, atol=1e-12, check_freq=False,
        )  # fmt: skip
    elif isinstance(expected, np.ndarray):
        np.testing.assert_allclose(np.asarray(got), expected, rtol=1e-9)
    elif isinstance(expected, list):
        assert got == expected
    else:
        assert got == pytest.approx(expected)
