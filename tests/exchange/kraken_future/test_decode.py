"""Kraken Futures' frames to events."""

import gzip
import json
import random
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.exchange.kraken_future import frames

from millstream.errors import ConfigError
from millstream.exchange.kraken_future import wire
from millstream.exchange.kraken_future.decode import KrakenFutureDecoder
from millstream.model import (
    Book,
    Channel,
    CurrencyPair,
    Exchange,
    Gap,
    Liquidity,
    MyOrder,
    MyOrderBatch,
    MyTrade,
    OrderStatus,
    OrderType,
    Refused,
    Resynced,
    Side,
    Ticker,
    Trade,
)

DATA = Path(__file__).parents[4] / "shared/data/exchanges/kraken_futures"
RECORDING = DATA / "cryptofeed_KRAKEN_FUTURES.ws.1.0.gz"
BTC, ETH = CurrencyPair.BTC_USD, CurrencyPair.ETH_USD
CHANNELS = list(wire.FEEDS)
OWN = [channel for channel in CHANNELS if channel.private]


def decoder(*channels, pairs=(BTC,), **args):
    return KrakenFutureDecoder(pairs, channels, **args)


def test_a_ticker_is_the_best_bid_and_ask():
    (event,) = decoder(Channel.TICKER, pairs=[ETH]).feed(frames.TICKER, 7)
    told = json.loads(frames.TICKER)
    assert event == Ticker(
        7,
        Exchange.KRAKEN_FUTURE,
        ETH,
        told["time"] * 1_000_000,
        told["bid"],
        told["bid_size"],
        told["ask"],
        told["ask_size"],
    )


def test_a_frame_that_begins_as_a_ticker_is_what_its_feed_says():
    made = decoder(Channel.TICKER, Channel.TRADE, pairs=[ETH])
    for times in (1, 2):  # and a ticker that cannot be one is malformed once
        made.feed(b'{"time":7,"feed":"ticker","product_id":"PF_ETHUSD","bid":"much"}', 7)
        assert made.counts.malformed == times
    made.feed(b'{"time":7,"feed":"heartbeat"}', 7)
    assert (made.counts.ignored, made.counts.malformed) == (1, 2)
    trade = b'"side":"buy","type":"fill","seq":1,"qty":2,"price":3}'
    (event,) = made.feed(b'{"time":7,"feed":"trade","product_id":"PF_ETHUSD",' + trade, 7)
    assert isinstance(event, Trade)


def test_a_market_without_an_ask_has_no_ticker():
    made = decoder(Channel.TICKER, pairs=[ETH])
    assert made.feed(frames.TICKER.replace(b'"ask":1751.7,', b'"ask":null,'), 7) == []
    assert made.counts.ignored == 1


def test_a_trade_snapshot_comes_newest_first_and_leaves_in_order():
    made = decoder(Channel.TRADE)
    assert [one.trade_id for one in made.feed(frames.trade_snapshot(5, 6, 7), 1)] == [
        *("u5", "u6", "u7"),
    ]
    (trade,) = made.feed(frames.trade(8), 2)
    assert (trade.price, trade.volume, trade.side) == (34969.5, 15000.0, Side.SELL)
    made.restart()
    assert [one.trade_id for one in made.feed(frames.trade_snapshot(7, 8, 9), 3)] == ["u9"]
    assert made.counts.gaps == 0


def test_missing_trade_numbers_are_a_gap():
    made = decoder(Channel.TRADE)
    made.feed(frames.trade(5), 1)
    gap, trade = made.feed(frames.trade(8), 2)
    assert (type(gap), gap.expected, gap.got, gap.missing) == (Gap, "6", "8", 2)
    assert type(trade) is Trade


def test_a_block_has_its_number_and_is_no_trade_of_the_market():
    made = decoder(Channel.TRADE)
    made.feed(frames.trade(5), 1)
    assert made.feed(frames.trade(6, "block"), 2) == []
    assert [type(event) for event in made.feed(frames.trade(7, "liquidation"), 3)] == [Trade]


