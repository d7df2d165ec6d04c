"""Example frames of the account, read a second way; and the rules of what may follow what."""

import json
import random
from decimal import Decimal

import pytest
from tests.exchange.binance.frames import RECORDINGS

from millstream.exchange.binance.private import PrivateDecoder
from millstream.exchange.decoding import Decoder
from millstream.model import (
    Channel,
    CurrencyPair,
    Exchange,
    Liquidity,
    MyOrder,
    MyOrderBatch,
    MyTrade,
    OrderStatus,
    OrderType,
    Refused,
    Side,
    TimeInForce,
)

ETH, ETHBTC, BTC = CurrencyPair.ETH_USDT, CurrencyPair.ETH_BTC, CurrencyPair.BTC_USDT
BNB, LTC = CurrencyPair.parse("bnb/btc"), CurrencyPair.parse("ltc/btc")
SPOT, USD_M = Exchange.BINANCE, Exchange.BINANCE_FUTURE
ORDER, TRADE, BATCH = Channel.MY_ORDER, Channel.MY_TRADE, Channel.MY_ORDER_BATCH

NEW = {
    "e": "executionReport",
    "E": 1499405658658,
    "s": "ETHUSDT",
    "c": "run1",
    "S": "BUY",
    "o": "LIMIT",
    "f": "GTC",
    "q": "1.00000000",
    "p": "2500.00000000",
    "x": "NEW",
    "X": "NEW",
    "r": "NONE",
    "i": 4293153,
    "l": "0.00000000",
    "z": "0.00000000",
    "L": "0.00000000",
    "n": "0",
    "N": None,
    "T": 1000,
    "t": -1,
    "m": False,
    "Z": "0.00000000",
    "C": "",
}


def made(channel=ORDER, exchange=SPOT, pairs=(ETH, ETHBTC, BTC, BNB, LTC), **more):
    return PrivateDecoder(exchange, pairs, channel, **more)


def report(**fields):
    return json.dumps({"subscriptionId": 0, "event": NEW | fields}).encode()


def fill(trade_id, filled, status="PARTIALLY_FILLED", **fields):
    more = {"x": "TRADE", "X": status, "l": "0.5", "L": "2499.50", "n": "0.0005", "N": "ETH"}
    return report(**more, t=trade_id, z=filled, Z="1249.75", **fields)


def example(venue, name):
    path = RECORDINGS / venue / "nautilus" / f"{name}.json"
    if not path.exists():
        pytest.skip(f"the example {name} is not on this machine")
    return path.read_bytes()


def test_it_is_a_decoder_as_the_contract_says():
    assert isinstance(made(), Decoder)


def test_a_new_order_of_the_documentation():
    (order,) = made().feed(example("binance_spot", "execution_report_wrapped"), 7)
    assert order == MyOrder(
        *(7, SPOT, ETHBTC, "", "mUvoqJxFIILMdfAW5iGSOW", "4293153", Side.BUY, OrderType.LIMIT),
        *(TimeInForce.GTC, False, Decimal("0.10264410"), Decimal("1.00000000")),
        *(OrderStatus.WORKING, Decimal(0), None, "", 0),
    )


SPOT_EXAMPLES = [
    *("execution_report_new", "execution_report_trade", "execution_report_canceled"),
    *(
        "execution_report_expired",
        "execution_report_stop_loss",
        "py_ws_spot_execution_report_trade",
    ),
    *("py_ws_spot_execution_report_trade_prevention", "py_ws_spot_execution_report_rejected"),
    "py_ws_spot_execution_report_canceled",
]
FUTURE_EXAMPLES = [
    *("order_update_new", "order_update_trade", "order_update_trade_partial"),
    *("order_update_calculated", "order_update_settlement"),
    "py_ws_futures_order_update_trade_reduce_only_qty",
]
STATUSES = {
    "NEW": OrderStatus.WORKING,
    "PARTIALLY_FILLED": OrderStatus.PARTIAL,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELED,
    "EXPIRED": OrderStatus.EXPIRED,
    "EXPIRED_IN_MATCH": OrderStatus.EXPIRED,
    "REJECTED": OrderStatus.REJECTED,
}


def plainly(raw):
    frame = json.loads(raw)
    frame = frame.get("event") or frame.get("data") or frame
    return frame["o"] if frame["e"] == "ORDER_TRADE_UPDATE" else frame


