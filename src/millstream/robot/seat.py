"""One robot of a group: how it stands, and what it takes to go on from here another day."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
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
from millstream.model.actions import NOT_DUE
from millstream.model.codec import encode, encode_canonical
from millstream.robot.exact import comes_back, holds_sets, is_exact
from millstream.robot.kept import Values
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
# A state and what lies outside of it may be large: a strategy's tables are. Packed at every 2nd,
# 4th, … checkpoint, they cost a journal no more than this, about as much as a ticker.
BYTES_AN_EVENT: Final = 64
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
        self._are_sets_told = holds_sets(type(robot.parameters))
        self._values: Values | None = None  # made when it is needed first
        self._packs_each = 1  # of so many checkpoints one

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

    def fail(self, error: BaseException, sequence: int) -> RobotFailed:
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

    def checkpoint(
        self, alarms: Sequence[Alarm], revision: int, number: int = 0, events: int = 0
    ) -> Checkpoint:
        """All it takes to go on from here. revision: of the order store, as far as it was told.

        number: of those made each `events` events; 0: it is another one, or of a journal of before
        states were packed.
        """
        robot = self.robot
        proof = self.proof()
        hidden = robot._hidden()
        kept, lacking = b"", ""
        # The order of a set is another in each process, and this is not restored anyway.
        ordered = encode(robot.state) if self._is_exact and proof.state else b""
        if events and (hidden or not ordered or not comes_back(robot.state, ordered)):
            kept, lacking = self._packed(number, events)
        else:
            self._packs_each = 1  # as of a robot that goes on from here
        drawn = robot.random.getstate()
        return Checkpoint(
            proof.state_hash,
            proof.state,
            b"" if kept or ordered == proof.state else ordered,
            self.standing,
            self.resumes_as,
            self.error,
            self._told(canonical=bool(events)),
            b"" if drawn == self._undrawn else encode(drawn),
            tuple(alarms),
            self.entry,
            () if events else tuple(hidden),
            revision,
            kept,
            lacking,
        )

    def broken(self, error: Exception) -> Checkpoint:
        """That of a failed robot that cannot even be looked at: nothing to go on from."""
        return Checkpoint(
            hashlib.blake2b(b"", digest_size=16).digest(),
            b"",
            standing=self.standing,
            error=self.error,
            entry=self.entry,
            lacking=f"robot {self.robot.name} cannot be looked at: {raised(error)}",
        )

    def _told(self, canonical: bool) -> bytes:
        """Its parameters; canonical: a set in them in the same order in every process."""
        parameters = self.robot.parameters
        if canonical and self._are_sets_told:
            with suppress(TypeError):  # not all can be put in an order
                return encode_canonical(parameters)
        return encode(parameters)

    def _is_told(self, parameters: bytes) -> bool:
        return parameters in (self._told(canonical=True), self._told(canonical=False))

    def _packed(self, number: int, events: int) -> tuple[bytes, str]:
        """(its state and what lies outside of it, why not)."""
        if not number or number % self._packs_each:
            return b"", NOT_DUE
        if self._values is None:
            self._values = self.robot._values()
        try:
            kept = self._pack(self._values)
        except RobotError as error:
            return b"", str(error)
        except Exception as error:  # what it keeps may raise anything when it is looked at
            return b"", f"what {self.robot.name} keeps cannot be looked at: {raised(error)}"
        self._weigh(kept, events)
        return kept, ""

    def _pack(self, values: Values) -> bytes:
        robot = self.robot
        return values.pack({"state": robot.state, "outside": robot._outside()}, robot.name)

    def _weigh(self, kept: bytes, events: int) -> None:
        """How often so much may be packed: a power of two, so that robots meet."""
        self._packs_each = 1 << (len(kept) // (BYTES_AN_EVENT * events)).bit_length()

    def restore(self, made: Checkpoint, events: int) -> None:
        """Stand as it did then. Raises RobotError when that is not possible from this alone.

        events: between two checkpoints.
        """
        robot = self.robot
        if made.lacking:
            raise RobotError(made.lacking)
        if not made.standing or made.hidden:
            kept = ", ".join(made.hidden) or "more than a journal of its time holds"
            raise RobotError(f"robot {robot.name} keeps {kept} outside its state")
        try:
            if not self._is_told(made.parameters):  # they were tuned
                robot.parameters = msgspec.msgpack.decode(made.parameters, type=robot.Parameters)
            whole = self._unpack(made) if made.kept else self._decode(made)
            # A float whose default is 10 was written as a whole number, and comes back as 10.0.
            whole = whole and self._is_told(made.parameters)
        except RobotError:
            raise
        except Exception as error:  # a check of its own may raise anything
            said = f"the state of robot {robot.name} cannot be read: {raised(error)}"
            raise RobotError(said) from error
        if not whole:
            raise RobotError(f"the state of robot {robot.name} is another once it was stored")
        if made.kept:
            self._weigh(made.kept, events)
        if made.random:
            version, numbers, gauss = msgspec.msgpack.decode(made.random)
            robot.random.setstate((version, tuple(numbers), gauss))
        self.standing, self.resumes_as, self.error = made.standing, made.resumes_as, made.error
        self.entry = made.entry

    def _unpack(self, made: Checkpoint) -> bool:
        """Take what was packed; whether it is packed again as the same."""
        robot = self.robot
        values = self._values = robot._values()
        found = values.unpack(made.kept)
        if type(found["state"]) is not type(robot.state):
            return False
        robot.state = found["state"]
        robot._put_outside(found["outside"])
        return self._pack(values) == made.kept and encode_canonical(robot.state) == made.state

    def _decode(self, made: Checkpoint) -> bool:
        """Take the state by its type; whether it is the same."""
        robot = self.robot
        if not self._is_exact:
            raise RobotError(
                f"the state of robot {robot.name} holds a set, or what may be any type"
            )
        state = msgspec.msgpack.decode(made.ordered_state or made.state, type=type(robot.state))
        robot.state = state
        return encode_canonical(state) == made.state

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
