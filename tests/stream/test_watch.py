"""The watchdog over subscriptions: each thing told once, with the pair's name."""

import pytest

from millstream.model import Channel, CurrencyPair, Exchange, Refused, Stale
from millstream.stream.topics import Topic
from millstream.stream.watch import Watch

S = 1_000_000_000
BTC = CurrencyPair.BTC_USDT


def made():
    return Watch(Exchange.OKX, ack_s=10, first_data_s=60, stale_s=30, began_ns=100 * S)


def test_a_subscription_that_is_not_acknowledged_is_told_once_by_name():
    watch, topic = made(), Topic(BTC, Channel.TRADE)
    assert watch.look([topic], 109 * S) == []
    (event,) = watch.look([topic], 110 * S)
    assert (type(event), event.symbol, event.channel) == (Refused, BTC, Channel.TRADE)
    assert "no acknowledgement" in event.reason
    assert watch.look([topic], 500 * S) == []


def test_an_acknowledged_subscription_without_data_is_told_once():
    watch, topic = made(), Topic(BTC, Channel.TRADE, acknowledged=True)
    assert watch.look([topic], 159 * S) == []
    (event,) = watch.look([topic], 160 * S)
    assert "no data within 60 s" in event.reason
    assert watch.look([topic], 500 * S) == []


def test_data_without_an_acknowledgement_is_enough():
    topic = Topic(BTC, Channel.TRADE, last_ns=105 * S)
    assert made().look([topic], 111 * S) == []


def test_what_the_venue_refused_is_not_told_again():
    assert made().look([Topic(BTC, Channel.TRADE, refused="no such pair")], 500 * S) == []


def test_old_data_is_told_once_and_again_only_after_data_came_back():
    watch, topic = made(), Topic(BTC, Channel.TRADE, True, 100 * S)
    (event,) = watch.look([topic], 130 * S)
    assert (type(event), event.symbol, event.silent_ns) == (Stale, BTC, 30 * S)
    assert topic.state == "stale"
    assert watch.look([topic], 200 * S) == []
    topic.last_ns = 201 * S
    assert watch.look([topic], 202 * S) == []
    assert topic.state == "live"
    assert len(watch.look([topic], 231 * S)) == 1


def test_one_pair_is_stale_while_the_others_live():
    old, new = Topic(BTC, Channel.BOOK, True, 100 * S), Topic(None, Channel.BOOK, True, 129 * S)
    assert [event.symbol for event in made().look([old, new], 131 * S)] == [BTC]


@pytest.mark.parametrize("last_ns", [0, 100 * S])
def test_a_private_channel_may_be_silent_for_days(last_ns):
    topic = Topic(None, Channel.MY_ORDER, acknowledged=True, last_ns=last_ns)
    assert made().look([topic], 1_000_000 * S) == []


@pytest.mark.parametrize(
    ("topic", "state"),
    [
        (Topic(BTC, Channel.BOOK), "asked"),
        (Topic(BTC, Channel.BOOK, acknowledged=True), "silent"),
        (Topic(BTC, Channel.BOOK, last_ns=1), "live"),
        (Topic(BTC, Channel.BOOK, refused="no"), "refused"),
    ],
)
def test_a_topic_says_how_it_stands(topic, state):
    assert topic.state == state
    topic.restart()
    assert topic.state == "asked"
