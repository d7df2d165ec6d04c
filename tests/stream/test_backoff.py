"""How long to wait, and when to give up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millstream.stream.backoff import Backoff, delay_s


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_the_wait_stays_between_half_its_bound_and_its_bound(failures, random):
    bound = min(60.0, 1.0 * 2.0 ** min(failures - 1, 30))
    assert bound / 2 <= delay_s(failures, 1.0, 60.0, random) <= bound


def test_the_wait_doubles_up_to_the_longest():
    waits = [delay_s(failures, 1.0, 10.0, 1.0) for failures in range(1, 7)]
    assert waits == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_minus_one_never_gives_up():
    backoff = Backoff(-1, 1.0, 60.0, 60.0)
    assert all(backoff.ended(0.0, 0.5) is not None for _ in range(1000))


@pytest.mark.parametrize("times", [0, 1, 5])
def test_n_allows_n_reconnects_in_a_row(times):
    backoff = Backoff(times, 1.0, 60.0, 60.0)
    assert all(backoff.ended(0.0, 0.5) is not None for _ in range(times))
    assert backoff.ended(0.0, 0.5) is None


def test_a_healthy_minute_clears_the_count():
    backoff = Backoff(2, 1.0, 60.0, 60.0)
    for _ in range(2):
        backoff.ended(0.0, 0.5)
    assert backoff.ended(60.0, 0.0) == 0.5
    assert backoff.failures == 1
