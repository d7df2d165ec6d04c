"""The user channel: own orders, derived fills, and the batch of what is open."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.exchange.coinbase import frames

from millstream.exchange import decoder
from millstream.model import (
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
    Side,
    TimeInForce,
)

NOW = 1_786_562_900_000_000_000
BTC = CurrencyPair.BTC_USD


def made(*channels):
    return decoder("coinbase", [], channels)


def fed(one, *some):
    return [event for raw in some for event in one.feed(raw, NOW)]


def accounted(one):
    assert one.counts.frames == one.counts.accounted
    return one.counts


def order(**changes):
    return frames.order(**{name: str(value) for name, value in changes.items()})


def half(**changes):
    """Half of the order is filled: 1 of 2 at 50000, 10 paid."""
    filled = {"cumulative_quantity": "1", "leaves_quantity": "1", "avg_price": "50000"}
    return order(**filled | {"filled_value": "50000", "total_fees": "10"} | changes)


def whole(**changes):
    """The other half at 50002, 5 paid."""
    filled = {"cumulative_quantity": "2", "leaves_quantity": "0", "avg_price": "50001"}
    more = {"filled_value": "100002", "total_fees": "15", "status": "FILLED"}
    return order(**filled | more | changes)


def rest(*orders):
    """The answer of GET .../orders/historical/batch."""
    return json.dumps({"orders": orders, "has_next": False, "cursor": ""}).encode()


def rest_order(**changes):
    return {
        "order_id": "v-1",
        "product_id": "BTC-USD",
        "order_configuration": {
            "limit_limit_gtc": {"base_size": "2", "limit_price": "50000.10", "post_only": False}
        },
        "side": "BUY",
        "client_order_id": "c1",
        "status": "FILLED",
        "time_in_force": "GOOD_UNTIL_CANCELLED",
        "order_type": "LIMIT",
        "filled_size": "2",
        "average_filled_price": "50001",
        "filled_value": "100002",
        "total_fees": "15",
        "last_fill_time": "2026-08-12T19:28:00Z",
        "reject_reason": "REJECT_REASON_UNSPECIFIED",
        "cancel_message": "",
    } | changes


# ---- orders -------------------------------------------------------------------------------------


def test_an_open_order_of_the_snapshot_is_told_whole():
    (event,) = fed(made("my_order"), frames.user(0, "snapshot", order()))
    assert event == MyOrder(
        NOW,
        Exchange.COINBASE,
        BTC,
        "",
        "c1",
        "v-1",
        Side.BUY,
        OrderType.LIMIT,
        TimeInForce.GTC,
        False,
        Decimal("50000.10"),
        Decimal(2),
        OrderStatus.WORKING,
        Decimal(0),
        None,
        "",
        0,
    )
    assert str(event.price) == "50000.10"  # the text as sent


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("PENDING", OrderStatus.WORKING),
        ("OPEN", OrderStatus.WORKING),
        ("CANCEL_QUEUED", OrderStatus.WORKING),
        ("CANCELLED", OrderStatus.CANCELED),
        ("EXPIRED", OrderStatus.EXPIRED),
        ("FAILED", OrderStatus.REJECTED),
    ],
)
def test_each_status_has_ours(status, expected):
    (event,) = fed(made("my_order"), frames.user(0, "update", order(status=status)))
    assert event.status is expected


def test_an_open_order_with_fills_is_partial():
    (event,) = fed(made("my_order"), frames.user(0, "update", half()))
    assert (event.status, event.filled_volume, event.volume) == (OrderStatus.PARTIAL, 1, 2)
    assert event.average_price == 50000


def test_a_cancelled_order_keeps_the_volume_it_had():
    one = made("my_order")
    cancelled = half(status="CANCELLED", leaves_quantity="0", cancel_reason="User requested cancel")
    events = fed(one, frames.user(0, "snapshot", half()), frames.user(1, "update", cancelled))
    assert (events[1].status, events[1].volume) == (OrderStatus.CANCELED, 2)
    assert events[1].reason == "User requested cancel"


def test_a_rejection_says_why():
    failed = order(status="FAILED", reject_reason="INSUFFICIENT_FUND")
    (event,) = fed(made("my_order"), frames.user(0, "update", failed))
    assert (event.status, event.reason) == (OrderStatus.REJECTED, "INSUFFICIENT_FUND")


def test_a_finished_order_never_opens_again_and_its_filled_volume_never_falls():
    one = made("my_order")
    some = frames.user(0, "update", whole()), frames.user(1, "update", half())
    assert next(event.status for event in fed(one, *some)) is OrderStatus.FILLED
    known = one.account.known("v-1")
    assert (known.status, known.filled_volume) == (OrderStatus.FILLED, 2)


def test_an_order_that_did_not_change_is_not_told_again():
    one = made("my_order")
    assert len(fed(one, frames.user(0, "snapshot", order()))) == 1
    one.restart()
    assert fed(one, frames.user(0, "snapshot", order())) == []
    accounted(one)


def test_an_order_of_a_future_is_passed_over():
    one = made("my_order", "my_trade")
    future = half(product_id="BTC-PERP-INTX")
    assert fed(one, frames.user(0, "update", future)) == []
    accounted(one)


# ---- fills --------------------------------------------------------------------------------------


def test_fills_are_derived_from_what_was_added_and_marked():
    one = made("my_trade")
    events = fed(
        one,
        frames.user(0, "snapshot"),
        frames.user(1, "update", order()),
        frames.user(2, "update", half()),
        frames.user(3, "update", whole()),
    )
    assert events == [
        MyTrade(
            NOW,
            Exchange.COINBASE,
            BTC,
            "",
            "c1",
            f"v-1:{total}",
            Side.BUY,
            Decimal(price),
            Decimal(1),
            Decimal(fee),
            "USD",
            Liquidity.MAKER,
            frames.TIME_NS,
            0,
            True,
        )
        for total, price, fee in [(1, 50000, 10), (2, 50002, 5)]
    ]
    assert accounted(one).frames == 4


def test_an_order_that_fills_at_once_took():
    one = made("my_trade")
    (fill,) = fed(one, frames.user(0, "snapshot"), frames.user(1, "update", whole()))
    assert (fill.volume, fill.price, fill.fee) == (2, 50001, 15)
    assert fill.liquidity is Liquidity.TAKER


def test_without_a_filled_value_the_average_price_gives_it():
    one = made("my_trade")
    first, second = fed(
        one,
        frames.user(0, "snapshot"),
        frames.user(1, "update", half(filled_value="")),
        frames.user(2, "update", whole(filled_value="")),
    )
    assert (first.price, second.price) == (50000, 50002)


def test_what_was_filled_before_the_first_snapshot_is_old():
    one = made("my_trade")
    assert fed(one, frames.user(0, "snapshot", half())) == []
    (fill,) = fed(one, frames.user(1, "update", whole()))
    assert (fill.trade_id, fill.volume) == ("v-1:2", 1)
    accounted(one)


def test_a_fill_while_the_connection_was_lost_is_told_by_the_next_snapshot():
    one = made("my_trade")
    fed(one, frames.user(0, "snapshot", order(leaves_quantity="3")))
    one.restart()
    (fill,) = fed(one, frames.user(0, "snapshot", half()))
    assert (fill.trade_id, fill.volume, fill.price) == ("v-1:1", 1, 50000)


def test_an_order_placed_while_the_connection_was_lost_has_all_its_fills_told():
    one = made("my_trade")
    fed(one, frames.user(0, "snapshot"))
    one.restart()
    (fill,) = fed(one, frames.user(0, "snapshot", half()))
    assert fill.volume == 1


def test_a_snapshot_repeats_no_fill():
    one = made("my_trade")
    assert len(fed(one, frames.user(0, "snapshot"), frames.user(1, "update", half()))) == 1
    one.restart()
    assert fed(one, frames.user(0, "snapshot", half())) == []


def test_an_id_is_the_same_however_its_quantity_is_written():
    for text in ("1", "1.0", "1.00000000"):
        one = made("my_trade")
        (fill,) = fed(
            one,
            frames.user(0, "snapshot"),
            frames.user(1, "update", half(cumulative_quantity=text)),
        )
        assert fill.trade_id == "v-1:1"


@given(st.lists(st.integers(0, 10), min_size=1, max_size=30), st.data())
def test_the_derived_fills_always_add_up_to_what_is_filled(steps, data):
    one = made("my_trade")
    fed(one, frames.user(0, "snapshot"))
    fills, number = [], 1
    for filled in steps:
        if data.draw(st.booleans()):
            one.restart()
            number = 0
        kind = data.draw(st.sampled_from(["snapshot", "update"]))
        told = order(
            cumulative_quantity=filled,
            leaves_quantity=10 - filled,
            filled_value=filled * 7,
            total_fees=filled,
        )
        fills += fed(one, frames.user(number, kind, told))
        number += 1
    assert sum(fill.volume for fill in fills) == max(steps)
    assert sum(fill.fee for fill in fills) == max(steps)
    assert all(fill.price == 7 for fill in fills)
    assert len({fill.trade_id for fill in fills}) == len(fills)


# ---- the batch ----------------------------------------------------------------------------------


def test_a_snapshot_is_a_batch_of_every_open_order():
    one = made("my_order_batch")
    (batch,) = fed(one, frames.user(0, "snapshot", order(), half(order_id="v-2")))
    assert type(batch) is MyOrderBatch
    assert [one.venue_id for one in batch.orders] == ["v-1", "v-2"]
    accounted(one)


def test_no_open_orders_are_an_empty_batch():
    (batch,) = fed(made("my_order_batch"), frames.user(0, "snapshot"))
    assert batch.orders == ()


def test_a_snapshot_of_several_batches_is_one_batch():
    one = made("my_order_batch")
    orders = [order(order_id=f"v-{number}") for number in range(120)]
    parts = [orders[:50], orders[50:100], orders[100:]]
    sent = [frames.user(number, "snapshot", *part) for number, part in enumerate(parts)]
    (batch,) = fed(one, *sent)
    assert len(batch.orders) == 120
    accounted(one)


def test_a_snapshot_of_full_batches_ends_when_no_other_follows():
    one = made("my_order_batch")
    orders = [order(order_id=f"v-{number}") for number in range(50)]
    assert fed(one, frames.user(0, "snapshot", *orders), frames.heartbeat(1)) == []
    (batch,) = fed(one, frames.heartbeat(2))
    assert len(batch.orders) == 50
    assert fed(one, frames.heartbeat(3)) == []
    accounted(one)


def test_an_order_that_ended_between_two_parts_of_the_snapshot_is_not_in_the_batch():
    one = made("my_order_batch")
    orders = [order(order_id=f"v-{number}") for number in range(50)]
    (batch,) = fed(
        one,
        frames.user(0, "snapshot", *orders),
        frames.user(1, "update", whole(order_id="v-7")),
        frames.user(2, "snapshot"),
    )
    assert len(batch.orders) == 49
    assert "v-7" not in {one.venue_id for one in batch.orders}


def test_every_connection_brings_a_new_batch():
    one = made("my_order_batch")
    fed(one, frames.user(0, "snapshot", order()))
    one.restart()
    (batch,) = fed(one, frames.user(0, "snapshot"))
    assert batch.orders == ()


# ---- one decoder for one channel, holes, and nonsense -------------------------------------------


@pytest.mark.parametrize(
    ("channel", "kind"),
    [("my_order", MyOrder), ("my_trade", MyTrade), ("my_order_batch", MyOrderBatch)],
)
def test_a_decoder_of_one_channel_gives_that_channels_events(channel, kind):
    one = made(channel)
    events = fed(
        one,
        frames.user(0, "snapshot", order()),
        frames.user(1, "update", half()),
    )
    assert {type(event) for event in events} == {kind}
    (topic,) = one.topics()
    assert (topic.pair, topic.channel, topic.last_ns) == (None, Channel.parse(channel), NOW)


def test_a_hole_asks_for_a_new_connection_and_the_order_is_told_nevertheless():
    one = made("my_order")
    events = fed(one, frames.user(0, "snapshot"), frames.user(2, "update", order()))
    assert [type(event) for event in events] == [Gap, MyOrder]
    assert one.wants_replacement


def test_the_user_channel_is_acknowledged_by_its_name():
    one = made("my_order")
    fed(one, frames.ack(0, user=["3e625b74-1c4e-5967-ad38-4d26f30d4439"]))
    assert one.topics()[0].acknowledged


@pytest.mark.parametrize("bad", ["NaN", "Infinity", "1e9", "-", "1.2.3", "\u0661"])
def test_what_is_no_amount_makes_the_frame_malformed(bad):
    one = made("my_order", "my_trade")
    assert fed(one, frames.user(0, "update", half(cumulative_quantity=bad))) == []
    assert accounted(one).malformed == 1


# ---- REST after a reconnect ---------------------------------------------------------------------


def test_rest_tells_how_an_order_ended_that_the_new_snapshot_lacks():
    one = made("my_order", "my_trade", "my_order_batch")
    fed(one, frames.user(0, "snapshot", order()))
    one.restart()
    assert one.account.open_orders == ["v-1"]
    fed(one, frames.user(0, "snapshot"))
    fill, ended = one.feed_orders(rest(rest_order()), frames.TIME_NS, NOW)
    assert (fill.trade_id, fill.volume, fill.price, fill.fee) == ("v-1:2", 2, 50001, 15)
    assert fill.exchange_ns == 1_786_562_880_000_000_000  # last_fill_time
    assert (ended.status, ended.filled_volume) == (OrderStatus.FILLED, 2)
    assert one.account.open_orders == []
    assert one.feed_orders(rest(rest_order()), frames.TIME_NS, NOW) == []
    accounted(one)


def test_rest_tells_all_of_an_order_that_came_and_went_meanwhile():
    one = made("my_order", "my_trade")
    fed(one, frames.user(0, "snapshot"))
    one.restart()
    fill, ended = one.feed_orders(rest(rest_order(order_id="v-9")), frames.TIME_NS, NOW)
    assert (fill.trade_id, fill.volume) == ("v-9:2", 2)
    assert (ended.price, ended.volume, ended.type) == (Decimal("50000.10"), 2, OrderType.LIMIT)


def test_a_slow_answer_of_rest_overwrites_nothing_that_the_stream_told_later():
    one = made("my_order", "my_trade")
    fed(one, frames.user(0, "snapshot", order()))
    one.restart()
    since, asked_ns = one.account.lost_at
    assert (since, asked_ns) == (frames.TIME, frames.TIME_NS)
    later = frames.frame(
        "user", 0, {"type": "snapshot", "orders": [whole()]}, time="2026-08-12T19:28:30Z"
    )
    fed(one, later)
    old = rest_order(status="OPEN", filled_size="1", filled_value="50000", total_fees="10")
    assert one.feed_orders(rest(old), asked_ns, NOW) == []
    assert one.account.known("v-1").status is OrderStatus.FILLED


def test_what_was_missed_is_remembered_until_it_is_made_good():
    one = made("my_order")
    fed(one, frames.user(0, "snapshot"))
    one.restart()
    fed(one, frames.frame("user", 0, {"type": "snapshot"}, time="2026-08-12T20:00:00Z"))
    one.restart()
    assert one.account.lost_at == (frames.TIME, frames.TIME_NS)
    one.account.reconciled()
    one.restart()
    assert one.account.lost_at[0] == "2026-08-12T20:00:00Z"


def test_an_answer_of_rest_that_cannot_be_read_is_counted():
    one = made("my_order")
    assert one.feed_orders(b"<html>", 0, NOW) == []
    assert accounted(one).malformed == 1


@pytest.mark.parametrize("number", ["9e999999", "NaN", "sNaN"])
def test_an_answer_of_rest_with_an_impossible_number_is_counted(number):
    one = made("my_order")
    said = rest(rest_order(filled_size=number, average_filled_price=number, filled_value="0"))
    assert one.feed_orders(said, frames.TIME_NS, NOW) == []
    assert accounted(one).malformed == 1
