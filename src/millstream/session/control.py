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
from millstream.errors import BadMessage, ConfigError, MillstreamError, NameTaken
from millstream.model import Control, ControlAnswer, Output
from millstream.model.codec import decode_events, decode_outputs, encode_events, encode_outputs
from millstream.orders.store import RobotRecord
from millstream.robot import Market
from millstream.session.roster import with_code
from millstream.session.setups import SetUps

__all__ = ["ControlDesk", "Door", "Start"]

log = logging.getLogger(__name__)
_WAIT_MS = 20


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
    refuse: raises MillstreamError when a robot by a name cannot be added here; None: never.
    process: the robots process that its robots are in.
    note: told of every answer, by whatever door its command came; returns at once.
    """

    def __init__(
        self,
        commands: Receiver,
        doors: Sequence[Door],
        answers: Receiver,
        robo: Sender,
        record: RobotRecord | None,
        carry: Callable[[Sequence[Market]], Start],
        refuse: Callable[[str], None] | None = None,
        process: str = "",
        note: Callable[[Control, ControlAnswer], object] | None = None,
    ) -> None:
        self._inbox = Inbox({"commands": commands, "answers": answers})
        self._doors = tuple(doors)
        self._robo = robo
        self._record = record
        self._carry = carry
        self._note = note
        self._asked: dict[str, tuple[Control, Start | None, Door]] = {}
        self._refuse_name = refuse
        self._setups = SetUps(process)

    def know(self, robot: str, class_path: str, markets: Sequence[str]) -> None:
        """A robot that is there from the start, so that it can be saved."""
        self._setups.know(robot, class_path, markets)

    @property
    def idle(self) -> bool:
        """Whether every command that robots were given is answered, and what it changed is kept."""
        return not self._asked

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
                if self._refuse_name is not None:
                    self._refuse_name(control.robot)
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
            control, start, door = self._asked[answer.request]
            if answer.accepted:
                try:
                    if start is not None:
                        start()
                    self._keep(control, answer)
                except NameTaken as error:
                    answer = self._taken_back(control, answer, str(error))
                except MillstreamError as error:
                    reason = f"{answer.reason}; but {error}"
                    answer = msgspec.structs.replace(answer, reason=reason)
            del self._asked[answer.request]  # only now: see `idle`
            self._say(door, control, answer)

    def _taken_back(self, control: Control, answer: ControlAnswer, why: str) -> ControlAnswer:
        """Two processes were told to add one name: the robot of the second goes again."""
        if control.command != "add":
            return msgspec.structs.replace(answer, reason=f"{answer.reason}; but {why}")
        undone = msgspec.structs.replace(
            control, received_ns=time_ns(), command="remove", why=why,
            request=f"{control.request}:undone",
        )  # fmt: skip
        self._setups.after(undone, answer)  # it is known no more
        self._robo.send(encode_events([undone]))
        return ControlAnswer(control.request, control.command, False, why)

    def _keep(self, control: Control, answer: ControlAnswer) -> None:
        """What was accepted is in the order store before the asker hears of it."""
        setup = self._setups.after(control, answer)
        if self._record is None or setup is None:
            return
        if setup.saved is None:
            self._record.remove_robot(setup.name)
        else:
            self._record.save_robot(setup.saved)

    def _say(self, door: Door, control: Control, answer: ControlAnswer) -> None:
        log.info("%s of %s by %s: %s", control.command, control.robot, control.who, answer.reason)
        body = encode_outputs([Output(0, control.robot, answer)])
        door.answer(control.request, body)
        if self._note is not None:
            self._note(control, answer)
