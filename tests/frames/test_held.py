"""What a follower holds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.frames.sample import START, STEP_NS, frame, update

from millstream.frames.held import HeldFrames
from millstream.model.frames import ProducerState, Whitelist

KEY = ("p", "BTC/USDT", "5m", "spot")


def equal(held, frame):
    pd.testing.assert_frame_equal(held.get(*KEY)[0], frame.reset_index(drop=True))


@pytest.fixture
def held():
    made = HeldFrames()
    assert made.apply(update(frame(0, 200), replace=True)).ok
    return made


def test_the_next_row_is_appended(held):
    assert held.apply(update(frame(200, 201), sequence=7, at=5)).ok
    equal(held, frame(0, 201))
    status = held.status(*KEY)
    assert (status.rows, status.sequence, status.state, status.age_ns(8)) == (201, 7, "fresh", 3)


def test_the_same_candle_again_takes_the_place_of_the_first(held):
    changed = frame(199, 200).assign(close=5.0)
    assert held.apply(update(changed)).ok
    equal(held, pd.concat([frame(0, 199), changed]))


def test_an_older_candle_updates_its_own_row_and_no_other(held):
    changed = frame(50, 51).assign(close=5.0)
    assert held.apply(update(changed)).ok
    equal(held, pd.concat([frame(0, 50), changed, frame(51, 200)]))


def test_a_hole_is_told_and_nothing_is_held_of_it(held):
    assert held.apply(update(frame(203, 204)))[:2] == (False, 4)
    equal(held, frame(0, 200))
    assert held.status(*KEY).state == "gap"
    assert held.apply(update(frame(198, 204))).ok
    equal(held, frame(0, 204))
    assert held.status(*KEY).state == "fresh"


def test_a_short_frame_is_held_too():
    held = HeldFrames()
    assert held.apply(update(frame(0, 3))).ok
    equal(held, frame(0, 3))


def test_the_last_rows_are_kept():
    held = HeldFrames(limit=100)
    held.apply(update(frame(0, 150), replace=True))
    equal(held, frame(50, 150))
    later = frame(150, 700)
    for row in range(550):
        assert held.apply(update(later[row : row + 1])).ok
    equal(held, frame(600, 700))


def test_a_whole_frame_takes_the_place_of_all(held):
    assert held.apply(update(frame(20, 30), replace=True)).ok
    equal(held, frame(20, 30))


def test_a_new_column_is_missing_in_the_rows_before_it(held):
    assert held.apply(update(frame(200, 201, fresh=2.5, why="x"))).ok
    got, _ = held.get(*KEY)
    assert got["fresh"].isna().sum() == 200
    assert got["fresh"].iloc[-1] == 2.5
    assert got["why"].iloc[-1] == "x"
    assert list(got["close"]) == list(frame(0, 201)["close"])


def test_a_column_that_is_left_out_is_missing_from_then_on(held):
    assert held.apply(update(frame(200, 202).drop(columns=["enter_long"]))).ok
    got, _ = held.get(*KEY)
    assert got["enter_long"].isna().sum() == 2
    assert got["enter_long"].dtype == "float64"


def test_dates_of_another_unit_and_zone_are_the_same_dates(held):
    rows = frame(199, 201)
    rows["date"] = rows["date"].dt.tz_convert("Europe/Berlin").astype("datetime64[ns, UTC]")
    assert held.apply(update(rows)).ok
    got, _ = held.get(*KEY)
    assert (got["date"] == frame(0, 201)["date"]).all()


@pytest.mark.parametrize("timeframe", ["1M", "1y", "zz"])
def test_months_years_and_unknown_timeframes_append_too(timeframe):
    held = HeldFrames()
    step = {"1M": "MS", "1y": "YS", "zz": "D"}[timeframe]
    dates = pd.date_range("2024-01-01", periods=4, freq=step, tz="UTC")
    rows = pd.DataFrame({"date": dates, "x": range(4)})
    for n in range(4):
        assert held.apply(update(rows[n : n + 1], timeframe=timeframe)).ok
    assert len(held.get("p", "BTC/USDT", timeframe, "spot")[0]) == 4


def test_a_missing_month_is_a_hole():
    held = HeldFrames()
    dates = pd.to_datetime(["2024-01-01", "2024-03-01"], utc=True)
    rows = pd.DataFrame({"date": dates})
    held.apply(update(rows[:1], timeframe="1M"))
    assert held.apply(update(rows[1:], timeframe="1M"))[:2] == (False, 2)


def test_what_is_given_out_never_changes(held):
    before, _ = held.get(*KEY)
    copy = before.copy()
    held.apply(update(frame(199, 200).assign(close=9.0)))
    held.apply(update(frame(200, 203)))
    held.apply(update(frame(10, 11).assign(close=9.0)))
    pd.testing.assert_frame_equal(before, copy)


def test_what_a_strategy_writes_stays_its_own(held):
    mine, _ = held.get(*KEY)
    mine.loc[:, "close"] = 0.0
    mine["rsi"] = 1.0
    mine.iloc[5, 1] = -1.0
    equal(held, frame(0, 200))


def test_a_missing_frame_is_empty_and_a_stale_one_is_missing(held):
    assert held.get("p", "ETH/USDT", "5m", "spot")[0].empty
    stale = ProducerState(2, "p", "stale", *KEY[1:])
    held.set_state(stale)
    assert held.get(*KEY)[0].empty
    held.apply(update(frame(200, 201)))
    assert not held.get(*KEY)[0].empty


def test_an_empty_list_of_pairs_is_a_list_too(held):
    held.set_pairs(Whitelist(1, "p", ("A/B",)))
    assert held.pairs("p") == ["A/B"]
    held.set_pairs(Whitelist(1, "p", ()))
    assert held.pairs("p") == []
    assert held.pairs("nobody") == []


def test_what_cannot_be_read_or_has_no_date_is_refused_and_changes_nothing(held):
    assert "date" in held.apply(update(pd.DataFrame({"x": [1]}))).reason
    assert not held.apply(update(frame(200, 200))).ok
    assert not held.apply(update(frame(200, 201)).__class__(1, *KEY, 1, 1, False, b"junk")).ok
    equal(held, frame(0, 200))


def test_rows_without_a_date_or_with_one_twice_are_put_in_order():
    rows = pd.concat([frame(3, 5), frame(1, 4).assign(close=2.0), frame(9, 10)])
    rows.iloc[-1, 0] = pd.NaT
    held = HeldFrames()
    assert held.apply(update(rows)).ok
    got, _ = held.get(*KEY)
    numbers = ((got["date"] - START) / pd.Timedelta("5min")).astype(int).tolist()
    assert numbers == [1, 2, 3, 4]
    assert got["close"].tolist()[:3] == [2.0, 2.0, 2.0]


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_held_is_what_a_dictionary_of_dates_would_hold(data):
    limit = data.draw(st.sampled_from([5, 40, 1500]))
    held, plain = HeldFrames(limit), {}
    for step in range(data.draw(st.integers(1, 12))):
        first = data.draw(st.integers(0, 60))
        rows = frame(first, first + data.draw(st.integers(1, 12))).assign(close=float(step))
        replace = data.draw(st.booleans())
        new = dict(zip(rows["date"].astype("int64"), rows["close"], strict=True))
        ok = held.apply(update(rows, replace=replace)).ok
        if not plain or replace:
            assert ok
            plain = new
        elif min(new) - max(plain) > STEP_NS // 1_000_000:
            assert not ok
        else:
            assert ok
            plain = {d: v for d, v in plain.items() if not min(new) <= d <= max(new)} | new
        plain = dict(sorted(plain.items())[-limit:])
        if data.draw(st.booleans()):
            got, _ = held.get(*KEY)
            assert dict(zip(got["date"].astype("int64"), got["close"], strict=True)) == plain
    got, _ = held.get(*KEY)
    assert dict(zip(got["date"].astype("int64"), got["close"], strict=True)) == plain
    assert np.all(np.diff(got["date"].astype("int64")) > 0)
