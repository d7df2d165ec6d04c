"""Plain values as bytes, and back exactly as they were: what a checkpoint holds of a robot.

Each value bears its kind, so no type needs to say what is where. Equal values give equal bytes in
every process. An object that is in two places comes back as one object in two places.

The order of a set follows from how it was filled, which no bytes say. So packing fills it anew, in
the order of its bytes: from then on the set that was packed and the set that comes back go through
the same in the same order, and a loop over them is the same wherever it is the same in two
processes. (Where it is not, as with text, the first replay says so.)
"""

from __future__ import annotations

import dataclasses
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from millstream.errors import RobotError
from millstream.robot.raised import raised

__all__ = ["CannotKeep", "Kind", "Names", "NotKept", "Values", "names_of"]

Names: TypeAlias = Mapping[str, Mapping[str, object]]  # of each module: its names
Way: TypeAlias = Callable[[Any], Any]  # a value to what msgpack knows, or back

_AS_THEY_ARE: Final = frozenset({type(None), bool, float, str, bytes})
_NUMBERS: Final = frozenset({bool, int, float, Decimal})
_FACTORIES: Final = {
    kind.__name__: kind for kind in (int, float, str, bool, list, dict, set, deque)
}
_DEEPEST: Final = 100
_encode = msgspec.msgpack.Encoder().encode


class CannotKeep(RobotError):
    """A value that would not come back as it was; says where it is and why."""


class Kind(NamedTuple):
    """How the values of one type are kept."""

    type: type
    put: Callable[[Any, Way], Any]
    take: Callable[[Any, Way], Any]
    changes: bool = False  # True: in two places it is one object, which may be written to