@pytest.mark.parametrize(
    ("exchange", "folder", "name"),
    [(SPOT, "binance_spot", name) for name in SPOT_EXAMPLES]
    + [(USD_M, "binance_usdm", name) for name in FUTURE_EXAMPLES],
)
def test_examples_read_a_second_way(exchange, folder, name):
    raw = example(folder, name)
    said = plainly(raw)
    (order,) = made(ORDER, exchange).feed(raw, 7)
    assert str(order.symbol).replace("/", "") == said["s"]
    assert order.order_id == (said.get("C") or said["c"])
    assert (order.venue_id, order.side.name) == (str(said["i"]), said["S"])
    assert (order.volume, order.filled_volume) == (Decimal(said["q"]), Decimal(said["z"]))
    assert order.price == (Decimal(said["p"]) if float(said["p"]) else None)
    assert order.status is STATUSES[said["X"]] or (
        order.status is OrderStatus.PARTIAL and float(said["z"]) and said["X"] == "NEW"
    )
    fills = made(TRADE, exchange).feed(raw, 7)
    assert len(fills) == (said["x"] in ("TRADE", "CALCULATED") and float(said["l"]) > 0)
    for trade in fills:
        assert (str(trade.price), str(trade.volume)) == (said["L"], said["l"])
        assert (str(trade.fee), trade.fee_currency) == (said["n"], said["N"])
        assert (trade.trade_id, trade.side.name) == (str(said["t"]), said["S"])
        assert trade.liquidity is (Liquidity.MAKER if said["m"] else Liquidity.TAKER)
        assert (trade.exchange_ns, trade.synthetic) == (said["T"] * 1_000_000, False)
        assert trade.order_id == said["c"]


def test_a_fill_is_given_once_and_the_order_moves_on():
    orders, trades = made(ORDER), made(TRADE)
    orders.feed(report(), 1)
    (order,) = orders.feed(fill(11, "0.5", T=1001), 2)
    assert (order.status, order.filled_volume) == (OrderStatus.PARTIAL, Decimal("0.5"))
    assert order.average_price == Decimal("2499.5")
    assert [trade.trade_id for trade in trades.feed(fill(11, "0.5", T=1001), 2)] == ["11"]
    assert trades.feed(fill(11, "0.5", T=1001), 3) == []
    assert orders.feed(fill(11, "0.5", T=1001), 3) == []


def test_a_terminal_order_is_not_reopened_and_its_fill_not_lowered():
    decoder = made()
    decoder.feed(fill(12, "1.0", "FILLED", T=1002), 1)
    assert decoder.feed(fill(11, "0.5", T=1001), 2) == []
    assert decoder.feed(report(T=1003), 2) == []


def test_a_cancel_names_the_order_by_its_own_id():
    decoder = made()
    decoder.feed(report(), 1)
    (order,) = decoder.feed(report(c="cancel7", C="run1", x="CANCELED", X="CANCELED", T=1001), 2)
    assert (order.order_id, order.status) == ("run1", OrderStatus.CANCELED)


@pytest.mark.parametrize(
    ("exchange", "fields", "expected"),
    [
        (SPOT, {"o": "LIMIT_MAKER"}, (OrderType.LIMIT, TimeInForce.GTC, True)),
        (SPOT, {"o": "MARKET", "p": "0.0", "f": "IOC"}, (OrderType.MARKET, TimeInForce.IOC, False)),
        (SPOT, {"o": "STOP_LOSS"}, (OrderType.STOP, TimeInForce.GTC, False)),
        (SPOT, {"o": "TAKE_PROFIT_LIMIT"}, (OrderType.OTHER, TimeInForce.GTC, False)),
        (USD_M, {"o": "STOP"}, (OrderType.STOP_LIMIT, TimeInForce.GTC, False)),
        (USD_M, {"o": "MARKET", "ot": "STOP_MARKET"}, (OrderType.STOP, TimeInForce.GTC, False)),
        (USD_M, {"o": "LIMIT", "f": "GTX"}, (OrderType.LIMIT, TimeInForce.GTC, True)),
        (USD_M, {"o": "LIMIT", "f": "FOK"}, (OrderType.LIMIT, TimeInForce.FOK, False)),
    ],
)
def test_kinds_of_orders(exchange, fields, expected):
    raw = report(**fields)
    if exchange is USD_M:
        raw = json.dumps({"e": "ORDER_TRADE_UPDATE", "o": NEW | fields}).encode()
    (order,) = made(ORDER, exchange).feed(raw, 1)
    assert (order.type, order.time_in_force, order.post_only) == expected


