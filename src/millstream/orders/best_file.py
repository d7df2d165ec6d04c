"""The best that robots have ever been worth, in a file beside the order store.

The store's fills tell the best of fills; what a position was worth in between, only who looked at
the market then. A file that cannot be written is said, and is no reason to stop or to refuse.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import TypeAlias

import msgspec

__all__ = ["BestFile", "Peaks"]

_log = logging.getLogger(__name__)
Peaks: TypeAlias = Mapping[tuple[str | None, str], Decimal]  # by robot (None: all) and currency


class _Peak(msgspec.Struct, frozen=True):
    robot: str | None
    currency: str
    best: Decimal


class _Kept(msgspec.Struct, frozen=True):
    revision: int  # of the store: one that has not come so far is another store
    peaks: tuple[_Peak, ...]


class BestFile:
    """path: the store's file; this one lies beside it as NAME.best."""

    def __init__(self, path: Path) -> None:
        self._file = path.with_name(path.name + ".best")
        self._broken = False

    def read(self, revision: int) -> dict[tuple[str | None, str], Decimal]:
        """What was kept for the store that stands at this revision; nothing if there is nothing."""
        try:
            kept = msgspec.json.decode(self._file.read_bytes(), type=_Kept)
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.MsgspecError) as error:
            _log.error("%s cannot be read, the best of fills counts: %s", self._file, error)
            return {}
        if kept.revision > revision:
            _log.warning("%s is of another order store: ignored", self._file)
            return {}
        return {(one.robot, one.currency): one.best for one in kept.peaks if one.best.is_finite()}

    def write(self, revision: int, peaks: Peaks) -> None:
        """Keep these in place of what was kept, durably."""
        listed = tuple(_Peak(*key, best) for key, best in peaks.items())
        temporary = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        try:
            with temporary.open("wb") as file:
                file.write(msgspec.json.encode(_Kept(revision, listed)) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self._file)
        except OSError as error:
            if not self._broken:
                _log.error("%s cannot be written, a restart forgets the best: %s",
                           self._file, error.strerror)  # fmt: skip
            self._broken = True
        else:
            self._broken = False
