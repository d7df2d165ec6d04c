"""Kraken's executions to own orders, fills and batches."""

from decimal import Decimal

from tests.exchange.kraken import frames

from millstream.exchange.kraken.decode import KrakenDecoder
from millstream.model import (
    Channel,
    CurrencyPair,
    Gap,
    Liquidity,
    MyOrder,
    MyOrderBatch,
    MyTrade,
    OrderStatus,
    OrderType,
    Resynced,
    Side,
)

OWN = [Channel.MY_ORDER, Channel.MY_TRADE, Channel.MY_ORDER_BATCH]
ID = '"order_id":"OK4GJX-KSTLS-7DZZO5"'
TRADE = (
    f'{{{ID},"exec_id":"T1","exec_type":"trade","symbol":"BTC/USD","side":"sell",'
    '"last_qty":0.00200000,"last_price":26500.0,"liquidity_ind":"t",'
    '"order_status":"partially_filled","timestamp":"2023-09-22T10:33:06.000000Z",'
    '"fees":[{"asset":"USD","qty":0.1378}]}'
)
FILLED = (
    f'{{{ID},"exec_type":"filled","order_status":"filled","cum_qty":0.00500000,'
    '"avg_price":26500.1,"timestamp":"2023-09-22T10:33:07.000000Z"}'
)
CANCELED = (
    f'{{{ID},"exec_type":"canceled","order_status":"canceled","cum_qty":0,"avg_price":0,'
    '"cancel_reason":"User requested","reason":"User requested",'
    '"timestamp":"2023-09-22T10:33:08.000000Z"}'
)
OPEN = frames.PLACED[frames.PLACED.index(b'{"order_id"') : frames.PLACED.index(b"],")].decode()


def decoder(*channels):
    return KrakenDecoder([CurrencyPair.BTC_USD], channels or OWN)


def test_a_placed_order_has_its_numbers_as_they_were_sent():
    (order,) = decoder().feed(frames.PLACED, 7)
    assert type(order) is MyOrder
    assert (order.symbol, order.side, order.type) == (
        CurrencyPair.BTC_USD,
        Side.SELL,
        OrderType.LIMIT,
    )
    assert (str(order.volume), str(order.price)) == ("0.00500000", "26500.0")
    assert (order.status, order.robot, order.revision) == (OrderStatus.WORKING, "", 0)


def test_partial_reports_are_merged_and_the_filled_event_decides():
    made = decoder()
    made.feed(frames.PLACED, 1)
    fill, order = made.feed(frames.executions(9, TRADE), 2)
    assert type(fill) is MyTrade
    assert (fill.trade_id, fill.fee, fill.fee_currency) == ("T1", Decimal("0.1378"), "USD")
    assert (order.status, order.filled_volume) == (OrderStatus.PARTIAL, Decimal("0.002"))
    (order,) = made.feed(frames.executions(10, FILLED), 3)
    assert (order.status, order.filled_volume) == (OrderStatus.FILLED, Decimal("0.005"))
    assert (order.average_price, order.price) == (Decimal("26500.1"), Decimal("26500.0"))
    for late in made.feed(frames.executions(11, CANCELED), 4):  # it has ended
        assert (late.status, late.filled_volume) == (OrderStatus.FILLED, Decimal("0.005"))
    assert made.counts.gaps == 0
    assert made.counts.accounted == made.counts.frames


def test_a_cancel_has_its_reason():
    made = decoder(Channel.MY_ORDER)
    made.feed(frames.PLACED, 1)
    (order,) = made.feed(frames.executions(9, CANCELED), 2)
    assert (order.status, order.reason) == (OrderStatus.CANCELED, "User requested")


def test_a_fill_of_a_snapshot_is_told_once():
    made = decoder(Channel.MY_TRADE)
    (fill,) = made.feed(frames.FILL, 7)
    assert (fill.price, fill.volume, fill.fee) == (
        Decimal("85.16"),
        Decimal("0.00008528"),
        Decimal("0.000015"),
    )
    assert (fill.liquidity, fill.synthetic) == (Liquidity.MAKER, False)
    made.restart()
    assert made.feed(frames.FILL, 8) == []


def test_a_snapshot_is_a_batch_that_overwrites():
    made = decoder(Channel.MY_ORDER_BATCH)
    (batch,) = made.feed(frames.executions(1, OPEN, kind="snapshot"), 1)
    assert type(batch) is MyOrderBatch
    assert [order.venue_id for order in batch.orders] == ["OK4GJX-KSTLS-7DZZO5"]
    made.restart()
    (batch,) = made.feed(frames.executions(1, kind="snapshot"), 2)
    assert batch.orders == ()


def test_a_hole_in_the_sequence_is_a_gap_until_the_snapshot_of_a_new_subscription():
    made = decoder(Channel.MY_ORDER)
    made.feed(frames.PLACED, 1)
    gap, order = made.feed(frames.executions(12, CANCELED), 2)
    assert (type(gap), gap.expected, gap.got, gap.missing) == (Gap, "9", "12", 3)
    assert order.status is OrderStatus.CANCELED
    assert made.resubscriptions() == [None]
    (resynced,) = made.feed(frames.executions(1, kind="snapshot"), 3)
    assert type(resynced) is Resynced


def test_a_frame_of_the_account_that_cannot_be_read_is_a_gap():
    made = decoder(Channel.MY_ORDER)
    (gap,) = made.feed(frames.PLACED[:-9], 1)
    assert (type(gap), made.resubscriptions()) == (Gap, [None])


def test_a_frame_seen_before_changes_nothing():
    made = decoder()
    made.feed(frames.PLACED, 1)
    made.feed(frames.executions(9, TRADE), 2)
    assert made.feed(frames.executions(9, TRADE), 3) == []