def test_a_rejection_says_why():
    (order,) = made().feed(report(x="REJECTED", X="REJECTED", r="INSUFFICIENT_BALANCES"), 1)
    assert (order.status, order.reason) == (OrderStatus.REJECTED, "INSUFFICIENT_BALANCES")


LITE = (
    b'{"e":"TRADE_LITE","E":1568879465651,"T":1568879465651,"s":"BTCUSDT","c":"TEST","S":"BUY",'
    b'"q":"0.001","p":"7100.50","i":8886774,"l":"0.001","L":"7100.50","t":12345678,"m":true}'
)
FULL = (
    b'{"e":"ORDER_TRADE_UPDATE","T":1568879465651,"E":1568879465651,"o":{"s":"BTCUSDT","c":"TEST",'
    b'"S":"BUY","o":"LIMIT","f":"GTC","q":"0.001","p":"7100.50","ap":"7100.50","sp":"0",'
    b'"x":"TRADE","X":"FILLED","i":8886774,"l":"0.001","z":"0.001","L":"7100.50","N":"USDT",'
    b'"n":"0.01000000","T":1568879465651,"t":12345678,"m":true,"ot":"LIMIT"}}'
)


def test_a_futures_fill_waits_for_its_fee():
    decoder = made(TRADE, USD_M)
    assert decoder.feed(LITE, 1) == []
    (trade,) = decoder.feed(FULL, 2)
    assert trade == MyTrade(
        *(2, USD_M, BTC, "", "TEST", "12345678", Side.BUY, Decimal("7100.50"), Decimal("0.001")),
        *(Decimal("0.01000000"), "USDT", Liquidity.MAKER, 1568879465651000000, 0),
    )


def test_a_futures_fill_may_be_given_early_and_then_only_once():
    decoder = made(TRADE, USD_M, early_fills=True)
    (trade,) = decoder.feed(LITE, 1)
    assert (trade.trade_id, trade.fee, trade.fee_currency) == ("12345678", 0, "")
    assert decoder.feed(FULL, 2) == []


@pytest.mark.parametrize("channel", [ORDER, TRADE, BATCH])
def test_every_frame_is_accounted_for_by_what_it_became(channel):
    decoder = made(channel)
    for raw in (report(), fill(11, "0.5", T=1001), fill(11, "0.5", T=1001), b"{}", b"{"):
        decoder.feed(raw, 1)
    expected = {ORDER: {"MyOrder": 2}, TRADE: {"MyTrade": 1}, BATCH: {}}
    assert decoder.counts.events == expected[channel]
    assert decoder.counts.accounted == decoder.counts.frames == 5


