"""Robots that an earlier session saved in the order store, and return with the next one."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

from millstream.errors import JournalError
from millstream.journal import RobotEntry
from millstream.journal.directory import held
from millstream.orders.store import OrderStore, SavedRobot, SavedRobots
from millstream.session.roster import saved_entry

__all__ = ["entries_of", "refuse_used", "returning"]

log = logging.getLogger(__name__)


def returning(store: OrderStore) -> list[RobotEntry]:
    """The set-ups in an order store, as a manifest has them. Raises ConfigError."""
    return entries_of(store.saved_robots()) if isinstance(store, SavedRobots) else []


def entries_of(saved: Iterable[SavedRobot]) -> list[RobotEntry]:
    """Set-ups as a manifest has them. Raises ConfigError."""
    found = []
    for one in saved:
        log.info("robot %s returns as %s saved it", one.name, one.who or "somebody")
        found.append(saved_entry(one.name, one.robot, one.markets, one.parameters, one.standing))
    return found


def refuse_used(place: Path) -> None:
    """Make the folder it will be in. Raises JournalError: there is one already, or cannot be."""
    if held(place):
        raise JournalError(
            f"{place} holds a journal already: name an empty or new directory, or go on with it "
            "by --resume"
        )
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise JournalError(
            f"cannot write a journal in {place.parent}: {error.strerror or error}"
        ) from error
