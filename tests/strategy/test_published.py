"""What followers are told of a frame: from the first row that differs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millstream.frames.columns import decode_rows
from millstream.frames.held import HeldFrames
from millstream.model.frames import FrameUpdate
from millstream.strategy.published import Published

PAIR = "BTC/USDT"


def frame(first, end):
    number = np.arange(first, end)
    dates = pd.to_datetime(1_767_225_600 + number * 300, unit="s", utc=True)
    made = pd.DataFrame({"date": dates, "close": np.sin(number), "enter_long": number % 7})
    made["close"] = made["close"].where(number % 5 != 0)  # holes
    made["enter_tag"] = pd.Series([f"tag {n}" if n % 3 else None for n in number], dtype=object)
    return made


@pytest.fixture
def published():
    made = Published("5m", "spot", 100)
    assert made.update(PAIR, frame(0, 60), 1).replace
    return made


def told(published, table):
    message = published.update(PAIR, table, 2)
    return message.replace, decode_rows(message.rows)


def test_a_new_row_is_told_alone(published):
    replace, rows = told(published, frame(0, 61))
    assert not replace
    pd.testing.assert_frame_equal(rows, frame(60, 61))


def test_the_last_row_is_told_again_where_none_differs(published):
    replace, rows = told(published, frame(0, 60))
    assert not replace
    pd.testing.assert_frame_equal(rows, frame(59, 60))


@pytest.mark.parametrize(
    ("column", "value"), [("close", 9.0), ("close", float("nan")), ("enter_tag", "other")]
)
def test_it_is_told_from_the_first_row_that_differs_on(published, column, value):
    changed = frame(0, 61)
    changed.loc[41, column] = value
    replace, rows = told(published, changed)
    assert not replace
    pd.testing.assert_frame_equal(rows, changed[41:].reset_index(drop=True))


def test_true_1_and_1_0_are_different_objects_to_tell(published):
    for value in (1, 1.0, True):
        changed = frame(0, 60)
        changed.at[50, "enter_tag"] = value
        replace, rows = told(published, changed)
        assert not replace
        assert len(rows) == 10
        assert type(rows["enter_tag"].iloc[0]) is type(value)


@pytest.mark.parametrize(
    "table",
    [
        frame(0, 61).drop(columns="close"),
        frame(0, 61).astype({"enter_long": "float64"}),
        frame(70, 80),
        frame(-5, 60),
    ],
    ids=["a column less", "another kind", "nothing in common", "older rows"],
)
def test_the_whole_frame_is_told_where_a_part_will_not_do(published, table):
    replace, rows = told(published, table)
    assert replace
    assert len(rows) == len(table)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_followers_last_rows_are_those_of_whatever_was_told(data):
    published, held, end = Published("5m", "spot", 40), HeldFrames(40), 10
    for _ in range(data.draw(st.integers(1, 8))):
        end += data.draw(st.sampled_from([0, 1, 1, 3, 60]))
        table = frame(data.draw(st.sampled_from([0, 0, 5])), end)
        for _ in range(data.draw(st.integers(0, 2))):
            row = data.draw(st.integers(0, len(table) - 1))
            column = data.draw(st.sampled_from(["close", "enter_tag"]))
            table.loc[row, column] = 3.5 if column == "close" else "changed"
        message = published.update(PAIR, table, 1)
        update = FrameUpdate(1, "p", PAIR, "5m", "spot", 1, 1, message.replace, message.rows)
        assert held.apply(update).ok
        got, _ = held.get("p", PAIR, "5m", "spot")
        want = table.iloc[-40:].reset_index(drop=True)
        pd.testing.assert_frame_equal(got.iloc[-len(want) :].reset_index(drop=True), want)
