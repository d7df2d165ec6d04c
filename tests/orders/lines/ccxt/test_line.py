"""Trading by ccxt, and by our own client, on a real REST server on loopback."""

import logging
import re
import time
from decimal import Decimal

import msgspec
import pytest
from tests.orders.lines.rest_venue import KEY, rest_venue
from tests.orders.sample import VENUE, order

from millstream.errors import LoginRefused, StreamError
from millstream.model import MyOrderBatch, OrderStatus, OrderType, Side, TimeInForce
from millstream.orders import Gateway, Happened, MemoryStore, OrderReport
from millstream.orders.lines.binance.line import BinanceLine
from millstream.orders.lines.ccxt.line import CcxtLine
from millstream.orders.lines.keys import Keys
from millstream.orders.lines.venues import FACTS
from millstream.orders.live import LiveSettings, LiveVenue

S = OrderStatus


@pytest.fixture(scope="module")
def served():
    with rest_venue() as venue:
        yield venue


class Trader:
    """A gateway at that server, and a store of its own."""

    def __init__(self, served, run, client="ccxt"):
        keys = Keys(KEY.key, KEY.secret)
        if client == "own":
            self.line = BinanceLine(VENUE, keys, url=served.url, timeout_s=3)
        else:
            self.line = CcxtLine(VENUE, keys, url=served.url, paced=False, timeout_s=3)
        self.line.open()
        self.run = run  # client ids are the account's: each test has its own
        self.restart(MemoryStore())

    def restart(self, store):
        self.store, self.told = store, []
        venue = LiveVenue(
            LiveSettings(VENUE), self.line, store, self.told.extend, time.monotonic_ns
        )
        self.gateway = Gateway(store, venue)
        self.gateway.start(time.time_ns())

    def wish(self, name="a", **more):
        one = order(self.run + name, **{"volume": "0.1", "price": "90", **more})
        return msgspec.structs.replace(one, received_ns=time.time_ns())

    def place(self, *orders):
        self.store.insert(orders)
        self.gateway.step(time.time_ns())

    def get(self, name="a"):
        return self.store.get(self.run + name)

    def until(self, condition):
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline, self.store.orders()
            self.gateway.step(time.time_ns())
            time.sleep(0.01)

    def until_status(self, status, name="a"):
        self.until(lambda: self.get(name).status is status)
        return self.get(name)

    def cancel(self, name="a"):
        self.gateway.cancel([self.run + name], time.time_ns())


@pytest.fixture(params=["ccxt", "own"])
def trader(served, request):
    served.fault()
    served.fill_book()
    made = Trader(served, f"t{abs(hash(request.node.name)) % 10**9}", request.param)
    yield made
    served.fault()
    made.line.close()


def placed_with(served, order_id):
    return [one for one in served.venue.orders.values() if one.wish.client_id == order_id]


def test_an_order_rests_and_is_canceled(trader):
    trader.place(trader.wish())
    one = trader.until_status(S.WORKING)
    assert one.venue_id
    trader.cancel()
    assert trader.until_status(S.CANCELED).filled_volume == 0


def test_a_market_order_fills_with_its_fee_and_its_price(trader):
    trader.place(trader.wish(price=None, side=Side.SELL))
    one = trader.until_status(S.FILLED)
    assert (one.filled_volume, one.average_price) == (Decimal("0.1"), Decimal(99))
    (fill,) = trader.store.trades()
    assert (fill.fee, fill.fee_currency) == (Decimal("0.0099"), "USDT")


def test_numbers_are_rounded_the_way_that_cannot_hurt(trader):
    trader.place(
        trader.wish("b", price="90.119", volume="0.123456789"),
        trader.wish("s", side=Side.SELL, price="120.111", volume="0.1"),
    )
    one = trader.until_status(S.WORKING, "b")
    assert (one.price, one.volume) == (Decimal("90.11"), Decimal("0.12345"))
    assert trader.until_status(S.WORKING, "s").price == Decimal("120.12")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"volume": "0.000001"}, "lot: the volume is below one lot of 0.00001"),
        ({"volume": "0.001"}, "min_notional: 0.090 is below the least value of 5"),
        ({"volume": "8000"}, "insufficient (funds|balance)"),
        ({"price": "101", "post_only": True}, "order immediately fillable|would immediately match"),
        ({"symbol": "nothing"}, "is not traded on binance"),
        ({"type": OrderType.OTHER}, "other orders are not placed on this venue"),
        ({"reduce_only": True}, "reduce-only orders need a futures account"),
    ],
)
def test_what_the_venue_would_refuse_is_one_sentence(trader, more, words):
    more = dict(more)
    kind = {name: more.pop(name) for name in ("type", "reduce_only") if name in more}
    if more.get("symbol"):
        more["symbol"] = msgspec.structs.replace(trader.wish().symbol, base="NOTHING")
    trader.place(msgspec.structs.replace(trader.wish(**more), **kind))
    assert re.search(words, trader.until_status(S.REJECTED).reason)


