"""A robots process goes on where it stopped: its journal is replayed, and then written on.

The same robots, code and parameters: the last journal goes on in a new segment, so that it is one
session, and replays as one. Otherwise, or after a good end, a new journal begins.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from pathlib import Path

import msgspec

from millstream.config import Config
from millstream.errors import JournalError
from millstream.journal import DamagedAt, Journal, JournalWriter, Manifest, replay
from millstream.model import AnyEvent, MyOrder, MyTrade, Output
from millstream.model.actions import OrderAction
from millstream.model.codec import encode_outputs
from millstream.robot import RobotGroup
from millstream.robot.moment import sequence_of
from millstream.session.proof import JOURNAL
from millstream.session.roster import describe, seat_robots

__all__ = ["Seated", "seat"]

_REMEMBERED = 65_536  # answers: more than one block of events can bring about


class Seated(msgspec.Struct):
    """Robots in their seats, as they were before the process ended."""

    directory: Path  # of the session: its journal is in it
    manifest: Manifest
    robots: RobotGroup
    journal: JournalWriter
    revision: int | None  # of the last own change that was journaled; None: a new journal
    unsent: list[tuple[int, bytes]]  # wishes that the orders may not have, each with its time


def seat(config: Config, directory: Path, name: str) -> Seated:
    """The robots of a configuration with their journal: the last one in `directory`, or a new one.

    Raises JournalError when another process writes it, or when it does not replay equal.
    """
    manifest = describe(config)
    number = _last(directory, name)
    if number:
        place = directory / f"{name}-{number}"
        ended, before = _how_it_ended(place / JOURNAL)
        if not ended:
            journal = _resumed(config, place / JOURNAL)
            if (before.robots, before.seed) == (manifest.robots, manifest.seed):
                return _go_on(place, before, journal)
            journal.close("its robots were changed; another journal follows")
    place = directory / f"{name}-{number + 1}"
    journal = JournalWriter(
        place / JOURNAL, manifest, config.journal.segment_mib * 2**20, config.journal.compress
    )
    return Seated(place, manifest, seat_robots(manifest), journal, None, [])


def _last(directory: Path, name: str) -> int:
    tails = (found.name.removeprefix(f"{name}-") for found in directory.glob(f"{name}-*"))
    return max((int(tail) for tail in tails if tail.isdecimal()), default=0)


def _how_it_ended(place: Path) -> tuple[bool, Manifest]:
    """Whether a journal ended in good order, and what it is of."""
    journal = Journal.open(place)
    try:
        deque(journal.tail(), maxlen=0)
    except DamagedAt as damage:
        if not damage.in_last_block:
            raise
    return journal.closed, journal.manifest


def _resumed(config: Config, place: Path) -> JournalWriter:
    return JournalWriter.resume(place, config.journal.segment_mib * 2**20, config.journal.compress)


def _go_on(place: Path, manifest: Manifest, writer: JournalWriter) -> Seated:
    """Replay what there is; answers that were not recorded any more are recorded now."""
    memory = _Memory(seat_robots(manifest), manifest.run_id)
    report = replay(Journal.open(place / JOURNAL), memory)
    if not report.equal:
        raise JournalError(
            f"the robots cannot go on with {place / JOURNAL}: it does not replay equal "
            f"({report.first_difference}); move {place} away to begin anew"
        )
    writer.append_outputs(memory.last(report.unverified))
    return Seated(place, manifest, memory.robots, writer, memory.revision, memory.unsent())


class _Memory:
    """Robots in a replay, and what else their loop would know by now."""

    def __init__(self, robots: RobotGroup, run_id: str) -> None:
        self.robots = robots
        self._run_id = run_id
        self.revision = 0
        self._answers: deque[Output] = deque(maxlen=_REMEMBERED)
        self._wishes: deque[tuple[int, Output]] = deque(maxlen=_REMEMBERED)
        self._stored = 0  # the cause of the newest order that came back from the store

    def handle(self, sequence: int, event: AnyEvent) -> Sequence[Output]:
        """As the robots; see `RobotGroup.handle`."""
        if isinstance(event, MyOrder | MyTrade) and event.revision:
            self.revision = max(self.revision, event.revision)
            if event.order_id.startswith(self._run_id):
                self._stored = max(self._stored, sequence_of(event.order_id))
        answers = self.robots.handle(sequence, event)
        if answers:
            self._answers += answers
            self._wishes += [
                (event.received_ns, one) for one in answers if isinstance(one.body, OrderAction)
            ]
        return answers

    def last(self, count: int) -> list[Output]:
        """The last answers."""
        return list(self._answers)[len(self._answers) - count :]

    def unsent(self) -> list[tuple[int, bytes]]:
        """Wishes newer than any that the orders are known to have, one by one, with their times.

        Those that they have all the same are known there by their ids.
        """
        return [
            (wished_ns, encode_outputs([output]))
            for wished_ns, output in self._wishes
            if output.cause > self._stored
        ]
