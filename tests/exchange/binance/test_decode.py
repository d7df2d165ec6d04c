"""Pasted frames and what they must become; and everything that must not become anything."""

import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.exchange.binance import frames

from millstream.errors import ConfigError
from millstream.exchange.binance.decode import BinanceDecoder
from millstream.exchange.decoding import Decoder
from millstream.model import (
    Book,
    Candle,
    Channel,
    CurrencyPair,
    Exchange,
    Gap,
    Refused,
    Resynced,
    Side,
    Ticker,
    Trade,
)
from millstream.model.codec import decode_events, encode_events

BTC, ETH, ETHBTC = CurrencyPair.BTC_USDT, CurrencyPair.ETH_USDT, CurrencyPair.ETH_BTC
PUBLIC = (Channel.TICKER, Channel.TRADE, Channel.BOOK, Channel.CANDLE)
BINANCE = Exchange.BINANCE


def made(pairs=(BTC, ETH, ETHBTC), channels=PUBLIC, **settings):
    return BinanceDecoder(pairs, channels, **settings)


def accounted(decoder):
    return decoder.counts.accounted == decoder.counts.frames


EXPECTED = {
    "ticker": (
        frames.TICKER,
        Ticker(7, BINANCE, BTC, 0, 61837.63, 3.78826, 61837.64, 1.54698),
    ),
    "trade": (
        frames.TRADE,
        Trade(7, BINANCE, BTC, 1723161255342000000, 61837.63, 0.02, Side.SELL, "3735683259"),
    ),
    "candle": (
        frames.KLINE,
        Candle(
            7,
            BINANCE,
            ETHBTC,
            1579482921215000000,
            "1m",
            1579482900000000000,
            1579482960000000000,
            0.019132,
            0.019137,
            0.019132,
            0.019135,
            5.084,
            16,
            False,
        ),
    ),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_combined_frame_becomes_its_event(name):
    raw, event = EXPECTED[name]
    assert made().feed(raw, 7) == [event]


@pytest.mark.parametrize("name", EXPECTED)
def test_a_raw_stream_frame_becomes_the_same_event(name):
    raw, event = EXPECTED[name]
    assert made().feed(frames.data_of(raw), 7) == [event]


@pytest.mark.parametrize("name", EXPECTED)
def test_another_order_of_keys_and_spaces_change_nothing(name):
    raw, event = EXPECTED[name]
    parsed = msgspec.json.decode(raw)
    turned = {"data": dict(reversed(parsed["data"].items())), "stream": parsed["stream"]}
    assert made().feed(msgspec.json.format(msgspec.json.encode(turned), indent=2), 7) == [event]


@pytest.mark.parametrize("name", EXPECTED)
def test_a_field_the_venue_adds_changes_nothing(name):
    raw, event = EXPECTED[name]
    assert made().feed(raw.replace(b'"s":', b'"new":{"x":[1]},"s":'), 7) == [event]


def test_a_buyer_who_did_not_rest_is_the_taker():
    (event,) = made().feed(frames.TRADE.replace(b'"m":true', b'"m":false'), 7)
    assert event.side is Side.BUY


def test_a_closed_candle_says_so():
    (event,) = made().feed(frames.KLINE.replace(b'"x":false', b'"x":true'), 7)
    assert event.closed


def test_a_diff_after_its_snapshot_becomes_a_book():
    decoder = made([BTC])
    decoder.feed(frames.snapshot(50093239202, [(61837, 1)], [(61840, 2)]), 5)
    assert decoder.feed(frames.DIFF, 7) == [
        Book(
            7,
            BINANCE,
            BTC,
            1723161255308000000,
            ((61837.63, 3.78826), (61837.0, 1.0)),
            ((61838.04, 0.32332), (61840.0, 2.0)),
            50093239207,
        )
    ]


def test_a_hole_in_the_trade_ids_is_a_gap_before_the_trade():
    decoder = made()
    decoder.feed(frames.trade(10), 1)
    gap, trade = decoder.feed(frames.trade(14), 2)
    assert gap == Gap(2, BINANCE, Channel.TRADE, BTC, "11", "14", 3, "trade ids missing")
    assert trade.trade_id == "14"
    assert [type(event) for event in decoder.feed(frames.trade(15), 3)] == [Trade]


def test_trade_ids_of_pairs_do_not_mix():
    decoder = made()
    decoder.feed(frames.trade(10), 1)
    decoder.feed(frames.trade(500, "ethusdt"), 1)
    assert [type(event) for event in decoder.feed(frames.trade(11), 2)] == [Trade]


def test_a_trade_seen_before_is_ignored():
    decoder = made()
    decoder.feed(frames.trade(10), 1)
    assert decoder.feed(frames.trade(10), 2) == []
    assert decoder.counts.ignored == 1


def test_trade_ids_that_go_back_are_told_and_followed():
    decoder = made()
    decoder.feed(frames.trade(9_000_000_000), 1)
    gap, _ = decoder.feed(frames.trade(10), 2)
    assert (gap.missing, gap.reason) == (0, "trade ids went back")
    assert [type(event) for event in decoder.feed(frames.trade(11), 3)] == [Trade]


def test_trades_missed_while_disconnected_are_a_gap():
    decoder = made()
    decoder.feed(frames.trade(10), 1)
    decoder.restart()
    assert [type(event) for event in decoder.feed(frames.trade(12), 2)] == [Gap, Trade]


@pytest.mark.parametrize(
    "raw",
    [
        frames.ACK,
        b'{"e":"serverShutdown","E":1}',
        b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}',
        frames.TICKER.replace(b"btcusdt", b"xrpusdt").replace(b"BTC", b"XRP"),
        frames.data_of(frames.TICKER).replace(b"BTC", b"XRP"),
    ],
)
def test_what_is_understood_and_of_no_use_is_ignored(raw):
    decoder = made()
    assert decoder.feed(raw, 1) == []
    assert (decoder.counts.ignored, decoder.counts.malformed) == (1, 0)


