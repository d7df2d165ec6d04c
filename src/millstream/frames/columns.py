"""DataFrames and rows: what of a strategy's table can be told to another bot, and how."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from millstream.errors import BadMessage, FrameError
from millstream.frames.rows import MAX_ROWS, Rows, pack, unpack
from millstream.frames.schema import ANY, NUMBERS, TEXT, Schema, schema

_PLAIN: Final = (str, bool, int, float, list, dict, type(None))
_NUMBER_NAMES: Final = {dtype: name for name, dtype in NUMBERS.items()}
_AS_THEY_ARE: Final = {str, float, bool, type(None)}


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


def from_frame(frame: pd.DataFrame) -> Rows:
    """A DataFrame's rows, copied into blocks; raises FrameError."""
    return columns_of(frame).rows(0, len(frame))


class Columns(NamedTuple):
    """A DataFrame's columns as they lie in it: nothing but text and objects is copied."""

    schema: Schema
    length: int  # rows
    values: Sequence[Any]  # of each column: an array, or a list of text or objects

    def rows(self, first: int, end: int) -> Rows:
        """Some of the rows, copied into blocks."""
        blocks = []
        for block in self.schema.blocks:
            matrix = np.empty((len(block.columns), end - first), block.dtype)
            for row, position in enumerate(block.columns):
                matrix[row] = self.values[position][first:end]
            blocks.append(matrix)
        objects = [self.values[position][first:end] for position in self.schema.objects]
        return Rows(self.schema, end - first, blocks, objects)


def columns_of(frame: pd.DataFrame) -> Columns:
    """A DataFrame's columns; raises FrameError, naming one that cannot be told to another bot."""
    count = len(frame)
    if count > MAX_ROWS:
        raise FrameError(f"a frame of {count} rows cannot be shared; at most {MAX_ROWS} can.")
    names = [str(name) for name in frame.columns.to_numpy(object).tolist()]
    kinds: list[str] = []
    columns: list[Any] = []
    for name, values in zip(names, arrays_of(frame), strict=True):
        dtype = values.dtype  # one of pandas' own takes long to look up
        kind = _NUMBER_NAMES.get(dtype) if isinstance(dtype, np.dtype) else None
        if kind is None:
            kind, values = _told(name, values)
        kinds.append(kind)
        columns.append(values)
    try:
        return Columns(schema(tuple(names), tuple(kinds)), count, columns)
    except BadMessage as error:
        raise FrameError(f"this frame cannot be shared: {error}.") from None


def arrays_of(frame: pd.DataFrame) -> list[Any]:
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
            return dtype.name, array.astype(NUMBERS[dtype.name])
        if dtype.kind == "f":
            return "float64", np.asarray(array, np.float64)
        return ANY, _plain_values(name, array.tolist())
    if isinstance(dtype, pd.DatetimeTZDtype):
        return f"datetime64[{dtype.unit}, UTC]", array.asi8  # as UTC
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
