from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from millstream.model import Side, Ticker
from millstream.model.codec import encode
from millstream.robot.exact import comes_back, is_exact


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


@dataclass
class Note:
    text: str


NOTE, LEVELS = Note("a"), [1.0]
BRANCH = Branch()
SAME = [
    (Decimal, Decimal("1.50")), (float, float("nan")), (float, -0.0),
    (dict[str, Note], {"a": NOTE}), (list[Branch], [BRANCH, Branch(branches=[Branch()])]),
    (tuple[float, ...], (1.0, 2.0)), (datetime, datetime(2024, 3, 30, tzinfo=UTC)),
    (timedelta, timedelta(1)), (dict[Side, int], {Side.BUY: 1}), (list[Side], [Side.BUY, Side.BUY]),
    (int | None, None),
]  # fmt: skip
OTHERS = [
    (Decimal, "1.50"), (float, 1), (dict[str, int], Counter("a")), (tuple[int, ...], [1]),
    (datetime, datetime(2024, 3, 30, tzinfo=ZoneInfo("Europe/Berlin"))), (int, Side.BUY),
    (datetime, datetime(2024, 3, 30, fold=1)),
    (list[list[float]], [LEVELS, LEVELS]), (dict[str, Branch], {"a": BRANCH, "best": BRANCH}),
    (tuple[Note, Note], (NOTE, NOTE)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "value", "same"), [(*one, True) for one in SAME] + [(*one, False) for one in OTHERS]
)
def test_what_is_more_than_its_declared_type_says_does_not_come_back(kind, value, same):
    state = msgspec.defstruct("State", [("field", kind)])(value)
    assert comes_back(state, encode(state)) is same
