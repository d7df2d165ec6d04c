"""What a robots process wished, and the orders may not have: read from its journal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from millstream.journal import Block, Journal, Kind, RobotEntry
from millstream.journal.directory import segments
from millstream.journal.format import SEGMENT_HEADER, read_segment_header
from millstream.journal.segment import open_segment
from millstream.model import (
    CancelAll,
    CancelOrder,
    Control,
    ControlAnswer,
    MyOrder,
    OrderAction,
    Output,
    PlaceOrder,
)
from millstream.model.codec import decode_events, decode_outputs, encode_outputs
from millstream.robot.outgoing import orders_left_out
from millstream.separate.wishes import Unsent
from millstream.session.setups import SetUp, SetUps
from millstream.session.wished import one_by_one

__all__ = ["Left", "as_unsent", "left_above", "without_orders"]


class Left(NamedTuple):
    """What one event brought about."""

    cause: int  # 0: of another journal
    at_ns: int  # of the event
    wishes: list[Output]
    setups: list[SetUp]


def left_above(place: Path, reached: int, process: str, robots: Iterable[RobotEntry]) -> list[Left]:
    """Every wish, and every set-up that a command changed, of the events above `reached`.

    But for the orders of which robots have heard that they are not placed: that stays true.
    place: of the journal. robots: class and markets of those that may have been saved.
    Raises JournalDamaged.
    """
    setups = SetUps(process)
    for entry in robots:
        setups.know(entry.name, entry.class_path, entry.markets)
    found: list[Left] = []
    left_out: set[str] = set()
    newest: Block | None = None  # of events: outputs answer those of the block before them
    for block in Journal.open(place).tail(_segment_of(place, reached + 1)):
        if block.kind is Kind.EVENTS:
            newest = block
            left_out |= orders_left_out(block.body)
        elif block.kind is not Kind.OUTPUTS or newest is None:
            continue
        elif newest.first_sequence + newest.count - 1 > reached:
            found += _left(newest, decode_outputs(block.body), reached, setups)
    return [_without(one, left_out) for one in found] if left_out else found


def without_orders(left: Iterable[Left]) -> list[Left]:
    """Of a session that another one follows: nothing is placed for it any more."""
    kept = []
    for one in left:
        cancels = [out for out in one.wishes if isinstance(out.body, CancelOrder | CancelAll)]
        if cancels or one.setups:
            kept.append(one._replace(cause=0, wishes=cancels))
    return kept


def as_unsent(
    left: Sequence[Left], run_id: str, opened: Callable[[str], Sequence[MyOrder]]
) -> list[Unsent]:
    """Ready to be sent again.

    "Cancel all" cancels what was open then, by its ids: what the robot placed after it stays.
    opened: a robot's open orders in the store.
    """
    made: list[Unsent] = []
    placed: list[Output] = []
    for one in left:
        wishes: list[Output] = []
        for output in one.wishes:
            if isinstance(output.body, CancelAll):
                wishes += one_by_one(output, output.body, placed, opened, run_id)
                continue
            wishes.append(output)
            if isinstance(output.body, PlaceOrder):
                placed.append(output)
        if wishes:
            made.append(Unsent(one.cause, one.at_ns, encode_outputs(wishes)))
        made += [Unsent(one.cause, one.at_ns, b"", setup) for setup in one.setups]
    return made


def _left(newest: Block, outputs: Sequence[Output], reached: int, setups: SetUps) -> list[Left]:
    wanted = [
        output
        for output in outputs
        if output.cause > reached and isinstance(output.body, OrderAction | ControlAnswer)
    ]
    if not wanted:
        return []
    events = decode_events(newest.body)
    made: dict[int, Left] = {}
    for output in wanted:
        event = events[output.cause - newest.first_sequence]
        left = made.setdefault(output.cause, Left(output.cause, event.received_ns, [], []))
        if not isinstance(output.body, ControlAnswer):
            left.wishes.append(output)
        elif output.body.accepted and isinstance(event, Control):
            setup = setups.after(event, output.body)
            if setup is not None:
                left.setups.append(setup)
    return [one for one in made.values() if one.wishes or one.setups]


def _without(one: Left, left_out: set[str]) -> Left:
    kept = [
        output
        for output in one.wishes
        if not isinstance(output.body, PlaceOrder) or output.body.order_id not in left_out
    ]
    return one._replace(wishes=kept)


def _segment_of(place: Path, sequence: int) -> int:
    """The last segment that begins with this event or before it."""
    size = SEGMENT_HEADER.size
    for number in reversed(segments(place)):
        with open_segment(place, number, 0) as segment:
            header = read_segment_header(segment.fill(0, size)[:size])
        if header is not None and header.first_sequence <= sequence:
            return number
    return 1
