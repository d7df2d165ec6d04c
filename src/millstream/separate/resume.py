"""Which journal a robots process goes on with: its last one, or a new one.

The same configuration and code: the last journal goes on from its last checkpoint, so that it is
one session, and replays as one. Otherwise, or after a good end, a new journal begins, with the
robots that were saved in the order store.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from millstream.config import Config
from millstream.journal import DamagedAt, Journal, JournalWriter, Manifest, RobotEntry
from millstream.journal.directory import PART
from millstream.orders.store import SavedRobot
from millstream.robot import RobotGroup
from millstream.separate.cursor import Cursor
from millstream.separate.unsent import Left, left_above, without_orders
from millstream.session.proof import JOURNAL
from millstream.session.resuming import COULD_NOT_GO_ON, CodeChanged, resume_robots
from millstream.session.returning import entries_of
from millstream.session.roster import changed_robots, describe, seat_robots
from millstream.session.setups import as_kept

__all__ = ["Seated", "seat"]

_log = logging.getLogger(__name__)
_BEGAN_AT = "store_revision"  # a setting in the manifest: of the order store, when it began


class Seated(msgspec.Struct):
    """Robots in their seats, as they were before the process ended."""

    place: Path  # of the session: its journal is in it
    manifest: Manifest
    robots: RobotGroup
    journal: JournalWriter
    cursor: Cursor
    left: list[Left]  # what the orders may not have
    resumed: bool = False  # the journal goes on; else it is a new one

    @property
    def entries(self) -> list[RobotEntry]:
        """The robots that there are now, as a manifest has them."""
        return _entries(self.robots, self.manifest)

    @property
    def began_at(self) -> int:
        """The order store's revision when the journal began."""
        return int(self.manifest.settings.get(_BEGAN_AT, 0))


def seat(
    config: Config,
    directory: Path,
    name: str,
    process: str,
    saved: Sequence[SavedRobot],
    revision: int,
) -> Seated:
    """The robots of a process with their journal: the last one in `directory`, or a new one.

    config: with the process's own robots alone. name: of its folders. saved: its own set-ups in the
    order store, whose revision that is.
    Raises ConfigError, and JournalError when another process writes the journal, or when it does
    not replay equal.
    """
    manifest = describe(config)  # what is wrong in the configuration is said first
    number, highest = _last(directory, name)
    place, left = directory / f"{name}-{number}", list[Left]()
    if number:
        closed, before = _how_it_ended(place / JOURNAL)
        found = None if closed else _gone_on(config, place, before, manifest, process)
        if found is not None:
            return found
        reached = Cursor(place).reached
        left = without_orders(left_above(place / JOURNAL, reached, process, before.robots))
    place = directory / f"{name}-{highest + 1}"
    kept = as_kept(saved, [setup for one in left for setup in one.setups])
    manifest = describe(config, entries_of(kept))
    settings = manifest.settings | {_BEGAN_AT: revision}
    manifest = msgspec.structs.replace(manifest, settings=settings)
    journal = JournalWriter(place / JOURNAL, manifest, *_limits(config))
    return Seated(place, manifest, seat_robots(manifest), journal, Cursor(place), left)


def _gone_on(
    config: Config, place: Path, before: Manifest, configured: Manifest, process: str
) -> Seated | None:
    """A journal that was not closed goes on; None, and closed, where its robots are others now."""
    if not _is_same(before, configured):
        journal = JournalWriter.resume(place / JOURNAL, *_limits(config))
        journal.close("the robots were changed; another journal follows")
        return None
    try:
        found = resume_robots(place / JOURNAL, *_limits(config))
    except CodeChanged:  # of one that a command added
        journal = JournalWriter.resume(place / JOURNAL, *_limits(config))
        journal.close("the code of a robot was changed; another journal follows")
        return None
    robots, journal = found.robots, found.journal
    entries = _entries(robots, found.manifest)
    last = journal.next_sequence - 1
    _log.info("%s goes on after event %d: %d replayed", place, last, found.replayed)
    cursor = Cursor(place)
    cursor.clamp(last)
    known = [*found.manifest.robots, *entries]
    left = left_above(place / JOURNAL, cursor.reached, process, known)
    return Seated(place, found.manifest, robots, journal, cursor, left, resumed=True)


def _entries(robots: RobotGroup, manifest: Manifest) -> list[RobotEntry]:
    began = {entry.name: entry for entry in manifest.robots}
    return [
        msgspec.json.decode(one.entry, type=RobotEntry) if one.entry else began[one.robot.name]
        for one in robots.seats
    ]


def _is_same(before: Manifest, configured: Manifest) -> bool:
    """Whether a session is configured as it was, and its robots' code is what it was.

    The robots themselves may be others: saved, added, tuned, removed.
    """
    if _configured(before) != _configured(configured):
        return False
    return not changed_robots(before)


def _configured(manifest: Manifest) -> Any:
    """What a journal is of: other robots, another seed or another order store need another one."""
    kept = [manifest.seed, *(manifest.config.get(key) for key in ("robots", "order_store"))]
    return msgspec.json.decode(msgspec.json.encode(kept))


def _last(directory: Path, name: str) -> tuple[int, int]:
    """The numbers of the last journal and of the last folder; 0: there is none.

    They differ where a crash came before a journal's first bytes.
    """
    last = highest = 0
    for place in directory.glob(f"{name}-*"):
        tail = place.name.removeprefix(f"{name}-")
        if tail.isdecimal():
            highest = max(highest, int(tail))
            if any(not file.name.endswith(PART) for file in (place / JOURNAL).glob("*")):
                last = max(last, int(tail))
    return last, highest


def _how_it_ended(place: Path) -> tuple[bool, Manifest]:
    """Whether a session ended in good order, and what it is of."""
    journal = Journal.open(place)
    try:
        deque(journal.tail(), maxlen=0)
    except DamagedAt as damage:
        if not damage.in_last_block:
            raise
    return journal.closed and journal.close_reason != COULD_NOT_GO_ON, journal.manifest


def _limits(config: Config) -> tuple[int, bool]:
    return config.journal.segment_mib * 2**20, config.journal.compress
