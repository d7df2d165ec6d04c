"""Commands between processes: what is still to be acknowledged, and what has come before. Pure.

The sender repeats a command until its target acknowledges it or its time is over; the target takes
each once, and in the order they were sent, whatever was lost or repeated on the way. Each command
carries its sequence in the row of its sender to its target, and `first_open`: the lowest sequence
still waited for. What lies before it was given up, and nobody waits for it any longer.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import Any

import msgspec

from millstream.errors import BadMessage, ConfigError

EVERYBODY = "*"
REPEAT_NS = 250_000_000
REMEMBERED = 10_000  # command ids, for each sender
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class IPCCommand(msgspec.Struct, frozen=True, forbid_unknown_fields=False):
    """One process asks another to do something."""

    command_id: str  # "<sender>_<microseconds>_<count>"
    sender_id: str
    target_id: str  # "*": everybody who listens to the sender
    command_type: str
    payload: dict[str, Any]
    timestamp: int  # microseconds, when it was first sent
    epoch: int = 0  # the sender's start
    sequence: int = 0  # in the row from this sender to this target
    first_open: int = 0


class Acknowledgement(msgspec.Struct, frozen=True):
    """What the target's process answers by itself, before any handler runs."""

    command_id: str
    by: str
    handled: bool  # False: it has no handler for this type


class CommandTimedOut(msgspec.Struct, frozen=True):
    """A command that was never acknowledged. Whether it was carried out is not known."""

    command: IPCCommand
    target: str
    reason: str


class CommandRefused(msgspec.Struct, frozen=True):
    """A command that arrived where nobody handles its type."""

    command: IPCCommand
    target: str
    reason: str


_commands = msgspec.json.Decoder(IPCCommand)
_acknowledgements = msgspec.json.Decoder(Acknowledgement)
_encoder = msgspec.json.Encoder()


def check_name(name: str, where: str) -> str:
    """A process name, or ConfigError."""
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f'{where}: "{name}" is not a process name; use letters, digits, _ and -, at most 64'
        )
    return name


def listens_to(me: str) -> bytes:
    """What a process subscribes to at each peer."""
    return f"{me}.".encode()


def pack_command(target: str, command: IPCCommand) -> bytes:
    """Topic, a space, JSON. Raises ConfigError when the payload is not plain values."""
    try:
        body = _encoder.encode(command)
    except (TypeError, msgspec.MsgspecError) as error:
        raise ConfigError(f"command {command.command_type}: its payload: {error}") from None
    return f"{target}.{command.command_type} ".encode() + body


def unpack_command(raw: bytes) -> IPCCommand:
    """A command, read; raises BadMessage."""
    try:
        return _commands.decode(raw[raw.index(b" ") + 1 :])
    except (ValueError, msgspec.DecodeError) as error:
        raise BadMessage(f"not a command: {error}; got {raw[:80]!r}") from error


def pack_acknowledgement(acknowledgement: Acknowledgement) -> bytes:
    """JSON."""
    return _encoder.encode(acknowledgement)


def unpack_acknowledgement(raw: bytes) -> Acknowledgement:
    """An acknowledgement, read; raises BadMessage."""
    try:
        return _acknowledgements.decode(raw)
    except msgspec.DecodeError as error:
        raise BadMessage(f"not an acknowledgement: {error}; got {raw[:80]!r}") from error


class _Open:
    """A command that waits for its acknowledgement."""

    __slots__ = ("command", "due_ns", "gives_up_ns", "target")

    def __init__(self, target: str, command: IPCCommand, due_ns: int, gives_up_ns: int) -> None:
        self.target, self.command = target, command
        self.due_ns, self.gives_up_ns = due_ns, gives_up_ns


class Outgoing:
    """What one process has sent and not yet heard about."""

    def __init__(self, epoch: int, timeout_ns: int) -> None:
        self._epoch, self._timeout_ns = epoch, timeout_ns
        self._last: dict[str, int] = {}
        self._open: dict[tuple[str, str], _Open] = {}  # by command id and target, oldest first

    def __len__(self) -> int:
        return len(self._open)

    def add(self, target: str, command: IPCCommand, now_ns: int) -> IPCCommand:
        """The command as it goes to this target: number it and wait for its acknowledgement."""
        sequence = self._last[target] = self._last.get(target, 0) + 1
        numbered = msgspec.structs.replace(command, epoch=self._epoch, sequence=sequence)
        self._open[command.command_id, target] = _Open(
            target, numbered, now_ns + REPEAT_NS, now_ns + self._timeout_ns
        )
        return self._as_sent(target, numbered)

    def acknowledged(self, answer: Acknowledgement) -> _Open | None:
        """The command it is for; None: an answer to a repetition."""
        return self._open.pop((answer.command_id, answer.by), None)

    def due(self, now_ns: int) -> tuple[list[tuple[str, IPCCommand]], list[CommandTimedOut]]:
        """What to send again, and what to give up."""
        lost = [one for one in self._open.values() if one.gives_up_ns <= now_ns]
        for one in lost:
            del self._open[one.command.command_id, one.target]
        again = []
        for one in self._open.values():
            if one.due_ns <= now_ns:
                one.due_ns = now_ns + REPEAT_NS
                again.append((one.target, self._as_sent(one.target, one.command)))
        seconds = self._timeout_ns / 1e9
        return again, [
            CommandTimedOut(
                one.command, one.target,
                f"{one.target} did not acknowledge within {seconds:g} s: "
                "is it running, and does it listen to us (ipc_command_subscribers)?",
            )
            for one in lost
        ]  # fmt: skip

    def abandon(self, reason: str) -> list[CommandTimedOut]:
        """Give up every command that is still open."""
        lost = [CommandTimedOut(one.command, one.target, reason) for one in self._open.values()]
        self._open.clear()
        return lost

    def _as_sent(self, target: str, command: IPCCommand) -> IPCCommand:
        first = min(
            (one.command.sequence for one in self._open.values() if one.target == target),
            default=command.sequence,
        )
        return msgspec.structs.replace(command, first_open=first)


class Incoming:
    """What has come from one sender: gives each command once, in the order they were sent."""

    def __init__(self) -> None:
        self._epoch = 0
        self._next = 0
        self._early: dict[int, IPCCommand] = {}
        self._seen: OrderedDict[str, None] = OrderedDict()
        self.skipped = 0  # given up by the sender before they came
        self.repeated = 0

    def take(self, command: IPCCommand) -> tuple[list[IPCCommand], bool]:
        """(The commands whose turn it is, whether to acknowledge this one again)."""
        if command.command_id in self._seen:
            self.repeated += 1
            return [], True
        if command.epoch != self._epoch:
            self._epoch, self._next = command.epoch, command.first_open
            self._early.clear()
        if command.first_open > self._next:
            self.skipped += command.first_open - self._next
            self._next = command.first_open
            self._early = {n: one for n, one in self._early.items() if n >= self._next}
        if command.sequence < self._next:
            return [], False  # given up before it came: its sender has been told so
        self._early[command.sequence] = command
        ready = []
        while (one := self._early.pop(self._next, None)) is not None:
            self._next += 1
            self._remember(one.command_id)
            ready.append(one)
        return ready, False

    def _remember(self, command_id: str) -> None:
        self._seen[command_id] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