def test_a_book_is_a_snapshot_and_then_one_price_in_each_frame():
    made = decoder(Channel.BOOK)
    resynced, book = made.feed(frames.book_snapshot(10, [(99, 1), (98, 0)], [(101, 2)]), 1)
    assert type(resynced) is Resynced
    assert (book.bids, book.asks) == (((99.0, 1.0),), ((101.0, 2.0),))
    (book,) = made.feed(frames.level(11, "sell", 100.5, 3), 2)
    assert (book.asks, book.update_id) == (((100.5, 3.0), (101.0, 2.0)), 11)
    (book,) = made.feed(frames.level(12, "buy", 99, 0), 3)
    assert book.bids == ()


def test_a_hole_makes_one_product_invalid_until_its_snapshot():
    made = decoder(Channel.BOOK, pairs=[BTC, ETH])
    for product in ("PF_XBTUSD", "PF_ETHUSD"):
        made.feed(frames.book_snapshot(10, [(99, 1)], [(101, 2)], product), 1)
    (gap,) = made.feed(frames.level(13, "buy", 98, 1), 2)
    assert (gap.symbol, gap.expected, gap.got, gap.missing) == (BTC, "11", "13", 2)
    assert made.resubscriptions() == [BTC]
    assert made.feed(frames.level(14, "buy", 98, 1), 3) == []
    (other,) = made.feed(frames.level(11, "buy", 98, 1, "PF_ETHUSD"), 3)
    assert (type(other), other.symbol) == (Book, ETH)
    events = made.feed(frames.book_snapshot(20, [(99, 1)], [(101, 2)]), 4)
    assert [type(event) for event in events] == [Resynced, Book]
    assert made.feed(frames.level(20, "buy", 98, 1), 5) == []  # seen before
    assert made.counts.accounted == made.counts.frames


def test_a_book_that_is_crossed_between_two_frames_is_not_served():
    made = decoder(Channel.BOOK)
    made.feed(frames.book_snapshot(10, [(99, 1)], [(101, 2)]), 1)
    assert made.feed(frames.level(11, "buy", 101, 1), 2) == []
    (book,) = made.feed(frames.level(12, "sell", 101, 0), 3)
    assert type(book) is Book


def test_a_book_that_stays_crossed_is_a_gap():
    made = decoder(Channel.BOOK)
    made.feed(frames.book_snapshot(10, [(99, 1)], [(101, 2)]), 1)
    events = [made.feed(frames.level(11 + n, "buy", 102, 1 + n), 2) for n in range(200)]
    assert [type(event) for one in events for event in one] == [Gap]


@pytest.mark.skipif(not RECORDING.exists(), reason="the recording is not here")
def test_the_recorded_books_are_those_of_an_independent_reading():
    pairs = {"PI_XRPUSD": "xrp/usd", "PI_LTCUSD": "ltc/usd", "PI_ETHUSD": "eth/usd"}
    made = decoder(
        Channel.BOOK,
        Channel.TRADE,
        pairs=[CurrencyPair.parse(pair) for pair in pairs.values()],
        product_prefix="PI_",
        book_depth=1000,
    )
    books, checked, trades = {}, 0, 0
    for line in gzip.decompress(RECORDING.read_bytes()).decode().splitlines():
        raw = line.partition(": ")[2].strip()
        if line.startswith("wss") or not raw.startswith("{") or '"result"' in raw[:20]:
            continue
        told, events = json.loads(raw, parse_float=Decimal), made.feed(raw.encode(), 1)
        product = told.get("product_id")
        if product not in pairs or "book" not in told.get("feed", ""):
            trades += sum(type(event) is Trade for event in events)
            continue
        if told["feed"] == "book_snapshot":
            books[product] = {
                side: {one["price"]: one["qty"] for one in told[side]} for side in ("bids", "asks")
            }
        else:
            side = "bids" if told["side"] == "buy" else "asks"
            books[product][side][told["price"]] = told["qty"]
        bids, asks = (
            sorted(((float(p), float(q)) for p, q in books[product][side].items() if q))
            for side in ("bids", "asks")
        )
        assert events[-1].bids == tuple(reversed(bids))[:1000]
        assert events[-1].asks == tuple(asks)[:1000]
        checked += 1
    assert checked == made.counts.books > 4000
    assert made.counts.gaps == made.counts.malformed == 0
    assert trades == made.counts.trades > 200


