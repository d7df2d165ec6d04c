"""Request ids, and whose a frame is."""

from hypothesis import given
from hypothesis import strategies as st
from tests.exchange.ib import frames

from millstream.exchange.ib import wire
from millstream.model import Channel


@given(st.sampled_from(Channel), st.integers(0, wire.MAX_PAIRS - 1), st.integers(0, 10 * 10_000))
def test_a_request_id_says_its_channel_pair_and_generation(channel, number, generation):
    request = wire.request_id(channel, number, generation)
    assert wire.subscription(request) == (channel, number, generation % wire.GENERATIONS)
    assert request < 2**31


@given(st.integers(-1, 999_999_999))
def test_an_orders_id_is_no_request_of_ours(order_id):
    assert wire.subscription(order_id) is None


def test_a_frame_is_of_its_requests_channel_or_of_all():
    request = wire.request_id(Channel.BOOK, 3)
    row = frames.row(request, 0, 0, 0, "1", "1")
    assert wire.channel_of(row.split(b"\0")) is Channel.BOOK
    for shared in (frames.ORDERS_END, frames.error(-1, 1100, "lost"), frames.open_order(1, 2)):
        assert wire.channel_of(shared.split(b"\0")) is None
    assert wire.channel_of([b"1"]) is None
    assert wire.channel_of([b"1", b"6", b"x"]) is None


def test_history_is_asked_in_seconds_below_a_day_and_in_days_above():
    assert wire.duration("5s", 2) == "60 S"
    assert wire.duration("1m", 10) == "600 S"
    assert wire.duration("1h", 30) == "2 D"
    assert wire.duration("1d", 10) == "10 D"
