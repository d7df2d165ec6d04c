"""The latest changes, in memory: whoever follows closely asks the server nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from millstream.orders.store import Change

__all__ = ["Tail"]

_LENGTH: Final = 20_000  # changes kept


class Tail:
    """Changes without a hole, up to `revision`. Not for several threads at once."""

    def __init__(self, revision: int) -> None:
        self.revision = revision  # of the latest change
        self._changes: list[Change] = []

    def append(self, changes: Sequence[Change], keep_after: int) -> None:
        """Add what follows `revision`; what is behind it already is left out.

        keep_after: changes above this revision are kept, however many they are.
        """
        new = [change for change in changes if change.revision > self.revision]
        if not new:
            return
        if new[-1].revision - self.revision != len(new):
            # Of what was pruned only last states came: what is kept here is without a hole.
            self._changes, new = [], _without_hole(new)
        self._changes += new
        self.revision = new[-1].revision
        if len(self._changes) > 2 * _LENGTH:
            first = self._changes[0].revision
            too_old = min(len(self._changes) - _LENGTH, keep_after - first + 1)
            del self._changes[: max(0, too_old)]

    def covers(self, after: int) -> bool:
        """True when every change above `after` is here."""
        return after >= self.revision - len(self._changes)

    def after(self, after: int, robot: str | None = None, limit: int | None = None) -> list[Change]:
        """The first `limit` changes above `after`, of one robot or of all (None)."""
        start = max(0, len(self._changes) - (self.revision - after))
        if after >= self.revision:
            return []
        if robot is None:
            return self._changes[start : None if limit is None else start + limit]
        own = [change for change in self._changes[start:] if change.robot == robot]
        return own[:limit]


def _without_hole(changes: Sequence[Change]) -> list[Change]:
    """The last of the changes, as far back as each follows the one before it."""
    first = len(changes) - 1
    while first and changes[first - 1].revision == changes[first].revision - 1:
        first -= 1
    return list(changes[first:])
