"""Commands that change the robots themselves: add, remove, parameters, save, and how one stands.

Pure, and part of the decision: a command is an event, so a replay obeys it at the same event. One
that bears a request is answered, accepted or refused with a sentence, and the answer is journaled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, Protocol, TypeAlias

import msgspec

from millstream.errors import ConfigError, MillstreamError
from millstream.model import CancelAll, Control, ControlAnswer, Output, SetTimer
from millstream.robot.exact import holds_sets
from millstream.robot.seat import Seat
from millstream.robot.setup import RobotSetup, parse_parameters

__all__ = ["COMMANDS", "STANDINGS", "Hire", "obey", "stand"]

Hire: TypeAlias = Callable[[Control], RobotSetup]  # raises MillstreamError

# What a robot's standing becomes when it is told something. Paused and stopped robots get no market
# data but all of their own orders; a stopped one has its orders cancelled and may place no others.
STANDINGS: Final[dict[str, dict[str, str]]] = {
    "running": {"pause": "paused", "stop": "stopped"},
    "paused": {"resume": "running", "stop": "stopped"},
    "stopped": {"start": "running"},
    "failed": {},
}
_WORDS: Final = ("start", "stop", "pause", "resume")
COMMANDS: Final = ("add", "remove", "parameters", "save", *_WORDS)  # others are a robot's own
SESSION_ENDS: Final = "session_ends"  # parameter of the "stop" that a session ends with


class Group(Protocol):
    """What commands are carried out on: `robot.group.RobotGroup`."""

    @property
    def seats(self) -> Sequence[Seat]:
        """The robots in the order they were added."""

    @property
    def sequence(self) -> int:
        """The journal's number of the event in hand."""

    def seat(self, name: str) -> Seat | None:
        """A robot's seat, or None."""

    def add(self, setup: RobotSetup) -> object:
        """Seat a robot; raises MillstreamError."""

    def begin(self, seat: Seat, outputs: list[Output]) -> None:
        """Start it."""

    def remove(self, name: str) -> None:
        """Take its seat away, and its timers."""

    def tell(self, seat: Seat, event: Control, outputs: list[Output]) -> None:
        """It hears of a command."""


def stand(seat: Seat, event: Control) -> None:
    """How a robot stands after a command."""
    if event.command == "continue":  # the session does, after an end or a crash
        seat.standing = seat.resumes_as or seat.standing
        seat.resumes_as = ""
        return
    if event.parameters.get(SESSION_ENDS):
        seat.resumes_as = seat.standing
    seat.standing = STANDINGS[seat.standing].get(event.command, seat.standing)


def obey(group: Group, event: Control, hire: Hire | None, outputs: list[Output]) -> None:
    """Carry out a command, and answer it."""
    try:
        if event.command == "add":
            reason = _add(group, event, hire, outputs)
        else:
            done = [_obey_one(group, seat, event, outputs) for seat in _meant(group, event)]
            reason = "; ".join(done)
    except MillstreamError as error:
        _answer(group, event, False, str(error), outputs)
    else:
        _answer(group, event, True, reason, outputs)


def _meant(group: Group, event: Control) -> Sequence[Seat]:
    """The robots a command is for. Raises ConfigError when one has no such robot."""
    if event.robot:
        seat = group.seat(event.robot)
        if seat is None:
            names = ", ".join(seat.robot.name for seat in group.seats) or "none"
            raise ConfigError(f'there is no robot "{event.robot}"; there are: {names}')
        return [seat]
    if event.command not in _WORDS:
        raise ConfigError(f'"{event.command}" is for one robot: name it')
    able = [seat for seat in group.seats if event.command in STANDINGS[seat.standing]]
    if not able:
        raise ConfigError(f"no robot stands so that it could be told to {event.command}")
    return able


