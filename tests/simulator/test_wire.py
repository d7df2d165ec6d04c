"""Numbers as the venue writes them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millstream.simulator.wire import decimal


@pytest.mark.parametrize(
    ("units", "decimals", "text"),
    [(6183763, 2, "61837.63000000"), (5, 5, "0.00005000"), (0, 3, "0.00000000")],
)
def test_a_number_has_eight_decimals(units, decimals, text):
    assert decimal(units, decimals) == text


@given(st.integers(0, 10**15), st.integers(1, 8))
def test_no_digit_is_lost(units, decimals):
    assert Decimal(decimal(units, decimals)) == Decimal(units).scaleb(-decimals)
