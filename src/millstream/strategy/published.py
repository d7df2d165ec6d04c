"""What followers were told of each frame, and so what they need to be told next."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pandas as pd

from millstream.frames.columns import Rows, from_frame, pack
from millstream.model import PublishFrame


class Published:
    """The frames of one robot as its followers hold them. `limit`: rows that a follower keeps."""

    def __init__(self, timeframe: str, candle_type: str, limit: int) -> None:
        self._timeframe, self._candle_type, self._limit = timeframe, candle_type, limit
        self._told: dict[str, Rows] = {}

    def update(self, pair: str, frame: pd.DataFrame, analyzed_ns: int) -> PublishFrame:
        """What a follower needs to hold the last `limit` rows of `frame`: from the first row that
        differs. Where none does it is the last row again, so that its age is known.

        Raises FrameError for a column that cannot be told to another bot.
        """
        whole = from_frame(frame, max(0, len(frame) - self._limit))
        told = self._told.get(pair)
        first = _first_difference(told, whole) if told is not None else 0
        self._told[pair] = whole
        rows = whole.between(min(first, whole.count - 1), whole.count) if first else whole
        return PublishFrame(
            pair, self._timeframe, self._candle_type, analyzed_ns, first == 0, pack(rows)
        )


def _first_difference(told: Rows, whole: Rows) -> int:
    """The number of the first row that differs; 0 when only the whole frame will do."""
    if (told.schema.names, told.schema.kinds) != (whole.schema.names, whole.schema.kinds):
        return 0
    if not (told.count and whole.count):
        return 0
    before, now = told.dates_ns(), whole.dates_ns()
    offset = int(np.searchsorted(before, now[0]))
    common = told.count - offset
    if not 0 < common <= whole.count or before[offset] != now[0]:
        return 0  # nothing in common, older rows, or rows that are gone
    first = common
    for old, new in zip(told.blocks, whole.blocks, strict=True):
        raw = f"u{old.dtype.itemsize}"  # bit for bit: NaN is NaN
        differs = (old.view(raw)[:, offset:] != new.view(raw)[:, :common]).any(axis=0)
        if differs.any():
            first = min(first, int(np.argmax(differs)))
    for values, others in zip(told.objects, whole.objects, strict=True):
        first = _first_other(values[offset : offset + first], others[:first])
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