def test_a_refusal_of_the_venue_is_an_event_that_names_its_channel():
    decoder = made()
    (event,) = decoder.feed(frames.REFUSAL.replace(b'"id":1', b'"id":2000'), 7)
    assert event == Refused(
        7, BINANCE, Channel.TRADE, None, "Invalid request: invalid stream (code 2)"
    )
    assert decoder.counts.refused == 1


@pytest.mark.parametrize("raw", [frames.FUTURES_DIFF, frames.FUTURES_TICKER, frames.FUTURES_TRADE])
@pytest.mark.parametrize("form", ["combined", "raw"])
def test_a_frame_of_usdm_futures_is_refused_and_told_once(raw, form):
    decoder = made()
    raw = raw if form == "combined" else frames.data_of(raw)
    (event,) = decoder.feed(raw, 7)
    assert type(event) is Refused
    assert "USD-M" in event.reason
    assert decoder.feed(raw, 8) == []
    assert decoder.counts.refused == 2
    assert decoder.counts.reasons == {
        "a frame of Binance USD-M futures, not of Binance spot: use binance_future": 2
    }


BAD = {
    "empty": b"",
    "not json": b"hello",
    "truncated": frames.TICKER[:-3],
    "trailing text": frames.TICKER + b"}",
    "not utf-8": frames.TICKER.replace(b"BTCUSDT", b"\xff\xfe\xff"),
    "not utf-8 at all": b"\xff\xfe\x00",
    "deeply nested": b"[" * 200_000,
    "deeply nested object": b'{"stream":"btcusdt@trade","data":' + b'{"x":' * 100_000,
    "deeply nested extra": frames.TRADE.replace(b'"m":true', b'"z":' + b"[" * 100_000),
    "a list": b"[1,2,3]",
    "a number": b"5",
    "null": b"null",
    "an empty object": b"{}",
    "data is null": b'{"stream":"btcusdt@trade","data":null}',
    "data is a list": b'{"stream":"btcusdt@trade","data":[]}',
    "no price": frames.TRADE.replace(b'"p"', b'"zz"'),
    "price of zero": frames.TRADE.replace(b"61837.63000000", b"0.00000000"),
    "price below zero": frames.TRADE.replace(b"61837.63000000", b"-1.0"),
    "price is nan": frames.TRADE.replace(b"61837.63000000", b"NaN"),
    "price is infinite": frames.TRADE.replace(b"61837.63000000", b"Infinity"),
    "price overflows": frames.TRADE.replace(b"61837.63000000", b"1e400"),
    "price is a word": frames.TRADE.replace(b"61837.63000000", b"cheap"),
    "price is an object": frames.TRADE.replace(b'"61837.63000000"', b"{}"),
    "bid of zero": frames.TICKER.replace(b"61837.63000000", b"0.00000000"),
    "volume below zero": frames.TICKER.replace(b"3.78826000", b"-3.7"),
    "id below zero": frames.TRADE.replace(b"3735683259", b"-1"),
    "id beyond 64 bits": frames.TRADE.replace(b"3735683259", b"9" * 30),
    "time beyond 64 bits": frames.TRADE.replace(b'"T":1723161255342', b'"T":99999999999999999'),
    "another kind of event": frames.TRADE.replace(b'"e":"trade"', b'"e":"aggTrade"'),
    "a diff of another pair": frames.DIFF.replace(b"BTCUSDT", b"ETHUSDT"),
    "a diff that ends before it begins": frames.diff(10, 9),
    "a level without a volume": frames.DIFF.replace(b',"0.00000000"]', b"]"),
    "a candle of another interval": frames.KLINE.replace(b'"i":"1m"', b'"i":"5m"'),
    "a candle below its low": frames.KLINE.replace(b'"l":"0.01913200"', b'"l":"0.02"'),
    "a snapshot of nobody knows what": frames.snapshot(5),
}


