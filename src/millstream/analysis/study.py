"""One journal replayed and turned into rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

import msgspec

from millstream.analysis.foresight import ForeseeingJournal
from millstream.analysis.life_rows import fill_rows, order_row, step_rows
from millstream.analysis.rows import json_of
from millstream.analysis.stores import stored_changes
from millstream.analysis.tables import TABLES
from millstream.analysis.watched import Put, Watched
from millstream.errors import JournalDamaged, StoreError
from millstream.journal import Difference, ReplayReport, replay
from millstream.journal.manifest import Manifest
from millstream.robot import RobotGroup
from millstream.session.roster import changed_robots, seat_robots

__all__ = ["Studied", "study"]


class Studied(msgspec.Struct, frozen=True, kw_only=True):
    """What a study found, besides its rows."""

    run_id: str
    events: int
    orders: int
    fills: int
    equal: bool
    difference: Difference | None
    damage: str
    notes: list[str]
    cpu_seconds: float  # reading, replaying and making rows


def study(
    directory: Path,
    after: int,
    put: Put,
    progress: Callable[[int], None] | None = None,
    store: str = "",
) -> Studied:
    """Replay the journal in a directory, compare it, and hand its rows to `put`.

    after: rows of events up to this sequence are left out.
    progress: called now and then with the sequence reached. store: the order store's address,
    instead of the one in the journal's manifest.
    Raises JournalError when it cannot be read, ConfigError when its robots cannot be loaded. A
    journal that is damaged is studied up to the damage.
    """
    began = process_time()
    journal = ForeseeingJournal.open(directory)
    assert isinstance(journal, ForeseeingJournal)
    manifest = journal.manifest
    changed = changed_robots(manifest)
    notes = [str(robot) for robot in changed]
    robots = seat_robots(manifest)
    watched = Watched(manifest.run_id, robots, journal.foreseen, put, after)
    report, damage = None, ""
    try:
        report = replay(journal, watched, progress)
    except JournalDamaged as error:
        damage = str(error)
    notes += _ends(report)
    watched.flush()
    try:
        for change in stored_changes(directory, manifest, store):
            watched.lives.change(change, None)
    except StoreError as error:
        notes.append(f"{error}; orders are told from the journal alone")
    lives = watched.lives.lives()
    run_id = manifest.run_id
    put(TABLES["orders"], [order_row(run_id, life) for life in lives])
    steps = sorted((row for life in lives for row in step_rows(run_id, life)), key=_revision)
    put(TABLES["order_steps"], steps)
    fills = sorted((row for life in lives for row in fill_rows(run_id, life)), key=_revision)
    put(TABLES["fills"], fills)
    put(TABLES["robots"], _robot_rows(manifest, robots, watched, {c.robot for c in changed}))
    put(TABLES["sessions"], [_session_row(journal, watched, report, damage, notes)])
    return Studied(
        run_id=run_id,
        events=watched.sequence,
        orders=len(lives),
        fills=len(fills),
        equal=report is not None and report.equal,
        difference=report.first_difference if report else None,
        damage=damage,
        notes=notes,
        cpu_seconds=process_time() - began,
    )


def _revision(row: tuple[Any, ...]) -> Any:
    return row[1]


def _ends(report: ReplayReport | None) -> list[str]:
    """What a reader should know of a journal's end; as `replay` says it."""
    if report is None:
        return []
    notes = [str(report.cut)] if report.cut is not None else []
    if not report.closed:
        notes.append(
            f"the session did not end in good order; its journal ends at event {report.events}"
        )
    if report.unverified:
        notes.append(f"{report.unverified} answers to its last events were not recorded any more")
    return notes


def _session_row(
    journal: ForeseeingJournal,
    watched: Watched,
    report: ReplayReport | None,
    damage: str,
    notes: list[str],
) -> tuple[Any, ...]:
    manifest = journal.manifest
    found = report.first_difference if report else None
    return (
        manifest.run_id,
        str(journal.directory.resolve()),
        manifest.started_ns,
        watched.first_event_ns,
        watched.last_event_ns,
        watched.sequence,
        report is not None and report.closed,
        journal.close_reason,
        report is not None and report.equal,
        report.outputs if report else 0,
        report.unverified if report else 0,
        None if found is None else msgspec.json.encode(found).decode(),
        damage,
        json_of(notes),
        manifest.seed,
        manifest.millstream_version,
        manifest.python_version,
        manifest.platform,
        json_of(manifest.config),
    )


def _robot_rows(
    manifest: Manifest, robots: RobotGroup, watched: Watched, changed: set[str]
) -> list[tuple[Any, ...]]:
    entries = {entry.name: entry for entry in manifest.robots}
    lives = watched.lives.lives()
    rows = []
    for seat in robots.seats:
        robot = seat.robot
        name, entry = robot.name, entries.get(robot.name)
        written = f"{type(robot).__module__}:{type(robot).__qualname__}"
        own = [life for life in lives if life.robot == name]
        rows.append(
            (
                manifest.run_id,
                name,
                entry.class_path if entry else written,
                json_of([str(market) for market in robot.markets]),
                json_of(entry.parameters if entry else robot.parameters),
                entry.source_file if entry else None,
                entry.code_hash if entry else None,
                name in changed,
                seat.standing,
                seat.error,
                watched.decisions[name],
                sum(life.decided is not None for life in own),
                sum(len(life.fills) for life in own),
            )
        )
    return rows
