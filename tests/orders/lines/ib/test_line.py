"""Trading with Interactive Brokers: ib_async itself at a TWS on a loopback socket."""

import logging
import socket
import sys
import time
from contextlib import ExitStack
from decimal import Decimal

import msgspec
import pytest
from tests.orders.lines.ib.tws_venue import CANCEL, PLACE, tws_venue
from tests.orders.sample import order

from millstream.config import Config, GatewaySection
from millstream.errors import ConfigError, LoginRefused, StreamError
from millstream.exchange.ib.trading import TradedContracts
from millstream.model import CurrencyPair, Exchange, MyOrderBatch, OrderStatus, OrderType, Side
from millstream.orders import Gateway, MemoryStore
from millstream.orders.lines.answers import Canceled, Moved
from millstream.orders.lines.ib.line import IBLine
from millstream.orders.live import LiveSettings, LiveVenue
from millstream.session.gateways import open_venue

S = OrderStatus
EUR = CurrencyPair("EUR", "USD")
WORDS = {
    "symbol": "EUR", "sec_type": "CASH", "currency": "USD", "action": "BUY", "volume": "500",
    "kind": "LMT", "limit": "1.05", "aux": "0.0", "tif": "GTC", "reference": "",
}  # fmt: skip


class Trader:
    """A gateway at that TWS, and a store of its own."""

    def __init__(self, place, **more):
        given = {"timeout_s": 0.5, **more}
        self.line = IBLine(*place, 2, TradedContracts([]), **given)
        self.line.open()
        self.restart(MemoryStore())

    def restart(self, store):
        self.store, self.told = store, []
        settings = LiveSettings(Exchange.IB, compare_balances=True)
        self.gateway = Gateway(
            store, LiveVenue(settings, self.line, store, self.told.extend, time.monotonic_ns)
        )
        self.gateway.start(time.time_ns())

    def place(self, name="a", **more):
        given = {"price": "1.09", "volume": "20000", "symbol": EUR}
        changes = {key: more.pop(key) for key in ("type", "stop_price") if key in more}
        one = order(name, **{**given, **more})
        one = msgspec.structs.replace(
            one, exchange=Exchange.IB, received_ns=time.time_ns(), **changes
        )
        self.store.insert([one])
        self.gateway.step(time.time_ns())

    def until(self, condition):
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline, (self.store.orders(), self.store.trades())
            self.gateway.step(time.time_ns())
            time.sleep(0.01)

    def until_status(self, status, name="a"):
        self.until(lambda: self.store.get(name).status is status)
        return self.store.get(name)

    def told_open(self):
        batches = [one for one in self.told if isinstance(one, MyOrderBatch)]
        return batches[-1].orders if batches else ()


@pytest.fixture
def served():
    with tws_venue() as found:
        yield found


@pytest.fixture
def venue(served):
    return served[0]


@pytest.fixture
def trader(served):
    made = Trader(served[1])
    yield made
    made.line.close()


def sent(venue, number):
    return [fields for fields in venue.received if fields[0] == str(number)]


def test_an_order_rests_with_our_id_as_its_reference_and_is_canceled(trader, venue):
    trader.place()
    one = trader.until_status(S.WORKING)
    (placed,) = venue.orders.values()
    assert (one.venue_id, placed.words["reference"]) == (str(placed.perm_id), "a")
    assert (placed.words["tif"], placed.words["limit"]) == ("GTC", "1.09")
    trader.gateway.cancel(["a"], time.time_ns())
    assert trader.until_status(S.CANCELED).filled_volume == 0
    assert placed.state == "Cancelled"


def test_a_market_order_fills_with_its_commission(trader):
    trader.place(price=None, side=Side.SELL)
    one = trader.until_status(S.FILLED)
    assert (one.filled_volume, one.average_price) == (Decimal(20000), Decimal("1.09115"))
    (fill,) = trader.store.trades()
    assert (fill.fee, fill.fee_currency, fill.side) == (Decimal("2.5"), "USD", Side.SELL)


def test_a_fill_that_comes_later_is_asked_for_at_once_and_booked_once(trader, venue):
    trader.place()
    trader.until_status(S.WORKING)
    (placed,) = venue.orders.values()
    venue.loop.call_soon_threadsafe(venue.fill, placed, "5000", "1.09", venue.clients[-1])
    assert trader.until_status(S.PARTIAL).filled_volume == 5000
    venue.loop.call_soon_threadsafe(venue.fill, placed, "15000", "1.09", venue.clients[-1])
    trader.until_status(S.FILLED)
    assert [one.volume for one in trader.store.trades()] == [5000, 15000]


def test_numbers_are_rounded_to_the_contract_s_own_tick(trader, venue):
    trader.place(price="1.09013", volume="20000.7")
    trader.until_status(S.WORKING)
    (placed,) = venue.orders.values()
    assert (placed.words["limit"], placed.words["volume"]) == ("1.0901", "20000.0")


