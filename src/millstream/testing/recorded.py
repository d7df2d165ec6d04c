"""What a session would write and send, kept in memory: its journal, and the way to its orders."""

from __future__ import annotations

from collections.abc import Sequence

from millstream.model import Output, RobotFailed
from millstream.model.actions import OutputBody
from millstream.model.codec import decode_outputs, encode_outputs

__all__ = ["Recorder", "Wishes"]


class Recorder:
    """The journal, in memory: what the robots' turn appends."""

    def __init__(self) -> None:
        self.turns: list[tuple[bytes, int, list[Output]]] = []
        self.bodies: list[OutputBody] = []  # every answer, oldest first
        self._next = 1

    def append_events(self, body: bytes, count: int) -> int:
        """As of the journal's writer."""
        first, self._next = self._next, self._next + count
        self.turns.append((body, count, []))
        return first

    def append_outputs(self, outputs: Sequence[Output]) -> None:
        """As of the journal's writer; kept as they are read again."""
        read = decode_outputs(encode_outputs(outputs))
        self.turns[-1][2].extend(read)
        self.bodies.extend(output.body for output in read)

    def failures(self) -> list[RobotFailed]:
        """Those of the last turn."""
        return [o.body for o in self.turns[-1][2] if isinstance(o.body, RobotFailed)]


class Wishes:
    """The way to the orders."""

    def __init__(self) -> None:
        self._bodies: list[bytes] = []

    def send(self, body: bytes, timeout_ms: int = 0) -> bool:
        """As of the bus."""
        self._bodies.append(body)
        return True

    def taken(self) -> list[bytes]:
        """What was sent since the last time."""
        bodies, self._bodies = self._bodies, []
        return bodies
