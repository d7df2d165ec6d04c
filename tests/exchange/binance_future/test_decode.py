"""Pasted frames of USD-M futures and what they must become, and the pu rule diff by diff."""

import json
import random

import pytest
from tests.exchange.binance import frames

from millstream.errors import ConfigError
from millstream.exchange.binance_future.decode import BinanceFutureDecoder
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

BTC, ETH = CurrencyPair.BTC_USDT, CurrencyPair.ETH_USDT
FUTURE = Exchange.BINANCE_FUTURE
PUBLIC = (Channel.TICKER, Channel.TRADE, Channel.BOOK, Channel.CANDLE)
KLINE = (
    b'{"stream":"btcusdt@kline_1m","data":{"e":"kline","E":1626992741424,"s":"BTCUSDT","k":{'
    b'"t":1626992700000,"T":1626992759999,"s":"BTCUSDT","i":"1m","f":23961275,"L":23961322,'
    b'"o":"1.01000","c":"1.01100","h":"1.01100","l":"1.01000","v":"3917","n":48,"x":false,'
    b'"q":"3957.89900","V":"1729","Q":"1748.01900","B":"0"}}}'
)


def made(pairs=(BTC, ETH), channels=PUBLIC, **settings):
    return BinanceFutureDecoder(pairs, channels, **settings)


def diff(previous, first, last, bids=(), asks=()):
    more = {"T": 900 + last, "pu": previous}
    return frames.diff(first, last, bids, asks, **more)


def snapshot(last):
    body = json.loads(frames.snapshot(last)) | {"E": 5, "T": 4}
    return json.dumps(body).encode()


def kinds(events):
    return [type(event) for event in events]


EXPECTED = {
    "ticker": (
        frames.FUTURES_TICKER,
        Ticker(7, FUTURE, BTC, 1723161256313000000, 61800.2, 2.507, 61800.3, 2.51),
    ),
    "trade": (
        frames.FUTURES_TRADE,
        Trade(7, FUTURE, BTC, 1723161256322000000, 61800.3, 0.006, Side.BUY, "5266583935"),
    ),
    "candle": (
        KLINE,
        Candle(
            *(7, FUTURE, BTC, 1626992741424000000, "1m"),
            *(1626992700000000000, 1626992760000000000),
            *(1.01, 1.011, 1.01, 1.011, 3917.0, 48, False),
        ),
    ),
}


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.parametrize("form", ["combined", "raw"])
def test_a_frame_becomes_its_event(name, form):
    raw, event = EXPECTED[name]
    assert made().feed(raw if form == "combined" else frames.data_of(raw), 7) == [event]


@pytest.mark.parametrize("pace", [b"@depth", b"@depth@0ms", b"@depth@100ms", b"@depth@500ms"])
def test_a_diff_becomes_a_book_at_any_pace(pace):
    decoder = made([BTC])
    decoder.feed_snapshot(BTC, snapshot(10), 1)
    raw = diff(8, 9, 12, [(98, 2)]).replace(b"@depth@100ms", pace)
    (event,) = decoder.feed(raw, 7)
    assert event == Book(
        7, FUTURE, BTC, 912_000_000, ((99.0, 1.0), (98.0, 2.0)), ((101.0, 1.0),), 12
    )


@pytest.mark.parametrize("kind", [b"INSURANCE_FUND", b"NA"])
def test_a_print_that_is_no_trade_of_the_market_is_counted_and_keeps_its_number(kind):
    decoder = made()
    number = int(json.loads(frames.FUTURES_TRADE)["data"]["t"])

    def trade(shift):
        return frames.FUTURES_TRADE.replace(b"5266583935", str(number + shift).encode())

    assert kinds(decoder.feed(trade(0), 1)) == [Trade]
    assert decoder.feed(trade(1).replace(b"MARKET", kind), 2) == []
    assert decoder.counts.reasons == {"a print that is no trade of the market": 1}
    assert kinds(decoder.feed(trade(2), 3)) == [Trade]
    assert kinds(decoder.feed(trade(4), 3)) == [Gap, Trade]
    assert decoder.counts.accounted == decoder.counts.frames


