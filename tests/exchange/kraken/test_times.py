"""Kraken's times."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millstream.exchange.kraken.times import nanoseconds

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@given(st.datetimes(datetime(1970, 1, 1), datetime(2261, 1, 1), timezones=st.just(UTC)))
def test_a_time_is_what_the_calendar_says(moment):
    microseconds = (moment - EPOCH) // timedelta(microseconds=1)
    text = moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert nanoseconds(f"{moment.year:04}{text[text.index('-') :]}") == microseconds * 1000


def test_a_fraction_may_have_any_number_of_digits():
    second = nanoseconds("2026-08-12T19:28:44Z")
    assert nanoseconds("2026-08-12T19:28:44.5Z") == second + 500_000_000
    assert nanoseconds("2026-08-12T19:28:44.084233010Z") == second + 84_233_010


def test_no_time_is_zero():
    assert nanoseconds("") == 0


@pytest.mark.parametrize(
    "text", ["now", "2026-08-12T19:28:44", "2026-13-12T19:28:44Z", "2026-08-12T19:28:44.5x", "Z"]
)
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match="not a"):
        nanoseconds(text)
