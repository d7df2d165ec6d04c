from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from tests.orders.sample import BTC, VENUE

from millstream.model import Liquidity, MyTrade, Side
from millstream.orders.equity import Equity


def traded(side, price, volume, robot="a", fee="0", currency="USDT"):
    return MyTrade(
        1, VENUE, BTC, robot, "a1", "t1", side, Decimal(price), Decimal(volume), Decimal(fee),
        currency, Liquidity.TAKER, 0, 0,
    )  # fmt: skip


def test_a_position_that_falls_draws_down_from_its_best():
    equity = Equity()
    equity.book(traded(Side.BUY, 100, 2))
    equity.mark(VENUE, BTC, Decimal(130))
    assert equity.drawdown("a", "USDT") == equity.drawdown(None, "USDT") == 0
    equity.mark(VENUE, BTC, Decimal(110))
    assert equity.drawdown("a", "USDT") == 40
    assert equity.drawdown(None, "USDT") == 40
    assert equity.drawdown("b", "USDT") == 0


def test_fees_in_either_currency_of_the_pair_count():
    equity = Equity()
    equity.book(traded(Side.BUY, 100, 2, fee="1"))
    equity.book(traded(Side.BUY, 100, 2, fee="0.1", currency="BTC"))
    assert equity.drawdown("a", "USDT") == 11


@given(st.lists(st.tuples(st.sampled_from(Side), st.integers(1, 200), st.integers(1, 9))))
def test_the_whole_is_the_sum_of_its_parts(trades):
    equity, apart = Equity(), Equity()
    for number, (side, price, volume) in enumerate(trades):
        equity.book(traded(side, price, volume, robot="ab"[number % 2]))
        apart.book(traded(side, price, volume))
    equity.mark(VENUE, BTC, Decimal(100))
    apart.mark(VENUE, BTC, Decimal(100))
    assert equity.drawdown(None, "USDT") == apart.drawdown("a", "USDT")
