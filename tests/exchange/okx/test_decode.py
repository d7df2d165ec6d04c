"""OKX's market data: a real payload pasted, and the event it must become."""

import json

import pytest
from tests.exchange.okx import frames

from millstream.errors import ConfigError
from millstream.exchange import decoder
from millstream.model import (
    Candle,
    Channel,
    CurrencyPair,
    Exchange,
    Gap,
    Refused,
    Side,
    Ticker,
    Trade,
)

BTC, ETH = CurrencyPair.BTC_USDT, CurrencyPair.ETH_USDT


def spot(*channels, **settings):
    return decoder("okx", [BTC, ETH], channels or ["ticker", "trade", "book", "candle"], **settings)


def swap(*channels, **settings):
    return decoder("okx_swap", [BTC], channels, **settings)


def test_a_ticker():
    assert spot().feed(frames.TICKER, 7) == [
        Ticker(7, Exchange.OKX, BTC, 1786613174873000000, 63707.2, 1.70080521, 63707.3, 0.15455902)
    ]


def test_a_trade_has_the_takers_side():
    assert spot().feed(frames.TRADE, 7) == [
        Trade(7, Exchange.OKX, BTC, 1740394561685000000, 95634.9, 0.00011186, Side.BUY, "674510826")
    ]


def test_a_candle_is_closed_when_the_venue_confirms_it():
    made = spot("candle")
    day = 60_000_000_000
    opened = 1597026383085000000
    prices = (8533.02, 8553.74, 8527.17, 8548.26)
    assert made.feed(frames.CANDLE, 7) == [
        Candle(7, Exchange.OKX, BTC, 0, "1m", opened, opened + day, *prices, 45247.0, 0, True)
    ]
    running = frames.CANDLE.replace(b'"1"]]', b'"0"]]')
    assert [candle.closed for candle in made.feed(running, 8)] == [False]


def test_long_candles_are_subscribed_by_universal_time():
    made = spot("candle", candle_interval="1d")
    assert made.arguments(BTC) == [{"channel": "candle1Dutc", "instId": "BTC-USDT"}]


def test_a_swaps_contracts_become_base_currency():
    made = swap("ticker")
    assert made.feed_snapshot(BTC, frames.INSTRUMENTS, 1) == []
    [ticker] = made.feed(frames.SWAP_TICKER, 7)
    assert (ticker.exchange, ticker.bid_price, ticker.ask_price) == (
        Exchange.OKX_SWAP,
        63921.0,
        63921.1,
    )
    assert ticker.bid_volume == pytest.approx(7.793)  # 779.3 contracts of 0.01 BTC
    assert ticker.ask_volume == pytest.approx(18.7175)


def test_an_inverse_swaps_contracts_are_worth_base_at_the_price_traded():
    made = decoder("okx_swap", ["btc/usd"], ["trade"])
    made.feed_snapshot(CurrencyPair.BTC_USD, frames.INSTRUMENTS, 1)
    raw = frames.trade(5, pair="BTC-USD-SWAP").replace(b"0.00011186", b"8")
    [trade] = made.feed(raw.replace(b"95634.9", b"40000"), 7)
    assert trade.volume == pytest.approx(8 * 100 / 40000)


def test_a_swaps_frames_wait_until_its_contract_is_known():
    made = swap("ticker")
    assert made.feed(frames.SWAP_TICKER, 7) == []
    assert [request.path for request in made.snapshot_requests()] == [
        "/api/v5/public/instruments?instType=SWAP"
    ]
    assert made.snapshot_requests() == []


def test_a_swap_the_venue_does_not_list_is_refused_by_name():
    made = decoder("okx_swap", ["btc/usdt", "btc/ustd"], ["ticker"])
    [refusal] = made.feed_snapshot(BTC, frames.INSTRUMENTS, 1)
    assert isinstance(refusal, Refused)
    assert (str(refusal.symbol), refusal.channel) == ("BTC/USTD", Channel.TICKER)
    assert "BTC-USTD-SWAP" in refusal.reason


def test_contract_values_may_be_given():
    made = swap("ticker", contract_values={"btc/usdt": "0.01"})
    assert made.snapshot_requests() == []
    assert len(made.feed(frames.SWAP_TICKER, 7)) == 1


def test_missing_trade_ids_are_a_gap_before_the_trade():
    made = spot("trade")
    made.feed(frames.trade(10), 1)
    gap, trade = made.feed(frames.trade(13), 2)
    assert isinstance(gap, Gap)
    assert (gap.symbol, gap.expected, gap.got, gap.missing) == (BTC, "11", "13", 2)
    assert trade.trade_id == "13"


