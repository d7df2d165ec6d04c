"""What each venue answers, through ccxt's own classes, comes out as evidence about our orders."""

import json
import time
from decimal import Decimal

import ccxt
import msgspec
import pytest
from tests.orders.lines.ccxt import venue_answers
from tests.orders.lines.ccxt.scripted_rest import scripted_rest
from tests.orders.lines.ccxt.venue_answers import T1, V1, V2
from tests.orders.sample import order

from millstream.errors import StreamError
from millstream.model import CurrencyPair, Exchange, Liquidity, OrderStatus, Side
from millstream.orders.lines.answers import Canceled, Evidence, InDoubt, Placed, Rejected
from millstream.orders.lines.ccxt.client import make_client
from millstream.orders.lines.ccxt.failures import definite
from millstream.orders.lines.ccxt.line import CcxtLine
from millstream.orders.lines.keys import Keys
from millstream.orders.lines.venues import FACTS

E, S = Exchange, OrderStatus
ANSWERS = {
    E.BINANCE_FUTURE: venue_answers.BINANCE_FUTURE,
    E.KRAKEN_FUTURE: venue_answers.KRAKEN_FUTURE,
    E.COINBASE: venue_answers.COINBASE,
    E.OKX: venue_answers.OKX,
    E.OKX_SWAP: venue_answers.OKX_SWAP,
}
KEYS = Keys("key", "c2VjcmV0c2VjcmV0", "pass")


class Trader:
    """A line to a venue that answers as it documents."""

    def __init__(self, exchange, rest):
        self.exchange, self.rest = exchange, rest
        quote = "USD" if exchange in (E.KRAKEN_FUTURE, E.COINBASE) else "USDT"
        self.pair = CurrencyPair("BTC", quote)
        self.line = CcxtLine(exchange, KEYS, url=rest.url, paced=False, timeout_s=5)

    def order(self, order_id="abc123", venue_id="", **more):
        made = order(order_id, symbol=self.pair, **{"price": "50000", "volume": "0.02", **more})
        return msgspec.structs.replace(made, exchange=self.exchange, venue_id=venue_id)

    def answer(self):
        deadline = time.monotonic() + 60
        while not (found := self.line.answers()):
            assert time.monotonic() < deadline, self.rest.asked
            time.sleep(0.005)
        (one,) = found
        return one

    def evidence(self, *orders, holdings=False):
        since_ns = (venue_answers.MS - 60_000) * 1_000_000
        self.line.ask(orders, [self.pair], since_ns, holdings)
        told = self.answer()
        assert isinstance(told, Evidence)
        return told


@pytest.fixture(params=sorted(ANSWERS), ids=str)
def trader(request):
    with scripted_rest(ANSWERS[request.param]) as rest:
        made = Trader(request.param, rest)
        made.line.open()
        yield made
        made.line.close()


def short(seen):
    return seen.venue_id, seen.order_id, seen.side, seen.status, seen.volume, seen.filled_volume


def test_an_order_is_placed_under_the_venues_id(trader):
    trader.line.place(trader.order())
    assert trader.answer() == Placed("abc123", V1)


def test_an_order_is_canceled_by_the_venues_id(trader):
    trader.line.cancel(trader.order(venue_id=V1))
    assert trader.answer() == Canceled("abc123")


def test_an_open_order_has_our_id_and_what_was_filled(trader):
    told = trader.evidence()
    (one,) = told.open
    assert told.failure == ""
    expected = V1, "abc123", Side.BUY, S.PARTIAL, Decimal("0.02"), Decimal("0.01")
    assert (one.symbol, short(one)) == (trader.pair, expected)
    assert one.price in (Decimal(50_000), None)  # ccxt leaves it out on Kraken Futures


def test_an_order_that_ended_is_found_by_the_venues_id(trader):
    told = trader.evidence(trader.order("old456", venue_id=V2, side=Side.SELL))
    assert told.failure == ""
    ended = {(*short(one)[:4], one.filled_volume) for one in told.ended if one.venue_id == V2}
    assert ended == {(V2, "old456", Side.SELL, S.CANCELED, Decimal("0.01"))}


def test_an_order_whose_answer_was_lost_is_found_by_our_id_though_it_ended(trader):
    told = trader.evidence(trader.order("old456", side=Side.SELL))
    assert told.failure == ""
    ended = {(one.venue_id, one.status) for one in told.ended if one.order_id == "old456"}
    assert ended == {(V2, S.CANCELED)}


