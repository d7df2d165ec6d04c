"""Between our orders and ib_async's: whatever TWS tells is read from its own objects."""

import datetime
from decimal import Decimal

import ib_async
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.orders.sample import order

from millstream.exchange.ib.trading import TradedContracts
from millstream.model import CurrencyPair, Exchange, OrderStatus, OrderType, Side, TimeInForce
from millstream.orders.lines.ib.words import (
    balances_of,
    definite,
    fill_of,
    first_versions,
    instrument_of,
    order_of,
    order_words,
    refusal_of,
    without_accounts,
)

EUR = ib_async.Contract(secType="CASH", symbol="EUR", currency="USD", localSymbol="EUR.USD")
CONTRACTS = TradedContracts([])


def wish(**more):
    changes = {key: more.pop(key) for key in ("type", "reduce_only") if key in more}
    return msgspec.structs.replace(order(**more), exchange=Exchange.IB, **changes)


def execution(name="0000e1.1.01", shares=5000.0, fee=2.5):
    told = ib_async.Execution(
        execId=name, side="BOT", shares=shares, price=1.09115, permId=7, lastLiquidity=2,
        time=datetime.datetime(2026, 11, 20, 15, 58, 10, tzinfo=datetime.UTC),
    )  # fmt: skip
    report = ib_async.CommissionReport(execId=name, commission=fee, currency="USD")
    return ib_async.Fill(EUR, told, report, told.time)


def trade(state="Submitted", filled=0.0, **words):
    given = {"permId": 7, "action": "BUY", "orderType": "LMT", "totalQuantity": 500.0}
    status = ib_async.OrderStatus(status=state, filled=filled)
    return ib_async.Trade(EUR, ib_async.Order(**{**given, "lmtPrice": 1.05, **words}), status)


@settings(deadline=None)  # of a busy machine it would be a timing test
@given(st.decimals("0.00001", "99999", places=5), st.decimals("0.0001", "999999", places=4))
def test_price_and_volume_survive_the_way_there_and_back(price, volume):
    words = order_words(wish(price=str(price), volume=str(volume)), "STK", "")
    listed = ib_async.Trade(EUR, ib_async.Order(**words), ib_async.OrderStatus(status="Submitted"))
    seen = order_of(listed, CONTRACTS, 1)
    assert (seen.price, seen.volume, seen.order_id) == (price, volume, "a1")


@pytest.mark.parametrize(
    ("more", "sec_type", "time"),
    [
        ({}, "STK", "GTC"),
        ({"tif": TimeInForce.IOC}, "STK", "IOC"),
        ({"tif": TimeInForce.FOK}, "STK", "FOK"),
        ({"price": None}, "STK", "DAY"),
        ({"price": None, "side": Side.SELL}, "CRYPTO", "IOC"),
        ({"price": None, "type": OrderType.STOP}, "STK", "GTC"),
    ],
)
def test_each_order_has_the_time_in_force_that_tws_takes(more, sec_type, time):
    assert order_words(wish(**more), sec_type, "")["tif"] == time


@pytest.mark.parametrize(
    ("more", "sec_type", "words"),
    [
        ({"post_only": True}, "STK", "post_only: "),
        ({"reduce_only": True}, "STK", "reduce_only: "),
        ({"price": None}, "CRYPTO", "market buys of coins"),
        ({"price": None}, "STK", ""),
        ({"price": None, "side": Side.SELL}, "CRYPTO", ""),
    ],
)
def test_what_tws_has_not_is_refused_by_name(more, sec_type, words):
    refusal = refusal_of(wish(**more), sec_type)
    assert refusal.startswith(words)
    assert bool(refusal) is bool(words)


@pytest.mark.parametrize(
    ("state", "filled", "status"),
    [
        ("PreSubmitted", 0.0, OrderStatus.WORKING),
        ("Submitted", 100.0, OrderStatus.PARTIAL),
        ("PendingCancel", 0.0, OrderStatus.WORKING),
        ("Filled", 500.0, OrderStatus.FILLED),
        ("Cancelled", 0.0, OrderStatus.CANCELED),
        ("Inactive", 0.0, OrderStatus.UNKNOWN),
        ("PendingSubmit", 0.0, OrderStatus.SENT),
    ],
)
def test_an_order_s_state_is_told_in_our_words(state, filled, status):
    assert order_of(trade(state, filled), CONTRACTS, 1).status is status


def test_an_ended_order_counts_what_was_filled_where_tws_tells_nothing_else():
    seen = order_of(trade("Filled", totalQuantity=0.0, filledQuantity=500.0), CONTRACTS, 1)
    assert (seen.volume, seen.filled_volume) == (500, 500)


def test_a_note_of_somebody_else_is_no_order_id_of_ours():
    assert order_of(trade(orderRef="my own: note"), CONTRACTS, 1).order_id == ""


def test_a_fill_has_its_commission_and_its_time():
    seen = fill_of(execution(), CONTRACTS)
    assert (seen.venue_id, seen.symbol) == ("7", CurrencyPair("EUR", "USD"))
    assert (seen.fill.price, seen.fill.fee) == (Decimal("1.09115"), Decimal("2.5"))
    assert seen.fill.exchange_ns == 1_795_190_290_000_000_000


def test_a_correction_of_a_fill_is_not_a_second_fill():
    fills = [execution("0000e1.1.02", 4000.0), execution("0000e1.1.01"), execution("0000e1.2.01")]
    assert [one.execution.execId for one in first_versions(fills)] == ["0000e1.1.01", "0000e1.2.01"]


def test_rules_that_tws_leaves_out_are_none():
    unset = 1.7976931348623157e308
    details = ib_async.ContractDetails(minTick=0.01, minSize=1.0, sizeIncrement=unset)
    rules = instrument_of(details)
    assert (rules.tick, rules.lot, rules.min_volume) == (Decimal("0.01"), None, 1)


def test_balances_are_cash_by_currency_and_stocks_by_name():
    rows = [
        ib_async.AccountValue("DU1", "CashBalance", "1000.5", "USD", ""),
        ib_async.AccountValue("DU1", "CashBalance", "1100", "BASE", ""),
        ib_async.AccountValue("DU1", "NetLiquidation", "7", "USD", ""),
    ]
    stock = ib_async.Contract(secType="STK", symbol="AAPL", currency="USD")
    held = balances_of(rows, [ib_async.Position("DU1", stock, 5.0, 100.0)])
    assert held == {"USD": Decimal("1000.5"), "AAPL": Decimal(5)}


@pytest.mark.parametrize("account", ["DU123456", "U1234567", "DF654321"])
def test_an_account_s_number_is_in_no_sentence(account):
    assert without_accounts(f"margin of {account}\nis short") == "margin of (account) is short"


def test_only_known_refusals_are_certain():
    assert [code for code in (201, 110, 200, 202, 399, 1100, 504, 9999) if definite(code)] == [
        201, 110, 200,
    ]  # fmt: skip
