"""A repeated thing is said seldom, and nothing is left out of the count."""

from hypothesis import given
from hypothesis import strategies as st

from millstream.stream.seldom import Seldom


def test_the_first_is_said_at_once_and_speaks_for_itself():
    assert Seldom().count(5) == 1


def test_those_within_a_second_are_said_by_the_next():
    seldom = Seldom()
    assert [seldom.count(ns) for ns in (0, 1, 2, 1_000_000_000)] == [1, 0, 0, 3]


def test_a_clock_that_goes_back_silences_nothing():
    seldom = Seldom()
    assert [seldom.count(ns) for ns in (10**18, 5)] == [1, 1]


@given(st.lists(st.integers(0, 2_000_000_000), max_size=50))
def test_never_more_is_reported_than_happened(steps):
    seldom, now_ns, reported = Seldom(), 0, 0
    for number, step in enumerate(steps, start=1):
        now_ns += step
        reported += seldom.count(now_ns)
        assert reported <= number
