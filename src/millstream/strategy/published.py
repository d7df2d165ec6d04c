"""What followers were told of each frame, and so what they need to be told next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from millstream.frames.columns import Columns, columns_of
from millstream.frames.history import History
from millstream.frames.rows import Rows, pack, unpack
from millstream.frames.schema import DATE
from millstream.model import PublishFrame


class Published:
    """The frames of one robot as its followers hold them. `limit`: rows that a follower keeps."""

    def __init__(self, timeframe: str, candle_type: str, limit: int) -> None:
        self._timeframe, self._candle_type, self._limit = timeframe, candle_type, limit
        self._told: dict[str, History] = {}

    def update(self, pair: str, frame: pd.DataFrame, analyzed_ns: int) -> PublishFrame:
        """What a follower needs to hold the last `limit` rows of `frame`: from the first row that
        differs. Where none does it is the last row again, so that its age is known.

        Raises FrameError for a column that cannot be told to another bot.
        """
        now, told = columns_of(frame), self._told.get(pair)
        begin = max(0, now.length - self._limit)
        first = common = 0
        if told is not None:
            common = _rows_in_common(told.rows, now, begin)
            first = _first_difference(told.rows, now, begin, common) if common else 0
        rows = now.rows(min(begin + first, now.length - 1) if first else begin, now.length)
        # A table is 100 KB: what was told of it is kept, and only what is new is copied.
        if told is None or first < common or not common:
            self._told[pair] = History(now.rows(begin, now.length), self._limit)
        elif begin + common < now.length:
            told.append(rows, int(rows.dates_ns()[-1]))
        return PublishFrame(
            pair, self._timeframe, self._candle_type, analyzed_ns, first == 0, pack(rows)
        )

    def kept(self, frames: Mapping[str, pd.DataFrame]) -> dict[str, bytes]:
        """What followers hold, by pair; b"": the last rows of this frame."""
        found = {}
        for pair, told in self._told.items():
            same = pair in frames and _are_same(told.rows, self._last(frames[pair]))
            found[pair] = b"" if same else pack(told.rows)
        return found

    def hold(self, kept: Mapping[str, bytes], frames: Mapping[str, pd.DataFrame]) -> None:
        """Followers hold this, as `kept` says."""
        for pair, packed in kept.items():
            rows = unpack(packed) if packed else self._last(frames[pair])
            self._told[pair] = History(rows, self._limit)

    def _last(self, frame: pd.DataFrame) -> Rows:
        columns = columns_of(frame)
        return columns.rows(max(0, columns.length - self._limit), columns.length)


def _are_same(told: Rows, now: Rows) -> bool:
    """Bit for bit."""
    if (told.schema is not now.schema) or told.count != now.count:
        return False
    blocks = zip(told.blocks, now.blocks, strict=True)
    objects = msgspec.msgpack.encode(told.objects) == msgspec.msgpack.encode(now.objects)
    return objects and all(one.tobytes() == other.tobytes() for one, other in blocks)


def _rows_in_common(told: Rows, now: Columns, begin: int) -> int:
    """How many rows of what was told are still there; 0 when only the whole frame will do."""
    schema = now.schema
    if (told.schema.names, told.schema.kinds) != (schema.names, schema.kinds):
        return 0
    if not (told.count and now.length):
        return 0
    before = told.blocks[schema.date_block][schema.date_row]
    dates = now.values[schema.names.index(DATE)][begin:]
    offset = int(np.searchsorted(before, dates[0]))
    common = told.count - offset
    if not 0 < common <= len(dates) or before[offset] != dates[0]:
        return 0  # nothing in common, older rows, or rows that are gone
    return common


def _first_difference(told: Rows, now: Columns, begin: int, common: int) -> int:
    """The number of the first row, of those in common, that differs; `common` where none does."""
    offset, first = told.count - common, common
    for block, old in zip(now.schema.blocks, told.blocks, strict=True):
        for row, position in enumerate(block.columns):
            here = old[row, offset : offset + first]
            there = now.values[position][begin : begin + first]
            if here.tobytes() != there.tobytes():  # bit for bit: NaN is NaN
                raw = f"u{block.dtype.itemsize}"
                differs = here.view(raw) != np.ascontiguousarray(there).view(raw)
                first = min(first, int(np.argmax(differs)))
    for number, position in enumerate(now.schema.objects):
        values = told.objects[number][offset : offset + first]
        first = _first_other(values, now.values[position][begin : begin + first])
    return first


def _first_other(before: list[Any], now: list[Any]) -> int:
    """The number of the first value that differs; as many as there are where none does.

    1, 1.0 and True are not the same here, and NaN is NaN.
    """
    if msgspec.msgpack.encode(before) == msgspec.msgpack.encode(now):
        return len(now)
    return next(
        number
        for number, (old, new) in enumerate(zip(before, now, strict=True))
        if old is not new and msgspec.msgpack.encode(old) != msgspec.msgpack.encode(new)
    )
