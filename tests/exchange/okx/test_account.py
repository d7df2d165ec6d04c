"""OKX's own orders and fills: real account frames, and what they must become."""

import json
from decimal import Decimal

import msgspec
import pytest
from tests.exchange.okx import frames

from millstream.exchange import decoder
from millstream.exchange.okx import wire
from millstream.model import (
    CurrencyPair,
    Exchange,
    Liquidity,
    MyOrder,
    MyTrade,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
)

BTC = CurrencyPair.BTC_USDT

FILLED = (
    b'{"arg":{"channel":"orders","instType":"SPOT","instId":"BTC-USDT","uid":"614488474791936"},'
    b'"data":[{"accFillSz":"0.001","amendResult":"","avgPx":"31527.1","cTime":"1654084334977",'
    b'"category":"normal","ccy":"","clOrdId":"HamsterParty14","code":"0","execType":"M","fee":'
    b'"-0.02522168","feeCcy":"USDT","fillFee":"-0.02522168","fillFeeCcy":"USDT",'
    b'"fillNotionalUsd":"31.50818374","fillPx":"31527.1","fillSz":"0.001","fillTime":'
    b'"1654084353263","instId":"BTC-USDT","instType":"SPOT","lever":"0","msg":"","ordId":'
    b'"452197707845865472","ordType":"limit","px":"31527.1","side":"sell","state":"filled",'
    b'"sz":"0.001","tgtCcy":"","tradeId":"242589207","uTime":"1654084353264"}]}'
)


def spot(channel):
    return decoder("okx", [BTC], [channel])


def feed(made, *orders):
    return [event for one in orders for event in made.feed(frames.orders(one), 1)]


def test_an_order_with_its_fill_is_an_order():
    assert spot("my_order").feed(FILLED, 7) == [
        MyOrder(
            *(7, Exchange.OKX, BTC, "", "HamsterParty14", "452197707845865472", Side.SELL),
            *(OrderType.LIMIT, TimeInForce.GTC, False, Decimal("31527.1"), Decimal("0.001")),
            *(OrderStatus.FILLED, Decimal("0.001"), Decimal("31527.1"), "", 0),
        )
    ]


def test_and_a_fill_whose_fee_was_paid_once():
    made = spot("my_trade")
    fill = MyTrade(
        *(7, Exchange.OKX, BTC, "", "HamsterParty14", "242589207", Side.SELL),
        *(Decimal("31527.1"), Decimal("0.001"), Decimal("0.02522168"), "USDT"),
        *(Liquidity.MAKER, 1654084353263000000, 0),
    )
    assert made.feed(FILLED, 7) == [fill]
    assert made.feed(FILLED, 8) == []


@pytest.mark.parametrize("number", [b"1e999999", b"-1e9999999999", b"1e-999999"])
def test_a_number_that_arithmetic_cannot_bear_is_malformed_and_nothing_is_remembered(number):
    made = spot("my_trade")
    assert (
        made.feed(FILLED.replace(b'"fillFee":"-0.02522168"', b'"fillFee":"' + number + b'"'), 7)
        == []
    )
    assert made.counts.malformed == 1
    assert len(made.feed(FILLED, 8)) == 1


@pytest.mark.skipif(not frames.ORDERS.exists(), reason="the recordings are not here")
def test_a_recorded_market_order_sized_in_quote_currency():
    lines = frames.ORDERS.read_bytes().splitlines()
    [live, partial, filled] = [line for line in lines if b"620258920632008725" in line]
    orders, fills = spot("my_order"), spot("my_trade")
    assert orders.feed(live, 1) == []  # how much base that will be is not known yet
    [first] = orders.feed(partial, 2)
    [last] = orders.feed(filled, 3)
    told = json.loads(partial)["data"][0]
    assert first.volume == first.filled_volume == Decimal(told["accFillSz"])
    assert (first.status, last.status) == (OrderStatus.PARTIAL, OrderStatus.FILLED)
    assert last.average_price == Decimal(told["avgPx"])
    [fill] = [event for line in (live, partial, filled) for event in fills.feed(line, 1)]
    assert (fill.trade_id, fill.price, fill.volume, fill.fee) == (
        told["tradeId"],
        Decimal(told["fillPx"]),
        Decimal(told["fillSz"]),
        -Decimal(told["fillFee"]),
    )


