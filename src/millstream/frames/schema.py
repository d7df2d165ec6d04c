"""The columns of a frame: names, kinds, and where each lies in the blocks of `rows.py`.

Columns of one fixed-width kind lie together in one block, a matrix of (column, row), so that a row
is added with one assignment per kind and not one per column.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec
import numpy as np

from millstream.errors import BadMessage

DATE: Final = "date"
MAX_COLUMNS: Final = 10_000
NAT: Final = -(2**63)  # numpy's missing time

TEXT: Final = "str"  # pandas' text: a str or missing
ANY: Final = "object"  # None, bool, int, float, str, and lists and maps of them
OBJECT_KINDS: Final = frozenset({TEXT, ANY})

NUMBERS: Final = {
    name: np.dtype(name)
    for name in (
        "float64", "float32", "bool", "int64", "int32", "int16", "int8", "uint64", "uint32",
        "uint16", "uint8",
    )
}  # fmt: skip
_TIME: Final = re.compile(r"(datetime64|timedelta64)\[(s|ms|us|ns)(, UTC)?\]")
_UNIT_NS: Final = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
_INT64: Final = np.dtype("<i8")


def stored_as(kind: str) -> np.dtype[Any] | None:
    """How a kind lies in its block: little-endian; None: it has none. Raises BadMessage."""
    if kind in OBJECT_KINDS:
        return None
    if (number := NUMBERS.get(kind)) is not None:
        return number.newbyteorder("<")
    if _TIME.fullmatch(kind) and not (kind.startswith("t") and "UTC" in kind):
        return _INT64
    raise BadMessage(f"a frame's column is of a kind there is not: {kind[:40]!r}")


class Block:
    """The columns of one kind."""

    __slots__ = ("columns", "dtype", "kind", "width")

    def __init__(self, kind: str, dtype: np.dtype[Any], columns: list[int]) -> None:
        self.kind, self.dtype, self.columns = kind, dtype, columns
        self.width = dtype.itemsize * len(columns)  # bytes a row


class Schema:
    """Names and kinds of a frame's columns, in their order. Made by `schema` or `parse_schema`."""

    def __init__(self, names: tuple[str, ...], kinds: tuple[str, ...]) -> None:
        if len(names) != len(kinds) or len(names) > MAX_COLUMNS:
            raise BadMessage(f"a frame of {len(names)} columns and {len(kinds)} kinds")
        if len(set(names)) != len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise BadMessage(f'a frame has the column "{twice[:80]}" more than once')
        self.names, self.kinds = names, kinds
        self.raw: bytes = msgspec.msgpack.encode((names, kinds))
        by_kind: dict[str, list[int]] = {}
        for position, kind in enumerate(kinds):
            by_kind.setdefault(kind, []).append(position)
        blocks: list[Block] = []
        for kind, columns in by_kind.items():
            if (dtype := stored_as(kind)) is not None:
                blocks.append(Block(kind, dtype, columns))
        self.blocks: tuple[Block, ...] = tuple(blocks)
        self.objects = tuple(p for p, kind in enumerate(kinds) if kind in OBJECT_KINDS)
        self._places = {
            position: (number, row)
            for number, block in enumerate(blocks)
            for row, position in enumerate(block.columns)
        }
        self.date_block, self.date_row, self.date_unit_ns = self._find_date()

    def _find_date(self) -> tuple[int, int, int]:
        """(block, row in it, nanoseconds of one unit) of the column `date`; block -1: none."""
        if DATE not in self.names:
            return -1, 0, 0
        position = self.names.index(DATE)
        time = _TIME.fullmatch(self.kinds[position])
        if time is None or time[1] != "datetime64":
            return -1, 0, 0
        return *self.place(position), _UNIT_NS[time[2]]

    def place(self, position: int) -> tuple[int, int]:
        """(block, row in it) of a fixed-width column."""
        return self._places[position]


@lru_cache(maxsize=256)
def schema(names: tuple[str, ...], kinds: tuple[str, ...]) -> Schema:
    """The schema of these columns, the same object each time; raises BadMessage."""
    return Schema(names, kinds)


@lru_cache(maxsize=256)
def parse_schema(raw: bytes) -> Schema:
    """The schema in a message; raises BadMessage."""
    try:
        names, kinds = _columns.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadMessage(f"a frame's columns cannot be read: {error}; {raw[:80]!r}") from None
    return schema(names, kinds)


_columns: Final = msgspec.msgpack.Decoder(tuple[tuple[str, ...], tuple[str, ...]])


def common_kind(one: str, other: str, missing: bool) -> str:
    """The kind that holds values of both, and holes where `missing`."""
    if one == other and not missing:
        return one
    if one == other and (one in OBJECT_KINDS or one.startswith(("float", "datetime", "time"))):
        return one
    numbers = [kind for kind in (one, other) if kind in NUMBERS and kind != "bool"]
    if len(numbers) == 2:
        if missing:
            return "float64"
        return str(np.result_type(NUMBERS[one], NUMBERS[other]).name)
    times = [_TIME.fullmatch(kind) for kind in (one, other)]
    if all(times) and times[0][1] == times[1][1] and times[0][3] == times[1][3]:  # type: ignore[index]
        units: Sequence[str] = [time[2] for time in times if time]
        finest = min(units, key=_UNIT_NS.__getitem__)
        return f"{times[0][1]}[{finest}{times[0][3] or ''}]"  # type: ignore[index]
    return ANY


@lru_cache(maxsize=256)
def unit_ns(kind: str) -> int:
    """Nanoseconds of one unit of a time kind; 0: it is no time."""
    time = _TIME.fullmatch(kind)
    return _UNIT_NS[time[2]] if time else 0