class NotKept(Exception):
    """Why one value is not; the way to it is found while this goes up."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.path: list[str] = []


def names_of(*classes: type) -> Names:
    """The names of the modules in which these classes are written, bases included.

    A robot's file may have been loaded more than once: `sys.modules` knows one of them only.
    """
    found: dict[str, Mapping[str, object]] = {}
    for one in classes:
        for ancestor in one.__mro__:
            for member in vars(ancestor).values():
                names = getattr(member, "__globals__", None)
                if names is not None and names.get("__name__") == ancestor.__module__:
                    found.setdefault(ancestor.__module__, names)
    return found


class Values:
    """Packs plain values, enums, structs and dataclasses; and the kinds it is given besides."""

    def __init__(self, names: Names, kinds: Iterable[Kind] = ()) -> None:
        self._names = names
        known = (*_KINDS, *kinds)
        self._tags = {kind.type: (f".{kind.type.__name__}", kind) for kind in known}
        self._kinds = dict(self._tags.values())
        self._classes: dict[str, type | None] = {}

    def pack(self, value: object, called: str = "state") -> bytes:
        """The bytes of a value. Raises CannotKeep, which says where in it: called.orders[3].

        Every set in it is filled anew: see above.
        """
        try:
            return _encode(_Down(self._tags, self._found).value(value))
        except NotKept as error:
            where = "".join([called, *reversed(error.path)])
            raise CannotKeep(f"{where} is {error}") from None
        except Exception as error:  # its own code may raise anything, as may text that is none
            raise CannotKeep(f"{called} cannot be read: {raised(error)}") from None

    def unpack(self, raw: bytes) -> Any:
        """The value. Raises RobotError when the bytes are not of a value, or a class is gone."""
        try:
            return _Up(self._kinds, self._found).value(msgspec.msgpack.decode(raw))
        except Exception as error:  # classes' own checks may raise anything
            raise RobotError(f"a checkpoint cannot be read: {raised(error)}") from error

    def _found(self, name: str) -> type | None:
        """The class of this name; None when there is none."""
        if name not in self._classes:
            module, _, path = name.partition(":")
            found: Any = self._names.get(module)
            if found is None:
                found = getattr(sys.modules.get(module), "__dict__", {})
            first, *rest = path.split(".")
            found = found.get(first)
            for part in rest:
                found = getattr(found, part, None)
            self._classes[name] = found if isinstance(found, type) else None
        return self._classes[name]


class _Down:
    """One value on its way to bytes."""

    def __init__(
        self, tags: dict[type, tuple[str, Kind]], found: Callable[[str], type | None]
    ) -> None:
        self._tags, self._found = tags, found
        self._seen: dict[int, tuple[int, object]] = {}  # what may change: its number; kept alive
        self._open: list[int] = []
        self._fixed = False  # inside of a set: nothing may change there

    def value(self, value: Any) -> Any:
        kind = type(value)
        if kind in _AS_THEY_ARE:
            return value
        if kind is int:
            return value if -(2**63) <= value < 2**64 else ["int", hex(value)]
        if len(self._open) > _DEEPEST:
            raise NotKept("too deep inside of others")
        known, put = self._way(kind)
        if not known:
            self._open.append(0)
            packed = put(value)
            self._open.pop()
            return packed
        if self._fixed:
            raise NotKept(f"a {kind.__name__} in a set, where it could change")
        place = id(value)
        if place in self._seen:
            if place in self._open:
                raise NotKept("inside of itself")
            return ["again", self._seen[place][0]]
        self._seen[place] = len(self._seen), value
        self._open.append(place)
        packed = put(value)
        self._open.pop()
        return packed

    def _way(self, kind: type) -> tuple[bool, Way]:
        """(whether a value of this type can change, how it is packed)."""
        if kind in _CONTAINERS:
            return kind not in (tuple, frozenset), getattr(self, f"_{kind.__name__}")
        if (told := self._tags.get(kind)) is not None:
            tag, (_, put, _, changes) = told
            return changes, lambda value: [tag, put(value, self.value)]
        if issubclass(kind, Enum):
            return False, self._enum
        if issubclass(kind, msgspec.Struct):
            return not kind.__struct_config__.frozen, self._struct
        if dataclasses.is_dataclass(kind):
            return _changes(kind), self._dataclass
        if issubclass(kind, tuple) and hasattr(kind, "_fields"):
            return False, self._named
        raise NotKept(f"a {kind.__module__}.{kind.__qualname__}, which no checkpoint holds")

    def _items(self, items: Iterable[Any]) -> list[Any]:
        items = list(items)
        kinds = {*map(type, items)}
        if kinds <= _AS_THEY_ARE:
            return items
        if kinds == {int} and min(items) >= -(2**63) and max(items) < 2**64:
            return items
        return [self._at(f"[{number}]", item) for number, item in enumerate(items)]

    def _at(self, where: str, value: Any) -> Any:
        try:
            return self.value(value)
        except NotKept as error:
            error.path.append(where)
            raise

    def _list(self, value: list[Any]) -> list[Any]:
        return ["list", self._items(value)]

    def _tuple(self, value: tuple[Any, ...]) -> list[Any]:
        return ["tuple", self._items(value)]

    def _deque(self, value: deque[Any]) -> list[Any]:
        return ["deque", value.maxlen, self._items(value)]

    def _dict(self, value: dict[Any, Any]) -> list[Any]:
        if any(key != key for key in value):
            raise NotKept("a dict with a key that is not even equal to itself")
        items = value.items()
        if {*map(type, value.values())} <= _AS_THEY_ARE:
            return ["dict", self._items(value), [*value.values()]]
        return ["dict", self._items(value), [self._at(f"[{key!r}]", one) for key, one in items]]

    def _OrderedDict(self, value: Any) -> list[Any]:  # noqa: N802  # named for its type
        return ["OrderedDict", *self._dict(value)[1:]]

    def _Counter(self, value: Any) -> list[Any]:  # noqa: N802
        return ["Counter", *self._dict(value)[1:]]

    def _defaultdict(self, value: defaultdict[Any, Any]) -> list[Any]:
        made = value.default_factory
        if made is not None and made not in _FACTORIES.values():
            raise NotKept(f"a defaultdict of {made!r}, and not of {', '.join(_FACTORIES)}")
        name = made.__name__ if isinstance(made, type) else None
        return ["defaultdict", name, *self._dict(value)[1:]]

    def _set(self, value: set[Any]) -> list[Any]:
        ordered = self._ordered(value)
        value.clear()
        value.update(ordered)
        return ["set", self._items(ordered)]

    def _frozenset(self, value: frozenset[Any]) -> list[Any]:
        ordered = self._ordered(value)
        if all(map(_is_number, value)):  # their order is the same in every process
            ordered = list(value)
            if list(frozenset(ordered)) != ordered:
                raise NotKept("a frozenset that comes back in another order; sort it to a tuple")
        return ["frozenset", self._items(ordered)]

    def _ordered(self, value: Iterable[Any]) -> list[Any]:
        """By their bytes; text and numbers, most of all sets, quicker."""
        if {*map(type, value)} in ({str}, {int}):
            return sorted(value)
        if any(item != item for item in value):
            raise NotKept("a set with what is not even equal to itself")
        before, self._fixed = self._fixed, True
        ordered = sorted((_encode(self.value(item)), number, item)
                         for number, item in enumerate(value))  # fmt: skip
        self._fixed = before
        return [item for _, _, item in ordered]

    def _enum(self, value: Enum) -> list[Any]:
        if type(value)(value.value) is not value:
            raise NotKept(f"{value!r}, whose value names another member")
        return ["enum", self._name(type(value)), self.value(value.value)]

    def _struct(self, value: msgspec.Struct) -> list[Any]:
        fields = value.__struct_fields__
        if getattr(value, "__dict__", None):
            raise NotKept("a struct with more than its fields")
        kept = [self._at(f".{name}", getattr(value, name)) for name in fields]
        return ["struct", self._name(type(value)), kept]

    def _dataclass(self, value: Any) -> list[Any]:
        fields = [field.name for field in dataclasses.fields(value)]
        if set(getattr(value, "__dict__", fields)) != set(fields):
            raise NotKept("a dataclass with more or less than its fields")
        kept = [self._at(f".{name}", getattr(value, name)) for name in fields]
        return ["dataclass", self._name(type(value)), kept]

    def _named(self, value: tuple[Any, ...]) -> list[Any]:
        if getattr(value, "__dict__", None):
            raise NotKept("a named tuple with more than its fields")
        return ["named", self._name(type(value)), self._items(value)]

    def _name(self, kind: type) -> str:
        name = f"{kind.__module__}:{kind.__qualname__}"
        if self._found(name) is not kind:
            raise NotKept(f"a {kind.__qualname__}, whose class {kind.__module__} does not name")
        return name


class _Up:
    """One value on its way from bytes."""

    def __init__(self, kinds: dict[str, Kind], found: Callable[[str], type | None]) -> None:
        self._kinds, self._found = kinds, found
        self._seen: list[Any] = []

    def value(self, packed: Any) -> Any:
        if type(packed) is not list:
            return packed
        tag, *told = packed
        if tag == "again":
            return self._seen[told[0]]
        if tag == "int":
            return int(told[0], 16)
        if not self._changes(tag, told):
            return self._made(tag, told)
        place = len(self._seen)
        self._seen.append(None)
        made = self._seen[place] = self._made(tag, told)
        return made

    def _changes(self, tag: str, told: list[Any]) -> bool:
        if tag == "struct":
            return not self._class(told[0], msgspec.Struct).__struct_config__.frozen
        if tag == "dataclass":
            return _changes(self._class(told[0], object))
        if tag in self._kinds:
            return self._kinds[tag].changes
        return tag not in ("tuple", "frozenset", "enum", "named")

    def _made(self, tag: str, told: list[Any]) -> Any:
        match tag, told:
            case "list", [items]:
                return self._all(items)
            case "tuple", [items]:
                return tuple(self._all(items))
            case "deque", [most, items]:
                return deque(self._all(items), most)
            case "dict", [keys, values]:
                return self._pairs(keys, values)
            case "OrderedDict", [keys, values]:
                return OrderedDict(self._pairs(keys, values))
            case "Counter", [keys, values]:
                return Counter(self._pairs(keys, values))
            case "defaultdict", [name, keys, values]:
                return defaultdict(name and _FACTORIES[name], self._pairs(keys, values))
            case "set", [items]:
                filled: set[Any] = set()
                filled.update(self._all(items))
                return filled
            case "frozenset", [items]:
                return frozenset(self._all(items))
            case "enum", [name, value]:
                return self._class(name, Enum)(self.value(value))
            case "struct", [name, values]:
                kind = self._class(name, msgspec.Struct)
                return kind(**dict(zip(kind.__struct_fields__, self._all(values), strict=True)))
            case "dataclass", [name, values]:
                return self._data(self._class(name, object), self._all(values))
            case "named", [name, values]:
                return self._class(name, tuple)._make(self._all(values))
            case _:
                return self._kinds[tag].take(told[0], self.value)

    def _all(self, items: list[Any]) -> list[Any]:
        return [self.value(item) for item in items] if list in {*map(type, items)} else items

    def _pairs(self, keys: list[Any], values: list[Any]) -> dict[Any, Any]:
        return dict(zip(self._all(keys), self._all(values), strict=True))

    def _data(self, kind: Any, values: list[Any]) -> Any:
        fields = dataclasses.fields(kind)
        made = object.__new__(kind)
        for field, value in zip(fields, values, strict=True):
            object.__setattr__(made, field.name, value)
        return made

    def _class(self, name: str, base: type) -> Any:
        found = self._found(name)
        if found is None or not issubclass(found, base):
            raise RobotError(f"there is no {base.__name__} {name}")
        return found


def _changes(kind: type) -> bool:
    """Whether a dataclass can. Where it cannot, two names of one are as good as two: a robot that
    goes on has its own beside the one that its module names.
    """
    told: Any = getattr(kind, "__dataclass_params__", None)
    return told is not None and not told.frozen


def _is_number(item: object) -> bool:
    """Whether its hash is the same in every process."""
    if type(item) is tuple:
        return all(map(_is_number, item))
    return type(item) in _NUMBERS


def _put_time(value: datetime, _: Way) -> list[Any]:
    told = [value.isoformat(), value.fold]
    fixed = value.tzinfo is None or type(value.tzinfo) is timezone
    if not fixed or _take_time(told, _).tzname() != value.tzname():
        raise NotKept("a datetime in a zone that is not just an offset")
    return told


def _take_time(told: list[Any], _: Way) -> datetime:
    return datetime.fromisoformat(told[0]).replace(fold=told[1])


def _put_delta(value: timedelta, _: Way) -> list[Any]:
    return [value.days, value.seconds, value.microseconds]


_CONTAINERS: Final = frozenset(
    {list, tuple, deque, dict, OrderedDict, Counter, defaultdict, set, frozenset}
)
_KINDS: Final = (
    Kind(Decimal, lambda value, _: str(value), lambda told, _: Decimal(told)),
    Kind(datetime, _put_time, _take_time),
    Kind(date, lambda value, _: value.isoformat(), lambda told, _: date.fromisoformat(told)),
    Kind(timedelta, _put_delta, lambda told, _: timedelta(*told)),
)