def test_a_list_of_ended_orders_never_ends_one_that_is_open(trader):
    told = trader.evidence(trader.order("old456", side=Side.SELL))
    states = {one.status for one in told.ended if one.order_id == "abc123"}
    assert states <= {S.WORKING, S.PARTIAL}


def test_a_fill_has_its_order_its_volume_and_its_side(trader):
    (one,) = trader.evidence().fills
    fill = one.fill
    assert (one.venue_id, one.symbol, one.side) == (V1, trader.pair, Side.BUY)
    assert (fill.trade_id, fill.price, fill.volume) == (T1, Decimal(50_000), Decimal("0.01"))
    assert fill.liquidity is Liquidity.MAKER
    assert fill.exchange_ns == venue_answers.MS * 1_000_000
    assert (fill.fee, fill.fee_currency) == (Decimal("0.1"), trader.pair.quote)


@pytest.mark.parametrize("log", [{"logs": []}, None], ids=["without its row", "that fails"])
def test_on_kraken_futures_a_young_fill_waits_for_its_fee_and_an_old_one_is_booked_without(log):
    answers = venue_answers.KRAKEN_FUTURE | {"/account-log": log}
    (one,) = answers["/api/v3/fills"]["fills"]
    now = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    young = {"result": "success", "fills": [one, one | {"fill_id": "young", "fillTime": now}]}
    with scripted_rest(answers | {"/api/v3/fills": young}) as rest:
        trader = Trader(E.KRAKEN_FUTURE, rest)
        trader.line.open()
        told = trader.evidence()
        trader.line.close()
    fills = [(one.fill.trade_id, one.fill.fee, one.fill.fee_currency) for one in told.fills]
    assert fills == [(T1, Decimal(0), "")]  # no currency: nobody has told the fee
    assert told.failure == ""


def test_the_account_holds_positions_or_balances(trader):
    told = trader.evidence(holdings=True)
    assert told.failure == ""
    if FACTS[trader.exchange].contracts:
        assert told.holdings == {str(trader.pair): Decimal("-0.04")}
    else:
        assert told.holdings == {"BTC": Decimal("1.5"), trader.pair.quote: Decimal(1000)}


def test_a_list_that_cannot_be_read_is_no_silence_and_no_proof(trader):
    paths = "/fapi/v1/openOrders", "/openorders", "/historical/batch", "/orders-pending"
    rows = {"openOrders": ["?"], "orders": ["?"], "code": "0", "data": ["?"]}
    unread = {path: ["?"] if "fapi" in path else rows for path in paths}
    trader.rest.change(unread)
    assert trader.evidence().failure


@pytest.mark.parametrize("kind", ["OrderPlaced", "OrderUpdated"])
def test_on_kraken_futures_an_order_that_was_placed_has_not_ended(kind):
    event = venue_answers.kraken_event(kind, V1, "abc123", "Buy", "0.01", "0.01", venue_answers.MS)
    history = {"/api/history/v2/orders": {"elements": [event], "len": 1}}
    with scripted_rest(venue_answers.KRAKEN_FUTURE | history) as rest:
        trader = Trader(E.KRAKEN_FUTURE, rest)
        trader.line.open()
        told = trader.evidence(trader.order("other"))
        trader.line.close()
    (one,) = told.ended
    assert (one.status, one.volume, one.filled_volume) == (
        S.PARTIAL,
        Decimal("0.02"),
        Decimal("0.01"),
    )


def test_on_kraken_futures_a_full_list_of_fills_is_not_taken_for_all_of_them():
    answers = venue_answers.KRAKEN_FUTURE
    (one,) = answers["/api/v3/fills"]["fills"]
    many = {"result": "success", "fills": [one | {"fill_id": str(n)} for n in range(100)]}
    with scripted_rest(answers | {"/api/v3/fills": many}) as rest:
        trader = Trader(E.KRAKEN_FUTURE, rest)
        trader.line.open()
        told = trader.evidence()
        trader.line.close()
    assert "fetch_my_trades" in told.failure


def test_on_kraken_futures_a_long_history_is_read_to_its_end():
    def history(query, _):
        first = "continuation_token" not in query
        numbers = range(150) if first else range(150, 200)
        when = venue_answers.MS
        told = [
            venue_answers.kraken_event("OrderPlaced", str(n), f"c{n}", "Buy", "1", "0", when - n)
            for n in numbers
        ]
        more = {"continuationToken": "next"} if first else {}
        return {"elements": told, "len": len(told)} | more

    answers = venue_answers.KRAKEN_FUTURE | {"/api/history/v2/orders": history}
    with scripted_rest(answers) as rest:
        trader = Trader(E.KRAKEN_FUTURE, rest)
        trader.line.open()
        told = trader.evidence(trader.order("other"))
        trader.line.close()
    assert (told.failure, len(told.ended)) == ("", 200)


