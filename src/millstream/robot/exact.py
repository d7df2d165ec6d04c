"""Whether a state comes back from its bytes as it was: its type says it first, then its values."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from decimal import Decimal
from enum import Enum
from itertools import chain
from operator import attrgetter
from typing import Any, Final

import msgspec
from msgspec import inspect

__all__ = ["comes_back", "holds_sets", "is_exact"]

# A set comes back in another order. What is of any type comes back as another: a Decimal as text.
_SETS: Final = (inspect.SetType, inspect.FrozenSetType)
_LOOSE: Final = (inspect.AnyType, inspect.CustomType, *_SETS)


def is_exact(state: type[msgspec.Struct]) -> bool:
    """False where a field, at any depth, is a set or of no certain type."""
    try:
        return not any(isinstance(kind, _LOOSE) for kind in _types_in(state))
    except Exception:  # names in its annotations that cannot be found
        return False


def holds_sets(kind: type[msgspec.Struct]) -> bool:
    """Whether a field, at any depth, is a set: its bytes are others in each process."""
    try:
        return any(isinstance(one, _SETS) for one in _types_in(kind))
    except Exception:  # names in its annotations that cannot be found
        return False


def _types_in(kind: type[msgspec.Struct]) -> Iterator[inspect.Type | inspect.Field]:
    """The types of all fields, at any depth. Raises where one cannot be found."""
    waiting: list[object] = [inspect.type_info(kind)]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop()
        if isinstance(one, tuple):
            waiting += one
        elif isinstance(one, inspect.Type | inspect.Field) and id(one) not in seen:
            yield one
            seen.add(id(one))
            waiting += [getattr(one, name) for name in one.__struct_fields__]


def comes_back(state: msgspec.Struct, raw: bytes) -> bool:
    """Whether `raw`, the bytes of a state of an exact type, give the same again.

    False where a value is of another type than was declared (a defaultdict as a dict, a float that
    is a whole number), of a zone that is not just an offset, or in two places as one.
    """
    try:
        decoded = msgspec.msgpack.decode(raw, type=type(state))
    except Exception:  # classes' own checks may raise anything
        return False
    return _are_alike([state], [decoded])


def _are_alike(ones: list[Any], others: list[Any]) -> bool:
    """Whether values of the same bytes have the same types, and none is there twice.

    Looks at all values of a type or field at once: one by one takes five times as long.
    """
    places: set[int] = set()
    changing = 0
    waiting = [(ones, others)]
    while waiting:
        ones, others = waiting.pop()
        kinds = [*map(type, ones)]
        if kinds != [*map(type, others)]:
            return False
        found = {*kinds}
        for kind in found - _LEAVES:
            here, there = ones, others
            if len(found) > 1:
                here = [one for one in ones if type(one) is kind]
                there = [other for other in others if type(other) is kind]
            if _beside(kind, here) != _beside(kind, there):
                return False
            if kind in (list, dict) or not _is_fixed(kind):
                places.update(map(id, here))
                changing += len(here)
                if len(places) < changing:
                    return False
            waiting += zip(_inside(kind, here), _inside(kind, there), strict=True)
    return True


def _beside(kind: type, values: list[Any]) -> list[Any]:
    """What values of one type have besides their bytes."""
    if kind.__module__ == "datetime" and hasattr(kind, "fold"):  # a datetime, or a time
        return [(type(value.tzinfo), value.tzname(), value.fold) for value in values]
    if issubclass(kind, Enum) or not kind.__dictoffset__:
        return []
    return [[*vars(value)] for value in values]


def _is_fixed(kind: type) -> bool:
    """Whether two names of one value of this type are as good as two values."""
    if issubclass(kind, msgspec.Struct):
        return kind.__struct_config__.frozen
    told: Any = getattr(kind, "__dataclass_params__", None)  # of a dataclass
    return told is None or bool(told.frozen)


def _inside(kind: type, values: list[Any]) -> list[list[Any]]:
    """What is in values of one type, field by field."""
    if kind is dict:
        keys, inner = chain.from_iterable(values), (value.values() for value in values)
        return [[*keys], [*chain.from_iterable(inner)]]
    if issubclass(kind, list | tuple):
        return [[*chain.from_iterable(values)]]
    names: Iterable[str] = ()
    if issubclass(kind, msgspec.Struct):
        names = kind.__struct_fields__
    elif dataclasses.is_dataclass(kind):
        names = [field.name for field in dataclasses.fields(kind)]
    return [[*map(attrgetter(name), values)] for name in names]


_LEAVES: Final = frozenset({type(None), bool, int, float, str, bytes, Decimal})
