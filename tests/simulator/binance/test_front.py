"""Binance's codes, one by one."""

import pytest
from tests.simulator.fronts import Front

ORDER = {
    "symbol": "SOLUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "1",
    "price": "90",
}


@pytest.fixture
def front():
    return Front("binance", "SOL/USDT")


def code(answer):
    return answer[1]["code"]


def order(front, **changes):
    given = {name: value for name, value in (ORDER | changes).items() if value is not None}
    return front.binance("POST", "/api/v3/order", **given)


def test_a_signed_order_is_taken_and_found(front):
    status, told = order(front, newClientOrderId="mine")
    assert (status, told["status"]) == (200, "NEW")
    found = front.binance("GET", "/api/v3/order", symbol="SOLUSDT", origClientOrderId="mine")
    assert found[1]["orderId"] == told["orderId"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"symbol": "FOOUSDT"}, -1121),
        ({"symbol": None}, -1102),
        ({"side": "HOLD"}, -1117),
        ({"type": "WISH"}, -1116),
        ({"timeInForce": "GTX"}, -1115),
        ({"timeInForce": None}, -1102),
        ({"quantity": "x"}, -1100),
        ({"quantity": "1.0000000001"}, -1111),
        ({"quantity": "0.00001"}, -1013),
        ({"price": "90.00001"}, -1013),
        ({"price": "1"}, -1013),
        ({"quantity": "9000000"}, -2010),
        ({"type": "LIMIT_MAKER", "price": "101", "timeInForce": None}, -2010),
        ({"type": "MARKET", "timeInForce": None}, -1106),
    ],
)
def test_what_is_wrong_with_an_order_has_its_code(front, changes, expected):
    status, told = order(front, **changes)
    assert (status, told["code"]) == (400, expected)
    assert front.venue.orders == {}


def test_a_signature_a_key_and_a_time_are_checked(front):
    account = ("GET", "/api/v3/account")
    now_ms = front.now_ns // 10**6
    assert code(front.binance(*account, secret="wrong")) == -1022
    assert code(front.binance(*account, timestamp=now_ms - 5_001)) == -1021
    assert code(front.binance(*account, timestamp=now_ms + 1_000)) == -1021
    assert front.binance(*account, timestamp=now_ms - 9_000, recvWindow=10_000)[0] == 200
    assert code(front.binance(*account, recvWindow=60_001)) == -1131
    assert code(front.send(*account)) == -2014
    assert code(front.send(*account, headers={"x-mbx-apikey": "nobody"})) == -2015
    assert code(front.send(*account, headers={"x-mbx-apikey": front.key.key})) == -1102


def test_a_client_id_is_unique_among_open_orders(front):
    order(front, newClientOrderId="mine")
    assert code(order(front, newClientOrderId="mine")) == -2010


def test_what_is_not_there_cannot_be_canceled_or_asked_for(front):
    given = {"symbol": "SOLUSDT", "orderId": "77"}
    assert code(front.binance("DELETE", "/api/v3/order", **given)) == -2011
    assert code(front.binance("GET", "/api/v3/order", **given)) == -2013


def test_more_than_a_hundred_orders_in_ten_seconds_are_too_many(front):
    answers = [order(front) for _ in range(101)]
    assert {status for status, _ in answers[:100]} == {200}
    assert (answers[100][0], code(answers[100])) == (429, -1015)
    front.now_ns += 10 * 10**9
    assert order(front)[0] == 200


def test_weight_is_counted_and_too_much_is_refused(front):
    for _ in range(300):
        assert front.send("GET", "/api/v3/exchangeInfo")[0] == 200
    status, told = front.send("GET", "/api/v3/exchangeInfo")
    assert (status, told["code"]) == (429, -1003)


def test_a_replacement_that_fails_in_part_says_which_part(front):
    placed = order(front)[1]
    replace = ORDER | {"cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrderId": "77"}
    status, told = front.binance("POST", "/api/v3/order/cancelReplace", **replace)
    assert (status, told["code"]) == (400, -2022)
    assert told["data"]["newOrderResult"] == "NOT_ATTEMPTED"
    replace |= {"cancelOrderId": placed["orderId"], "quantity": "9000000"}
    status, told = front.binance("POST", "/api/v3/order/cancelReplace", **replace)
    assert (status, told["code"]) == (409, -2021)
    assert told["data"]["cancelResult"] == "SUCCESS"
    assert front.venue.open_orders("account1") == []
