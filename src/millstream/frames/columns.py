"""A frame's rows as bytes: column buffers, every number bit for bit.

    "MR"  version u8  0  rows u32  length of the schema u32
    schema: msgpack [[name, …], [kind, …]], padded with 0 to 8 bytes
    one block per fixed-width kind, in the order in which kinds first appear: column after column,
        each `rows` little-endian values, the block padded with 0 to 8 bytes
    msgpack [[value, …], …]: the text and object columns; absent when there are none

A time is an int64 in the unit its kind names; aware times are UTC. docs/frames-wire.md has more.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np
import pandas as pd

from millstream.errors import BadMessage, FrameError
from millstream.frames.schema import ANY, NUMBERS, OBJECT_KINDS, TEXT, Schema, parse_schema, schema

VERSION: Final = 1
MAX_ROWS: Final = 1_000_000
MAX_BYTES: Final = 64 << 20

_MAGIC: Final = b"MR"
_HEADER: Final = struct.Struct("<2sBBII")
_PLAIN: Final = (str, bool, int, float, list, dict, type(None))
_NUMBER_NAMES: Final = {dtype: name for name, dtype in NUMBERS.items()}
_NONE: Final = type(None)
_AS_THEY_ARE: Final = {str, float, bool, _NONE}
_objects: Final = msgspec.msgpack.Decoder(list[list[Any]])
_encode: Final = msgspec.msgpack.encode


class Rows:
    """Rows as they lie in their blocks; nobody writes in them."""

    __slots__ = ("blocks", "count", "objects", "schema")

    def __init__(
        self,
        schema: Schema,
        count: int,
        blocks: Sequence[np.ndarray[Any, Any]],
        objects: Sequence[list[Any]],
    ) -> None:
        self.schema, self.count = schema, count
        self.blocks, self.objects = blocks, objects  # matrices of (column, row); lists of values

    def dates_ns(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """The rows' dates in ns since 1970; raises BadMessage where there is no such column."""
        if self.schema.date_block < 0:
            raise BadMessage("a frame without a column `date` of times")
        dates = self.blocks[self.schema.date_block][self.schema.date_row]
        return dates * self.schema.date_unit_ns  # type: ignore[no-any-return]

    def between(self, first: int, end: int) -> Rows:
        """Some of the rows; nothing is copied but objects."""
        return Rows(
            self.schema,
            end - first,
            [block[:, first:end] for block in self.blocks],
            [values[first:end] for values in self.objects],
        )

    def take(self, order: Any) -> Rows:
        """Rows in another order, by their numbers or by a mask."""
        numbers = np.arange(self.count)[order]
        return Rows(
            self.schema,
            len(numbers),
            [block[:, order] for block in self.blocks],
            [[values[number] for number in numbers] for values in self.objects],
        )

    def only(self, names: Sequence[str]) -> Rows:
        """Some of the columns, in the frame's own order; names it does not have are not there."""
        wanted = set(names)
        kept = [p for p, name in enumerate(self.schema.names) if name in wanted]
        if len(kept) == len(self.schema.names):
            return self
        narrow = schema(
            tuple(self.schema.names[p] for p in kept), tuple(self.schema.kinds[p] for p in kept)
        )
        blocks = []
        for block in narrow.blocks:
            rows = [self.schema.place(kept[column]) for column in block.columns]
            blocks.append(self.blocks[rows[0][0]][[row for _, row in rows]])
        objects = [self.objects[self.schema.objects.index(kept[p])] for p in narrow.objects]
        return Rows(narrow, self.count, blocks, objects)

    def column(self, position: int) -> Any:
        """A column as pandas wants it: an array; text and objects are copied, numbers are not."""
        kind = self.schema.kinds[position]
        if kind in OBJECT_KINDS:
            values = self.objects[self.schema.objects.index(position)]
            return pd.Series(values, dtype="str" if kind == TEXT else object)
        block, row = self.schema.place(position)
        values = self.blocks[block][row]
        if kind.endswith(", UTC]"):
            naive = values.view(kind.replace(", UTC", ""))
            return pd.DatetimeIndex(naive, copy=False).tz_localize("UTC").array
        return values.view(kind) if "64[" in kind else values

    def frame(self) -> pd.DataFrame:
        """A DataFrame on these buffers, labelled 0 to n-1."""
        names = self.schema.names
        columns = {name: self.column(position) for position, name in enumerate(names)}
        return pd.DataFrame(columns, index=pd.RangeIndex(self.count), copy=False)