class Refusing:
    """An answer that says "nonce" so many times before it is given."""

    def __init__(self, times, answer):
        self.times, self.answer = times, answer

    def __call__(self, *_):
        self.times -= 1
        too_low = {"result": "error", "error": "nonceBelowThreshold"}
        return too_low if self.times >= 0 else self.answer


@pytest.mark.parametrize(("times", "fails"), [(3, False), (4, True)])
def test_a_question_that_was_overtaken_is_asked_again_with_a_new_nonce(times, fails):
    answers = dict(venue_answers.KRAKEN_FUTURE)
    with scripted_rest(answers) as rest:
        trader = Trader(E.KRAKEN_FUTURE, rest)
        trader.line.open()
        rest.change({"/api/v3/openorders": Refusing(times, answers["/api/v3/openorders"])})
        told = trader.evidence()
        trader.line.close()
    assert bool(told.failure) is fails
    assert bool(told.open) is not fails


def test_an_order_that_was_overtaken_is_refused_and_sent_once():
    with scripted_rest(venue_answers.KRAKEN_FUTURE) as rest:
        trader = Trader(E.KRAKEN_FUTURE, rest)
        trader.line.open()
        rest.change({"/api/v3/sendorder": Refusing(1, None)})
        trader.line.place(trader.order())
        told = trader.answer()
        trader.line.close()
    assert isinstance(told, Rejected)
    assert len(rest.sent_to("sendorder")) == 1


# ---- what venues refuse, in their words ---------------------------------------------------------

REFUSALS = {
    E.BINANCE_FUTURE: ("/fapi/v1/order", {"code": -2019, "msg": "Margin is insufficient."}),
    E.KRAKEN_FUTURE: (
        "/api/v3/sendorder",
        {"result": "success", "sendStatus": {"status": "insufficientAvailableFunds"}},
    ),
    E.COINBASE: (
        "POST /brokerage/orders",
        {
            "success": False,
            "failure_reason": "UNKNOWN_FAILURE_REASON",
            "order_id": "",
            "error_response": {
                "error": "INSUFFICIENT_FUND",
                "message": "Insufficient balance in source account",
                "error_details": "",
                "preview_failure_reason": "PREVIEW_INSUFFICIENT_FUND",
            },
        },
    ),
    E.OKX: (
        "/trade/batch-orders",
        {
            "code": "1",
            "msg": "All operations failed",
            "data": [
                {
                    "ordId": "",
                    "clOrdId": "abc123",
                    "sCode": "51008",
                    "sMsg": "Order failed. Insufficient USDT balance in account",
                }
            ],
        },
    ),
}
REFUSALS[E.OKX_SWAP] = REFUSALS[E.OKX]


def test_what_the_venue_refuses_is_rejected_in_its_words(trader):
    path, answer = REFUSALS[trader.exchange]
    trader.rest.change({path: answer})
    trader.line.place(trader.order())
    told = trader.answer()
    if trader.exchange is E.BINANCE_FUTURE and isinstance(told, InDoubt):
        return  # ccxt knows these codes by the venue's own host only: see below
    assert isinstance(told, Rejected), told
    assert "insufficient" in told.reason.lower()


def test_binance_futures_refuses_on_its_own_host():
    client = make_client(FACTS[E.BINANCE_FUTURE], KEYS, "", False, 1, False)
    _, answer = REFUSALS[E.BINANCE_FUTURE]
    url, text = "https://fapi.binance.com/fapi/v1/order", json.dumps(answer)
    with pytest.raises(ccxt.InsufficientFunds) as caught:
        client.handle_errors(400, "Bad Request", url, "POST", {}, text, answer, {}, "")
    assert definite(caught.value)


def test_an_answer_without_an_order_leaves_it_in_doubt(trader):
    path, _ = REFUSALS[trader.exchange]
    trader.rest.change({path: {}})
    trader.line.place(trader.order())
    assert isinstance(trader.answer(), InDoubt)


def test_instruments_that_cannot_be_read_end_the_start_with_one_sentence():
    broken = venue_answers.COINBASE | {"/brokerage/market/products": {"products": ["?"]}}
    with scripted_rest(broken) as rest:
        line = CcxtLine(E.COINBASE, KEYS, url=rest.url, paced=False, timeout_s=5)
        with pytest.raises(StreamError, match="coinbase cannot be asked"):
            line.open()