@pytest.mark.parametrize("raw", [report(), LITE, FULL], ids=["report", "lite", "full"])
def test_damaged_frames_never_raise_and_are_counted(raw):
    rng, decoder = random.Random(7), made(TRADE, USD_M, early_fills=True)
    for _ in range(1_000):
        damaged = bytearray(raw)
        for _ in range(rng.randint(1, 3)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        decoder.feed(bytes(damaged), 1)
    assert decoder.counts.accounted == decoder.counts.frames == 1_000


# ---- what REST says -----------------------------------------------------------------------------

REST_ORDER = {
    "symbol": "ETHUSDT",
    "orderId": 4293153,
    "clientOrderId": "run1",
    "price": "2500.0",
    "origQty": "1.0",
    "executedQty": "0.5",
    "cummulativeQuoteQty": "1249.75",
    "type": "LIMIT",
    "status": "PARTIALLY_FILLED",
    "timeInForce": "GTC",
    "side": "BUY",
    "updateTime": 1001,
}


def rest(*orders):
    return json.dumps([REST_ORDER | order for order in orders]).encode()


def test_an_open_order_of_rest_becomes_an_own_order():
    (order,) = made().account.rest_orders(example("binance_spot", "open_orders_response"), 7)
    assert (order.symbol, order.order_id, order.venue_id) == (LTC, "myOrder1", "1")
    assert (order.price, order.volume, order.status) == (
        Decimal("0.1"),
        Decimal("1.0"),
        OrderStatus.WORKING,
    )


def test_a_fill_of_rest_becomes_an_own_fill():
    (trade,) = made(TRADE).account.rest_trades(
        example("binance_spot", "account_trades_response"), 7
    )
    assert trade == MyTrade(
        *(7, SPOT, BNB, "", "", "28457", Side.BUY, Decimal("4.00000100")),
        *(Decimal("12.00000000"), Decimal("10.10000000"), "BNB", Liquidity.TAKER),
        *(1499865549590000000, 0),
    )


def test_a_fill_of_futures_rest_says_side_and_maker():
    trade = {
        "symbol": "BTCUSDT",
        "id": 5,
        "orderId": 9,
        "side": "SELL",
        "price": "7819.01",
        "qty": "0.002",
        "commission": "-0.07",
        "commissionAsset": "USDT",
        "time": 4,
        "buyer": False,
        "maker": True,
    }
    (event,) = made(TRADE, USD_M).account.rest_trades(json.dumps([trade]).encode(), 7)
    assert (event.side, event.liquidity) == (Side.SELL, Liquidity.MAKER)
    assert event.fee == Decimal("-0.07")


def test_slow_rest_does_not_overwrite_what_the_stream_told():
    decoder = made()
    decoder.feed(fill(12, "1.0", "FILLED", T=1002), 1)
    assert decoder.account.rest_orders(rest({}), 2) == []


def test_a_fill_missed_by_the_stream_comes_from_rest_once_and_with_our_id():
    decoder = made(TRADE)
    decoder.feed(report(), 1)
    trade = {
        "symbol": "ETHUSDT",
        "id": 11,
        "orderId": 4293153,
        "price": "2499.5",
        "qty": "0.5",
        "commission": "0.1",
        "commissionAsset": "BNB",
        "time": 1001,
        "isBuyer": True,
        "isMaker": True,
    }
    (event,) = decoder.account.rest_trades(json.dumps([trade]).encode(), 2)
    assert event.order_id == "run1"
    assert decoder.feed(fill(11, "0.5", T=1001), 3) == []


def test_a_batch_has_what_rest_named_and_what_the_stream_told_since():
    decoder = made(BATCH)
    decoder.feed(report(i=1), 10)  # told before, and open no longer
    decoder.feed(report(i=2), 20)  # told while REST was asked
    decoder.account.rest_orders(rest({"orderId": 3}, {"orderId": 4}), 30)
    decoder.feed(fill(5, "1.0", "FILLED", i=4, T=1002), 31)  # filled since
    batch = decoder.account.batch(["3", "4"], 15, 40)
    assert type(batch) is MyOrderBatch
    assert sorted(order.venue_id for order in batch.orders) == ["2", "3"]
    assert sorted(decoder.account.open_orders(ETH)) == ["2", "3"]


# ---- what is no order ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        b'{"id":"subscribe","status":200,"result":{"subscriptionId":0}}',
        b'{"subscriptionId":0,"event":{"e":"outboundAccountPosition","E":1,"u":1,"B":[]}}',
        b'{"e":"ACCOUNT_UPDATE","E":1,"T":1,"a":{"m":"ORDER","B":[],"P":[]}}',
        report(s="XRPUSDT"),
    ],
)
def test_what_is_of_no_use_is_counted(raw):
    decoder = made()
    assert decoder.feed(raw, 1) == []
    assert (decoder.counts.ignored, decoder.counts.malformed) == (1, 0)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"subscriptionId":0,"event":{"e":"eventStreamTerminated","E":1728973001334}}',
        b'{"e":"listenKeyExpired","E":1699596037418,"listenKey":"OfYGb"}',
        b'{"e":"serverShutdown","E":1}',
    ],
)
def test_a_subscription_that_ends_asks_for_another_connection(raw):
    decoder = made()
    assert decoder.feed(raw, 1) == []
    assert decoder.wants_replacement
    decoder.restart()
    assert not decoder.wants_replacement


def test_a_refusal_is_an_event_and_known_of_the_topic():
    decoder = made()
    raw = b'{"id":"subscribe","status":400,"error":{"code":-1022,"msg":"Signature not valid."}}'
    (event,) = decoder.feed(raw, 3)
    assert event == Refused(3, SPOT, ORDER, None, "Signature not valid. (code -1022)")
    assert decoder.topics()[0].state == "refused"


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"\xff",
        b"[" * 100_000,
        report(q="NaN"),
        report(z="-1"),
        report(Z="Infinity"),
        report(z="1E+999999", Z="1E-999999"),
        report(S="HOLD"),
        report(i=None),
        LITE.replace(b'"S":"BUY"', b'"S":"HOLD"'),
    ],
)
@pytest.mark.parametrize("channel", [ORDER, TRADE])
def test_a_malformed_frame_is_counted_and_never_raises(raw, channel):
    decoder = made(channel, USD_M, early_fills=True)
    assert decoder.feed(raw, 1) == []
    assert decoder.counts.malformed == decoder.counts.frames == decoder.counts.accounted
