"""Kraken's errors, one by one."""

import json

import pytest
from tests.simulator.fronts import Front

ORDER = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "1", "price": "90"}


@pytest.fixture
def front():
    return Front("kraken", "BTC/USD")


def order(front, **changes):
    return front.kraken("AddOrder", **(ORDER | changes))


def test_a_signed_order_is_taken_and_found_by_any_name_of_its_pair(front):
    for name in ("XBTUSD", "XXBTZUSD", "XBT/USD", "BTC/USD"):
        (txid,) = order(front, pair=name)["result"]["txid"]
        assert txid in front.kraken("OpenOrders")["result"]["open"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"pair": "FOOUSD"}, "EQuery:Unknown asset pair"),
        ({"type": "hold"}, "EGeneral:Invalid arguments:type"),
        ({"ordertype": "wish"}, "EGeneral:Invalid arguments:ordertype"),
        ({"volume": "x"}, "EGeneral:Invalid arguments:volume"),
        ({"volume": "0.000001"}, "EOrder:Order minimum not met"),
        ({"price": "90.001"}, "EOrder:Invalid price"),
        ({"price": "0.01"}, "EOrder:Cost minimum not met"),
        ({"volume": "9000000"}, "EOrder:Insufficient funds"),
        ({"price": "101", "oflags": "post"}, "EOrder:Post only order"),
        ({"reduce_only": "true"}, "EOrder:Margin allowance exceeded"),
    ],
)
def test_what_is_wrong_with_an_order_has_its_words(front, changes, expected):
    assert order(front, **changes)["error"] == [expected]
    assert front.venue.orders == {}


def test_a_key_a_signature_and_a_growing_nonce_are_checked(front):
    assert front.kraken("Balance")["error"] == []
    assert front.kraken("Balance", nonce=front.nonce)["error"] == ["EAPI:Invalid nonce"]
    assert front.kraken("Balance", secret="d3Jvbmc=")["error"] == ["EAPI:Invalid signature"]
    assert front.send("POST", "/0/private/Balance")[1]["error"] == ["EAPI:Invalid key"]


def test_calls_are_counted_and_the_counter_goes_down(front):
    answers = [front.kraken("OpenOrders")["error"] for _ in range(21)]
    assert answers == [[]] * 20 + [["EAPI:Rate limit exceeded"]]
    front.now_ns += 2 * 10**9
    assert front.kraken("OpenOrders")["error"] == []


def test_young_cancels_use_up_the_trading_counter(front):
    errors = []
    for _ in range(30):
        told = order(front)
        errors += told["error"]
        if not told["error"]:
            front.kraken("CancelOrder", txid=told["result"]["txid"][0])
    assert set(errors) == {"EOrder:Rate limit exceeded"}


def test_a_dead_mans_switch_cancels_everything(front):
    order(front)
    front.kraken("CancelAllOrdersAfter", timeout=5)
    front.front.tell(front.now_ns + 4 * 10**9)
    assert len(front.venue.open_orders("account1")) == 1
    front.front.tell(front.now_ns + 5 * 10**9)
    assert front.venue.open_orders("account1") == []


def subscribe(front, token, **given):
    session = front.front.open("/v2", front.now_ns)
    request = {"method": "subscribe", "params": {"channel": "executions", "token": token, **given}}
    session.receive(json.dumps(request).encode(), front.now_ns)
    return session


def test_a_token_opens_the_account_and_frames_are_numbered(front):
    token = front.kraken("GetWebSocketsToken")["result"]["token"]
    session = subscribe(front, token)
    order(front, ordertype="market", price="")
    frames = [json.loads(frame) for frame, _ in session.private]
    assert [frame["sequence"] for frame in frames] == list(range(1, len(frames) + 1))
    kinds = [one["exec_type"] for frame in frames for one in frame["data"]]
    assert kinds == ["pending_new", "new", "trade", "filled"]


def test_a_wrong_and_an_old_token_are_refused(front):
    token = front.kraken("GetWebSocketsToken")["result"]["token"]
    assert b"ESession:Invalid session" in subscribe(front, "wrong").outbox[-1]
    front.now_ns += 901 * 10**9
    assert b"ESession:Invalid session" in subscribe(front, token).outbox[-1]
