"""A frame as freqtrade writes it in a message: pandas' JSON of orient "split", as text.

`{"columns":[…],"index":[…],"data":[[row], …]}`: times in integer ms, at most ten digits behind the
point, null for what is missing. A few rows are written here, in microseconds and in the same
letters as pandas writes them; many are given to pandas, which is faster there.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec
import numpy as np
import pandas as pd

from millstream.errors import BadMessage
from millstream.frames.rows import MAX_ROWS, Rows
from millstream.frames.schema import ANY, DATE, MAX_COLUMNS, NAT, TEXT, Schema, schema, unit_ns

PANDAS_IS_FASTER_FROM: Final = 64  # rows
_NS_PER_MS: Final = 1_000_000
_SECONDS_BELOW: Final = 10**11  # a smaller date counts seconds, not ms
_WHOLE_BELOW: Final = 2**53
_DIGITS: Final = 10**10
_quoted: Final = json.encoder.encode_basestring_ascii


def encode_split(rows: Rows, first_label: int) -> str:
    """Rows as text; their labels count up from `first_label`."""
    names = _names(rows.schema.names)
    if rows.count >= PANDAS_IS_FASTER_FROM and not rows.schema.objects:
        return _by_pandas(rows, first_label)
    columns = [_column(rows, position) for position in range(len(rows.schema.names))]
    data = ",".join(f"[{','.join(row)}]" for row in zip(*columns, strict=True))
    labels = ",".join(map(str, range(first_label, first_label + rows.count)))
    return f'{{"columns":[{names}],"index":[{labels}],"data":[{data}]}}'


def _by_pandas(rows: Rows, first_label: int) -> str:
    frame = rows.frame()
    frame.index = pd.RangeIndex(first_label, first_label + rows.count)
    for position, kind in enumerate(rows.schema.kinds):
        if unit_ns(kind):
            frame[rows.schema.names[position]] = _milliseconds(rows, position)
    return str(frame.to_json(orient="split"))


def _milliseconds(rows: Rows, position: int) -> Any:
    """A time column in ms; a missing one is None."""
    block, row = rows.schema.place(position)
    values = rows.blocks[block][row]
    unit = unit_ns(rows.schema.kinds[position])
    ms = values * (unit // _NS_PER_MS) if unit >= _NS_PER_MS else values // (_NS_PER_MS // unit)
    missing = values == NAT
    if not missing.any():
        return ms
    told = ms.astype(object)
    told[missing] = None
    return told


def _column(rows: Rows, position: int) -> list[str]:
    kind = rows.schema.kinds[position]
    if kind in (TEXT, ANY):
        return [_value(value) for value in rows.objects[rows.schema.objects.index(position)]]
    if unit_ns(kind):
        values = _milliseconds(rows, position).tolist()
        return ["null" if value is None else str(value) for value in values]
    block, row = rows.schema.place(position)
    values = rows.blocks[block][row].tolist()
    if kind.startswith("float"):
        return [_number(value) for value in values]
    if kind == "bool":
        return ["true" if value else "false" for value in values]
    return [str(value) for value in values]


def _number(value: float) -> str:
    """A float as pandas writes it."""
    size = abs(value)
    if not size <= 1e16 - 1:
        if not math.isfinite(value):
            return "null"
        return f"{value:.10g}"
    if 0 < size < 1e-15:
        return f"{value:.10g}"
    whole = int(size)
    scaled = (size - whole) * _DIGITS
    digits = int(scaled)
    rest = scaled - digits
    if rest > 0.5 or (rest == 0.5 and (digits == 0 or digits & 1)):
        digits += 1
        if digits >= _DIGITS:
            digits, whole = 0, whole + 1
    sign = "-" if value < 0 else ""
    if not digits:
        return f"{sign}{whole}.0"
    return f"{sign}{whole}.{digits:010d}".rstrip("0")


@lru_cache(maxsize=64)
def _names(names: tuple[str, ...]) -> str:
    return ",".join(map(_text, names))


def _text(value: str) -> str:
    return _quoted(value).replace("/", "\\/")


def _value(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, dict):
        inner = ",".join(f"{_text(str(key))}:{_value(item)}" for key, item in value.items())
        return f"{{{inner}}}"
    if isinstance(value, list):
        return f"[{','.join(_value(item) for item in value)}]"
    return str(value)


# ---- and back -----------------------------------------------------------------------------------


def decode_split(text: str | bytes, like: Schema | None = None) -> Rows:
    """The rows in such a text, from any version of freqtrade; raises BadMessage.

    like: the columns held already: a column keeps its kind where the values allow it, so that one
    row of whole numbers does not change the kind of a column.
    """
    try:
        try:
            split = msgspec.json.decode(text)
        except msgspec.DecodeError:
            split = json.loads(text)  # knows NaN and Infinity, which pandas accepts too
        names, data = split["columns"], split["data"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadMessage(f"a frame that is not split JSON: {error!r}"[:300]) from None
    if not isinstance(names, list) or not isinstance(data, list):
        raise BadMessage("a frame whose columns and data are no lists")
    width = len(names)
    if width > MAX_COLUMNS or len(data) > MAX_ROWS:
        raise BadMessage(f"a frame of {width} columns and {len(data)} rows is too big")
    if any(not isinstance(row, list) or len(row) != width for row in data):
        raise BadMessage(f"a frame with a row that has not {width} values")
    if like is not None and len(data) == 1 and tuple(names) == like.names:
        row = _one_row(data[0], like)
        if row is not None:
            return row
    names = _once([str(name) for name in names])
    kinds: list[str] = []
    columns: list[Any] = []
    hints = dict(zip(like.names, like.kinds, strict=True)) if like else {}
    for name, values in zip(names, zip(*data, strict=True) if data else [()] * width, strict=True):
        kind, told = _guess(name, values, hints.get(name))
        kinds.append(kind)
        columns.append(told)
    described = schema(tuple(names), tuple(kinds))
    blocks = [
        np.array([columns[p] for p in block.columns], block.dtype).reshape(-1, len(data))
        for block in described.blocks
    ]
    return Rows(described, len(data), blocks, [columns[p] for p in described.objects])


_ONE_ROW: Final[
    dict[str, set[type]]
] = {  # kinds, and the types of JSON that say nothing else than them
    "float64": {float, int, type(None)},
    "int64": {int},
    "bool": {bool},
    "datetime64[ms, UTC]": {int},
}


def _one_row(row: list[Any], like: Schema) -> Rows | None:
    """One row of columns that are known, as a tick brings it; None: it needs a closer look."""
    blocks = []
    for block in like.blocks:
        values = [row[position] for position in block.columns]
        types = _ONE_ROW.get(block.kind)
        if types is None or not types.issuperset(map(type, values)):
            return None
        if block.kind == "int64" and not all(NAT < value < _WHOLE_BELOW for value in values):
            return None
        if block.kind == "float64" and NAT in values:
            return None
        if block.kind.startswith("date") and not _SECONDS_BELOW <= values[0] < _WHOLE_BELOW:
            return None
        blocks.append(np.array(values, block.dtype).reshape(-1, 1))
    for position in like.objects:
        if like.kinds[position] == TEXT and type(row[position]) not in (str, type(None)):
            return None
    return Rows(like, 1, blocks, [[row[position]] for position in like.objects])


def _once(names: list[str]) -> list[str]:
    """Names that come twice get a number, as pandas gives them."""
    if len(set(names)) == len(names):
        return names
    seen: dict[str, int] = {}
    told = []
    for name in names:
        count = seen.get(name, 0)
        seen[name] = count + 1
        told.append(f"{name}.{count}" if count else name)
    return told if len(set(told)) == len(told) else [f"{n}.{i}" for i, n in enumerate(names)]


def _guess(name: str, values: Sequence[Any], hint: str | None) -> tuple[str, Any]:
    """(kind, values) of a column of JSON."""
    if name == DATE:
        return "datetime64[ms, UTC]", _dates(values)
    types = {*map(type, values)}
    if int in types and NAT in values:  # freqtrade's missing time
        values = [None if value == NAT else value for value in values]
        types = {*map(type, values)}
    if types <= {int, float, type(None)} and not (types == {type(None)} and hint in (TEXT, ANY)):
        if types == {int} and _is_time(name) and min(values) >= 31_536_000:
            return "datetime64[ms]", _dates(values)
        if types == {int} and hint != "float64" and all(-(2**63) <= v < 2**63 for v in values):
            return "int64", values
        return "float64", [math.nan if value is None else float(value) for value in values]
    if types == {bool}:
        return "bool", values
    if types <= {str, type(None)} and hint != ANY:
        return TEXT, list(values)
    return ANY, list(values)


def _is_time(name: str) -> bool:
    """pandas takes such columns for times."""
    lower = name.lower()
    return lower.endswith(("_at", "_time")) or lower.startswith("timestamp") or lower == "modified"


def _dates(values: Sequence[Any]) -> list[int]:
    """Dates in ms since 1970, whether they are told in s, ms or as text."""
    told = []
    for value in values:
        if value is None or value == NAT or value != value:
            told.append(NAT)
        elif isinstance(value, str):
            told.append(instant_ns(value) // _NS_PER_MS)
        elif isinstance(value, int | float) and abs(value) < 2**53:
            told.append(int(value * 1000 if abs(value) < _SECONDS_BELOW else value))
        else:
            raise BadMessage(f"a date that is none: {value!r:.60}")
    return told


def instant_ns(value: Any) -> int:
    """A moment as freqtrade accepts one, in ns: ISO text, or a number of s or ms.

    Text without a zone is UTC. Raises BadMessage.
    """
    try:
        if type(value) is str and len(value) in (25, 32) and value.endswith("+00:00"):
            return int(np.datetime64(value[:-6], "ns").astype(np.int64))  # as freqtrade writes it
        if isinstance(value, str) and not value.lstrip("-").replace(".", "", 1).isdigit():
            moment: Any = pd.Timestamp(value)
            if moment is pd.NaT:  # of an empty text, "NaT" and the like
                raise ValueError("no moment")
            moment = moment.tz_localize("UTC") if moment.tzinfo is None else moment
            return int(moment.as_unit("ns").value)
        if isinstance(value, bool) or value is None:
            raise ValueError("no moment")
        number = float(value)
        seconds = number / 1000 if abs(number) > 2e10 else number
        return round(seconds * 1e6) * 1000
    except (ValueError, TypeError, OverflowError, AttributeError) as error:
        raise BadMessage(f"a time that is none: {value!r:.60}: {error}") from None