@pytest.mark.parametrize(
    ("type_", "stop", "words"),
    [
        (OrderType.STOP, "1.2", ("STP", "0.0", "1.2")),
        (OrderType.STOP_LIMIT, "1.2", ("STP LMT", "1.09", "1.2")),
    ],
)
def test_stops_carry_their_stop_price(trader, venue, type_, stop, words):
    price = None if type_ is OrderType.STOP else "1.09"
    trader.place(price=price, type=type_, stop_price=Decimal(stop))
    trader.until_status(S.WORKING)
    (placed,) = venue.orders.values()
    assert tuple(placed.words[name] for name in ("kind", "limit", "aux")) == words


def test_what_tws_refuses_is_rejected_in_its_words_without_the_account(trader, venue):
    venue.reject = 201, "Order rejected - reason: no margin in DU123456"
    trader.place()
    reason = trader.until_status(S.REJECTED).reason
    assert reason == "Order rejected - reason: no margin in (account) (code 201)"


def test_an_error_that_we_do_not_know_leaves_the_order_in_doubt(trader, venue):
    venue.reject = 9999, "Something"
    trader.place()
    assert trader.until_status(S.UNKNOWN).reason == "Something (code 9999)"


def test_a_contract_that_tws_does_not_have_is_rejected_and_nothing_is_sent(trader, venue):
    trader.place(symbol=CurrencyPair("XYZ", "USD"))
    assert "ib has no contract" in trader.until_status(S.REJECTED).reason
    assert not sent(venue, PLACE)


def test_a_post_only_order_is_refused_by_name(trader, venue):
    trader.place(post_only=True)
    assert trader.until_status(S.REJECTED).reason.startswith("post_only: ")
    assert not sent(venue, PLACE)


def test_a_lost_answer_is_unknown_and_found_in_the_list_of_open_orders(trader, venue):
    venue.mute = venue.hides = True
    trader.place()
    assert trader.until_status(S.UNKNOWN).reason == "TWS did not answer in time"
    venue.hides = False
    assert trader.until_status(S.WORKING).venue_id == "1000000"
    assert len(sent(venue, PLACE)) == 1


def test_a_lost_answer_of_an_order_that_filled_is_found_by_its_executions(trader, venue):
    venue.mute = venue.hides = True
    trader.place()
    trader.until_status(S.UNKNOWN)
    (placed,) = venue.orders.values()
    venue.fill(placed, "20000", "1.0899")
    venue.hides = False
    assert trader.until_status(S.FILLED).average_price == Decimal("1.0899")
    assert len(trader.store.trades()) == 1


def test_a_connection_that_is_lost_amid_an_order_is_unknown_and_then_comes_back(trader, venue):
    venue.hang_up = venue.hides = True
    trader.place()
    assert trader.until_status(S.UNKNOWN).reason == "the connection to TWS was lost"
    venue.hang_up = venue.hides = False
    one = trader.until_status(S.WORKING)
    assert len(sent(venue, PLACE)) == 1
    trader.gateway.cancel([one.order_id], time.time_ns())
    trader.until_status(S.CANCELED)


def test_without_a_connection_nothing_is_sent_and_the_order_says_so():
    with tws_venue() as (venue, place):
        trader = Trader(place)
        trader.until(lambda: venue.clients)
    trader.place()
    reason = trader.until_status(S.REJECTED).reason
    trader.line.close()
    assert reason.startswith("nothing was sent: ")
    assert not sent(venue, PLACE)


def test_lists_that_do_not_come_prove_nothing_and_are_asked_again(trader, venue, caplog):
    venue.mute = venue.silent_lists = True
    trader.place()
    trader.until_status(S.UNKNOWN)
    trader.until(lambda: "open orders: TWS did not answer in time" in caplog.text)
    assert trader.store.get("a").status is S.UNKNOWN
    venue.mute = venue.silent_lists = False
    trader.until_status(S.WORKING)
    assert len(sent(venue, PLACE)) == 1


def first_answer(served, order_id, venue_id):
    """What a new line says to a cancel, before it has asked for anything."""
    line = IBLine(*served[1], 2, TradedContracts([]), timeout_s=2)
    line.open()
    one = msgspec.structs.replace(order(order_id, symbol=EUR), venue_id=venue_id)
    line.cancel(one)
    deadline = time.monotonic() + 60
    found = []
    while not found:
        assert time.monotonic() < deadline
        found = [one for one in line.answers() if not isinstance(one, Moved)]
        time.sleep(0.01)
    line.close()
    return found[0]


def test_a_new_connection_looks_for_an_order_before_it_cancels_it(served, venue):
    placed = venue.add(2, WORDS | {"reference": "a"}, 3)
    assert first_answer(served, "a", str(placed.perm_id)) == Canceled("a")
    assert placed.state == "Cancelled"