def _obey_one(group: Group, seat: Seat, event: Control, outputs: list[Output]) -> str:
    match event.command:
        case "remove":
            return _remove(group, seat, event, outputs)
        case "parameters":
            return _tune(group, seat, event, outputs)
        case "save":
            return f'robot "{seat.robot.name}" returns like this'
        case "start" | "stop" | "pause" | "resume":
            return _turn(group, seat, event, outputs)
        case _:
            return _pass_on(group, seat, event, outputs)


def _add(group: Group, event: Control, hire: Hire | None, outputs: list[Output]) -> str:
    if hire is None:
        raise ConfigError("no robot can be added to this session")
    if group.seat(event.robot) is not None:
        raise ConfigError(f'there is a robot "{event.robot}" already; give this one another name')
    group.add(hire(event))
    seat = group.seat(event.robot)
    assert seat is not None
    group.begin(seat, outputs)
    if seat.standing == "failed":
        group.remove(event.robot)  # what is refused changes nothing
        raise ConfigError(f'robot "{event.robot}" failed when it was started: {seat.error}')
    return f'robot "{event.robot}" runs'


def _remove(group: Group, seat: Seat, event: Control, outputs: list[Output]) -> str:
    name = seat.robot.name
    if seat.standing != "failed":
        seat.standing = "stopped"  # it may say its last word, place nothing, and set no timer
        said = len(outputs)
        group.tell(seat, event, outputs)
        outputs[said:] = [one for one in outputs[said:] if not isinstance(one.body, SetTimer)]
    else:
        outputs.append(Output(group.sequence, name, CancelAll()))
    group.remove(name)
    return f'robot "{name}" is removed; its open orders are being canceled'


def _tune(group: Group, seat: Seat, event: Control, outputs: list[Output]) -> str:
    robot = seat.robot
    if seat.standing == "failed":
        raise ConfigError(f'robot "{robot.name}" failed: remove it, then add it again')
    if not robot.tunable:
        raise ConfigError(
            f'robot "{robot.name}" reads its parameters once; remove it, then add it with others'
        )
    told = _plain(robot.parameters) | event.parameters
    where = f'the parameters of robot "{robot.name}"'
    robot.parameters = parse_parameters(type(robot), told, where)
    group.tell(seat, event, outputs)
    changed = ", ".join(f"{key} = {told[key]}" for key in event.parameters)
    return f'robot "{robot.name}" has {changed or "its parameters as they were"}'


def _turn(group: Group, seat: Seat, event: Control, outputs: list[Output]) -> str:
    name, able = seat.robot.name, STANDINGS[seat.standing]
    if event.command not in able:
        words = " or ".join(able) or "nothing but remove"
        raise ConfigError(f'robot "{name}" is {seat.standing}: it can be told {words}')
    stand(seat, event)
    group.tell(seat, event, outputs)
    return f'robot "{name}" is {seat.standing}'


def _pass_on(group: Group, seat: Seat, event: Control, outputs: list[Output]) -> str:
    name = seat.robot.name
    if seat.standing == "failed" or seat.callback(Control) is None:
        known = ", ".join(COMMANDS)
        raise ConfigError(f'robot "{name}" has no word "{event.command}"; known: {known}')
    group.tell(seat, event, outputs)
    return f'robot "{name}" was told "{event.command}"'


def _plain(parameters: msgspec.Struct) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(parameters)
    if holds_sets(type(parameters)):  # their order is another in each process; this is journaled
        with suppress(TypeError):  # not all can be put in an order
            plain = msgspec.to_builtins(parameters, order="deterministic")
    return plain


def _answer(
    group: Group, event: Control, accepted: bool, reason: str, outputs: list[Output]
) -> None:
    seat = group.seat(event.robot)
    standing, parameters = "", None
    if seat is not None:
        standing, parameters = seat.standing, _plain(seat.robot.parameters)
    answer = ControlAnswer(event.request, event.command, accepted, reason, standing, parameters)
    outputs.append(Output(group.sequence, event.robot, answer))