def test_an_order_never_goes_back():
    made = spot("my_order")
    late = frames.order(state="partially_filled", accFillSz="1", avgPx="100", uTime="1500")
    done = frames.order(state="filled", accFillSz="2", avgPx="100", uTime="2000")
    assert [event.status for event in feed(made, frames.order(), done)] == [
        OrderStatus.WORKING,
        OrderStatus.FILLED,
    ]
    assert feed(made, late, frames.order(uTime="3000"), done) == []
    assert made.account.open_orders == {}


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("post_only", (OrderType.LIMIT, TimeInForce.GTC, True)),
        ("fok", (OrderType.LIMIT, TimeInForce.FOK, False)),
        ("ioc", (OrderType.LIMIT, TimeInForce.IOC, False)),
        ("optimal_limit_ioc", (OrderType.MARKET, TimeInForce.IOC, False)),
        ("what_comes_next", (OrderType.OTHER, TimeInForce.GTC, False)),
    ],
)
def test_the_venues_kinds_of_orders(word, expected):
    [order] = feed(spot("my_order"), frames.order(ordType=word))
    assert (order.type, order.time_in_force, order.post_only) == expected


def test_a_cancelled_order_says_why():
    [order] = feed(spot("my_order"), frames.order(state="canceled", cancelSource="1"))
    assert (order.status, order.reason) == (OrderStatus.CANCELED, "cancel source 1")


def test_a_rebate_is_a_negative_fee():
    told = {
        "tradeId": "9",
        "fillSz": "1",
        "fillPx": "100.5",
        "fillFee": "0.25",
        "fillFeeCcy": "USDT",
    }
    [fill] = feed(spot("my_trade"), frames.order(accFillSz="1", state="partially_filled", **told))
    assert fill.fee == Decimal("-0.25")


def test_a_swaps_sizes_are_contracts():
    told = {
        "instId": "BTC-USDT-SWAP",
        "sz": "30",
        "accFillSz": "10",
        "avgPx": "100",
        "tradeId": "9",
    }
    raw = frames.orders(
        frames.order(fillSz="10", fillPx="100", fillFee="-1", state="partially_filled", **told)
    )
    for channel in ("my_order", "my_trade"):
        made = decoder("okx_swap", [BTC], [channel])
        made.feed_snapshot(BTC, frames.INSTRUMENTS, 1)
        [event] = made.feed(raw, 2)
        volume = event.filled_volume if channel == "my_order" else event.volume
        assert (event.symbol, volume) == (BTC, Decimal("0.10"))


def test_an_order_whose_contract_is_not_known_is_never_silently_lost():
    made = decoder("okx_swap", [BTC], ["my_order"])
    assert feed(made, frames.order(instId="NEW-USDT-SWAP")) == []
    assert made.counts.malformed == 1


@pytest.mark.parametrize(
    "wrong",
    [{"side": "both"}, {"sz": "x"}, {"sz": "NaN"}, {"accFillSz": "-1"}, {"uTime": "soon"}],
)
def test_what_no_order_can_be_is_malformed_and_changes_nothing(wrong):
    made = spot("my_order")
    assert feed(made, frames.order(**wrong)) == []
    assert made.counts.malformed == 1
    assert made.account.open_orders == {}


def test_rest_older_than_the_stream_does_not_overwrite_it():
    made = spot("my_order")
    feed(made, frames.order(state="partially_filled", accFillSz="1", avgPx="100", uTime="2000"))
    old = json.dumps([frames.order()]).encode()
    assert made.account.rest_orders(_orders(old), 5) == []


def test_a_batch_holds_what_is_open_and_forgets_the_rest():
    made = spot("my_order_batch")
    feed(made, frames.order(ordId="1"), frames.order(ordId="2"))
    batch = made.account.rest_batch(_orders(json.dumps([frames.order(ordId="2")]).encode()), 5, 9)
    assert [order.venue_id for order in batch.orders] == ["2"]
    assert made.account.open_orders == {"2": "BTC-USDT"}


def _orders(raw):
    return msgspec.json.decode(raw, type=list[wire.Order])