def encode_rows(frame: pd.DataFrame) -> bytes:
    """A DataFrame's rows as bytes; its labels stay behind.

    Raises FrameError, naming the column, where it holds what cannot be told to another bot.
    """
    return pack(from_frame(frame))


def decode_rows(raw: bytes) -> pd.DataFrame:
    """The DataFrame in bytes of `encode_rows`, labelled 0 to n-1, its buffers its own.

    Raises BadMessage for anything else; nothing is allocated before every length was checked.
    """
    rows = unpack(raw)
    return Rows(rows.schema, rows.count, [b.copy() for b in rows.blocks], rows.objects).frame()


def pack(rows: Rows) -> bytes:
    """Rows as bytes."""
    described = rows.schema.raw
    pieces = [_HEADER.pack(_MAGIC, VERSION, 0, rows.count, len(described)), described]
    pieces.append(bytes(-(_HEADER.size + len(described)) % 8))
    for block in rows.blocks:
        pieces.append(block.tobytes())
        pieces.append(bytes(-block.nbytes % 8))
    if rows.schema.objects:
        pieces.append(_encode(rows.objects))
    return b"".join(pieces)


def unpack(raw: bytes | memoryview, max_bytes: int = MAX_BYTES) -> Rows:
    """Rows lying in `raw` itself: nothing but text and objects is copied. Raises BadMessage."""
    if len(raw) > max_bytes:
        raise BadMessage(f"a frame of {len(raw)} bytes; more than {max_bytes} are not read")
    try:
        magic, version, _, count, length = _HEADER.unpack_from(raw)
    except struct.error:
        raise BadMessage(f"not a frame's rows: {bytes(raw[:16])!r}") from None
    if magic != _MAGIC or version != VERSION:
        raise BadMessage(f"not a frame's rows of version {VERSION}: {bytes(raw[:16])!r}")
    if count > MAX_ROWS:
        raise BadMessage(f"a frame of {count} rows; more than {MAX_ROWS} are not read")
    at = _HEADER.size
    described = parse_schema(bytes(raw[at : at + length]))
    at += length + -(at + length) % 8
    blocks = []
    for block in described.blocks:
        size = block.width * count
        if at + size > len(raw):
            raise BadMessage(f"a frame's rows end early: {len(raw)} bytes for {count} rows")
        values = np.frombuffer(raw, block.dtype, count * len(block.columns), at)
        if block.kind == "bool" and size and values.view(np.uint8).max() > 1:
            raise BadMessage("a frame's bool is neither 0 nor 1")
        blocks.append(values.reshape(len(block.columns), count))
        at += size + -size % 8
    return Rows(described, count, blocks, _read_objects(raw, at, described, count))


def _read_objects(raw: bytes | memoryview, at: int, described: Schema, count: int) -> list[Any]:
    if not described.objects:
        if at != len(raw):
            raise BadMessage(f"a frame's rows of {len(raw)} bytes should be {at}")
        return []
    try:
        objects = _objects.decode(raw[at:])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadMessage(f"a frame's text cannot be read: {error}") from None
    if [len(values) for values in objects] != [count] * len(described.objects):
        raise BadMessage(f"a frame's text is not {len(described.objects)} columns of {count} rows")
    for position, values in zip(described.objects, objects, strict=True):
        if described.kinds[position] == TEXT and not all(type(v) in (str, _NONE) for v in values):
            raise BadMessage(f'the text column "{described.names[position][:80]}" holds no text')
    return objects


