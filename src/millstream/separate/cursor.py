"""How far the orders have taken what a robots process wished: a small file beside its journal.

Nothing in a replay needs it. When it is lost, everything since the journal began is offered to the
orders again, who know their orders by their ids.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

__all__ = ["Cursor"]

_FILE: Final = "taken"
_EVERY_S: Final = 1.0


class Cursor:
    """Remembers the last event whose wishes and set-ups the orders have all taken.

    place: the folder that the journal's is in. Belongs to one thread.
    """

    def __init__(self, place: Path) -> None:
        self._file = place / _FILE
        self._written_s = 0.0
        self.reached = self._written = _read(self._file)

    def clamp(self, last_sequence: int) -> None:
        """A journal that lost its end in a power cut is behind it: the numbers come again."""
        if self.reached > last_sequence:
            self.reached = last_sequence
            self.write()

    def remember(self, reached: int) -> None:
        """Reached this event; on disk within a second or so, and at `write`."""
        if reached > self.reached:
            self.reached = reached
        if self.reached != self._written and time.monotonic() - self._written_s >= _EVERY_S:
            self.write()

    def write(self) -> None:
        """Write it down now; a disk that does not take it costs a longer look back, no more."""
        self._written_s = time.monotonic()
        part = self._file.with_name(f"{_FILE}.part")
        with suppress(OSError):
            part.write_text(f"{self.reached}\n")
            os.replace(part, self._file)
            self._written = self.reached


def _read(file: Path) -> int:
    try:
        return max(0, int(file.read_text()))
    except (OSError, ValueError):
        return 0