@pytest.mark.parametrize("name", BAD)
def test_a_malformed_frame_is_counted_sampled_and_nothing_else(name):
    decoder = made()
    assert decoder.feed(BAD[name], 7) == []
    assert decoder.counts.malformed == 1
    assert decoder.counts.samples[0].raw == BAD[name][:200]
    assert accounted(decoder)
    assert decoder.feed(*EXPECTED["ticker"][:1], 7) == [EXPECTED["ticker"][1]]


def test_only_the_first_few_malformed_frames_are_kept():
    decoder = made()
    for _ in range(1000):
        decoder.feed(b"x" * 1000, 1)
    assert decoder.counts.malformed == 1000
    assert len(decoder.counts.samples) == 10
    assert decoder.counts.reasons == {"not JSON": 1000}


ALL = [frames.TICKER, frames.TRADE, frames.DIFF, frames.KLINE, frames.ACK, frames.REFUSAL]
ALL += [frames.snapshot(50093239202), frames.FUTURES_DIFF, frames.FUTURES_TRADE]
BYTES = b'{}[]",:0123456789.-eEbBaApqtTmMkxsuU\\ \xff\x00'


def mutated(raw, random):
    raw = bytearray(raw)
    for _ in range(random.randint(1, 4)):
        where = random.randrange(len(raw) + 1)
        match random.randrange(5):
            case 0:
                del raw[where:]
            case 1:
                raw[where : where + 1] = bytes([random.choice(BYTES)])
            case 2:
                del raw[where : where + random.randint(1, 8)]
            case 3:
                raw[where:where] = bytes([random.choice(BYTES)])
            case 4:
                raw[where:where] = raw[: random.randint(0, 40)]
        raw = raw or bytearray(b"x")
    return bytes(raw)


def check_well_formed(events):
    """Every field has its promised type and a possible value."""
    assert decode_events(encode_events(events)) == events
    for event in events:
        match event:
            case Ticker():
                assert 0 < event.bid_price < 1e301
                assert 0 < event.ask_price < 1e301
            case Trade():
                assert 0 < event.price < 1e301
                assert 0 <= event.volume < 1e301
                assert int(event.trade_id) >= 0
            case Book():
                assert not (event.bids and event.asks and event.bids[0] >= event.asks[0])