def test_ioc_fok_and_stops_are_what_they_say(trader):
    ioc = trader.wish("i", price="101", volume="6", tif=TimeInForce.IOC)
    fok = trader.wish("f", price="95", volume="6", tif=TimeInForce.FOK)
    stop = msgspec.structs.replace(
        trader.wish("s", price="130", volume="0.1"),
        type=OrderType.STOP_LIMIT,
        stop_price=Decimal(125),
    )
    trader.place(fok, stop, ioc)
    assert trader.until_status(S.EXPIRED, "f").filled_volume == 0
    assert trader.until_status(S.WORKING, "s").filled_volume == 0
    assert 0 < trader.until_status(S.EXPIRED, "i").filled_volume < 6
    trader.cancel("s")
    trader.until_status(S.CANCELED, "s")


@pytest.mark.parametrize("fault", ["lost", "error_after"])
def test_an_order_whose_answer_was_lost_is_unknown_then_found_and_sent_once(trader, served, fault):
    served.fault(**{fault: 1.0})
    trader.place(trader.wish())
    trader.until_status(S.UNKNOWN)
    served.fault()
    one = trader.until_status(S.WORKING)
    assert len(placed_with(served, one.order_id)) == 1
    trader.cancel()
    trader.until_status(S.CANCELED)


def test_a_cancel_whose_answer_was_lost_ends_the_order_all_the_same(trader, served):
    trader.place(trader.wish())
    trader.until_status(S.WORKING)
    served.fault(lost=1.0)
    trader.cancel()
    trader.until_status(S.CANCELED)


@pytest.mark.parametrize("client", ["ccxt", "own"])
def test_orders_that_wait_for_their_turn_do_not_leave_after_a_halt(served, client, monkeypatch):
    """Ours sends one after the other; ccxt where numbers must arrive in their order."""
    facts = msgspec.structs.replace(FACTS[VENUE], growing_nonce=True)
    monkeypatch.setitem(FACTS, VENUE, facts)
    trader = Trader(served, f"queue{client}", client)
    asked, names = len(served.requests), ("a", "b", "c")
    with served.lock:
        trader.place(*map(trader.wish, names))
        time.sleep(0.2)
        trader.gateway.halt("runaway", time.time_ns())
        time.sleep(0.2)
    trader.until(lambda: all(trader.get(name).status is S.CANCELED for name in names))
    assert served.requests[asked:].count(("POST", "/api/v3/order")) == 1
    assert {trader.get(name).reason for name in names[1:]} == {"canceled before it was sent"}
    trader.line.close()


def test_what_an_earlier_session_left_is_found_and_foreign_orders_stay(trader, served):
    trader.place(trader.wish("mine"), trader.wish("web"))
    trader.until_status(S.WORKING, "web")
    left = trader.get("mine")
    store = MemoryStore()
    store.insert([trader.wish("mine")])
    store.apply([OrderReport(left.order_id, Happened.SENT)], time.time_ns())
    trader.restart(store)
    assert trader.get("mine").status is S.UNKNOWN
    assert trader.until_status(S.WORKING, "mine").venue_id == left.venue_id
    trader.until(lambda: any(isinstance(one, MyOrderBatch) and one.orders for one in trader.told))
    trader.gateway.halt("the end", time.time_ns())
    trader.until_status(S.CANCELED, "mine")
    (web,) = placed_with(served, trader.run + "web")
    assert web.open
    owners = {
        one.order_id: one.robot
        for batch in trader.told
        if isinstance(batch, MyOrderBatch)
        for one in batch.orders
    }
    assert owners[trader.run + "web"] == ""
    assert owners[trader.run + "mine"] == "quoter"
    served.venue.cancel(web, time.time_ns())


def test_wrong_keys_are_one_sentence_without_the_secret(served):
    line = CcxtLine(VENUE, Keys("wrong", "hidden-secret"), url=served.url, paced=False)
    with pytest.raises(LoginRefused, match="binance does not take the key") as caught:
        line.open()
    assert "hidden-secret" not in str(caught.value) + repr(line)
    assert "signature" not in str(caught.value)


def test_a_venue_that_is_not_there_is_one_sentence():
    line = CcxtLine(VENUE, Keys("a", "b"), url="http://127.0.0.1:9", paced=False, timeout_s=2)
    with pytest.raises(StreamError, match=r"binance cannot be asked .*check the network"):
        line.open()


def test_nothing_secret_is_logged(trader, served, caplog):
    caplog.set_level(logging.DEBUG)
    served.fault(reject=1.0)
    trader.place(trader.wish())
    trader.until(lambda: trader.get().status in (S.REJECTED, S.UNKNOWN))
    text = caplog.text + trader.get().reason
    assert KEY.secret not in text
    assert "signature=" not in text
