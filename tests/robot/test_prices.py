from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from millstream.robot.prices import round_down, round_up

STEPS = st.sampled_from([Decimal("0.01"), Decimal("0.5"), Decimal("5"), Decimal("0.00000001")])
VALUES = st.floats(0.0, 1e6)


@given(VALUES, STEPS)
def test_rounding_stays_on_the_grid_and_on_its_side(value, step):
    exact = Decimal(repr(value))
    down, up = round_down(value, step), round_up(value, step)
    assert down % step == up % step == 0
    assert down <= exact <= up
    assert up - down in (0, step)


def test_a_float_is_read_as_it_prints_and_not_as_it_is_stored():
    assert round_down(0.3, Decimal("0.1")) == Decimal("0.3")
    assert round_up(0.1 + 0.2, Decimal("0.1")) == Decimal("0.4")
