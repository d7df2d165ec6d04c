"""The one thread of all business logic, and the three that feed it.

    data_stream ────┐                                                     ┌─> wishes
    control_stream ─┼─> robo endpoint ─> robo_loop ─> journal, then robots ─┴─> frames
    trade_stream ───┘

What they need of other rooms they are given: a receiver, a sender, a journal, an order store.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol

from millstream.errors import BadMessage
from millstream.model import (
    AmendOrder,
    AnyEvent,
    CancelAll,
    CancelOrder,
    Control,
    ControlAnswer,
    LogLine,
    Output,
    PlaceOrder,
    PublishFrame,
    PublishWhitelist,
    RobotFailed,
    SessionEnd,
)
from millstream.model.codec import decode_events, encode_events, encode_outputs
from millstream.robot.group import RobotGroup
from millstream.robot.outgoing import Outgoing, Sender
from millstream.robot.timers import Timers

log = logging.getLogger(__name__)

LONGEST_WAIT_MS = 1_000
CONTROL_WAIT_MS = 50
_WISHES = (PlaceOrder, CancelOrder, CancelAll, AmendOrder)
_FRAMES = (PublishFrame, PublishWhitelist)
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class Receiver(Protocol):
    """Where batches of events come from: `bus.Receiver`."""

    def receive(self, timeout_ms: int) -> bytes | None:
        """The next batch, or None when none came in time."""


class Journal(Protocol):
    """What is remembered: `journal.JournalWriter`."""

    def append_events(self, body: bytes, count: int) -> int:
        """Append a batch of events as it came; returns the sequence of its first event."""

    def append_outputs(self, outputs: Sequence[Output]) -> None:
        """Append what the robots answered to them."""


def robo_loop(
    receiver: Receiver,
    robots: RobotGroup,
    journal: Journal,
    wishes: Sender,
    clock_ns: Callable[[], int],
    frames: Sender | None = None,
    answers: Sender | None = None,
) -> None:
    """Run the robots until a `SessionEnd` comes: journal first, then think, then act.

    frames: where the frames go that robots publish; None: nobody follows them.
    answers: where the answers to commands go; None: nobody waits for them.
    """
    timers = robots.timers
    outgoing = Outgoing(wishes, robots)
    ended = False
    while not ended:
        body = receiver.receive(_wait_ms(timers, clock_ns))
        if body is not None:
            ended = turn(body, robots, journal, outgoing, frames, answers)
        outgoing.retry()  # in each turn: a busy market leaves no other moment
        now_ns = clock_ns()
        due_ns = timers.next_due_ns()
        if due_ns is not None and due_ns <= now_ns:
            late = encode_events(timers.due(now_ns))
            turn(late, robots, journal, outgoing, frames, answers)
        if not ended and (told := outgoing.told(now_ns)):
            turn(encode_events(told), robots, journal, outgoing, frames, answers)


def _wait_ms(timers: Timers, clock_ns: Callable[[], int]) -> int:
    due_ns = timers.next_due_ns()
    if due_ns is None:
        return LONGEST_WAIT_MS
    return max(0, min(LONGEST_WAIT_MS, -(-(due_ns - clock_ns()) // 1_000_000)))


def turn(
    body: bytes,
    robots: RobotGroup,
    journal: Journal,
    wishes: Sender,
    frames: Sender | None,
    answers: Sender | None,
) -> bool:
    """One batch: journal it, then let the robots think, then act; whether it ended the session."""
    try:
        events = decode_events(body)
    except BadMessage as error:
        log.error("a batch that is not events was left out: %s", error)
        return False
    first = journal.append_events(body, len(events))
    outputs = robots.handle_all(first, events)
    if outputs:
        journal.append_outputs(outputs)
        _act(outputs, wishes, frames, answers)
    return bool(events) and isinstance(events[-1], SessionEnd)


def _act(
    outputs: Sequence[Output], wishes: Sender, frames: Sender | None, answers: Sender | None
) -> None:
    wished = [output for output in outputs if isinstance(output.body, _WISHES)]
    if wished and not wishes.send(encode_outputs(wished)):
        log.error("%d wishes for orders found no room for 10 s: cancels wait, the rest is left out",
                  len(wished))  # fmt: skip
    if frames is not None:
        shared = [output for output in outputs if isinstance(output.body, _FRAMES)]
        if shared and not frames.send(encode_outputs(shared)):
            log.error("%d frames found no room for 10 s and were not published", len(shared))
    if answers is not None:
        answered = [output for output in outputs if isinstance(output.body, ControlAnswer)]
        if answered:
            answers.send(encode_outputs(answered))
    for output in outputs:
        if isinstance(output.body, LogLine):
            log.log(_LEVELS.get(output.body.level, 20), "%s: %s", output.robot, output.body.text)
        elif isinstance(output.body, RobotFailed):
            where = output.body.trace.replace("\n", ", ") or "its own code"
            log.error("%s failed and was stopped: %s in %s", output.robot, output.body.error, where)


# ---- what feeds it ------------------------------------------------------------------------------


class Stream(Protocol):
    """A live connection: `stream.StreamBase`."""

    def start(self) -> Awaitable[None]:
        """Run until stopped."""

    def stop(self) -> Awaitable[None]:
        """End what `start` runs."""


async def data_stream(streams: Sequence[Stream], stop: asyncio.Event) -> None:
    """Run the exchanges' streams until `stop`; their observers forward to the robo endpoint.

    Raises what a stream raises that gives up; the others are stopped then too.
    """
    running = [asyncio.ensure_future(stream.start()) for stream in streams]
    told = asyncio.ensure_future(stop.wait())
    await asyncio.wait({told, *running}, return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    for stream in streams:
        await stream.stop()
    await asyncio.gather(*running)


def control_stream(commands: Receiver, robo: Sender, stop: Callable[[], bool]) -> None:
    """Forward batches of commands to the robo endpoint, each as it comes, until `stop()`.

    What is not a batch of `Control` events is logged and left out: nobody else may speak here.
    """
    while not stop():
        body = commands.receive(CONTROL_WAIT_MS)
        if body is None:
            continue
        try:
            foreign = [event for event in decode_events(body) if not isinstance(event, Control)]
        except BadMessage as error:
            log.error("a command that cannot be read was left out: %s", error)
            continue
        if foreign:
            log.error("only commands may come here; left out: %r", foreign[0])
            continue
        robo.send(body)


def trade_stream(changes: Iterable[AnyEvent], robo: Sender) -> None:
    """Forward every change of own orders from the order store to the robo endpoint."""
    for change in changes:
        robo.send(encode_events([change]))
