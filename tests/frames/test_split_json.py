"""A frame as freqtrade writes it in a message."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.frames.sample import frame

from millstream.errors import BadMessage
from millstream.frames.columns import from_frame
from millstream.frames.rows import Rows, pack
from millstream.frames.schema import NAT
from millstream.frames.split_json import decode_split, encode_split, instant_ns

DATE_MS = 1_767_225_600_000


def split(*columns, index=None, **more):
    """Columns as (name, value, …) in the text of a message."""
    names = [name for name, *_ in columns]
    rows = [list(row) for row in zip(*(values for _, *values in columns), strict=True)]
    whole = {"columns": names, "index": index or list(range(len(rows))), "data": rows} | more
    return json.dumps(whole)


def decoded(*columns, **more):
    return decode_split(split(*columns, **more)).frame()


def date(rows=1):
    return ("date", *(DATE_MS + n * 300_000 for n in range(rows)))


# ---- written ------------------------------------------------------------------------------------


def test_few_rows_are_written_in_the_same_letters_as_many():
    whole = frame(0, 200, why='a/b ü "quoted"').drop(columns="why")
    rows = from_frame(whole)
    many = json.loads(encode_split(rows, 0))
    few = [json.loads(encode_split(rows.between(n, n + 1), n)) for n in range(200)]
    assert [one["data"][0] for one in few] == many["data"]
    assert [one["index"][0] for one in few] == many["index"] == list(range(200))


@settings(max_examples=100, deadline=None)
@given(st.floats(-1e15, 1e15, allow_nan=False) | st.sampled_from([1.23456789e-9, 0.1 + 0.2, -0.5]))
def test_a_number_is_written_as_pandas_writes_it(value):
    made = pd.DataFrame({"x": [value]})
    theirs = made.to_json(orient="split", double_precision=10)
    assert json.loads(encode_split(from_frame(made), 0)) == json.loads(theirs)


def test_every_kind_is_written_as_freqtrade_was_seen_to_write_it():
    times = pd.to_datetime(["2026-01-01", None])
    made = pd.DataFrame(
        {
            "date": times.tz_localize("UTC"),
            "naive": times,
            "x": [0.123456789012, np.inf],
            "hot": [True, False],
            "whole": pd.Series([1, None], dtype="Int64"),
            "kind": pd.Series(["a", "b"], dtype="category"),
            "single": np.array([0.1, np.nan], dtype="float32"),
            "took": pd.to_timedelta([1.5, 2], unit="s"),
            "nested": [[1, 2.5], {"a": None}],
        }
    )
    assert json.loads(encode_split(from_frame(made), 998)) == {
        "columns": list(made.columns),
        "index": [998, 999],
        "data": [
            [DATE_MS, DATE_MS, 0.123456789, True, 1.0, "a", 0.1000000015, 1500, [1, 2.5]],
            [None, None, None, False, None, "b", None, 2000, {"a": None}],
        ],
    }


# ---- and read -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "told", [DATE_MS, DATE_MS / 1000, float(DATE_MS), "2026-01-01T00:00:00Z", "2026-01-01 00:00:00"]
)
def test_a_date_is_understood_in_every_form_that_freqtrade_understands(told):
    assert decoded(("date", told))["date"].iloc[0] == pd.Timestamp("2026-01-01", tz="UTC")


@pytest.mark.parametrize("missing", [None, NAT])
def test_a_missing_date_is_missing_whoever_tells_it(missing):
    assert decoded(("date", DATE_MS, missing))["date"].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1, 2], "int64"),
        ([1, None], "float64"),
        ([None, None], "float64"),
        ([1.5, None], "float64"),
        ([True, False], "bool"),
        (["a", None], "str"),
        (["2026-01-01", "2026-01-02"], "str"),
        ([[1], {"a": 1}], "object"),
    ],
)
def test_a_column_is_of_the_kind_its_values_are(values, dtype):
    assert str(decoded(date(2), ("x", *values))["x"].dtype) == dtype


@pytest.mark.parametrize("name", ["open_time", "seen_at", "timestamp", "Timestamp_2", "modified"])
def test_a_column_named_like_a_time_is_one_without_a_zone(name):
    got = decoded(date(), (name, DATE_MS))[name]
    assert str(got.dtype) == "datetime64[ms]"
    assert got.iloc[0] == pd.Timestamp("2026-01-01")


def test_a_date_of_another_timeframe_stays_a_number_and_its_hole_is_a_hole():
    assert str(decoded(date(), ("date_1h", DATE_MS))["date_1h"].dtype) == "int64"
    holed = decoded(date(2), ("date_1h", DATE_MS, NAT))["date_1h"]
    assert holed.isna().tolist() == [False, True]  # freqtrade holds -9223372036854775808 there


def test_nan_and_infinity_are_read_though_they_are_no_json():
    text = '{"columns":["date","x"],"data":[[1767225600000,NaN],[1767225900000,Infinity]]}'
    got = decode_split(text).frame()["x"].tolist()
    assert np.isnan(got[0])
    assert got[1] == np.inf


def test_names_that_come_twice_get_a_number():
    assert list(decoded(date(), ("x", 1), ("x", 2)).columns) == ["date", "x", "x.1"]


def test_labels_may_be_missing_or_texts():
    bare = json.loads(split(date(), ("x", 1)))
    del bare["index"]
    assert decode_split(json.dumps(bare)).frame()["x"].tolist() == [1]
    assert decoded(date(), ("x", 1), index=["a"])["x"].tolist() == [1]


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"columns":["a"]}', '{"columns":1,"data":1}', '{"columns":["a"],"data":[[1,2]]}',
     '{"columns":["date"],"data":[["soon"]]}', '{"columns":["date"],"data":[[[]]]}'],
)  # fmt: skip
def test_what_is_no_frame_is_refused(text):
    with pytest.raises(BadMessage):
        decode_split(text)


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "text", NAT, 0, 1, DATE_MS]),
)


def plain(rows: Rows):
    return {
        name: [None if pd.isna(v) else v for v in column]
        for name, column in rows.frame().to_dict("list").items()
    }


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_row_of_columns_that_are_known_says_the_same_as_one_of_columns_that_are_not(data):
    kinds = [data.draw(st.sampled_from([1, 1.5, True, "text", None])) for _ in range(4)]
    known = decode_split(split(date(), *((f"c{n}", kind) for n, kind in enumerate(kinds))))
    when = data.draw(st.sampled_from([DATE_MS, DATE_MS // 1000, float(DATE_MS), "2026-01-01"]))
    row = [(f"c{n}", data.draw(st.just(kind) | values)) for n, kind in enumerate(kinds)]
    text = split(("date", when), *row)
    alone, beside = decode_split(text), decode_split(text, known.schema)
    assert plain(beside) == plain(alone)
    assert (beside.dates_ns() == alone.dates_ns()).all()
    for position, kind in enumerate(known.schema.kinds):
        fits = type(kinds[position - 1]) is type(row[position - 1][1]) if position else True
        if fits and row[position - 1][1] != NAT:
            assert beside.schema.kinds[position] == kind


def test_a_row_that_was_written_and_read_is_the_same_bytes():
    known = decode_split(encode_split(from_frame(frame(0, 200)), 0))
    row = from_frame(frame(7, 8))
    text = encode_split(row, 7)
    assert pack(decode_split(text, known.schema)) == pack(known.between(7, 8))


# ---- moments ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "ns"),
    [
        ("2026-02-05T11:41:47.023150+00:00", 1_770_291_707_023_150_000),
        ("2026-02-05T11:41:47+00:00", 1_770_291_707_000_000_000),
        ("2026-02-05 11:41:47Z", 1_770_291_707_000_000_000),
        ("2026-02-05T11:41:47", 1_770_291_707_000_000_000),
        ("2026-02-05T12:41:47+01:00", 1_770_291_707_000_000_000),
        (1_770_291_707, 1_770_291_707_000_000_000),
        (1_770_291_707_023, 1_770_291_707_023_000_000),
        ("1770291707", 1_770_291_707_000_000_000),
        (1_770_291_707.5, 1_770_291_707_500_000_000),
    ],
)
def test_when_it_was_analyzed_is_understood_in_every_form(told, ns):
    assert instant_ns(told) == ns


@pytest.mark.parametrize("told", [None, "", "soon", True, [], "2026-02-05T11:41:99.023150+00:00"])
def test_what_is_no_moment_is_refused(told):
    with pytest.raises(BadMessage):
        instant_ns(told)
