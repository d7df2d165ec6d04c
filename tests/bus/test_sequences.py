from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from millstream.bus.sequences import Sequences
from millstream.bus.topics import Beat
from millstream.model import Channel, Connected, Disconnected, Exchange, Gap, Stale

ROW = "btc/usdt"
BEGAN_NS = 1_000


def sequences(wanted=()):
    return Sequences(Exchange.BINANCE, Channel.TRADE, frozenset(wanted), BEGAN_NS)


def missing(told):
    return sum(event.missing for event in told if isinstance(event, Gap))


def test_what_was_sent_before_we_came_is_no_loss():
    following = sequences()
    (connected,) = following.beat(Beat(BEGAN_NS - 1, {ROW: 70}), 2_000)
    assert isinstance(connected, Connected)
    assert following.data(ROW, BEGAN_NS - 1, 71, 1, 2_001) == []


def test_what_a_later_publisher_sent_before_the_link_was_up_is_a_gap():
    told = sequences().beat(Beat(BEGAN_NS + 1, {ROW: 2}), 2_000)
    assert missing(told) == 2
    assert "before the link was up" in told[-1].reason


def test_a_pair_that_is_not_wanted_is_not_missed():
    told = sequences(["eth/usdt"]).beat(Beat(BEGAN_NS + 1, {ROW: 2}), 2_000)
    assert missing(told) == 0


def test_a_publisher_started_anew_is_told_of():
    following = sequences()
    following.beat(Beat(BEGAN_NS + 1, {}), 2_000)
    told = following.data(ROW, BEGAN_NS + 2, 3, 1, 3_000)
    assert [type(event) for event in told] == [Disconnected, Gap, Gap]
    assert missing(told) == 2


def test_nobody_there_is_told_once():
    following = sequences()
    (stale,) = following.tick(BEGAN_NS + 6_000_000_000)
    assert isinstance(stale, Stale)
    assert "nobody publishes binance.trade" in stale.reason
    assert following.tick(BEGAN_NS + 9_000_000_000) == []


def test_a_publisher_that_falls_silent_is_told_once_and_so_is_its_goodbye():
    following = sequences()
    following.beat(Beat(BEGAN_NS + 1, {}), 2_000)
    (left,) = following.tick(6_000_000_000)
    assert left.code == 1006
    assert following.tick(7_000_000_000) == []
    told = following.beat(Beat(BEGAN_NS + 1, {}, leaving=True), 8_000_000_000)
    assert [type(event) for event in told] == [Connected, Disconnected]
    assert told[-1].code == 1001


@given(st.lists(st.tuples(st.integers(1, 5), st.sampled_from(["hear", "lose", "beat"]))))
def test_what_came_and_what_was_told_as_missing_is_all_there_was(pieces):
    following, sent, got, told = sequences(), 0, 0, []
    for count, fate in pieces:
        first = sent + 1
        sent += count
        if fate == "hear":
            told += following.data(ROW, BEGAN_NS + 1, first, count, 2_000)
            got += count
        elif fate == "beat":
            told += following.beat(Beat(BEGAN_NS + 1, {ROW: sent}), 2_000)
    told += following.beat(Beat(BEGAN_NS + 1, {ROW: sent}), 2_000)
    assert got + missing(told) == sent
