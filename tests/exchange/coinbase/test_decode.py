"""Advanced Trade, frame by frame."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.exchange.coinbase import frames

from millstream.errors import ConfigError
from millstream.exchange import Decoder, decoder
from millstream.exchange.decoding import Replaceable
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

BTC, ETH = CurrencyPair.BTC_USD, CurrencyPair.ETH_USD
NOW = 1_786_562_900_000_000_000


def made(*channels, pairs=(BTC,), **settings):
    return decoder("coinbase", pairs, channels, **settings)


def fed(one, *some):
    return [event for raw in some for event in one.feed(raw, NOW)]


def kinds(events):
    return [type(event) for event in events]


def accounted(one):
    assert one.counts.frames == one.counts.accounted
    return one.counts


def test_it_is_a_decoder_that_may_want_another_connection():
    assert isinstance(made("ticker"), Decoder)
    assert isinstance(made("ticker"), Replaceable)


def test_after_a_replacement_nothing_is_told_that_the_connection_before_has_told():
    one = made("ticker", "trade", "book")
    fed(one, frames.book(0, "snapshot", [(98, 1)], [(102, 1)]), frames.trades(1, 7))
    fed(one, frames.ticker(2, 5, 6), frames.trades(4, 9))
    assert one.wants_replacement
    one.replaced()
    assert not one.wants_replacement
    held = frames.ticker(0, 4, 6), frames.trades(1, 6, 7, 8, 9), frames.trades(2, 10)
    assert [event.trade_id for event in fed(one, *held)] == ["10"]
    assert kinds(fed(one, frames.book(3, "update", [(97, 1)]))) == []
    assert kinds(fed(one, frames.book(4, "snapshot", [(98, 1)], [(102, 1)]))) == [Resynced, Book]
    assert one.topics()[0].last_ns == NOW


# ---- ticker -------------------------------------------------------------------------------------


def test_a_real_ticker_becomes_the_best_bid_and_ask():
    (event,) = made("ticker").feed(frames.TICKER, NOW)
    assert event == Ticker(
        NOW,
        Exchange.COINBASE,
        BTC,
        1_786_562_853_829_058_895,
        63318.86,
        0.2275291,
        63318.87,
        0.49990114,
    )


def test_a_side_that_nobody_offers_makes_no_ticker_and_counts_as_heard():
    one = made("ticker")
    assert fed(one, frames.ticker(0, 0, 5)) == []
    assert accounted(one).ignored == 1
    assert one.topics()[0].last_ns == NOW


def test_a_product_served_as_usd_is_told_as_the_usdc_pair_that_was_subscribed():
    one = made("ticker", pairs=[CurrencyPair.BTC_USDC])
    assert [event.symbol for event in fed(one, frames.TICKER)] == [CurrencyPair.BTC_USDC]
    assert one.topics()[0].last_ns == NOW


def test_a_usdc_pair_is_served_under_its_own_name_too():
    one = made("ticker", pairs=[CurrencyPair.BTC_USDC])
    (event,) = fed(one, frames.ticker(0, 5, 6, product="BTC-USDC"))
    assert event.symbol == CurrencyPair.BTC_USDC


def test_both_pairs_of_one_market_are_told_when_both_were_subscribed():
    one = made("ticker", pairs=[BTC, CurrencyPair.BTC_USDC])
    assert [event.symbol for event in fed(one, frames.TICKER)] == [BTC, CurrencyPair.BTC_USDC]
    assert accounted(one).produced == 1


# ---- trades -------------------------------------------------------------------------------------


def test_real_trades_come_oldest_first_with_the_takers_side():
    events = made("trade").feed(frames.TRADES, NOW)
    assert events == [
        # side was BUY: the maker's
        Trade(NOW, Exchange.COINBASE, BTC, ns, 63310.25, 0.00000012, Side.SELL, number)
        for number, ns in [
            ("1069726292", 1_786_562_868_266_642_000),
            ("1069726293", 1_786_562_868_298_771_000),
        ]
    ]


def test_a_missing_trade_id_is_told_before_the_trade_that_shows_it():
    one = made("trade")
    events = fed(one, frames.trades(0, 7), frames.trades(1, 10, 11))
    assert kinds(events) == [Trade, Gap, Trade, Trade]
    gap = events[1]
    assert (gap.symbol, gap.expected, gap.got, gap.missing) == (BTC, "8", "10", 2)
    assert accounted(one).gaps == 1


def test_the_snapshot_after_a_reconnect_fills_the_hole_and_repeats_nothing():
    one = made("trade")
    fed(one, frames.trades(0, 7, 8))
    one.restart()
    events = fed(one, frames.trades(0, 6, 7, 8, 9, 10))
    assert [event.trade_id for event in events] == ["9", "10"]


def test_a_snapshot_that_does_not_reach_back_leaves_a_hole_that_is_told():
    one = made("trade")
    fed(one, frames.trades(0, 7))
    one.restart()
    assert kinds(fed(one, frames.trades(0, 20))) == [Gap, Trade]


def test_trade_ids_that_begin_anew_are_told_and_followed():
    one = made("trade")
    events = fed(one, frames.trades(0, 900_000_000), frames.trades(1, 5), frames.trades(2, 6))
    assert kinds(events) == [Trade, Gap, Trade, Trade]


@given(st.lists(st.integers(0, 30), min_size=1, max_size=40))
def test_no_trade_is_ever_told_twice_and_ids_only_grow(ids):
    one = made("trade")
    told = []
    for number, trade_id in enumerate(ids):
        events = fed(one, frames.trades(number, trade_id))
        told += [int(event.trade_id) for event in events if type(event) is Trade]
    assert told == sorted(set(told))
    accounted(one)


# ---- books --------------------------------------------------------------------------------------


def test_a_snapshot_and_an_update_become_the_book_as_it_stands():
    one = made("book", book_depth=2)
    events = fed(
        one,
        frames.book(0, "snapshot", [(98, 1), (99, 2), (97, 5)], [(102, 1), (101, 2)]),
        frames.book(1, "update", [(99, 0), (98.5, 3)], [(101, "0.00000000")]),
    )
    assert kinds(events) == [Resynced, Book, Book]
    assert events[1].bids == ((99.0, 2.0), (98.0, 1.0))
    assert events[1].asks == ((101.0, 2.0), (102.0, 1.0))
    assert (events[2].bids, events[2].asks) == (((98.5, 3.0), (98.0, 1.0)), ((102.0, 1.0),))
    assert (events[2].update_id, events[2].exchange_ns) == (1, frames.TIME_NS)
    assert accounted(one).books == 2


def test_an_update_before_the_snapshot_is_not_served():
    one = made("book")
    assert fed(one, frames.book(0, "update", [(98, 1)], [(102, 1)])) == []
    assert accounted(one).ignored == 1
    assert one.topics()[0].last_ns == 0


def test_a_hole_in_the_connections_numbers_makes_every_book_invalid():
    one = made("book", pairs=[BTC, ETH])
    sides = [(98, 1)], [(102, 1)]
    fed(one, frames.book(0, "snapshot", *sides))
    fed(one, frames.book(1, "snapshot", *sides, product="ETH-USD"))
    events = fed(
        one,
        frames.book(3, "update", [(99, 1)]),
        frames.book(4, "update", [(97, 1)], product="ETH-USD"),
    )
    (gap,) = events
    assert (gap.symbol, gap.expected, gap.got, gap.missing) == (None, "2", "3", 1)
    assert one.wants_replacement
    one.restart()
    assert not one.wants_replacement
    assert kinds(fed(one, frames.book(0, "snapshot", *sides))) == [Resynced, Book]
    accounted(one)


@pytest.mark.parametrize("between", [frames.heartbeat(2), frames.ack(2, level2=["BTC-USD"])])
def test_a_hole_that_a_frame_without_data_shows_counts_as_much(between):
    one = made("book")
    fed(one, frames.book(0, "snapshot", [(98, 1)], [(102, 1)]))
    assert kinds(fed(one, between)) == [Gap]
    assert fed(one, frames.book(3, "update", [(99, 1)])) == []


def test_frames_of_unknown_channels_count_in_the_numbering():
    one = made("ticker")
    news = frames.frame("news_of_2027", 1, {"type": "update"})
    assert kinds(fed(one, frames.ticker(0, 5, 6), news, frames.ticker(2, 5, 6))) == [Ticker] * 2
    assert accounted(one).gaps == 0


def test_a_frame_that_cannot_be_read_leaves_a_hole():
    one = made("book")
    broken = frames.book(1, "update", [(99, "many")])
    fed(one, frames.book(0, "snapshot", [(98, 1)], [(102, 1)]))
    assert fed(one, broken) == []
    assert kinds(fed(one, frames.book(2, "update", [(97, 1)]))) == [Gap]
    assert (accounted(one).malformed, one.counts.books) == (1, 1)


def test_a_frame_that_comes_twice_is_used_once():
    one = made("book")
    update = frames.book(1, "update", [(99, 1)])
    fed(one, frames.book(0, "snapshot", [(98, 1)], [(102, 1)]), update)
    assert fed(one, update) == []
    assert kinds(fed(one, frames.book(2, "update", [(97, 1)]))) == [Book]
    assert accounted(one).reasons["a frame seen before"] == 1


def test_a_crossed_book_is_never_served_and_asks_for_this_pair_anew():
    one = made("book", pairs=[BTC, ETH])
    sides = [(98, 1)], [(102, 1)]
    events = fed(
        one,
        frames.book(0, "snapshot", *sides),
        frames.book(1, "snapshot", *sides, product="ETH-USD"),
        frames.book(2, "update", [(103, 1)]),
        frames.book(3, "update", [(103, 0)]),
        frames.book(4, "update", [(99, 1)], product="ETH-USD"),
    )
    assert kinds(events) == [Resynced, Book, Resynced, Book, Gap, Book]
    assert (events[4].symbol, events[4].reason) == (BTC, "the book is crossed")
    assert (one.resubscriptions(), one.resubscriptions()) == ([BTC], [])
    assert not one.wants_replacement
    assert kinds(fed(one, frames.book(5, "snapshot", *sides))) == [Resynced, Book]
    accounted(one)


def test_a_book_that_is_crossed_again_at_once_asks_for_a_new_connection():
    one = made("book")
    fed(one, frames.book(0, "snapshot", [(103, 1)], [(102, 1)]))
    assert (one.resubscriptions(), one.wants_replacement) == ([BTC], False)
    fed(one, frames.book(1, "snapshot", [(103, 1)], [(102, 1)]))
    assert one.resubscriptions() == []
    assert one.wants_replacement
    accounted(one)


# ---- candles ------------------------------------------------------------------------------------


def test_a_candle_is_closed_when_the_next_one_begins():
    one = made("candle")
    events = fed(
        one, frames.candles(0, (600, 5)), frames.candles(1, (600, 6)), frames.candles(2, (900, 7))
    )
    assert [(event.open_ns // 10**9, event.close, event.closed) for event in events] == [
        (600, 5.0, False),
        (600, 6.0, False),
        (600, 6.0, True),
        (900, 7.0, False),
    ]
    assert type(events[0]) is Candle
    assert events[0].close_ns - events[0].open_ns == 300 * 10**9
    assert accounted(one).candles == 4


def test_the_candles_of_a_snapshot_come_in_order_all_but_the_last_closed():
    events = fed(made("candle"), frames.candles(0, (900, 7), (300, 5), (600, 6)))
    assert [(event.open_ns // 10**9, event.closed) for event in events] == [
        (300, True),
        (600, True),
        (900, False),
    ]


def test_candles_told_before_a_reconnect_are_not_told_again():
    one = made("candle")
    fed(one, frames.candles(0, (300, 5), (600, 6)))
    one.restart()
    events = fed(one, frames.candles(0, (300, 5), (600, 8), (900, 7)))
    assert [(event.open_ns // 10**9, event.close, event.closed) for event in events] == [
        (600, 8.0, True),
        (900, 7.0, False),
    ]


# ---- acknowledgements and refusals --------------------------------------------------------------


def test_an_acknowledgement_marks_what_it_lists():
    one = made("trade")
    assert fed(one, frames.ACK) == []
    assert one.topics()[0].acknowledged
    assert accounted(one).ignored == 1


def test_a_product_that_the_acknowledgement_lacks_is_refused_by_its_name():
    one = made("book", pairs=[BTC, CurrencyPair.parse("xyz/usd")])
    (event,) = fed(one, frames.ack(0, level2=["BTC-USD"]))
    assert (type(event), event.channel) == (Refused, Channel.BOOK)
    assert str(event.symbol) == "XYZ/USD"
    acknowledged, refused = one.topics()
    assert (acknowledged.acknowledged, acknowledged.refused) == (True, "")
    assert not refused.acknowledged
    assert "misspelt" in refused.refused


def test_a_refusal_is_told_once_a_connection():
    one = made("book", pairs=[CurrencyPair.parse("xyz/usd")])
    acks = frames.ack(0, level2=[]), frames.ack(1, level2=[], heartbeats=["heartbeats"])
    assert kinds(fed(one, *acks)) == [Refused]
    one.restart()
    assert kinds(fed(one, *acks)) == [Refused]


def test_heartbeats_alone_in_the_acknowledgement_mean_that_all_was_refused():
    one = made("ticker", pairs=[BTC, ETH])
    events = fed(one, frames.ack(0, heartbeats=["heartbeats"]))
    assert [(type(event), event.symbol) for event in events] == [(Refused, BTC), (Refused, ETH)]


def test_a_usdc_pair_may_be_acknowledged_by_either_name():
    for name in ("BTC-USD", "BTC-USDC"):
        one = made("ticker", pairs=[CurrencyPair.BTC_USDC])
        assert fed(one, frames.ack(0, ticker=[name])) == []
        assert one.topics()[0].acknowledged


def test_an_error_is_a_refusal_of_what_is_not_acknowledged():
    one = made("my_order")
    (event,) = fed(one, frames.ERROR)
    assert (type(event), event.channel, event.symbol) == (Refused, Channel.MY_ORDER, None)
    assert event.reason == "authentication failure"
    assert one.topics()[0].refused == "authentication failure"
    assert accounted(one).refused == 1


def test_a_heartbeat_is_counted_and_nothing_else():
    one = made("ticker")
    assert fed(one, frames.HEARTBEAT) == []
    assert accounted(one).ignored == 1


# ---- whatever else may come ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b"{}",
        b"[" * 100_000,
        frames.TICKER[:-5],
        frames.TICKER.replace(b'"63318.86"', b'"-1"'),
        frames.TICKER.replace(b'"63318.86"', b'"nan"'),
        frames.TICKER.replace(b'"63318.86"', b"null"),
        frames.TICKER.replace(b'"sequence_num":2', b'"sequence_num":-2'),
        frames.TICKER.replace(b"2026-08-12T", b"2026-08-1xT"),
        frames.TICKER.replace(b'"events"', b'"events_"'),
        b'{"channel":"heartbeats"}',
        b'{"channel":"ticker\xc3\x28","sequence_num":1}',
    ],
)
def test_what_is_no_frame_is_counted_and_changes_nothing(raw):
    one = made("ticker")
    assert fed(one, raw) == []
    assert accounted(one).malformed == 1
    assert len(one.counts.samples) == 1
    assert kinds(fed(one, frames.TICKER)) == [Ticker]


def test_another_order_of_keys_is_read_too():
    body = json.loads(frames.TICKER)
    turned = json.dumps(dict(reversed(body.items())), indent=1).encode()
    assert fed(made("ticker"), turned) == fed(made("ticker"), frames.TICKER)


def test_a_frame_is_what_it_says_whatever_stands_before():
    for before in (b'{"x":"ticker",', b'{"x":"market_trades",'):
        raw = before + frames.TRADES[1:]
        assert kinds(fed(made("ticker", "trade"), raw)) == [Trade, Trade]
    raw = b'{"channel":"ticker",' + frames.TRADES[1:]
    assert kinds(fed(made("ticker", "trade"), raw)) == []


@pytest.mark.parametrize(
    ("channels", "settings", "words"),
    [
        (["candle"], {"candle_interval": "1m"}, '"5m" only'),
        (["candle"], {"feed": "exchange"}, "no channel .candle.; accepted: ticker, trade, book"),
        (["my_order"], {"feed": "exchange"}, "no channel"),
        (["ticker"], {"feed": "pro"}, "accepted: advanced, exchange"),
        (["book"], {"book_depth": 0}, "book_depth is 0"),
        (["book"], {"book_channel": "level3"}, "accepted: level2_batch, level2"),
    ],
)
def test_what_coinbase_does_not_offer_is_refused_with_what_it_does(channels, settings, words):
    with pytest.raises(ConfigError, match=words):
        made(*channels, **settings)


def test_nothing_is_asked_over_rest_for_market_data():
    one = made("book")
    assert one.snapshot_requests() == []
    assert one.feed_snapshot(BTC, b"{}", NOW) == []
    assert accounted(one).unused_snapshots == 1
