from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.orders.sample import order

from millstream.model import MyOrder, OrderType, Side
from millstream.orders.lines.instrument import Instrument

steps = st.sampled_from([Decimal(one) for one in ("0.01", "0.5", "1", "5", "0.00001", "0.025")])
numbers = st.decimals("0.00001", "100000", places=9)


@settings(deadline=None)  # of a busy machine it would be a timing test
@given(st.sampled_from(Side), numbers, numbers, steps, steps)
def test_numbers_move_only_the_way_that_cannot_hurt_and_by_less_than_a_step(
    side, price, volume, tick, lot
):
    wished = msgspec.structs.replace(order(side=side), price=price, volume=volume)
    fitted = Instrument(tick, lot).fit(wished)
    if isinstance(fitted, str):
        assert volume < lot or (side is Side.BUY and price < tick)
        return
    assert fitted.price % tick == 0
    assert fitted.volume % lot == 0
    assert 0 <= (price - fitted.price) * side.sign < tick
    assert 0 <= volume - fitted.volume < lot


def test_a_stop_moves_away_from_the_market():
    for side, expected in ((Side.BUY, "100.02"), (Side.SELL, "100.01")):
        wished = msgspec.structs.replace(
            order(side=side, price=None), type=OrderType.STOP, stop_price=Decimal("100.013")
        )
        assert Instrument(tick=Decimal("0.01")).fit(wished).stop_price == Decimal(expected)


@pytest.mark.parametrize(
    ("rules", "rule"),
    [
        ({"lot": Decimal(2)}, "lot"),
        ({"min_volume": Decimal("1.1")}, "min_volume"),
        ({"max_volume": Decimal("0.9")}, "max_volume"),
        ({"min_notional": Decimal(101)}, "min_notional"),
        ({"tick": Decimal(200)}, "tick"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_name_of_the_rule(rules, rule):
    assert Instrument(**rules).fit(order()).startswith(f"{rule}: ")


def test_what_fits_is_left_as_it_was_written():
    fitted = Instrument(Decimal("0.01"), Decimal("0.1")).fit(order(price="100.50", volume="1.0"))
    assert isinstance(fitted, MyOrder)
    assert (str(fitted.price), str(fitted.volume)) == ("100.50", "1.0")