def test_ids_may_jump_as_long_as_pu_is_the_update_before():
    decoder = made()
    decoder.feed_snapshot(BTC, snapshot(100), 1)
    assert kinds(decoder.feed(diff(90, 95, 130), 1)) == [Book]
    assert kinds(decoder.feed(diff(130, 900, 950), 1)) == [Book]


@pytest.mark.parametrize("previous", [120, 140])
def test_a_pu_that_is_not_the_last_u_is_a_gap_and_heals_with_a_snapshot(previous):
    decoder = made()
    decoder.feed_snapshot(BTC, snapshot(100), 1)
    decoder.feed(diff(90, 95, 130), 1)
    (gap,) = decoder.feed(diff(previous, 150, 160), 2)
    reason = "update ids missing"
    assert gap == Gap(2, FUTURE, Channel.BOOK, BTC, "130", str(previous), 0, reason)
    assert decoder.feed(diff(160, 170, 180), 3) == []
    (request,) = decoder.snapshot_requests()
    assert request.path == "/fapi/v1/depth?symbol=BTCUSDT&limit=1000"
    assert kinds(decoder.feed_snapshot(BTC, snapshot(165), 4)) == [Resynced, Book]
    assert decoder.counts.buffered == 0


def test_a_snapshot_older_than_what_is_held_is_fetched_again():
    decoder = made()
    decoder.feed(diff(100, 110, 120), 1)
    decoder.snapshot_requests()
    assert decoder.feed_snapshot(BTC, snapshot(99), 2) == []
    assert [request.pair for request in decoder.snapshot_requests()] == [BTC]
    assert kinds(decoder.feed_snapshot(BTC, snapshot(100), 3)) == [Resynced, Book]


def test_what_a_replaced_connection_repeats_of_a_book_is_dropped():
    decoder = made()
    decoder.feed_snapshot(BTC, snapshot(100), 1)
    chain = [diff(90, 95, 130), diff(130, 131, 140), diff(140, 141, 150)]
    for raw in chain[:2]:
        decoder.feed(raw, 1)
    decoder.replaced()
    given = [kinds(decoder.feed(raw, 2)) for raw in chain]
    assert given == [[], [], [Book]]


def test_one_pair_resyncs_while_the_other_goes_on():
    decoder = made()
    decoder.feed_snapshot(BTC, snapshot(100), 1)
    decoder.feed_snapshot(ETH, snapshot(100), 1)
    decoder.feed(diff(200, 210, 220), 1)
    other = frames.diff(95, 130, [], [], symbol="ethusdt", T=1, pu=90)
    assert kinds(decoder.feed(other, 2)) == [Book]


@pytest.mark.parametrize("raw", [frames.TICKER, frames.DIFF])
@pytest.mark.parametrize("form", ["combined", "raw"])
def test_a_frame_of_spot_is_refused_and_told_once(raw, form):
    decoder = made()
    raw = raw if form == "combined" else frames.data_of(raw)
    (event,) = decoder.feed(raw, 7)
    assert type(event) is Refused
    assert "use binance" in event.reason
    assert decoder.feed(raw, 8) == []
    assert decoder.counts.refused == 2


def test_a_snapshot_of_spot_is_refused():
    (event,) = made().feed_snapshot(BTC, frames.snapshot(5), 1)
    assert type(event) is Refused


def test_damaged_frames_never_raise_and_are_counted():
    rng, decoder = random.Random(5), made()
    tried = [frames.FUTURES_DIFF, frames.FUTURES_TICKER, frames.FUTURES_TRADE, KLINE]
    for _ in range(3_000):
        raw = bytearray(rng.choice(tried))
        for _ in range(rng.randint(1, 3)):
            raw[rng.randrange(len(raw))] = rng.randrange(256)
        decoder.feed(bytes(raw[: rng.randint(0, len(raw))] if rng.random() < 0.3 else raw), 1)
    assert decoder.counts.accounted == decoder.counts.frames == 3_000


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"snapshot_limit": 5000}, "accepted: 5, 10"),
        ({"candle_interval": "1s"}, "not one of Binance's"),
        ({"book_depth": 600}, "book_depth is 600"),
    ],
)
def test_a_setting_the_venue_lacks_is_one_sentence(setting, words):
    with pytest.raises(ConfigError, match=words):
        made(**setting)
