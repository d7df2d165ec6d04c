"""The set-ups of robots: what commands make of them, and which process takes which of them back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from millstream.config import Config
from millstream.model import Control, ControlAnswer
from millstream.orders.store import SavedRobot

__all__ = ["SetUp", "SetUps", "as_kept", "home_of"]


class SetUp(msgspec.Struct, frozen=True, array_like=True):
    """What is kept from now on under a robot's name."""

    name: str
    saved: SavedRobot | None  # None: nothing any more


class SetUps:
    """Class and markets of every robot of a session, and what a command makes of a set-up.

    process: the robots process that they are in.
    """

    def __init__(self, process: str = "") -> None:
        self._process = process
        self._known: dict[str, tuple[str, tuple[str, ...]]] = {}

    def know(self, robot: str, class_path: str, markets: Sequence[str]) -> None:
        """A robot that is there, so that it can be saved."""
        self._known[robot] = class_path, tuple(markets)

    def after(self, control: Control, answer: ControlAnswer) -> SetUp | None:
        """What is to be kept after an accepted command; None: what was kept before it."""
        if control.command == "remove":
            self._known.pop(control.robot, None)
            return SetUp(control.robot, None)
        if control.command == "add":
            self.know(control.robot, control.robot_type, control.markets)
        if control.command not in ("add", "save") or control.robot not in self._known:
            return None
        class_path, markets = self._known[control.robot]
        saved = SavedRobot(
            name=control.robot, robot=class_path, markets=markets,
            parameters=answer.parameters or {}, standing=answer.standing,
            who=control.who, why=control.why, saved_ns=control.received_ns,
            process=self._process,
        )  # fmt: skip
        return SetUp(control.robot, saved)


def as_kept(saved: Iterable[SavedRobot], later: Iterable[SetUp]) -> list[SavedRobot]:
    """The set-ups of a store with those that it has not heard of yet."""
    kept = {one.name: one for one in saved}
    for setup in later:
        if setup.saved is None:
            kept.pop(setup.name, None)
        else:
            kept[setup.name] = setup.saved
    return list(kept.values())


def home_of(saved: SavedRobot, config: Config) -> str:
    """The robots process that takes it back: the one that has it by configuration, else its own.

    The first takes those of processes that are not there any more.
    """
    configured = {section.name: section.process for section in config.robots}
    processes = [section.process for section in config.robots]
    home = configured.get(saved.name, saved.process)
    return home if home in processes else processes[0]
