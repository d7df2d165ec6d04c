"""One robot of a group: how it stands, and what it takes to go on from here another day."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Final

import msgspec

from millstream.errors import RobotError
from millstream.model import (
    Alarm,
    Book,
    Candle,
    CandleHistory,
    Checkpoint,
    Connected,
    Control,
    Disconnected,
    Event,
    FrameUpdate,
    Gap,
    MyOrder,
    MyOrderBatch,
    MyTrade,
    ProducerState,
    Refused,
    Resynced,
    RobotFailed,
    Stale,
    Ticker,
    Timer,
    Trade,
    Whitelist,
)
from millstream.model.codec import encode, encode_canonical
from millstream.robot.exact import is_exact
from millstream.robot.raised import raised
from millstream.robot.robot import Answer, Robot

__all__ = ["Seat"]

_CALLBACKS: Final[dict[type[Event], str]] = {
    Ticker: "on_ticker",
    Trade: "on_trade",
    Book: "on_book",
    Candle: "on_candle",
    CandleHistory: "on_history",
    FrameUpdate: "on_frame",
    Whitelist: "on_whitelist",
    ProducerState: "on_producer_state",
    Connected: "on_connected",
    Disconnected: "on_disconnected",
    Gap: "on_gap",
    Stale: "on_stale",
    Resynced: "on_resynced",
    Refused: "on_refused",
    MyOrder: "on_my_order",
    MyTrade: "on_my_trade",
    MyOrderBatch: "on_my_order_batch",
    Timer: "on_timer",
    Control: "on_control",
}
# What `Robot` itself keeps. Whatever else is found on a robot lies outside its state.
_OWN: Final = frozenset(
    {"name", "markets", "parameters", "state", "random", "log", "_moment", "_said"}
)
_TRACE_LINES: Final = 20
# Their lines are others in another version, and a journal replays for ever.
_NOT_THE_USERS: Final = frozenset({"millstream", *sys.stdlib_module_names})


class Seat:
    """One robot of the group, and how it stands.

    entry: JSON of its manifest entry, if it was added to a running session.
    """

    def __init__(self, robot: Robot, entry: bytes = b"", standing: str = "running") -> None:
        self.robot = robot
        self.entry = entry
        self.standing = standing
        self.resumes_as = ""  # its standing before the session ended; "": it goes on
        self.error = ""  # of a failed robot
        self._undrawn = robot.random.getstate()
        self._is_exact = is_exact(type(robot.state))

    def start(self, _: None) -> Answer:
        """The robot's own start, in the shape of its other callbacks."""
        return self.robot.on_start()

    def callback(self, kind: type[Event]) -> Callable[[Any], Answer] | None:
        """The robot's own callback for a kind of event; None when it did not write one."""
        name = _CALLBACKS[kind]
        if getattr(type(self.robot), name) is getattr(Robot, name):
            return None
        found: Callable[[Any], Answer] = getattr(self.robot, name)
        return found

    def fail(self, error: Exception, sequence: int) -> RobotFailed:
        """It is given no more events; what is known of why."""
        self.standing = "failed"
        self.error = raised(error)
        try:
            state = encode_canonical(self.robot.state)
        except Exception:  # it may have put anything there, which may be why it failed
            state = b""
        return RobotFailed(self.error, sequence, state, self._trace(error.__traceback__))

    def proof(self) -> Checkpoint:
        """Its state and the hash of it, and nothing to go on from.

        Raises what the codec raises when the state cannot be stored; of a failed robot it is b"".
        """
        try:
            state = encode_canonical(self.robot.state)
        except Exception:
            if self.standing != "failed":
                raise
            state = b""
        return Checkpoint(hashlib.blake2b(state, digest_size=16).digest(), state)

    def checkpoint(self, alarms: Sequence[Alarm], revision: int) -> Checkpoint:
        """All it takes to go on from here. revision: of the order store, as far as it was told."""
        robot = self.robot
        proof = self.proof()
        # The order of a set is another in each process, and this state is not restored anyway.
        ordered = encode(robot.state) if self._is_exact and proof.state else b""
        drawn = robot.random.getstate()
        return Checkpoint(
            proof.state_hash,
            proof.state,
            b"" if ordered == proof.state else ordered,
            self.standing,
            self.resumes_as,
            self.error,
            encode(robot.parameters),
            b"" if drawn == self._undrawn else encode(drawn),
            tuple(alarms),
            self.entry,
            tuple(name for name in vars(robot) if name not in _OWN),
            revision,
        )

    def restore(self, made: Checkpoint) -> None:
        """Stand as it did then. Raises RobotError when that is not possible from this alone."""
        robot = self.robot
        if not made.standing or made.hidden:
            kept = ", ".join(made.hidden) or "more than a journal of its time holds"
            raise RobotError(f"robot {robot.name} keeps {kept} outside its state")
        if not self._is_exact:
            raise RobotError(
                f"the state of robot {robot.name} holds a set, or what may be any type"
            )
        try:
            state = msgspec.msgpack.decode(made.ordered_state or made.state, type=type(robot.state))
            whole = encode_canonical(state) == made.state
            robot.parameters = msgspec.msgpack.decode(made.parameters, type=robot.Parameters)
        except (msgspec.MsgspecError, TypeError) as error:
            raise RobotError(f"the state of robot {robot.name} cannot be read: {error}") from error
        if not whole:
            raise RobotError(f"the state of robot {robot.name} is another once it was stored")
        robot.state = state
        if made.random:
            version, numbers, gauss = msgspec.msgpack.decode(made.random)
            robot.random.setstate((version, tuple(numbers), gauss))
        self.standing, self.resumes_as, self.error = made.standing, made.resumes_as, made.error
        self.entry = made.entry

    def _trace(self, found: TracebackType | None) -> str:
        """The user's lines of code, without the folders they lie in: the same on every machine."""
        lines: list[str] = []
        while found is not None:
            code, module = found.tb_frame.f_code, found.tb_frame.f_globals.get("__name__", "")
            own = module == type(self.robot).__module__
            if own or module.partition(".")[0] not in _NOT_THE_USERS:
                file = code.co_filename.rsplit("/", 1)[-1]
                lines.append(f"{file}:{found.tb_lineno} {code.co_qualname}")
            found = found.tb_next
        return "\n".join(lines[-_TRACE_LINES:])
