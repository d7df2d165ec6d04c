"""A frame's rows as bytes."""

from __future__ import annotations

import struct
from contextlib import suppress

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millstream.errors import BadMessage, FrameError
from millstream.frames.columns import columns_of, decode_rows, encode_rows, from_frame
from millstream.frames.rows import pack, unpack


def sample(rows=3):
    index = np.arange(rows)
    return pd.DataFrame(
        {
            "date": pd.date_range("2026-01-01", periods=rows, freq="5min", tz="UTC", unit="ms"),
            "close": index * 0.1,
            "volume": index,
            "hot": index % 2 == 0,
            "enter_tag": pd.Series(["why" if n % 2 else None for n in index], dtype=object),
            "name": pd.Series([str(n) for n in index], dtype="str"),
            "seen": pd.date_range("2026-01-01", periods=rows, freq="D", unit="ns"),
            "small": (index * 0.3).astype("float32"),
        }
    )


def test_a_frame_comes_back_as_it_was():
    frame = sample()
    back = decode_rows(encode_rows(frame))
    pd.testing.assert_frame_equal(back, frame)
    assert list(back.dtypes) == list(frame.dtypes)


def test_labels_stay_behind():
    assert list(decode_rows(encode_rows(sample(9).iloc[4:])).index) == [0, 1, 2, 3, 4]


def test_a_nan_keeps_its_payload():
    strange = struct.unpack("<d", struct.pack("<Q", 0x7FF8_0000_DEAD_BEEF))[0]
    frame = pd.DataFrame({"x": np.array([strange, -0.0, np.inf])})
    back = decode_rows(encode_rows(frame))["x"].to_numpy()
    assert back.view("u8").tolist() == frame["x"].to_numpy().view("u8").tolist()


def test_a_missing_time_is_missing():
    frame = pd.DataFrame({"date": pd.to_datetime(["2026-01-01", None], utc=True)})
    assert decode_rows(encode_rows(frame))["date"].isna().tolist() == [False, True]


def test_another_time_zone_becomes_utc():
    frame = sample()
    frame["date"] = frame["date"].dt.tz_convert("Asia/Tokyo")
    back = decode_rows(encode_rows(frame))
    assert str(back["date"].dtype) == "datetime64[ms, UTC]"
    assert (back["date"] == frame["date"]).all()


@pytest.mark.parametrize(
    ("series", "dtype"),
    [
        (pd.Series([1, 2], dtype="Int64"), "int64"),
        (pd.Series([1, None], dtype="Int64"), "float64"),
        (pd.Series(["a", "b"], dtype="category"), "str"),
        (pd.Series([True, None], dtype="boolean"), "object"),
        (pd.Series([1.5, 2.5], dtype="float16"), "float64"),
        (pd.Series([1, 2], dtype="timedelta64[s]"), "timedelta64[s]"),
    ],
)
def test_other_kinds_become_the_nearest_one(series, dtype):
    back = decode_rows(encode_rows(pd.DataFrame({"x": series})))["x"]
    assert str(back.dtype) == dtype


def test_what_cannot_be_told_is_named():
    frame = pd.DataFrame({"odd": [object()]})
    with pytest.raises(FrameError, match='"odd" holds a object'):
        encode_rows(frame)


def test_a_column_twice_is_refused():
    frame = pd.DataFrame([[1, 2]], columns=["a", "a"])
    with pytest.raises(FrameError, match='"a" more than once'):
        encode_rows(frame)


class WithoutTheShortWay(pd.DataFrame):
    """As a pandas that has no array of a column by its number."""

    _get_column_array = None


def test_columns_are_the_same_by_the_short_way_into_pandas_and_by_the_documented_one():
    frame = sample(9)
    frame["tokyo"] = frame["date"].dt.tz_convert("Asia/Tokyo")
    frame["maybe"] = pd.Series([1, None] + [2] * 7, dtype="Int64")
    frame["named"] = pd.Series(list("abcabcabc"), dtype="category")
    frame["swapped"] = np.arange(9, dtype=">f8")
    assert encode_rows(WithoutTheShortWay(frame)) == encode_rows(frame)


def test_rows_from_some_number_on_are_those_of_the_slice():
    assert pack(columns_of(sample(9)).rows(4, 9)) == encode_rows(sample(9).iloc[4:])


def test_every_shorter_message_is_refused():
    raw = encode_rows(sample())
    for end in range(len(raw)):
        with pytest.raises(BadMessage):
            decode_rows(raw[:end])


def test_a_longer_message_is_refused():
    with pytest.raises(BadMessage):
        decode_rows(encode_rows(sample()) + b"\0")


def test_rows_that_are_not_there_are_not_allocated():
    raw = bytearray(encode_rows(sample()))
    raw[4:8] = (999_999).to_bytes(4, "little")
    with pytest.raises(BadMessage, match="end early"):
        decode_rows(bytes(raw))


def test_more_bytes_than_allowed_are_refused():
    raw = encode_rows(sample())
    assert unpack(raw, len(raw)).count == 3
    with pytest.raises(BadMessage, match="more than"):
        unpack(raw, len(raw) - 1)


def test_some_columns_are_a_frame_of_their_own():
    rows = from_frame(sample()).only(["name", "close", "date", "nothing"])
    back = decode_rows(pack(rows))
    pd.testing.assert_frame_equal(back, sample()[["date", "close", "name"]])


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_message_is_read_or_refused_but_never_fails_otherwise(data):
    raw = bytearray(encode_rows(sample()))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with suppress(BadMessage):
        decode_rows(bytes(raw))
