"""What a checkpoint holds of plain values: packed, unpacked, they are the same to the last bit."""

from __future__ import annotations

import dataclasses
import math
import os
import subprocess
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millstream.errors import RobotError
from millstream.model import CurrencyPair, Exchange, Side, Ticker
from millstream.robot.kept import CannotKeep, Values, names_of


class Mood(Enum):
    GOOD = "good"
    BAD = (1, "bad")


class Can(Flag):
    READ = 1
    WRITE = 2


class Level(msgspec.Struct):
    price: float
    notes: list[Any] = []


class Frozen(msgspec.Struct, frozen=True):
    level: Level


@dataclasses.dataclass
class Note:
    text: str
    about: Any = None


class Point(NamedTuple):
    x: int
    y: Any


class Spot(Point):
    """Its instances have a `__dict__`."""


def named():
    spot = Spot(1, 2)
    spot.more = 3
    return spot


BTC = CurrencyPair.BTC_USDT
ATOMS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
    | st.decimals() | st.datetimes() | st.datetimes(timezones=st.just(UTC)) | st.dates()
    | st.timedeltas() | st.sampled_from([Mood.GOOD, Mood.BAD, Can.READ | Can.WRITE, Side.BUY, BTC])
)  # fmt: skip
KEYS = st.integers() | st.text() | st.tuples(st.integers(), st.text()) | st.sampled_from([BTC])
PLAIN = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(KEYS, inner) | st.sets(KEYS)
        | st.frozensets(st.text()) | st.builds(Level, st.floats(), st.lists(inner))
        | st.builds(Note, st.text(), inner) | st.builds(Point, st.integers(), inner)
        | st.builds(deque, st.lists(inner), st.integers(9, 20))
    ),
    max_leaves=12,
)  # fmt: skip


def values():
    return Values(names_of(Level))


def again(value):
    return values().unpack(values().pack(value))


def the_same(one, other):
    """Equal, of one type, NaN NaN and -0.0 not 0.0, in one order."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float | Decimal):
        return str(one) == str(other)
    if isinstance(one, dict):
        return the_same(list(one.items()), list(other.items()))
    if isinstance(one, list | tuple | deque):
        alike = len(one) == len(other) and getattr(one, "maxlen", 0) == getattr(other, "maxlen", 0)
        return alike and all(map(the_same, one, other))
    if isinstance(one, Level):
        return the_same([one.price, one.notes], [other.price, other.notes])
    if isinstance(one, Note):
        return the_same([one.text, one.about], [other.text, other.about])
    if isinstance(one, set):
        return the_same(list(one), list(other))
    return one == other


@settings(max_examples=100, deadline=None)
@given(PLAIN)
def test_what_is_unpacked_is_what_was_packed(value):
    packed = values().pack(value)
    found = values().unpack(packed)
    assert the_same(found, value)
    assert values().pack(found) == packed


class Thing:
    pass


def itself():
    value = []
    value.append([value])
    return value


REFUSED = [
    (Thing(), "a tests.robot.test_kept.Thing"),
    ({"a": [1, {"b": (n for n in "x")}]}, r"state\['a'\]\[1\]\['b'\] is a builtins.generator"),
    (Level(1.0, [len]), r"state\.notes\[0\] is a builtins.builtin_function"),
    (lambda: 0, "function"), (itself(), "inside of itself"), ({math.nan}, "equal to itself"),
    ({math.nan: 1}, "equal to itself"), (defaultdict(lambda: 1), "defaultdict"),
    ("\ud800", "state cannot be read"), (msgspec.defstruct("Local", [])(), "Local"),
    (datetime(2020, 1, 1, tzinfo=timezone(timedelta(0), "X")), "offset"),
    (named(), "more than its fields"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "why"), REFUSED)
def test_what_would_come_back_as_another_is_refused_and_named(value, why):
    with pytest.raises(CannotKeep, match=why) as refused:
        values().pack(value)
    assert "\n" not in str(refused.value)


def test_containers_with_ways_of_their_own_keep_them():
    found = again([Counter("aab"), OrderedDict(b=1, a=2), defaultdict(list, x=[1]), deque([1], 1)])
    assert [type(each) for each in found] == [Counter, OrderedDict, defaultdict, deque]
    assert found[0].most_common(1) == [("a", 2)]
    found[2]["new"].append(1)
    found[3].append(2)
    assert (list(found[1]), found[2], list(found[3])) == (["b", "a"], {"x": [1], "new": [1]}, [2])


def test_an_object_in_two_places_comes_back_as_one():
    level = Level(1.0)
    found = again({"best": level, "all": [level, Level(1.0)], "in": (Frozen(level), level.notes)})
    assert found["best"] is found["all"][0] is found["in"][0].level
    assert found["best"] is not found["all"][1]
    found["best"].notes.append(1)
    assert found["in"][1] == [1]


def test_events_of_the_market_are_kept():
    ticker = Ticker(1, Exchange.BINANCE, BTC, 0, 1.0, 2.0, 3.0, 4.0)
    assert again({BTC: ticker}) == {BTC: ticker}
    assert type(again(ticker).exchange) is Exchange


@settings(max_examples=50, deadline=None)
@given(st.sets(st.integers(-5, 2_000)), st.lists(st.integers(-5, 2_000)), st.lists(st.integers()))
def test_a_set_goes_on_in_the_order_of_the_one_that_was_packed(first, removed, added):
    for number in removed:
        first.discard(number)
    found = again(first)
    for number in added:
        first.add(number)
        found.add(number)
    assert list(found) == list(first)
    assert [found.pop() for _ in range(min(2, len(found)))] == [
        first.pop() for _ in range(min(2, len(first)))
    ]


@settings(max_examples=50, deadline=None)
@given(st.frozensets(st.integers(0, 100)))
def test_a_frozenset_of_numbers_comes_back_in_its_order_or_is_refused(value):
    try:
        assert list(again(value)) == list(value)
    except CannotKeep as refused:
        assert "another order" in str(refused)  # noqa: PT017


def test_sets_give_the_same_bytes_in_every_process():
    line = (
        "from millstream.robot.kept import Values; from millstream.model import Side;"
        "print(Values({}).pack([{'a', 'b', 'c', 'd'}, {('x', 1), ('y', 2), 3, None, Side.BUY},"
        " frozenset('qwert'), {frozenset('ab'), frozenset('cd')}]).hex())"
    )
    root = str(Path(__file__).parents[2])
    found = {
        subprocess.run(
            [sys.executable, "-c", line], env=os.environ | {"PYTHONHASHSEED": seed}, cwd=root,
            capture_output=True, text=True, timeout=60, check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }  # fmt: skip
    assert len(found) == 1


@pytest.mark.parametrize("raw", [b"", b"\xc1", b"\x92\xa4nope\x01", b"\x93\xa6struct\xa3a:b\x90"])
def test_bytes_that_are_of_no_value_are_refused(raw):
    with pytest.raises(RobotError, match="a checkpoint cannot be read"):
        values().unpack(raw)


def test_only_structs_enums_and_the_like_are_made_from_bytes():
    for tag in ("struct", "enum", "dataclass", "named"):
        packed = msgspec.msgpack.encode([tag, "os:system", ["true"]])
        with pytest.raises(RobotError):
            values().unpack(packed)
    packed = msgspec.msgpack.encode(["dataclass", "subprocess:Popen", [["list", ["true"]]]])
    with pytest.raises(RobotError):
        values().unpack(packed)


def test_dates_are_dates():
    assert again([date(2020, 2, 29), datetime(2020, 1, 1, fold=1)])[1].fold == 1