@pytest.mark.parametrize("seed", range(20))
def test_mutated_frames_never_raise_and_never_give_a_wrong_event(seed):
    random_source = random.Random(seed)
    decoder = made([BTC, ETHBTC])
    for _ in range(300):
        raw = random_source.choice(ALL)
        if random_source.random() < 0.8:
            raw = mutated(raw, random_source)
        check_well_formed(decoder.feed(raw, 7))
        assert accounted(decoder)
    assert decoder.counts.malformed > 100


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)))
def test_any_bytes_are_counted_and_never_raise(raw):
    decoder = made()
    check_well_formed(decoder.feed(raw, 7))
    assert decoder.counts.frames == 1
    assert accounted(decoder)


@pytest.mark.parametrize("raw", [frames.TICKER, frames.TRADE, frames.DIFF, frames.KLINE])
def test_a_frame_cut_anywhere_is_malformed(raw):
    decoder = made()
    for end in range(len(raw)):
        assert decoder.feed(raw[:end], 7) == []
    assert decoder.counts.malformed == len(raw)


def test_a_taped_snapshot_finds_its_pair_by_its_path():
    decoder = made([BTC, ETH])
    raw = b'{"rest":"/api/v3/depth?symbol=ETHUSDT&limit=5000","data":' + frames.snapshot(5) + b"}"
    assert decoder.feed(raw, 7) == [Resynced(7, BINANCE, Channel.BOOK, ETH, 5)]


def states(decoder):
    return [(topic.pair, topic.state) for topic in decoder.topics()]


def test_a_topic_says_whether_its_subscription_was_acknowledged_and_has_data():
    decoder = made([BTC, ETH], [Channel.TRADE])
    assert states(decoder) == [(BTC, "asked"), (ETH, "asked")]
    decoder.feed(frames.ACK.replace(b"1}", b"2000}"), 5)
    decoder.feed(frames.trade(1), 9)
    assert states(decoder) == [(BTC, "live"), (ETH, "silent")]
    assert decoder.topics()[0].last_ns == 9
    decoder.restart()
    assert states(decoder) == [(BTC, "asked"), (ETH, "asked")]


def test_a_refusal_names_the_pair_when_it_was_about_one():
    decoder = made([BTC], [Channel.TICKER, Channel.TRADE])
    (event,) = decoder.feed(frames.REFUSAL.replace(b'"id":1', b'"id":2000'), 7)
    assert event.symbol == BTC
    assert [topic.state for topic in decoder.topics()] == ["asked", "refused"]


def test_an_acknowledgement_is_for_the_streams_of_its_own_message():
    pairs = [CurrencyPair.parse(f"a{number}/usdt") for number in range(250)]
    decoder = made(pairs, [Channel.TICKER])
    decoder.feed(b'{"result":null,"id":1001}', 5)
    assert [topic.acknowledged for topic in decoder.topics()] == [False] * 200 + [True] * 50


def test_a_notice_of_a_restart_asks_for_another_connection():
    decoder = made()
    decoder.feed(b'{"e":"serverShutdown","E":1}', 1)
    assert decoder.wants_replacement
    decoder.replaced()
    assert not decoder.wants_replacement


def test_what_a_replaced_connection_repeats_is_dropped():
    decoder = made([BTC], [Channel.TRADE])
    for number in (10, 11, 12):
        decoder.feed(frames.trade(number), 1)
    decoder.replaced()
    events = [
        event for number in (9, 10, 11, 12, 13) for event in decoder.feed(frames.trade(number), 2)
    ]
    assert [event.trade_id for event in events] == ["13"]


def test_it_is_a_decoder_as_the_contract_says():
    assert isinstance(made(), Decoder)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"candle_interval": "7m"}, "7m"),
        ({"snapshot_limit": 6000}, "6000"),
        ({"book_depth": 0}, "book_depth is 0"),
        ({"book_depth": 60, "snapshot_limit": 100}, "book_depth is 60"),
    ],
)
def test_an_impossible_setting_is_refused_at_once(settings, words):
    with pytest.raises(ConfigError, match=words):
        made(**settings)


def test_a_private_channel_comes_later():
    with pytest.raises(ConfigError, match="later release"):
        made(channels=[Channel.MY_ORDER])
