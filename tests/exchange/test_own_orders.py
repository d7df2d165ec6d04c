"""Own orders put together from reports that come in pieces, twice, late and out of order."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millstream.exchange import own_orders
from millstream.exchange.own_orders import OwnOrders
from millstream.model import (
    CurrencyPair,
    Exchange,
    Liquidity,
    MyTrade,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
)

D = Decimal
WHOLE = {
    "order_id": "ours1",
    "symbol": CurrencyPair.BTC_USD,
    "side": Side.BUY,
    "type": OrderType.LIMIT,
    "time_in_force": TimeInForce.GTC,
    "price": D("100.10"),
    "volume": D("2.00"),
    "status": OrderStatus.WORKING,
}


def made():
    return OwnOrders(Exchange.KRAKEN)


def fill(trade_id, side=Side.BUY, symbol=CurrencyPair.BTC_USD):
    return MyTrade(
        *(1, Exchange.KRAKEN, symbol, "", "ours1", trade_id, side, D(1), D(1), D(0), "USD"),
        *(Liquidity.MAKER, 5, 0),
    )


def test_a_whole_report_becomes_an_order_with_the_text_of_its_numbers():
    order = made().order(7, "v1", **WHOLE)
    assert (order.received_ns, order.venue_id, order.order_id, order.robot, order.revision) == (
        *(7, "v1", "ours1", "", 0),
    )
    assert (str(order.price), str(order.volume), order.filled_volume) == ("100.10", "2.00", 0)


def test_a_partial_report_changes_only_what_it_says():
    orders = made()
    orders.order(1, "v1", **WHOLE)
    order = orders.order(2, "v1", filled_volume=D("0.5"), average_price=D(99))
    assert (order.status, order.price, order.filled_volume) == (
        *(OrderStatus.PARTIAL, D("100.10"), D("0.5")),
    )
    assert orders.known("v1") == order


def test_a_report_without_news_gives_nothing():
    orders = made()
    orders.order(1, "v1", **WHOLE)
    assert orders.order(2, "v1", **WHOLE) is None


def test_a_report_of_an_unknown_order_is_remembered_until_the_rest_is_known():
    orders = made()
    assert orders.order(1, "v1", status=OrderStatus.CANCELED, reason="user") is None
    assert orders.known("v1") is None
    order = orders.order(2, "v1", **WHOLE)
    assert (order.status, order.reason) == (OrderStatus.CANCELED, "user")


def test_the_filled_volume_never_falls():
    orders = made()
    orders.order(1, "v1", **WHOLE, filled_volume=D(1), average_price=D(99))
    assert orders.order(2, "v1", filled_volume=D("0.5"), average_price=D(98)) is None
    assert orders.known("v1").filled_volume == 1


@pytest.mark.parametrize(
    "end",
    [OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.REJECTED],
)
@pytest.mark.parametrize("later", [OrderStatus.WORKING, OrderStatus.PARTIAL, OrderStatus.SENT])
def test_an_ended_order_never_opens_again(end, later):
    orders = made()
    orders.order(1, "v1", **WHOLE | {"status": end})
    assert orders.order(2, "v1", status=later) is None


def test_a_late_fill_of_an_ended_order_counts():
    orders = made()
    orders.order(1, "v1", **WHOLE | {"status": OrderStatus.CANCELED})
    order = orders.order(2, "v1", filled_volume=D(1))
    assert (order.status, order.filled_volume) == (OrderStatus.CANCELED, 1)


def test_a_slower_answer_by_rest_does_not_overwrite_the_stream():
    orders = made()
    orders.order(1, "v1", **WHOLE, updated_ns=10)
    orders.order(2, "v1", price=D(200), updated_ns=20)
    assert orders.order(3, "v1", **WHOLE, updated_ns=15) is None
    assert orders.known("v1").price == 200


def test_an_older_report_still_tells_what_was_not_known():
    orders = made()
    orders.order(1, "v1", status=OrderStatus.CANCELED, updated_ns=20)
    order = orders.order(2, "v1", **WHOLE, updated_ns=10)
    assert (order.status, order.volume) == (OrderStatus.CANCELED, D("2.00"))


def test_a_fill_is_given_once():
    orders = made()
    assert orders.trade(fill("t1")) == fill("t1")
    assert orders.trade(fill("t1")) is None
    assert orders.trade(fill("t1", Side.SELL)) is not None  # a trade with oneself has two sides
    assert orders.trade(fill("t1", symbol=CurrencyPair.ETH_USD)) is not None


def test_the_memory_of_fills_is_bounded(monkeypatch):
    monkeypatch.setattr(own_orders, "MAX_TRADES", 3)
    orders = made()
    for number in range(10):
        orders.trade(fill(str(number)))
    assert len(orders._trades) == 3
    assert orders.trade(fill("9")) is None


def test_the_memory_of_ended_orders_is_bounded(monkeypatch):
    monkeypatch.setattr(own_orders, "MAX_ENDED", 3)
    orders = made()
    for number in range(10):
        orders.order(1, str(number), **WHOLE | {"status": OrderStatus.FILLED})
    assert len(orders._orders) == 3


def test_the_memory_of_ended_orders_that_nobody_described_is_bounded(monkeypatch):
    monkeypatch.setattr(own_orders, "MAX_ENDED", 3)
    orders = made()
    for number in range(10):
        assert orders.order(1, str(number), status=OrderStatus.CANCELED) is None
    assert len(orders._orders) == 3


def other(venue_id, **changes):
    return made().order(1, venue_id, **WHOLE | changes)


def test_a_batch_overwrites_what_is_known_to_be_open():
    orders = made()
    orders.order(1, "gone", **WHOLE)
    orders.order(1, "v1", **WHOLE)
    batch = orders.batch(5, [other("v1", price=D(7)), other("v2")])
    assert (batch.received_ns, batch.exchange) == (5, Exchange.KRAKEN)
    assert [(order.venue_id, order.price) for order in batch.orders] == [
        *(("v1", D(7)), ("v2", D("100.10"))),
    ]
    assert [order.venue_id for order in orders.open_orders()] == ["v1", "v2"]


def test_a_late_report_of_an_order_that_a_batch_left_out_takes_back_no_fill():
    orders = made()
    orders.order(1, "v1", **WHOLE, filled_volume=D(1))
    assert orders.batch(2, []).orders == ()
    assert orders.order(3, "v1", **WHOLE) is None
    assert [order.filled_volume for order in orders.open_orders()] == [D(1)]


def test_the_memory_of_orders_that_batches_left_out_is_bounded(monkeypatch):
    monkeypatch.setattr(own_orders, "MAX_ENDED", 3)
    orders = made()
    for number in range(10):
        orders.order(1, str(number), **WHOLE)
        orders.batch(2, [])
    assert len(orders._orders) == 3


def test_a_batch_does_not_open_an_ended_order_nor_take_back_a_fill():
    orders = made()
    orders.order(1, "ended", **WHOLE | {"status": OrderStatus.CANCELED})
    orders.order(1, "v1", **WHOLE, filled_volume=D(1))
    batch = orders.batch(5, [other("ended"), other("v1")])
    assert [(order.venue_id, order.filled_volume) for order in batch.orders] == [("v1", D(1))]


def test_what_the_stream_said_after_the_question_outlives_the_answer():
    orders = made()
    orders.order(1, "old", **WHOLE)
    orders.order(20, "new", **WHOLE)
    orders.order(20, "v1", **WHOLE | {"price": D(200)})
    batch = orders.batch(30, [other("v1")], asked_ns=10)
    prices = {order.venue_id: order.price for order in batch.orders}
    assert prices == {"new": D("100.10"), "v1": D(200)}


STATUSES = [status for status in OrderStatus if status is not OrderStatus.UNKNOWN]
REPORTS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "status": st.sampled_from(STATUSES),
            "filled_volume": st.integers(0, 2).map(D),
            "updated_ns": st.integers(0, 5),
        },
    ),
    max_size=20,
)


@given(REPORTS)
def test_whatever_comes_fills_never_fall_and_ends_are_final(reports):
    orders = made()
    told = [orders.order(1, "v1", **WHOLE)]
    told += [order for report in reports if (order := orders.order(2, "v1", **report))]
    fills = [order.filled_volume for order in told]
    assert fills == sorted(fills)
    ended = [own_orders._RANKS[order.status] for order in told]
    assert ended == sorted(ended)


@pytest.mark.parametrize("status", [OrderStatus.CANCELED, None])
def test_a_cancel_that_comes_after_the_last_fill_tells_nothing(status):
    orders = made()
    orders.order(1, "v1", **WHOLE)
    filled = orders.order(2, "v1", status=OrderStatus.FILLED, filled_volume=D("2.00"))
    assert orders.order(3, "v1", status=status, reason="cancelled_by_user") is None
    assert orders.known("v1") == filled
    assert filled.reason == ""
