"""What a robot answers: orders it wishes, timers, log lines; and the proof of its state.

An `Output` wraps each of them with the sequence of the event that caused it. Outputs are journaled,
and compared one by one when the journal is replayed.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, TypeAlias

import msgspec

from millstream.model.enums import Exchange, OrderType, Side, TimeInForce
from millstream.model.events import Message
from millstream.model.frames import PublishFrame, PublishWhitelist
from millstream.model.pairs import CurrencyPair
from millstream.model.tags import tag


class PlaceOrder(Message, frozen=True, tag=tag("place_order.1")):
    """A wish for a new order. Whether it leaves is the risk limits' decision."""

    exchange: Exchange
    symbol: CurrencyPair
    side: Side
    type: OrderType
    volume: Decimal  # in base currency
    price: Decimal | None = None  # None for a market order
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False  # reject rather than take
    order_id: str = ""  # computed by the loop when left empty
    stop_price: Decimal | None = None  # of STOP and STOP_LIMIT: where it becomes an order
    reduce_only: bool = False  # never opens or turns a position; futures


class CancelOrder(Message, frozen=True, tag=tag("cancel_order.1")):
    """A wish to cancel one own order."""

    order_id: str


class CancelAll(Message, frozen=True, tag=tag("cancel_all.1")):
    """A wish to cancel every open order of this robot, of one pair or of all (None)."""

    symbol: CurrencyPair | None = None


class AmendOrder(Message, frozen=True, tag=tag("amend_order.1")):
    """A wish for another price or volume of one own open order; None: as it is.

    A venue that refuses leaves the order as it was, and its `reason` says so.
    """

    order_id: str
    price: Decimal | None = None
    volume: Decimal | None = None  # the whole, with what is filled; in base currency


class SetTimer(Message, frozen=True, tag=tag("set_timer.1")):
    """A wish for `Timer` events by this name: after `interval_ns`, then again if `repeat`."""

    name: str
    interval_ns: int
    repeat: bool = True


class StopTimer(Message, frozen=True, tag=tag("stop_timer.1")):
    """No more `Timer` events by this name."""

    name: str


class LogLine(Message, frozen=True, tag=tag("log_line.1")):
    """A line the robot logged."""

    level: str  # "debug", "info", "warning", "error"
    text: str


class Alarm(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A timer that is set."""

    name: str
    due_ns: int
    interval_ns: int
    repeat: bool


# Why a checkpoint has nothing to go on from, where another one has.
NOT_DUE = "so much is packed at fewer checkpoints"


class Checkpoint(Message, frozen=True, tag=tag("checkpoint.1")):
    """A robot at this event: its state, and what else it takes to go on from here.

    Journals of before 0.1.0 hold the first two fields only; then `standing` is "".
    """

    state_hash: bytes  # 16 bytes, blake2b of `state`
    state: bytes  # the state struct as msgpack, maps sorted by key
    ordered_state: bytes = b""  # the same with maps in their own order; b"": it is the same
    standing: str = ""  # "running", "paused", "stopped", "failed"
    resumes_as: str = ""  # its standing before the session ended; "": the session goes on
    error: str = ""  # of a failed robot
    parameters: bytes = b""  # the parameters struct as msgpack
    random: bytes = b""  # the state of its random numbers; b"": none was drawn
    alarms: tuple[Alarm, ...] = ()
    entry: bytes = b""  # JSON of its RobotEntry, if it was added to the running session
    hidden: tuple[str, ...] = ()  # attributes it keeps outside its state: no going on from here
    revision: int = 0  # the latest change of the order store that any robot has heard of
    # Where msgpack does not bring the state back as it was, or not all lies in it: both, packed by
    # `robot/kept.py`. b"" beside a `lacking`: no going on from here, for this reason or NOT_DUE.
    kept: bytes = b""
    lacking: str = ""


class RobotFailed(Message, frozen=True, tag=tag("robot_failed.1")):
    """A robot's code raised; it is given no more events."""

    error: str  # "ZeroDivisionError: division by zero"
    sequence: int = 0  # of the event it failed at
    state: bytes = b""  # as it was then, as msgpack; b"": it could not be stored
    trace: str = ""  # the lines of code that led there, the innermost last


class ControlAnswer(Message, frozen=True, tag=tag("control_answer.1")):
    """What became of a `Control` that bears a request."""

    request: str
    command: str
    accepted: bool
    reason: str  # of a refusal, one sentence; else what is so now
    standing: str = ""  # of the robot, after it; "": there is none by that name
    parameters: dict[str, Any] | None = None  # of the robot, after it, as plain values


OrderAction: TypeAlias = PlaceOrder | CancelOrder | CancelAll | AmendOrder
FrameAction: TypeAlias = PublishFrame | PublishWhitelist
Action: TypeAlias = OrderAction | FrameAction | SetTimer | StopTimer | LogLine
OutputBody: TypeAlias = Action | Checkpoint | RobotFailed | ControlAnswer


class Output(Message, frozen=True, tag=tag("output.1")):
    """What one robot answered to one event."""

    cause: int  # the journal sequence of that event
    robot: str
    body: OutputBody
