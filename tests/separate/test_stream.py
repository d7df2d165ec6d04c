"""Streams follow what robots watch, and who was away hears of every exchange that it missed."""

from __future__ import annotations

import gc

import msgspec
import pytest
from tests.orders.sample import BTC
from tests.separate.running import configuration, robot

from millstream.config import Config, StreamSection
from millstream.errors import ConfigError
from millstream.model import Channel, Exchange, Gap
from millstream.model.codec import decode_events, encode_events
from millstream.separate.letters import Heard, write
from millstream.separate.stream import AwayFollower, StreamPart, follow_markets
from millstream.session.carrier import Carrier


class Hints:
    """Hints that were called out, oldest first; over when they are."""

    def __init__(self, *markets):
        self._said = [write(Heard(1, 0, {}, some)) for some in markets]

    def receive(self, timeout_ms):
        return self._said.pop(0) if self._said else None

    def over(self):
        return not self._said


def carried(*hints, refused=()):
    """The sections of the streams that were begun."""
    begun = []

    def make(section):
        for pair in section.currency_pairs:
            if pair in refused:
                raise ConfigError(f"there is no {pair}")
        return section

    sections = [
        StreamSection(
            exchange=name, currency_pairs=["btc/usdt"], subscribe_channels=["ticker", "my_order"],
            api_host=f"ws://{name}",
        )
        for name in ("binance", "kraken")
    ]  # fmt: skip
    told = Hints(*hints)
    follow_markets(told, Carrier(sections, make, begun.append).carry, told.over)
    return [(one.exchange, one.currency_pairs, one.subscribe_channels) for one in begun]


def test_what_robots_watch_is_carried_once_by_a_stream_like_that_of_its_exchange():
    known = ("binance@btc/usdt",)
    more = (*known, "binance@eth/usdt", "kraken@eth/usd", "kraken@btc/usdt")
    assert carried(known, more, known, more) == [
        ("binance", ["eth/usdt"], ["ticker"]),
        ("kraken", ["eth/usd"], ["ticker"]),
    ]


def test_a_market_that_cannot_be_carried_is_said_once_and_keeps_none_of_the_others(caplog):
    watched = ("binance@bad/usdt", "binance@eth/usdt", "no market")
    assert carried(watched, watched, refused=["bad/usdt"]) == [
        ("binance", ["eth/usdt"], ["ticker"])
    ]
    said = [one.message for one in caplog.records]
    assert len(said) == 2
    assert "binance@bad/usdt is watched, and cannot be carried: there is no bad/usdt" in said


class Comes:
    """A follower's end of the wire."""

    def __init__(self):
        self.there, self.sent = True, []

    def offer(self, body):
        self.sent += decode_events(body)
        return True


def test_who_was_away_is_told_of_a_gap_on_every_exchange_there_is_by_then():
    wire, exchanges = Comes(), [Exchange.BINANCE]
    follower = AwayFollower("robots", wire, lambda: exchanges, lambda: 7)
    body = encode_events([Gap(1, Exchange.BINANCE, Channel.TRADE, BTC, "", "", 0, "market")])
    follower.offer(body)
    wire.there = False
    follower.offer(body)
    exchanges.append(Exchange.KRAKEN)  # a robot was added meanwhile
    wire.there = True
    follower.offer(body)
    told = [(one.exchange, one.received_ns) for one in wire.sent if one.symbol is None]
    assert told == [(Exchange.BINANCE, 7), (Exchange.KRAKEN, 7)]


def test_streams_that_cannot_start_leave_no_bus_open(tmp_path):
    said = configuration("ws://127.0.0.1:1", robot("quoter"))
    said["bus"]["changes"] = "tcp://nowhere"
    with pytest.raises(ConfigError, match='cannot connect to "tcp://nowhere"'):
        StreamPart(msgspec.convert(said, Config), tmp_path)
    gc.collect()  # a bus that is still open warns, and that fails the test