def test_an_order_that_another_client_placed_is_not_canceled(served, venue):
    placed = venue.add(7, WORDS | {"reference": "a"}, 3)
    answer = first_answer(served, "a", str(placed.perm_id))
    assert answer.reason.startswith("another client of TWS placed it")
    assert placed.open
    assert not sent(venue, CANCEL)


def test_after_a_restart_a_resting_order_can_still_be_canceled(trader, served):
    trader.place()
    trader.until_status(S.WORKING)
    trader.line.close()
    again = Trader(served[1])
    again.restart(trader.store)
    again.gateway.cancel(["a"], time.time_ns())
    again.until_status(S.CANCELED)
    again.line.close()


def test_orders_of_others_are_seen_and_never_touched(trader, venue):
    other = venue.add(7, WORDS, 3)
    trader.until(lambda: any(one.venue_id == str(other.perm_id) for one in trader.told_open()))
    (seen,) = trader.told_open()
    assert (seen.robot, seen.order_id, seen.price) == ("", "", Decimal("1.05"))
    assert other.open
    assert not sent(venue, CANCEL)


def test_an_amended_order_keeps_its_number(trader, venue):
    trader.place()
    trader.until_status(S.WORKING)
    trader.gateway.amend("a", Decimal("1.08"), None, time.time_ns())
    trader.until(lambda: trader.store.get("a").price == Decimal("1.08"))
    (placed,) = venue.orders.values()
    assert placed.words["limit"] == "1.08"
    assert len({fields[1] for fields in sent(venue, PLACE)}) == 1


def test_without_tws_the_start_ends_with_one_sentence():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = free.getsockname()
    line = IBLine(*place, 2, TradedContracts([]), timeout_s=1)
    with pytest.raises(StreamError, match="is TWS running, with its API enabled"):
        line.open()


def test_a_client_id_that_is_taken_ends_the_start_with_one_sentence():
    with tws_venue(taken={2}) as (_, place):
        line = IBLine(*place, 2, TradedContracts([]), timeout_s=2)
        with pytest.raises(LoginRefused, match=r"already in use.*choose another client id"):
            line.open()


def test_an_account_that_tws_does_not_have_ends_the_start_without_its_number(served):
    line = IBLine(*served[1], 2, TradedContracts([]), account="DU999999", timeout_s=2)
    with pytest.raises(ConfigError, match="TWS has no such account") as caught:
        line.open()
    assert "DU9" not in str(caught.value)


def test_account_numbers_are_in_no_log(trader, venue, caplog):
    caplog.set_level(logging.DEBUG)
    trader.place(price=None)
    trader.until_status(S.FILLED)
    venue.reject = 9999, "Something of DU123456"
    trader.place("b")
    trader.until_status(S.UNKNOWN, "b")
    assert "DU123456" not in caplog.text + str(trader.store.orders())
    assert "DU123456" not in repr(GatewaySection(api_key="DU123456"))


def test_a_configuration_opens_the_line_with_the_contracts_of_its_streams(served):
    venue, (host, port) = served
    gateway = {"kind": "live", "exchange": "ib", "url": f"tws://{host}:{port}"}
    stream = {
        "exchange": "ib",
        "currency_pairs": ["aapl/usd"],
        "subscribe_channels": ["ticker"],
        "subscribe_args": {"contracts": {"aapl/usd": {"sec_type": "STK"}}},
    }
    robot = {"name": "a", "robot": "a:B", "markets": ["ib@aapl/usd"]}
    config = msgspec.convert({"streams": [stream], "robots": [robot], "gateway": gateway}, Config)
    store = MemoryStore()
    with ExitStack() as opened:
        open_venue(config, store, lambda events: None, opened).place(
            msgspec.structs.replace(
                order(symbol=CurrencyPair("AAPL", "USD")), exchange=Exchange.IB
            ),
            time.time_ns(),
        )
        deadline = time.monotonic() + 60
        while not venue.orders:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    (placed,) = venue.orders.values()
    assert (placed.words["symbol"], placed.words["sec_type"]) == ("AAPL", "STK")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"url": "http://127.0.0.1:1"}, "gateway.url .* is not an address"),
        ({"api_auth_data": "seven"}, "gateway.api_auth_data: .* a whole number"),
    ],
)
def test_what_is_wrong_with_the_configuration_is_one_sentence(changes, words):
    from millstream.session import gateways

    config = msgspec.defstruct("C", [("gateway", object), ("streams", object)])(
        GatewaySection(kind="live", exchange="ib", **changes), []
    )
    with pytest.raises(ConfigError, match=words):
        gateways._ib_line(config)


def test_without_ib_async_the_extra_is_named(monkeypatch):
    from millstream.session import gateways

    monkeypatch.setitem(sys.modules, "ib_async", None)
    for name in ("line", "inquiry", "tws"):
        monkeypatch.delitem(sys.modules, f"millstream.orders.lines.ib.{name}", raising=False)
    with pytest.raises(ConfigError, match=r"millstream\[ib\]"):
        gateways._ib_line(msgspec.defstruct("C", [("gateway", object)])(GatewaySection()))
