"""The rows held of one frame: appended in place, shown as a DataFrame without a copy.

Rows lie in matrices of (column, row) with room to the right. A DataFrame that was given out looks
at the same memory, so a row that it shows is never written again: a change to one of them moves
all rows to new memory first. Rows to the right of what it shows may be written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from millstream.frames.rows import Rows
from millstream.frames.schema import NAT, OBJECT_KINDS, Schema, common_kind, schema, unit_ns


class History:
    """The last rows of one frame. `limit`: how many are kept."""

    def __init__(self, rows: Rows, limit: int) -> None:
        self._limit = limit
        self._frame: pd.DataFrame | None = None
        self._hold(rows.between(max(0, rows.count - limit), rows.count))

    def _hold(self, rows: Rows) -> None:
        """Hold these rows in new memory, with room for as many again."""
        room = max(2 * rows.count, 64)
        self.schema: Schema = rows.schema
        self._blocks = [np.empty((len(block), room), block.dtype) for block in rows.blocks]
        for held, block in zip(self._blocks, rows.blocks, strict=True):
            held[:, : rows.count] = block
        self._objects = [list(values) for values in rows.objects]
        self._first, self._end, self._room = 0, rows.count, room
        self._dropped = 0  # how many rows left the objects' lists: they begin there
        self._frame = None
        self._last_ns = int(rows.dates_ns()[-1])

    def __len__(self) -> int:
        return self._end - self._first

    @property
    def last_ns(self) -> int:
        """The last row's date."""
        return self._last_ns

    @property
    def rows(self) -> Rows:
        """What is held; its numbers are not copied, and must not be written."""
        first, end = self._first, self._end
        return Rows(
            self.schema,
            end - first,
            [block[:, first:end] for block in self._blocks],
            [values[first - self._dropped : end - self._dropped] for values in self._objects],
        )

    def kept(self) -> tuple[int, Rows]:
        """(limit, rows): what another one is made of."""
        return self._limit, self.rows

    def frame(self) -> pd.DataFrame:
        """What is held, for the caller to change as he likes: pandas copies what he writes to."""
        if self._frame is None:
            rows = self.rows
            for block in rows.blocks:
                block.flags.writeable = False
            self._frame = rows.frame()
        return self._frame.copy(deep=False)

    def append(self, rows: Rows, last_ns: int) -> None:
        """Add rows of the same columns behind the last one."""
        end = self._end + rows.count
        if end > self._room:
            self._hold(self.rows)
            end = self._end + rows.count
            if end > self._room:
                self._replace(rows, len(self), last_ns)
                return
        for held, block in zip(self._blocks, rows.blocks, strict=True):
            held[:, self._end : end] = block
        for values, new in zip(self._objects, rows.objects, strict=True):
            values.extend(new)
        self._end, self._last_ns, self._frame = end, last_ns, None
        if end - self._first > self._limit:
            self._first = end - self._limit
            if self._objects and self._first - self._dropped > self._limit:
                gone = self._first - self._dropped
                for values in self._objects:
                    del values[:gone]
                self._dropped = self._first

    def join(self, rows: Rows) -> None:
        """Put rows in by their dates: each takes the place of held ones from its first date to its
        last, the others stay. Columns are the union of both, their holes filled with nothing.
        """
        dates = rows.dates_ns()
        if rows.schema is self.schema and dates[0] > self._last_ns:
            self.append(rows, int(dates[-1]))
            return
        held = self.rows
        if rows.schema is not self.schema:
            merged = union(held.schema, rows.schema)
            held, rows = cast(held, merged), cast(rows, merged)
        held_ns = held.dates_ns()
        before = int(np.searchsorted(held_ns, dates[0], "left"))
        after = int(np.searchsorted(held_ns, dates[-1], "right"))
        parts = [held.between(0, before), rows, held.between(after, held.count)]
        joined = join(parts)
        self._hold(joined.between(max(0, joined.count - self._limit), joined.count))

    def _replace(self, rows: Rows, keep: int, last_ns: int) -> None:
        joined = join([self.rows.between(0, keep), rows])
        self._hold(joined.between(max(0, joined.count - self._limit), joined.count))
        self._last_ns = last_ns


def in_order(rows: Rows) -> Rows:
    """Rows by their dates, each date once, the later of two kept; rows without a date left out."""
    dates = rows.dates_ns()
    raw = rows.blocks[rows.schema.date_block][rows.schema.date_row]
    present = raw != NAT
    if present.all() and (len(dates) < 2 or (dates[1:] > dates[:-1]).all()):
        return rows
    rows = rows.take(present)
    dates = rows.dates_ns()
    order = np.argsort(dates, kind="stable")
    ordered = dates[order]
    last_of_its_date = np.append(ordered[1:] != ordered[:-1], True)[: len(ordered)]
    return rows.take(order[last_of_its_date])


def join(parts: Sequence[Rows]) -> Rows:
    """Rows of one schema, one part after the other."""
    first = parts[0]
    return Rows(
        first.schema,
        sum(part.count for part in parts),
        [
            np.concatenate([part.blocks[n] for part in parts], axis=1)
            for n in range(len(first.blocks))
        ],
        [[value for part in parts for value in part.objects[n]] for n in range(len(first.objects))],
    )


def union(held: Schema, new: Schema) -> Schema:
    """The columns of both, the held ones first, of kinds that hold the values of both."""
    names = held.names + tuple(name for name in new.names if name not in held.names)
    kinds = []
    for name in names:
        here = held.kinds[held.names.index(name)] if name in held.names else None
        there = new.kinds[new.names.index(name)] if name in new.names else None
        missing = here is None or there is None
        kinds.append(common_kind(here or there or "", there or here or "", missing))
    return schema(names, tuple(kinds))


def cast(rows: Rows, wanted: Schema) -> Rows:
    """Rows with other columns, in other kinds; a column they do not have is missing in each."""
    if rows.schema is wanted:
        return rows
    columns = {}
    for position, (name, kind) in enumerate(zip(wanted.names, wanted.kinds, strict=True)):
        columns[position] = _as(rows, name, kind)
    blocks = [
        np.array([columns[p] for p in block.columns], block.dtype).reshape(-1, rows.count)
        for block in wanted.blocks
    ]
    return Rows(wanted, rows.count, blocks, [columns[p] for p in wanted.objects])


def _as(rows: Rows, name: str, kind: str) -> Any:
    """One column in another kind."""
    if name not in rows.schema.names:
        if kind in OBJECT_KINDS:
            return [None] * rows.count
        return np.full(rows.count, NAT if unit_ns(kind) else np.nan)
    position = rows.schema.names.index(name)
    own = rows.schema.kinds[position]
    if own in OBJECT_KINDS:
        return rows.objects[rows.schema.objects.index(position)]
    block, row = rows.schema.place(position)
    values = rows.blocks[block][row]
    if kind in OBJECT_KINDS:
        return values.tolist()
    if unit_ns(kind) and unit_ns(own) != unit_ns(kind):
        return np.where(values == NAT, NAT, values * (unit_ns(own) // unit_ns(kind)))
    return values
