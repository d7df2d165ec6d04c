from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from millstream.analysis import Ledger
from millstream.model import CurrencyPair, Exchange, Liquidity, MyTrade, Side

BTC, ETH = CurrencyPair.BTC_USDT, CurrencyPair.ETH_USDT
NUMBERS = st.decimals("0.001", "1000", places=3)


def trade(side, price, volume, fee="0", currency="USDT", symbol=BTC, robot="one"):
    return MyTrade(
        1, Exchange.BINANCE, symbol, robot, "order", "trade", side, Decimal(price), Decimal(volume),
        Decimal(fee), currency, Liquidity.TAKER, 0, 1,
    )  # fmt: skip


def ledger(*trades):
    made = Ledger()
    for one in trades:
        made.add(one)
    return made


def test_a_round_trip_earns_the_difference_less_the_fees():
    made = ledger(trade(Side.BUY, "100", "2", "0.2"), trade(Side.SELL, "110", "2", "0.22"))
    assert made.result("one", {}) == {"USDT": Decimal("19.58")}
    (account,) = made.accounts()
    assert (account.position, account.fees, account.fills) == (0, Decimal("0.42"), 2)


def test_an_open_position_is_valued_at_the_price_given():
    made = ledger(trade(Side.SELL, "100", "2"))
    assert made.result("one", {(Exchange.BINANCE, BTC): Decimal("90")}) == {"USDT": Decimal("20")}


def test_a_position_without_a_price_is_left_out():
    assert ledger(trade(Side.BUY, "100", "2")).result("one", {}) == {}


def test_a_fee_in_base_currency_makes_the_position_smaller():
    (account,) = ledger(trade(Side.BUY, "100", "2", "0.002", "BTC")).accounts()
    assert account.position == Decimal("1.998")
    assert account.fees == Decimal("0.2")


def test_robots_and_pairs_are_kept_apart():
    made = ledger(
        trade(Side.BUY, "1", "1"),
        trade(Side.BUY, "1", "1", symbol=ETH),
        trade(Side.BUY, "1", "1", robot="two"),
    )
    assert [(account.robot, account.symbol) for account in made.accounts()] == [
        ("one", BTC), ("one", ETH), ("two", BTC),
    ]  # fmt: skip
    assert len(made.of("one")) == 2


@given(st.lists(st.tuples(st.sampled_from(Side), NUMBERS, NUMBERS), max_size=20), NUMBERS)
def test_the_result_is_what_every_fill_earned_by_itself(fills, price):
    made = ledger(*(trade(*fill) for fill in fills))
    earned = [side.sign * volume * (price - paid) for side, paid, volume in fills]
    results = made.result("one", {(Exchange.BINANCE, BTC): price})
    assert results.get("USDT", Decimal(0)) == sum(earned, Decimal(0))
