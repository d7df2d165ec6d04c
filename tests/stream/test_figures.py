"""The figures of subscriptions, as rows and for Prometheus."""

import urllib.request

import pytest

from millstream.errors import StreamError
from millstream.model import Channel, CurrencyPair, Exchange
from millstream.stream.figures import Rates, figures
from millstream.stream.metrics import serve_metrics
from millstream.stream.settings import ChannelStatistics
from millstream.stream.topics import Topic

S = 1_000_000_000
BTC, ETH = CurrencyPair.BTC_USDT, CurrencyPair.ETH_USDT


class Stream:
    exchange = Exchange.OKX

    def __init__(self):
        self.frames, self.state = 100, "connected"
        self.trades = (
            Topic(BTC, Channel.TRADE, last_ns=98 * S),
            Topic(ETH, Channel.TRADE, refused="no"),
        )

    def statistics(self):
        told = ChannelStatistics(Channel.TRADE, self.state, self.frames, gaps=2, reconnects=1)
        return [told, ChannelStatistics(Channel.BOOK, "idle")]

    def topics(self):
        return list(self.trades)


def test_each_subscription_is_a_row_with_the_numbers_of_its_connection():
    rows = figures([Stream()], Rates(), 100 * S)
    assert [(row.exchange, row.channel, row.pair, row.state, row.age_s) for row in rows] == [
        ("okx", "trade", "BTC/USDT", "live", 2.0),
        ("okx", "trade", "ETH/USDT", "refused", None),
        ("okx", "book", "", "idle", None),
    ]
    assert [(row.frames, row.gaps, row.reconnects) for row in rows[:2]] == [(100, 2, 1)] * 2


def test_a_rate_is_the_subscriptions_own_since_the_last_look():
    stream, rates = Stream(), Rates()
    assert figures([stream], rates, 100 * S)[0].rate is None
    stream.trades[0].updates = 50
    btc, eth, _ = figures([stream], rates, 102 * S)
    assert (btc.rate, btc.updates, eth.rate) == (25.0, 50, 0.0)


def test_a_connection_that_is_not_there_is_the_state_of_all_its_pairs():
    stream = Stream()
    stream.state = "waiting"
    assert {row.state for row in figures([stream], Rates(), 1)} == {"waiting", "idle"}


def test_prometheus_reads_the_same_numbers():
    port = serve_metrics([Stream()], 0)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    assert 'millstream_gaps_total{channel="trade",exchange="okx"} 2.0' in lines
    updates = "millstream_subscription_updates_total"
    assert updates + '{channel="trade",exchange="okx",pair="BTC/USDT"} 0.0' in lines
    live = "millstream_subscription_live"
    assert live + '{channel="trade",exchange="okx",pair="BTC/USDT"} 1.0' in lines
    assert live + '{channel="trade",exchange="okx",pair="ETH/USDT"} 0.0' in lines


def test_a_port_that_is_taken_is_one_sentence():
    port = serve_metrics([], 0)
    with pytest.raises(StreamError, match=f"port {port}"):
        serve_metrics([], port)
