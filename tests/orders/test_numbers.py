"""Absurd numbers end at the desk's door: one refused wish, and the next one is judged."""

from decimal import Decimal, localcontext

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.orders.sample import order, ticker, trade, wish

from millstream.model import AmendOrder, OrderStatus, OrderType, Output
from millstream.orders import (
    Gateway,
    MemoryStore,
    OrderDesk,
    PaperSettings,
    PaperVenue,
    RiskBook,
    RiskLimits,
)
from millstream.orders.mongo.mailbox import wish_in
from millstream.orders.sqlite import SqliteStore

S = OrderStatus
LIMITS = RiskLimits(
    max_order_notional=Decimal(1000),
    max_position_notional=Decimal(1000),
    max_position_volume=Decimal(10),
    max_drawdown=Decimal(10),
    price_collar_bps=Decimal(500),
)
ABSURD = [
    "NaN", "sNaN", "-sNaN", "Infinity", "-Infinity", "-1", "0", "-0", "0E+999999", "0E-999999",
    "1E+18", "1E+999999", "1E-21", "1E-999999", "-1E+999999", "1E+999999999999999999",
    "0.1000000000000000055511151231257827", "9" * 5000,
]  # fmt: skip


def stop_limit(order_id, field, number):
    made = wish(order_id)
    body = msgspec.structs.replace(made.body, type=OrderType.STOP_LIMIT, stop_price=Decimal(101))
    return msgspec.structs.replace(
        made, body=msgspec.structs.replace(body, **{field: Decimal(number)})
    )


def world(tmp_path, limits):
    store = SqliteStore(tmp_path / "orders.sqlite")
    desk = OrderDesk(store, RiskBook(limits))
    desk.observe([ticker(1)])
    return store, desk


@pytest.mark.parametrize("limits", [LIMITS, RiskLimits()], ids=["limits", "none"])
@pytest.mark.parametrize("field", ["volume", "price", "stop_price"])
@pytest.mark.parametrize("number", ABSURD, ids=lambda one: one[:22])
def test_an_order_of_an_absurd_number_is_rejected_and_the_next_is_judged(
    tmp_path, field, number, limits
):
    store, desk = world(tmp_path, limits)
    desk.handle([stop_limit("a1", field, number), wish("a2", price="99")], 7)
    refused = store.get("a1")
    assert refused.status is S.REJECTED
    assert refused.reason.startswith("risk: the ")
    assert field.replace("_", " ") in refused.reason
    assert len(refused.reason) < 250
    assert store.get("a2").status is S.INTENT
    assert store.orders() == [refused, store.get("a2")]  # it can be read, and compared
    store.close()


@pytest.mark.parametrize("limits", [LIMITS, RiskLimits()], ids=["limits", "none"])
@pytest.mark.parametrize("field", ["volume", "price"])
@pytest.mark.parametrize("number", ABSURD, ids=lambda one: one[:22])
def test_an_amend_to_an_absurd_number_is_refused_and_the_order_is_as_it_was(
    tmp_path, field, number, limits
):
    store, desk = world(tmp_path, limits)
    desk.handle([wish("a1", price="99")], 7)
    amend = Output(1, "quoter", AmendOrder("a1", **{field: Decimal(number)}))
    assert desk.amends([amend], 8) == []
    now = store.get("a1")
    assert now.reason.startswith("amend refused: risk: the ")
    assert (now.price, now.volume, now.status) == (Decimal(99), Decimal(1), S.INTENT)
    assert desk.amends([Output(1, "quoter", AmendOrder("a1", volume=Decimal(2)))], 9)
    store.close()


@given(st.decimals(allow_nan=True, allow_infinity=True), st.sampled_from(["volume", "price"]))
def test_no_number_at_all_ends_the_desk(number, field):
    store = MemoryStore()
    desk = OrderDesk(store, RiskBook(LIMITS))
    desk.observe([ticker(1)])
    desk.handle([stop_limit("a1", field, number), wish("a2", price="99")], 7)
    desk.amends([Output(1, "quoter", AmendOrder("a2", **{field: number}))], 8)
    assert store.get("a1").status in (S.INTENT, S.REJECTED)
    assert store.get("a2").status is S.INTENT


@pytest.mark.parametrize("field", ["volume", "price"])
def test_what_another_programs_order_asks_for_comes_through_the_same_door(field):
    asked = {"name": "x", "to": "binance", "symbol": "btc/usdt", "side": "buy", "type": "limit"}
    asked |= {"volume": "1", "price": "99", "order_id": "a1", field: "1E+40"}
    store = MemoryStore()
    OrderDesk(store, RiskBook(LIMITS)).handle([wish_in(asked)], 7)
    assert f"the {field} is 1E+40" in store.get("a1").reason


def test_a_quotient_of_two_decimals_is_carried():
    store = MemoryStore()
    volume = Decimal(10) / Decimal(95000)
    OrderDesk(store, RiskBook(RiskLimits())).handle([wish("a1", volume=str(volume))], 7)
    assert (store.get("a1").status, store.get("a1").volume) == (S.INTENT, volume)


def test_a_refused_number_that_is_lost_is_stored_as_nothing():
    store = MemoryStore()
    desk = OrderDesk(store, RiskBook(RiskLimits()))
    desk.refuse_lost([wish("a1", volume="1E+999999")], "lost", 7)
    assert (store.get("a1").volume, store.get("a1").reason) == (Decimal(0), "lost")


CARRIED = st.builds(
    lambda digits, power: Decimal(digits).scaleb(power - len(str(digits)) + 1),
    st.integers(1, 10**28 - 1),
    st.integers(-20, 17),
)


@example(Decimal("12345678901234567.12345678901"), [1.2345678901234567e-12])
@given(CARRIED, st.lists(st.floats(1e-12, 1e16), min_size=1, max_size=4))
def test_whatever_is_carried_is_filled_on_paper_to_its_last_digit(volume, levels):
    store = MemoryStore()
    gateway = Gateway(store, PaperVenue(PaperSettings()))
    gateway.start(0)
    store.insert([order("a1", price="105", volume=str(volume))])
    gateway.feed([ticker(1, ask_volume=levels[0])], 1)
    gateway.step(2)
    for at, there in enumerate(levels[1:], 3):
        gateway.feed([ticker(at, ask_volume=there)], at)
    gateway.feed([ticker(8, ask=110.0), trade(9, 90.0, 1e19)], 9)  # through it, whole
    done = store.get("a1")
    assert (done.status, done.filled_volume) == (S.FILLED, volume)
    with localcontext(prec=100):
        assert sum(one.volume for one in store.trades()) == volume