def from_frame(frame: pd.DataFrame, first: int = 0) -> Rows:
    """A DataFrame's rows from number `first` on, in blocks; raises FrameError."""
    count = len(frame) - first
    if count > MAX_ROWS:
        raise FrameError(f"a frame of {count} rows cannot be shared; at most {MAX_ROWS} can.")
    names = [str(name) for name in frame.columns.tolist()]
    kinds: list[str] = []
    columns: list[Any] = []
    for name, values in zip(names, _arrays(frame), strict=True):
        kind = _NUMBER_NAMES.get(values.dtype)
        values = values[first:]
        if kind is None:
            kind, values = _told(name, values)
        kinds.append(kind)
        columns.append(values)
    try:
        described = schema(tuple(names), tuple(kinds))
    except BadMessage as error:
        raise FrameError(f"this frame cannot be shared: {error}.") from None
    blocks = []
    for block in described.blocks:
        matrix = np.empty((len(block.columns), count), block.dtype)
        for row, position in enumerate(block.columns):
            matrix[row] = columns[position]
        blocks.append(matrix)
    return Rows(described, count, blocks, [columns[p] for p in described.objects])


def _arrays(frame: pd.DataFrame) -> list[Any]:
    """Every column's array, of numpy or of pandas; nothing is copied.

    A Series for each column, the way pandas documents, costs ten times as much as all else here:
    50 pairs would wait 20 ms for it.
    """
    column = getattr(frame, "_get_column_array", None)
    if column is not None:
        return [column(position) for position in range(frame.shape[1])]
    return [
        series.to_numpy() if isinstance(series.dtype, np.dtype) else series.array
        for _, series in frame.items()
    ]


def _told(name: str, array: Any) -> tuple[str, Any]:
    """(kind, values) of a column that is no plain number."""
    dtype = array.dtype
    if isinstance(dtype, np.dtype):
        if dtype.kind in "Mm":
            return str(dtype), np.asarray(array).view(np.int64)
        if dtype.name in NUMBERS:  # of the other byte order
            return dtype.name, array
        if dtype.kind == "f":
            return "float64", np.asarray(array, np.float64)
        return ANY, _plain_values(name, array.tolist())
    if isinstance(dtype, pd.DatetimeTZDtype):
        return f"datetime64[{dtype.unit}, UTC]", array.view("int64")  # as UTC
    if isinstance(dtype, pd.CategoricalDtype):
        return _told(name, pd.Series(array).astype(dtype.categories.dtype).array)
    values = array.to_numpy(dtype=object, na_value=None).tolist()
    if isinstance(dtype, pd.StringDtype):
        return TEXT, values
    if str(dtype).startswith(("Int", "UInt", "Float")):
        whole = None not in values and "Int" in str(dtype)
        kind = str(dtype).lower() if whole else "float64"
        return kind, np.array([math.nan if v is None else v for v in values], kind)
    if str(dtype) == "boolean" and None not in values:
        return "bool", np.array(values, dtype=bool)
    return ANY, _plain_values(name, values)


def _plain_values(name: str, values: list[Any]) -> list[Any]:
    if {*map(type, values)} <= _AS_THEY_ARE:  # as tags are: no need to look at each
        return values
    return [_plain(name, value) for value in values]


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, float | str):  # also their subclasses, which msgpack does not know
        return float(value) if isinstance(value, float) else str(value)
    if type(value) is int and not -(2**63) <= value < 2**64:
        raise FrameError(f'the column "{name}" holds {value}, more than 64 bits.')
    if type(value) not in _PLAIN:
        raise FrameError(
            f'the column "{name}" holds a {type(value).__name__}, which cannot be shared; '
            "make it a number, a text or a date."
        )
    return value
