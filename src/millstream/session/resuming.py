"""A session goes on where it stopped: last checkpoint, tail of the journal, order store.

The same run: ids, timers, random numbers and standings go on, and the journal replays as one.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from millstream.errors import ConfigError, JournalError, RobotError
from millstream.journal import Block, Journal, JournalWriter, Kind, Manifest, describe
from millstream.journal.recall import LastCheckpoint, Recall, recall
from millstream.model import Output
from millstream.model.codec import decode_events, decode_outputs, encode_outputs
from millstream.robot import RobotGroup
from millstream.session.roster import (
    ChangedRobot,
    changed_robots,
    changed_seats,
    checkpoint_interval,
    reseat_robots,
    seat_robots,
)
from millstream.session.wished import LastWishes, wishes_in

__all__ = ["COULD_NOT_GO_ON", "CodeChanged", "Resumed", "check_same", "resume_robots"]

COULD_NOT_GO_ON = "it could not go on"  # closes a journal without ending its session

log = logging.getLogger(__name__)

_ALL_OF_THEM = "the session goes on by a replay of all its events, not from its last checkpoint"
_REMEMBERED = 65_536  # wishes: more than can be on their way


class CodeChanged(ConfigError):
    """A robot of the journal has other code now."""


class Resumed(msgspec.Struct):
    """Robots as they were when their journal ended, and the journal, ready to be written on."""

    manifest: Manifest
    robots: RobotGroup
    journal: JournalWriter
    # The last ones, some of them twice: whether they arrived, the order store knows.
    wishes: list[Output]
    replayed: int  # events, after the last checkpoint


def resume_robots(place: Path, segment_bytes: int, compress: bool) -> Resumed:
    """Go on with the journal in a folder.

    Raises JournalError when it is being written, is damaged, or its tail does not replay equal;
    CodeChanged when a robot's code has changed since.
    """
    journal = Journal.open(place)
    _refuse(changed_robots(journal.manifest))
    interval = checkpoint_interval(journal.manifest)
    newest, wished = LastCheckpoint(interval), LastWishes()

    def see(block: Block) -> None:
        newest.see(block)
        wished.see(block)

    writer = JournalWriter.resume(place, segment_bytes, compress, see)
    try:
        found = newest.found
        if newest.lacking:
            log.warning("%s: %s", _ALL_OF_THEM, newest.lacking)
        elif found is None:
            found = recall(journal, interval, before=writer.segment - 1)
        tail = _recalled(journal, found)
        writer.append_outputs(tail.waiting)  # what died with the process is recorded now
        wishes = [*wished.outputs(), *tail.wishes, *wishes_in(tail.waiting)]
        return Resumed(journal.manifest, tail.robots, writer, wishes, tail.replayed)
    except BaseException:
        writer.close(COULD_NOT_GO_ON)
        raise


def check_same(manifest: Manifest, configured: Manifest) -> None:
    """Raise ConfigError when a configuration is of another session than the one in the folder.

    What was configured is compared, not what was seated: a robot that returned with what an earlier
    session saved of it may be seated otherwise.
    """
    for key in ("order_store", "seed"):
        before, now = manifest.config.get(key), configured.config.get(key)
        if before != now:
            raise ConfigError(
                f"{key}: the session began with {before!r}, and the configuration has {now!r}: put "
                "it back, or begin a new session"
            )
    began, asked = _sections(manifest), _sections(configured)
    for name, section in asked.items():
        if name not in began:
            raise ConfigError(
                f'the session began without robot "{name}", which the configuration has: take it '
                "out there and `millstream control` it in, or begin a new session"
            )
        for key, value in section.items():
            if began[name][key] != value:
                raise ConfigError(
                    f'robot "{name}" has other {key} in the configuration than when the session '
                    "began: put them back (`millstream control` tunes it), or begin a new session"
                )
    for name in began:
        if name not in asked:
            raise ConfigError(
                f'the session began with robot "{name}", which is not in the configuration: put '
                "it back (`millstream control` removes it), or begin a new session"
            )


def _sections(manifest: Manifest) -> dict[str, dict[str, Any]]:
    sections = manifest.config.get("robots", [])
    return {
        section["name"]: {
            "code": section["robot"],
            "markets": section["markets"],
            "parameters": section["parameters"],
        }
        for section in sections
    }


def _refuse(changed: list[ChangedRobot]) -> None:
    if changed:
        raise CodeChanged(
            f"{changed[0]}: a session goes on with the code it began with; put that back, or begin "
            "a new session"
        )


def _recalled(journal: Journal, found: Recall | None) -> _Tail:
    if found is not None:
        try:
            robots = reseat_robots(journal.manifest, found.checkpoints)
            return _driven(robots, found.sequence, found.blocks)
        # A robot may keep something where nobody looks: only all of its events bring that back.
        except (RobotError, JournalError) as error:
            log.warning("%s: %s", _ALL_OF_THEM, error)
    return _driven(seat_robots(journal.manifest), 0, journal.blocks())


def _driven(robots: RobotGroup, known: int, blocks: Iterable[Block]) -> _Tail:
    tail = _Tail(robots, known)
    try:
        tail.drive(blocks)
    except JournalError:
        _refuse(changed_seats(robots))  # it says more than that their answers differ
        raise
    _refuse(changed_seats(robots))
    return tail


class _Tail:
    """Drives recorded events through robots, as far as they do not know them yet."""

    def __init__(self, robots: RobotGroup, known: int) -> None:
        self.robots = robots
        self.waiting: list[Output] = []  # answers without a record
        self.wishes: deque[Output] = deque(maxlen=_REMEMBERED)
        self.replayed = 0
        self._known = known

    def drive(self, blocks: Iterable[Block]) -> None:
        """Every block in order. Raises JournalError at an answer that differs from the record."""
        for block in blocks:
            if block.kind is Kind.EVENTS:
                self._check([])
                for sequence, event in enumerate(decode_events(block.body), block.first_sequence):
                    if sequence > self._known:
                        self.waiting += self.robots.handle(sequence, event)
                        self.replayed += 1
            elif block.kind is Kind.OUTPUTS:
                recorded = decode_outputs(block.body)
                self.wishes += wishes_in(recorded)
                self._check([output for output in recorded if output.cause > self._known])

    def _check(self, recorded: list[Output]) -> None:
        answered = self.waiting[: len(recorded)] if recorded else self.waiting
        if encode_outputs(answered) != encode_outputs(recorded):
            odd = (recorded or answered)[0]
            raise JournalError(
                f"the session cannot go on: its robots answer event {odd.cause} otherwise than "
                f"recorded ({odd.robot}: {describe(odd.body)}); `millstream replay` says where "
                "they part, and a new session can begin elsewhere"
            )
        del self.waiting[: len(answered)]
