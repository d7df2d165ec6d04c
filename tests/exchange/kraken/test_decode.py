"""Kraken's public frames to events."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.exchange.kraken import frames

from millstream.errors import ConfigError
from millstream.exchange.kraken.decode import KrakenDecoder
from millstream.model import Candle, Channel, CurrencyPair, Exchange, Gap, Refused, Side, Ticker

BTC = CurrencyPair.BTC_USD


def decoder(channel, *pairs, **args):
    return KrakenDecoder(pairs or [BTC], [channel], **args)


def numbers(events):
    return [int(event.trade_id) for event in events]


def test_a_ticker_is_the_best_bid_and_ask():
    (event,) = decoder(Channel.TICKER).feed(frames.TICKER, 7)
    data = json.loads(frames.TICKER)["data"][0]
    assert event == Ticker(
        7,
        Exchange.KRAKEN,
        BTC,
        1_786_562_942_066_592_000,  # date -d 2026-08-12T19:29:02Z +%s
        data["bid"],
        data["bid_qty"],
        data["ask"],
        data["ask_qty"],
    )


def test_a_dead_market_without_prices_has_no_ticker():
    dead = frames.TICKER.replace(b'"bid":63297.7', b'"bid":0.0')
    made = decoder(Channel.TICKER)
    assert made.feed(dead, 7) == []
    assert made.counts.ignored == 1


def test_a_trade_has_the_takers_side():
    (event,) = decoder(Channel.TRADE).feed(frames.trades(10218208), 7)
    assert (event.price, event.volume, event.side) == (105944.20, 0.00027625, Side.BUY)
    assert (event.trade_id, event.exchange_ns) == ("10218208", 1_747_131_133_876_173_000)


def test_a_snapshot_after_a_reconnect_fills_the_hole_and_repeats_nothing():
    made = decoder(Channel.TRADE)
    assert numbers(made.feed(frames.trades(5, 6), 1)) == [5, 6]
    made.restart()
    assert numbers(made.feed(frames.trades(9, 8, 7, 6, 5, kind="snapshot"), 2)) == [7, 8, 9]
    assert made.feed(frames.trades(9), 3) == []
    assert numbers(made.feed(frames.trades(10), 4)) == [10]
    assert made.counts.gaps == 0
    assert made.counts.accounted == made.counts.frames


def test_missing_trade_ids_are_a_gap():
    made = decoder(Channel.TRADE)
    made.feed(frames.trades(5), 1)
    gap, trade = made.feed(frames.trades(9), 2)
    assert (type(gap), gap.expected, gap.got, gap.missing) == (Gap, "6", "9", 3)
    assert trade.trade_id == "9"


def test_a_candle_is_closed_when_the_next_one_begins():
    made = decoder(Channel.CANDLE)
    (running,) = made.feed(frames.BAR, 1)
    assert type(running) is Candle
    assert (running.open, running.high, running.low) == (63301.6, 63301.6, 63297.7)
    assert (running.volume, running.trades, running.closed) == (0.04121249, 27, False)
    assert running.close_ns - running.open_ns == 60 * 10**9
    (later,) = made.feed(frames.bar("28", 63299.1), 2)
    closed, fresh = made.feed(frames.bar("29", 63300.0), 3)
    assert (closed.close, closed.closed, closed.open_ns) == (63299.1, True, later.open_ns)
    assert (fresh.closed, fresh.open_ns) == (False, later.close_ns)
    assert made.feed(frames.bar("28", 63299.1), 4) == []


def test_a_candle_of_another_interval_is_malformed():
    made = decoder(Channel.CANDLE, candle_interval="5m")
    assert made.feed(frames.BAR, 1) == []
    assert made.counts.malformed == 1


def test_an_acknowledgement_is_of_one_pair():
    made = decoder(Channel.TICKER, BTC, CurrencyPair.ETH_USD)
    made.feed(frames.acknowledgement("ticker", "BTC/USD"), 1)
    assert [topic.acknowledged for topic in made.topics()] == [True, False]
    made.feed(frames.TICKER, 2)
    assert [topic.last_ns for topic in made.topics()] == [2, 0]
    made.restart()
    assert [topic.state for topic in made.topics()] == ["asked", "asked"]


def test_a_refusal_names_the_pair():
    xyz = CurrencyPair.parse("xyz/usd")
    made = decoder(Channel.TICKER, BTC, xyz)
    (refused,) = made.feed(frames.REFUSAL, 1)
    assert (type(refused), refused.symbol) == (Refused, xyz)
    assert "not supported" in refused.reason
    assert [topic.state for topic in made.topics()] == ["asked", "refused"]


def test_a_refusal_that_names_nobody_is_of_all_that_wait():
    made = decoder(Channel.BOOK)
    raw = b'{"error":"Subscription depth not supported","method":"subscribe","success":false}'
    (refused,) = made.feed(raw, 1)
    assert (refused.symbol, refused.reason) == (None, "Subscription depth not supported")
    assert [topic.state for topic in made.topics()] == ["refused"]


def test_what_carries_no_data_is_counted_and_nothing_else():
    made = decoder(Channel.TICKER)
    for raw in (frames.STATUS, frames.HEARTBEAT, b'{"method":"pong","req_id":1}'):
        assert made.feed(raw, 1) == []
    assert made.counts.ignored == made.counts.frames == 3
    assert made.topics()[0].last_ns == 0


def test_fields_in_another_order_and_with_spaces_are_read_too():
    data = json.loads(frames.TICKER)
    turned = json.dumps(dict(reversed(data.items()))).encode()
    assert decoder(Channel.TICKER).feed(turned, 7) == decoder(Channel.TICKER).feed(frames.TICKER, 7)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"book_depth": 0}, "1 to 1000"),
        ({"book_depth": 1001}, "1 to 1000"),
        ({"candle_interval": "7m"}, "7m.*accepted: 1m"),
    ],
)
def test_what_kraken_does_not_offer_is_refused(arguments, words):
    with pytest.raises(ConfigError, match=words):
        decoder(Channel.BOOK, **arguments)


ALL = [frames.TICKER, frames.trades(5), frames.BAR, frames.REFUSAL, frames.PLACED, frames.FILL]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(list(Channel)), st.sampled_from(ALL), st.integers(0, 2**32))
def test_a_damaged_frame_never_raises_and_is_counted(channel, raw, seed):
    chance, made = random.Random(seed), decoder(channel)
    damaged = bytearray(raw)
    for _ in range(chance.randrange(1, 4)):
        place = chance.randrange(len(damaged))
        damaged[place : place + chance.randrange(4)] = chance.randbytes(chance.randrange(3))
        if not damaged:
            damaged = bytearray(b"{")
    made.feed(bytes(damaged), 1)
    assert made.counts.accounted == made.counts.frames == 1