def test_an_order_lives_and_its_full_fill_is_no_cancel():
    made = decoder(*OWN)
    (order,) = made.feed(frames.order(304.0, 0.0, "new_placed_order_by_user"), 1)
    assert type(order) is MyOrder
    assert (order.symbol, order.side, order.type) == (BTC, Side.SELL, OrderType.LIMIT)
    assert (str(order.volume), str(order.price)) == ("304.0", "10640.0")
    (order,) = made.feed(frames.order(204.0, 100.0, "partial_fill", updated=1567702877411), 2)
    assert (order.status, order.filled_volume) == (OrderStatus.PARTIAL, 100)
    assert order.volume == 304
    (order,) = made.feed(frames.order(0.0, 304.0, "full_fill", True, 1567702877412), 3)
    assert (order.status, order.filled_volume) == (OrderStatus.FILLED, 304)


def test_a_full_fill_that_bears_only_the_id_is_no_cancel_either():
    made = decoder(Channel.MY_ORDER)
    made.feed(frames.order(304.0, 0.0, "new_placed_order_by_user"), 1)
    raw = b'{"feed":"open_orders","order_id":"59302619","is_cancel":true,"reason":"full_fill"}'
    (order,) = made.feed(raw, 2)
    assert (order.status, order.filled_volume) == (OrderStatus.FILLED, 304)


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        ("cancelled_by_user", OrderStatus.CANCELED),
        ("post_order_failed_because_it_would_filled", OrderStatus.REJECTED),
    ],
)
def test_a_cancel_bears_only_the_id_and_the_reason(reason, status):
    made = decoder(Channel.MY_ORDER)
    made.feed(frames.order(304.0, 0.0, "new_placed_order_by_user"), 1)
    raw = f'{{"feed":"open_orders","order_id":"59302619","is_cancel":true,"reason":"{reason}"}}'
    (order,) = made.feed(raw.encode(), 2)
    assert (order.status, order.reason, order.filled_volume) == (status, reason, 0)


def test_an_order_that_fills_at_once_is_known_from_its_fill():
    fill, order = decoder(*OWN).feed(frames.FILLS, 7)
    assert type(fill) is MyTrade
    assert (fill.price, fill.volume, fill.fee) == (
        *(Decimal("3162.0"), Decimal("0.001"), Decimal("0.001581")),
    )
    assert (fill.order_id, fill.trade_id, fill.fee_currency) == ("b661bad0", "6a22a3fb", "USD")
    assert fill.liquidity is Liquidity.TAKER
    assert (order.venue_id, order.status, order.volume) == (
        *("a08aed17", OrderStatus.FILLED, Decimal("0.001")),
    )


def test_a_fill_of_a_snapshot_is_told_once_and_a_rebate_is_below_zero():
    made = decoder(Channel.MY_TRADE)
    (fill,) = made.feed(frames.REBATE, 1)
    assert (fill.fee, fill.liquidity) == (Decimal("-0.00009142857"), Liquidity.MAKER)
    made.restart()
    assert made.feed(frames.REBATE, 2) == []


