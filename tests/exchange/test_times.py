"""Times in UTC as Coinbase and Kraken write them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millstream.exchange.feeding import WrongFrame
from millstream.exchange.times import nanoseconds

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@given(
    st.datetimes(datetime(1970, 1, 1), datetime(2261, 1, 1)),
    st.integers(0, 999_999_999),
    st.integers(1, 9),
)
def test_a_time_is_read_to_the_nanosecond_its_second_known_or_not(moment, rest, digits):
    fraction = f"{rest:09}"[:digits]
    seconds = (moment.replace(tzinfo=UTC) - EPOCH) // timedelta(seconds=1)
    text = f"{moment:%Y-%m-%dT%H:%M:%S}.{fraction}Z"
    expected = seconds * 1_000_000_000 + int(fraction.ljust(9, "0"))
    assert (nanoseconds(text), nanoseconds(text)) == (expected, expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-08-12T19:27:48Z", 1_786_562_868_000_000_000),
        ("2026-08-12T19:27:48.5Z", 1_786_562_868_500_000_000),
        ("2026-08-12T19:27:48.084233Z", 1_786_562_868_084_233_000),
        ("2026-08-12T19:27:48.0842330104Z", 1_786_562_868_084_233_010),
        ("1970-01-01T00:00:00Z", 0),
    ],
)
def test_a_fraction_may_have_any_number_of_digits(text, expected):
    assert nanoseconds(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Z",
        "now",
        "2026-08-12T19:27:48",
        "2026-08-12T19:27:48+02:00",
        "2026-13-12T19:27:48Z",
        "2026-08-12T24:27:48Z",
        "2026-08-12T19:27:48.5e3Z",
        "2026-08-12T19:27:48,5Z",
        "0001-01-01T00:00:00Z",
        "9999-01-01T00:00:00Z",
        "2026-+8-12T19:27:48Z",
        "2026-08-12T19:27:48.06659\u00b2Z",
        "2026-08-12T19:27:48.+6659Z",
        "2026-08-12T19:28:44.5x",
    ],
)
def test_what_is_no_time_is_said_to_be_none(text):
    nanoseconds("2026-08-12T19:27:48Z")  # a second that is known
    with pytest.raises(WrongFrame):
        nanoseconds(text)
