"""What the last event of an order says of it."""

import pytest
from tests.orders.lines.ccxt.venue_answers import kraken_event, kraken_log_row

from millstream.orders.lines.ccxt.kraken_future import fees_of, latest_orders


def event(kind, left, filled, ms=1, **more):
    return kraken_event(kind, "v1", "a1", "Buy", left, filled, ms, **more)


@pytest.mark.parametrize(
    ("last", "status"),
    [
        (event("OrderPlaced", "1", "0"), "open"),
        (event("OrderPlaced", "0.6", "0.4"), "open"),
        (event("OrderPlaced", "0", "1"), "closed"),
        (event("OrderUpdated", "0.6", "0.4", reason="partial_fill"), "open"),
        (event("OrderUpdated", "0", "1", reason="full_fill"), "closed"),
        (event("OrderCancelled", "0.6", "0.4"), "canceled"),
        (event("OrderRejected", "1", "0"), "rejected"),
    ],
)
def test_an_order_is_what_its_last_event_says(last, status):
    (one,) = latest_orders([last])
    assert (one["uid"], one["status"]) == ("v1", status)
    assert float(one["quantity"]) == 1


def test_of_events_at_the_same_time_the_first_in_the_list_is_the_last():
    newest_first = [event("OrderCancelled", "1", "0", 5), event("OrderPlaced", "1", "0", 5)]
    assert [one["status"] for one in latest_orders(newest_first)] == ["canceled"]


def test_an_event_without_an_order_says_nothing():
    nothing = {"uid": "e", "timestamp": "1", "event": {"OrderNotFound": {"orderId": "v1"}}}
    assert latest_orders([nothing]) == []


def test_a_fee_is_in_the_row_of_cash_and_a_liquidations_own_fee_is_part_of_it():
    rows = [
        kraken_log_row(1, "usd", "t1", 0.1),
        kraken_log_row(2, "pf_xbtusd", "t1", 7),
        kraken_log_row(3, "usd", "t2", 0.2) | {"liquidation_fee": 0.3},
        kraken_log_row(4, "usd", None, 0.4),
    ]
    assert fees_of(rows) == {
        "t1": {"cost": "0.1", "currency": "USD"},
        "t2": {"cost": "0.5", "currency": "USD"},
    }
