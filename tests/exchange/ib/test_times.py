"""Times as TWS writes them."""

import pytest

from millstream.exchange.ib.times import bar_ns, execution_ns

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("20261120-15:58:10", 1_795_190_290),
        ("20261120 10:58:10 US/Eastern", 1_795_190_290),
        ("20261120  16:58:10 Europe/Berlin", 1_795_190_290),
        ("20260720 11:58:10 US/Eastern", 1_784_563_090),  # summer time
        ("20261120 15:58:10", 0),  # of which zone?
        ("20261120 15:58:10 Nowhere/Land", 0),
        ("20261120 15:58:10 ../etc", 0),
        ("20261345-15:58:10", 0),
        ("yesterday", 0),
        ("99991231-00:00:00", 0),  # no such time fits as nanoseconds
    ],
)
def test_the_time_of_a_fill_is_known_when_its_zone_is(text, seconds):
    assert execution_ns(text) == seconds * SECOND


def test_a_bar_begins_at_its_second_or_at_midnight():
    assert bar_ns("1795190290") == 1_795_190_290 * SECOND
    assert bar_ns("20261120") == 1_795_132_800 * SECOND
    with pytest.raises(ValueError, match="month"):
        bar_ns("20261345")


@pytest.mark.parametrize("text", ["9223372037", "99991231", "-1"])
def test_a_bar_of_a_time_that_does_not_fit_is_refused(text):
    with pytest.raises(ValueError, match="out of range"):
        bar_ns(text)