def test_a_frame_with_one_impossible_trade_tells_and_counts_none_of_it():
    trades = spot("trade")
    trades.feed(frames.trade(10), 7)
    good = json.loads(frames.trade(12))
    bad = good | {"data": [*good["data"], good["data"][0] | {"side": "hold"}]}
    assert trades.feed(json.dumps(bad, separators=(",", ":")).encode(), 7) == []
    assert (trades.counts.malformed, trades.counts.gaps) == (1, 0)
    assert [type(event) for event in trades.feed(frames.trade(12), 8)] == [Gap, Trade]


def test_trades_sent_as_one_are_no_gap():
    made = spot("trade")
    made.feed(frames.trade(10), 1)
    assert [type(event) for event in made.feed(frames.trade(13, count=3), 2)] == [Trade]


def test_a_trade_that_comes_twice_is_given_once():
    made = spot("trade")
    assert [len(made.feed(frames.trade(n), 1)) for n in (10, 11, 10, 11, 12)] == [1, 1, 0, 0, 1]


def test_trade_ids_that_begin_lower_are_a_gap_and_go_on():
    made = spot("trade")
    made.feed(frames.trade(1000), 1)
    assert [type(event) for event in made.feed(frames.trade(5), 1)] == [Gap, Trade]
    assert [type(event) for event in made.feed(frames.trade(6), 1)] == [Trade]


def test_an_acknowledgement_is_the_topics():
    made = spot("ticker")
    made.feed(
        b'{"event":"subscribe","arg":{"channel":"tickers","instId":"ETH-USDT"},"connId":"d6"}', 1
    )
    assert [(topic.pair, topic.state) for topic in made.topics()] == [
        (BTC, "asked"),
        (ETH, "silent"),
    ]
    made.feed(frames.TICKER, 2)
    assert [topic.last_ns for topic in made.topics()] == [2, 0]


def test_a_refusal_names_the_pair():
    made = decoder("okx", ["btc/usdt", "btc/ustd"], ["ticker"])
    [refusal] = made.feed(frames.UNKNOWN, 1)
    assert str(refusal.symbol) == "BTC/USTD"
    assert "60018" in refusal.reason
    assert [topic.state for topic in made.topics()] == ["asked", "refused"]


def test_the_notice_of_a_service_upgrade_asks_for_a_replacement():
    made = spot()
    assert made.feed(frames.NOTICE, 1) == []
    assert made.wants_replacement
    made.replaced()
    assert not made.wants_replacement


def test_too_many_connections_of_an_account_are_a_refusal():
    made = decoder("okx", [BTC], ["my_order"])
    count = b'{"event":"channel-conn-count","channel":"orders","connCount":"1","connId":"0b"}'
    assert made.feed(count, 1) == []
    [refusal] = made.feed(count.replace(b"count", b"count-error", 1), 1)
    assert refusal.channel is Channel.MY_ORDER
    assert made.topics()[0].refused


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"event":3}',
        b'{"arg":{"channel":"tickers","instId":"BTC-USDT"},"data":[]}',
        frames.TICKER.replace(b"63707.2", b"-1"),
        frames.TICKER.replace(b"63707.2", b"nan"),
        frames.TRADE.replace(b'"buy"', b'"both"'),
        frames.CANDLE.replace(b"8527.17", b"9999"),
        frames.TICKER[:-30],
    ],
)
def test_what_the_venue_may_not_send_is_counted_and_sampled(raw):
    made = spot("ticker", "trade", "candle")
    assert made.feed(raw, 1) == []
    assert (made.counts.malformed, len(made.counts.samples)) == (1, 1)
    assert made.counts.accounted == made.counts.frames


def test_another_order_of_keys_is_read_too():
    shuffled = json.loads(frames.TRADE)
    raw = json.dumps({"data": shuffled["data"], "arg": shuffled["arg"]}).encode()
    assert spot().feed(raw, 7) == spot().feed(frames.TRADE, 7)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"candle_interval": "7m"}, "accepted: 1s, 1m"),
        ({"book_channel": "book"}, "accepted: books, books5"),
        ({"trade_channel": "trade"}, "accepted: trades, trades-all"),
        ({"book_depth": 0}, "accepted: 1 to 400"),
    ],
)
def test_a_setting_the_venue_refuses_is_one_sentence(settings, words):
    with pytest.raises(ConfigError, match=words):
        spot("ticker", **settings)


def test_a_refusal_of_nothing_that_was_asked_for_is_still_told():
    made = decoder("okx", [], [])
    [refusal] = made.feed(frames.UNKNOWN, 1)
    assert (refusal.symbol, refusal.channel) == (None, Channel.TICKER)


def test_a_trade_that_came_before_a_late_one_is_not_told_again_after_it():
    trades = decoder("okx", [CurrencyPair.BTC_USDT], ["trade"])
    numbers = (1, 3, 2, 3, 4)  # 3 comes again from the connection that takes over
    events = [event for number in numbers for event in trades.feed(frames.trade(number), 1)]
    assert [event.trade_id for event in events if type(event) is Trade] == ["1", "3", "2", "4"]
