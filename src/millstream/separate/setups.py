"""Set-ups of robots on their way to the order store, which another process owns."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, Protocol

from millstream.errors import NameTaken, StoreError
from millstream.orders.store import SavedRobot, SavedRobots
from millstream.separate.letters import write
from millstream.separate.places import name_of
from millstream.session.setups import SetUp

__all__ = ["SetUpPost"]

_PATIENCE_S: Final = 3.0


class Sender(Protocol):
    """The way to the post: `bus.Sender`."""

    def send(self, body: bytes) -> bool:
        """Hand over a message; False when there was no room for long."""


class SetUpPost:
    """A `RobotRecord` whose set-ups travel in letters, and are read from the store itself.

    away: whether the orders are known to be away: then nobody waits for them.
    """

    def __init__(self, post: Sender, record: SavedRobots, away: Callable[[], bool]) -> None:
        self._post, self._record, self._away = post, record, away
        self._sent = 0
        self._stored = 0
        self._more = threading.Condition()

    def save_robot(self, robot: SavedRobot) -> None:
        """Keep a set-up; returns once it is stored.

        Raises NameTaken when it is not, for another process was quicker; else StoreError: it is
        going to be.
        """
        self._send(SetUp(robot.name, robot))
        kept = next((one for one in self.saved_robots() if one.name == robot.name), robot)
        if kept.process != robot.process:
            raise NameTaken(
                f'there is a robot "{robot.name}" already, added by the process '
                f'"{name_of(kept.process)}" a moment ago; give this one another name'
            )

    def remove_robot(self, name: str) -> None:
        """Keep it no longer; as `save_robot`."""
        self._send(SetUp(name, None))

    def saved_robots(self) -> list[SavedRobot]:
        """Every set-up in the store."""
        return self._record.saved_robots()

    def stored(self) -> None:
        """The orders have one more of them. From any thread."""
        with self._more:
            self._stored += 1
            self._more.notify_all()

    @property
    def idle(self) -> bool:
        """Whether all of them are stored."""
        return self._stored == self._sent

    def _send(self, setup: SetUp) -> None:
        with self._more:
            self._sent += 1
            mine = self._sent
            self._post.send(write(setup))
            patience_s = 0.0 if self._away() else _PATIENCE_S
            if not self._more.wait_for(lambda: self._stored >= mine, patience_s):
                raise StoreError(
                    "the orders are away: this is kept in the order store once they are back"
                )
