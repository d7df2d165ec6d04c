from __future__ import annotations

import numpy as np
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from millstream.demo.indicators import Bollinger, Ema, Rsi, Tema

PRICES = st.lists(st.floats(1.0, 1_000.0), min_size=60, max_size=120)


def ours(indicator, prices):
    return [indicator.update(price) for price in prices]


def assert_same(mine, theirs):
    assert len(mine) == len(theirs)
    for value, expected in zip(mine, theirs, strict=True):
        if value is None:
            assert np.isnan(expected)
        else:
            assert value == pytest.approx(expected, rel=1e-6, abs=1e-6)


@settings(deadline=None)
@given(PRICES)
def test_the_rsi_is_talibs(prices):
    assert_same(ours(Rsi(14), prices), talib.RSI(np.array(prices), 14))


@settings(deadline=None)
@given(PRICES)
def test_the_ema_is_talibs(prices):
    assert_same(ours(Ema(9), prices), talib.EMA(np.array(prices), 9))


@settings(deadline=None)
@given(PRICES)
def test_the_tema_is_talibs(prices):
    assert_same(ours(Tema.over(9), prices), talib.TEMA(np.array(prices), 9))


@settings(deadline=None)
@given(PRICES)
def test_the_bollinger_bands_are_talibs(prices):
    upper, middle, _ = talib.BBANDS(np.array(prices), 20, 2, 2)
    mine = ours(Bollinger(20), prices)
    assert_same([None if pair is None else pair[0] for pair in mine], middle)
    for pair, expected in zip(mine, upper, strict=True):
        if pair is not None:
            assert pair[0] + 2 * pair[1] == pytest.approx(expected, rel=1e-4, abs=1e-2)


def test_a_flat_market_has_an_rsi_of_zero_and_no_scatter():
    assert ours(Rsi(3), [5.0] * 10)[-1] == 0.0
    assert ours(Bollinger(3), [5.0] * 10)[-1] == (5.0, 0.0)