def test_a_snapshot_is_a_batch_that_overwrites():
    made = decoder(Channel.MY_ORDER_BATCH)
    (batch,) = made.feed(frames.order_snapshot(frames.an_order(304.0, 0.0)), 1)
    assert type(batch) is MyOrderBatch
    assert [order.venue_id for order in batch.orders] == ["59302619"]
    made.restart()
    (batch,) = made.feed(frames.order_snapshot(), 2)
    assert batch.orders == ()


def test_another_kind_of_product_is_not_mixed_with_ours():
    made = decoder(*OWN, product_prefix="PI_")
    assert made.feed(frames.FILLS, 1) == []
    assert wire.pair_of("FI_XBTUSD_200925", "PI_") is None


def test_a_frame_of_the_account_that_cannot_be_read_is_a_gap_until_a_snapshot():
    made = decoder(Channel.MY_ORDER)
    (gap,) = made.feed(frames.FILLS[:-9], 1)
    assert (type(gap), made.resubscriptions()) == (Gap, [None])
    assert [type(event) for event in made.feed(frames.order_snapshot(), 2)] == [Resynced]


def test_an_order_whose_volume_no_arithmetic_bears_is_a_gap():
    made = decoder(Channel.MY_ORDER)
    [gap] = made.feed(frames.order("9e999999", "9e999999", "new_placed_order_by_user"), 7)
    assert isinstance(gap, Gap)
    assert made.counts.malformed == 1


def test_balances_are_of_no_interest():
    made = decoder(*OWN)
    assert made.feed(b'{"feed":"balances","account":"0f9c","holding":{"USDT":6},"seq":2}', 1) == []
    assert made.counts.ignored == 1


@pytest.mark.parametrize("pair", ["btc/usd", "eth/usd", "sol/usd", "eth/btc"])
def test_a_product_is_a_pair_and_back(pair):
    pair = CurrencyPair.parse(pair)
    product = wire.product(pair, "PF_")
    assert product == {"BTC/USD": "PF_XBTUSD", "ETH/BTC": "PF_ETHXBT"}.get(
        str(pair), f"PF_{pair.base}USD"
    )
    if pair.quote == "USD":
        assert wire.pair_of(product, "PF_") == pair


def test_a_private_channel_is_acknowledged_when_all_its_feeds_are():
    made = decoder(Channel.MY_ORDER)
    made.feed(b'{"event":"subscribed","feed":"open_orders","api_key":"k"}', 1)
    assert not made.topics()[0].acknowledged
    made.feed(b'{"event":"subscribed","feed":"fills","api_key":"k"}', 1)
    assert made.topics()[0].acknowledged


def test_a_refusal_names_the_product_when_the_venue_does():
    made = decoder(Channel.TICKER, pairs=[BTC, ETH])
    made.feed(frames.acknowledgement("ticker", "PF_XBTUSD"), 1)
    (refused,) = made.feed(b'{"event":"alert","message":"Invalid product id PF_ETHUSD"}', 2)
    assert (type(refused), refused.symbol) == (Refused, ETH)
    assert [topic.state for topic in made.topics()] == ["silent", "refused"]


@pytest.mark.parametrize(
    ("channel", "arguments", "words"),
    [
        (Channel.CANDLE, {}, 'no channel "candle"; accepted: ticker'),
        (Channel.BOOK, {"book_depth": 0}, "book_depth"),
        (Channel.BOOK, {"product_prefix": "FI_"}, "PF_, PI_"),
    ],
)
def test_what_the_venue_does_not_offer_is_refused(channel, arguments, words):
    with pytest.raises(ConfigError, match=words):
        decoder(channel, **arguments)


ALL = [
    *(frames.TICKER, frames.trade_snapshot(5, 6), frames.FILLS, frames.level(11, "buy", 99, 1)),
    *(frames.book_snapshot(10, [(99, 1)], [(101, 2)]), frames.order(1.0, 0.0, "x"), frames.INFO),
]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(CHANNELS), st.sampled_from(ALL), st.integers(0, 2**32))
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
