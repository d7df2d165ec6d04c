"""What a venue allows, kept in every window."""

from hypothesis import given
from hypothesis import strategies as st

from millstream.stream.limits import Allowance, HostLimits, Limits, Rate

S = 1_000_000_000
THREE = HostLimits(connects=Rate(3, 10.0))


def test_as_many_as_allowed_go_at_once_and_the_next_waits_for_the_first():
    allowance = Allowance(Rate(3, 10.0))
    assert [allowance.take(0) for _ in range(5)] == [0, 0, 0, 10, 10]
    assert allowance.take(5 * S) == 5.0  # the third of those that wait
    assert allowance.take(100 * S) == 0.0


@given(st.integers(1, 5), st.lists(st.integers(0, 3 * S), min_size=1, max_size=50))
def test_no_window_ever_holds_more_than_allowed(times, steps):
    allowance, now_ns, used = Allowance(Rate(times, 2.0)), 0, []
    for step in steps:
        now_ns += step
        used.append(now_ns + round(allowance.take(now_ns) * 1e9))
    for first, last in zip(used, used[times:], strict=False):
        assert last - first >= 2 * S - times  # a rounding of a nanosecond each


def test_streams_to_one_host_share_its_connects_and_another_host_has_its_own():
    limits = Limits()
    waits = [limits.connect("one:443", THREE, 0) for _ in range(4)]
    assert (waits, limits.connect("two:443", THREE, 0)) == ([0, 0, 0, 10], 0)


def test_streams_to_one_host_share_its_messages_too():
    limits, two = Limits(), HostLimits(messages_in_all=Rate(2, 1.0))
    waits = [limits.message("one:443", two, 0) for _ in range(3)]
    assert (waits, limits.message("two:443", two, 0)) == ([0, 0, 1], 0)
    assert limits.connect("one:443", two, 0) == 0


def test_a_venue_without_limits_never_waits():
    assert {Limits().connect("one", HostLimits(), 0) for _ in range(100)} == {0.0}
