"""The proof of a session: its journal replayed through its robots, every answer compared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from millstream.errors import JournalDamaged
from millstream.journal import Difference, Journal, replay
from millstream.session.roster import ChangedRobot, changed_robots, seat_robots

JOURNAL = "journal"  # the folder of a session's journal, in the session's own


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay found."""

    equal: bool
    events: int
    orders: int
    outputs: int  # answers compared: orders, cancels, timers, log lines, states
    states: int
    first_difference: Difference | None
    changed_robots: list[str]  # those whose code is not the code that was recorded
    damage: str  # what is wrong with the journal's bytes; "" when nothing is
    notes: list[str]  # what a reader should know besides: a torn tail, a session that was killed
    events_per_second: float  # per second of processor time
    cpu_seconds: float
    wall_seconds: float


def replay_session(directory: Path, progress: Callable[[int], None] | None = None) -> Proof:
    """Replay the journal in a session's folder, or in its journal's own.

    progress: called now and then with the sequence reached.
    Raises JournalError when there is no journal, ConfigError when its robots cannot be loaded.
    """
    inner = directory / JOURNAL
    journal = Journal.open(inner if inner.is_dir() else directory)
    changed = changed_robots(journal.manifest)
    notes = [str(robot) for robot in changed]
    added: list[ChangedRobot] = []
    try:
        report = replay(journal, seat_robots(journal.manifest, added), progress)
    except JournalDamaged as error:
        return Proof(
            equal=False, events=journal.last_sequence, orders=0, outputs=0, states=0,
            first_difference=None, changed_robots=[robot.robot for robot in changed],
            damage=str(error), notes=notes,
            events_per_second=0.0, cpu_seconds=0.0, wall_seconds=0.0,
        )  # fmt: skip
    changed += added
    notes += [str(robot) for robot in added]
    if report.cut is not None:
        notes.append(str(report.cut))
    if not report.closed:
        notes.append(
            f"the session did not end in good order; its journal ends at event {report.events}"
        )
    if report.unverified:
        notes.append(f"{report.unverified} answers to its last events were not recorded any more")
    return Proof(
        equal=report.equal,
        events=report.events,
        orders=report.orders,
        outputs=report.outputs,
        states=report.states,
        first_difference=report.first_difference,
        changed_robots=[robot.robot for robot in changed],
        damage="",
        notes=notes,
        events_per_second=report.events_per_second,
        cpu_seconds=report.cpu_seconds,
        wall_seconds=report.wall_seconds,
    )
