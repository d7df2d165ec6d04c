"""Who may tell robots what: commands from the bus and from the session's doors, each answered.

doors, control endpoint ─> checked here ─> robo endpoint ─> journal, robots ─> answers endpoint
                                                                                 │
asker <── answer <── the set-up kept in the order store <── streams carried <────┘
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from time import time_ns
from typing import Protocol

import msgspec

from millstream.bus import Inbox, Receiver
from millstream.errors import BadMessage, ConfigError, MillstreamError
from millstream.model import Control, ControlAnswer, Output
from millstream.model.codec import decode_events, decode_outputs, encode_events, encode_outputs
from millstream.orders.store import RobotRecord, SavedRobot
from millstream.robot import Market
from millstream.session.roster import with_code

__all__ = ["ControlDesk", "Door", "Start"]

log = logging.getLogger(__name__)
_WAIT_MS = 20
_KEPT = ("add", "save")  # after these a set-up is kept; after "remove" it is no longer


class Sender(Protocol):
    """Where commands go on: `bus.Sender`."""

    def send(self, body: bytes) -> bool:
        """Hand over a batch; False when there was no room for long."""


class Door(Protocol):
    """Where somebody may ask, and is answered: `bus.door_zmq.Door`."""

    def receive(self, timeout_ms: int) -> bytes | None:
        """A batch with one command that bears a request; None when nobody asks in time."""

    def answer(self, request: str, body: bytes) -> None:
        """Answer a request that came by this door."""


class Start(Protocol):
    """Begins to carry what robots watch: streams that were made and not started."""

    def __call__(self) -> None:
        """Start them."""


class ControlDesk:
    """Takes commands, gives them to the robots, and answers who asked.

    doors: where commands come from beside the bus; a request that came by the bus is answered at
        the first of them.
    carry: makes the streams that some markets still need; raises MillstreamError.
    record: where set-ups of robots are kept; None: nowhere.
    """

    def __init__(
        self,
        commands: Receiver,
        doors: Sequence[Door],
        answers: Receiver,
        robo: Sender,
        record: RobotRecord | None,
        carry: Callable[[Sequence[Market]], Start],
    ) -> None:
        self._inbox = Inbox({"commands": commands, "answers": answers})
        self._doors = tuple(doors)
        self._robo = robo
        self._record = record
        self._carry = carry
        self._asked: dict[str, tuple[Control, Start | None, Door]] = {}
        self._setups: dict[str, tuple[str, tuple[str, ...]]] = {}  # class and markets, by robot

    def know(self, robot: str, class_path: str, markets: Sequence[str]) -> None:
        """A robot that is there from the start, so that it can be saved."""
        self._setups[robot] = class_path, tuple(markets)

    def run(self, stop: Callable[[], bool]) -> None:
        """Forward and answer until `stop()`."""
        while not stop():
            for name, body in self._inbox.receive(_WAIT_MS):
                if name == "answers":
                    self._answered(body)
                else:
                    self._forward(body)
            for door in self._doors:
                while (asked := door.receive(0)) is not None:
                    self._asked_by(door, asked)

    def _forward(self, body: bytes) -> None:
        """Batches of commands that nobody waits for pass as they are."""
        try:
            events = decode_events(body)
        except BadMessage as error:
            log.error("a command that cannot be read was left out: %s", error)
            return
        foreign = [event for event in events if not isinstance(event, Control)]
        if foreign:
            log.error("only commands may come here; left out: %r", foreign[0])
            return
        if any(isinstance(event, Control) and event.request for event in events):
            for event in events:
                assert isinstance(event, Control)
                self._take(event, self._doors[0])
            return
        self._robo.send(body)

    def _asked_by(self, door: Door, body: bytes) -> None:
        try:
            events = decode_events(body)
        except BadMessage as error:
            log.error("a request that cannot be read was left out: %s", error)
            return
        if len(events) == 1 and isinstance(events[0], Control) and events[0].request:
            self._take(events[0], door)
        else:
            log.error("one command with a request may come by the door; left out: %r", events)

    def _take(self, asked: Control, door: Door) -> None:
        """Check what only the world can tell: whether there is such a class, and such a market."""
        control = msgspec.structs.replace(asked, received_ns=time_ns())
        start: Start | None = None
        try:
            if control.command == "add":
                control = with_code(control)
                start = self._carry([Market.parse(market) for market in control.markets])
            if control.command in ("add", "remove", "save") and self._record is None:
                raise ConfigError("this session's order store keeps no robots")
        except MillstreamError as error:
            self._refuse(door, control, str(error))
            return
        self._asked[control.request] = control, start, door
        if not self._robo.send(encode_events([control])):
            del self._asked[control.request]
            self._refuse(door, control, "the robots have taken nothing for 10 s")

    def _refuse(self, door: Door, control: Control, why: str) -> None:
        self._say(door, control, ControlAnswer(control.request, control.command, False, why))

    def _answered(self, body: bytes) -> None:
        for output in decode_outputs(body):
            answer = output.body
            if not isinstance(answer, ControlAnswer) or answer.request not in self._asked:
                continue
            control, start, door = self._asked.pop(answer.request)
            if answer.accepted:
                try:
                    self._keep(control, answer)
                    if start is not None:
                        start()
                except MillstreamError as error:
                    reason = f"{answer.reason}; but {error}"
                    answer = msgspec.structs.replace(answer, reason=reason)
            self._say(door, control, answer)

    def _keep(self, control: Control, answer: ControlAnswer) -> None:
        """What was accepted is in the order store before the asker hears of it."""
        if self._record is None:
            return
        if control.command == "add":
            self._setups[control.robot] = control.robot_type, control.markets
        if control.command == "remove":
            self._record.remove_robot(control.robot)
            self._setups.pop(control.robot, None)
        elif control.command in _KEPT and control.robot in self._setups:
            class_path, markets = self._setups[control.robot]
            self._record.save_robot(
                SavedRobot(
                    name=control.robot, robot=class_path, markets=markets,
                    parameters=answer.parameters or {}, standing=answer.standing,
                    who=control.who, why=control.why, saved_ns=control.received_ns,
                )
            )  # fmt: skip

    def _say(self, door: Door, control: Control, answer: ControlAnswer) -> None:
        log.info("%s of %s by %s: %s", control.command, control.robot, control.who, answer.reason)
        body = encode_outputs([Output(0, control.robot, answer)])
        door.answer(control.request, body)
