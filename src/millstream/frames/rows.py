"""A frame's rows as bytes: column buffers, every number bit for bit.

    "MR"  version u8  0  rows u32  length of the schema u32
    schema: msgpack [[name, …], [kind, …]], padded with 0 to 8 bytes
    one block per fixed-width kind, in the order in which kinds first appear: column after column,
        each `rows` little-endian values, the block padded with 0 to 8 bytes
    msgpack [[value, …], …]: the text and object columns; absent when there are none

A time is an int64 in the unit its kind names; aware times are UTC. docs/frames-wire.md has more.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np
import pandas as pd

from millstream.errors import BadMessage
from millstream.frames.schema import OBJECT_KINDS, TEXT, Schema, parse_schema, schema

VERSION: Final = 1
MAX_ROWS: Final = 1_000_000
MAX_BYTES: Final = 64 << 20

_MAGIC: Final = b"MR"
_HEADER: Final = struct.Struct("<2sBBII")
_NONE: Final = type(None)
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
