"""What every keeper of an analysis promises; `tests/analysis/test_keepers.py` runs over each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Protocol, TypeAlias

import msgspec

from millstream.analysis.tables import Row, Table

__all__ = ["SAVED_COLUMNS", "Chunks", "Keeper", "Saved", "replaced"]

Chunks: TypeAlias = Iterable[tuple[Table, Sequence[Row]]]


class Saved(msgspec.Struct, frozen=True):
    """What a keeper has of a session: columns of its `sessions`."""

    events: int  # the sequence of the last event that was saved
    closed: bool
    equal: bool
    difference: str | None  # JSON
    damage: str
    notes: str  # JSON


SAVED_COLUMNS: Final = Saved.__struct_fields__


def replaced(table: Table) -> str:
    """The rows that a save replaces, in SQL with a ? for the run and, if it grows, for `after`."""
    return "run_id = ? AND sequence > ?" if table.grows else "run_id = ?"


class Keeper(Protocol):
    """Keeps the tables of `tables.py`.

    - `save` is all or nothing for its session: whoever reads meanwhile, or after a crash, sees the
      session as it was or as it is.
    - In a table that grows, rows come ascending by sequence, all above `after`; they take the place
      of whatever is there of the run above `after`, and what is there up to it stays. In the
      others, they take the place of all rows of the run. So saving again changes nothing.
    - What was saved of other sessions is never touched.
    """

    def saved(self, run_id: str) -> Saved | None:
        """What is there of a session; None: nothing."""
        ...

    def save(self, run_id: str, after: int, chunks: Chunks) -> dict[str, int]:
        """Save a session; returns the rows given, by table.

        after: 0, or what `saved` says in `events`: rows of growing tables up to this sequence are
            there already and are not given.
        """
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...
