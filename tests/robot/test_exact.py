from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from millstream.model import Side, Ticker
from millstream.robot.exact import is_exact


class Branch(msgspec.Struct):
    side: Side = Side.BUY
    branches: list[Branch] = []


EXACT = [
    int, Decimal | None, dict[str, Decimal], list[Ticker], tuple[int, ...], tuple[str, float],
    Branch,
]  # fmt: skip
LOOSE = [
    Any, object, dict, list, tuple, set[str], frozenset[int], dict[str, set[int]], list[Any],
    dict[str, list[tuple[int, Any]]],
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "exact"), [(kind, True) for kind in EXACT] + [(kind, False) for kind in LOOSE]
)
def test_a_state_is_exact_where_its_type_says_what_each_value_is(kind, exact):
    assert is_exact(msgspec.defstruct("State", [("field", kind)])) is exact


def test_a_state_whose_type_cannot_be_found_is_not_exact():
    class Unknown(msgspec.Struct):
        field: Nowhere  # noqa: F821

    assert not is_exact(Unknown)
