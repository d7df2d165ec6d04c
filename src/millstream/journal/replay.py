"""Replay: every recorded event through the unchanged robots, every answer compared.

Reads the processor's clock and the wall's, only to say how fast it went.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter, process_time
from typing import Protocol, TypeVar, runtime_checkable

import msgspec

from millstream.errors import BadMessage, JournalError
from millstream.journal.divergence import Difference, describe, first_difference
from millstream.journal.format import Block, Cut, Kind
from millstream.journal.reader import Journal
from millstream.model.actions import Checkpoint, Output, PlaceOrder
from millstream.model.codec import AnyEvent, decode_events, decode_outputs, encode_outputs

__all__ = ["Handler", "ReplayReport", "decoded", "replay"]

_Message = TypeVar("_Message", bound=msgspec.Struct)
_PROGRESS_EVENTS = 10_000
_COLLECT_EVENTS = 1_000_000


class Handler(Protocol):
    """The robots, as the live loop drives them."""

    def handle(self, sequence: int, event: AnyEvent, /) -> Sequence[Output]:
        """What they answer to this event, in the order in which it was recorded."""
        ...


@runtime_checkable
class BatchHandler(Protocol):
    """Robots that take a batch at once, which saves a call an event."""

    def handle_all(self, first: int, events: Sequence[AnyEvent], /) -> Sequence[Output]:
        """What they answer to events one after the other, whose sequences begin with `first`."""
        ...


class ReplayReport(msgspec.Struct, frozen=True, kw_only=True):
    """The proof: what was replayed, what of it was compared, and where it first differed."""

    equal: bool
    events: int
    outputs: int  # recorded and found equal; comparing ends at the first difference
    orders: int  # of those: PlaceOrder
    states: int  # of those: Checkpoint
    unverified: int  # answers to the last block of a journal that died before recording them
    first_difference: Difference | None
    cpu_seconds: float
    wall_seconds: float
    events_per_second: float  # of CPU
    events_per_wall_second: float
    cut: Cut | None
    closed: bool
    last_sequence: int

    def __str__(self) -> str:
        counts = f"{self.events} events, {self.outputs} outputs"
        if self.first_difference is not None:
            return f"different; comparing ended after {counts} at {self.first_difference}"
        return f"equal: {counts}, {self.orders} orders, {self.states} states"


def replay(
    journal: Journal,
    handler: Handler | BatchHandler,
    progress: Callable[[int], None] | None = None,
) -> ReplayReport:
    """Drive every recorded event through the handler and compare every answer with the record.

    progress: called with the sequence reached, each ten thousand events or so.
    All events are driven even after a difference; only the comparing ends there.
    Raises JournalDamaged at the first byte of the journal that is wrong.
    """
    comparison = _Comparison()
    handle_all = _by_batches(handler)
    wall, cpu = perf_counter(), process_time()
    with _no_collection():
        next_progress, next_collection = _PROGRESS_EVENTS, _COLLECT_EVENTS
        for block in journal.blocks():
            if block.kind is Kind.OUTPUTS:
                comparison.match(block)
            elif block.kind is Kind.EVENTS:
                events = decoded(decode_events, block)
                first = block.first_sequence
                comparison.begin(first, events)
                comparison.waiting += handle_all(first, events)
                if first >= next_progress:
                    next_progress = first + _PROGRESS_EVENTS
                    if progress is not None:
                        progress(journal.last_sequence)
                    if first >= next_collection:  # a robot may make cycles of its own
                        next_collection = first + _COLLECT_EVENTS
                        gc.collect()
    unverified = comparison.end(journal.closed)
    cpu, wall = process_time() - cpu, perf_counter() - wall
    events_seen = journal.last_sequence
    return ReplayReport(
        equal=comparison.difference is None,
        events=events_seen,
        outputs=comparison.outputs,
        orders=comparison.orders,
        states=comparison.states,
        unverified=unverified,
        first_difference=comparison.difference,
        cpu_seconds=cpu,
        wall_seconds=wall,
        events_per_second=events_seen / cpu if cpu else 0.0,
        events_per_wall_second=events_seen / wall if wall else 0.0,
        cut=journal.cut,
        closed=journal.closed,
        last_sequence=journal.last_sequence,
    )


def _by_batches(
    handler: Handler | BatchHandler,
) -> Callable[[int, Sequence[AnyEvent]], Sequence[Output]]:
    if isinstance(handler, BatchHandler):
        return handler.handle_all
    handle = handler.handle

    def handle_all(first: int, events: Sequence[AnyEvent]) -> list[Output]:
        outputs: list[Output] = []
        for sequence, event in enumerate(events, first):
            outputs += handle(sequence, event)
        return outputs

    return handle_all


class _Comparison:
    """Holds the answers that still wait for their record, and the first difference."""

    def __init__(self) -> None:
        self.outputs = 0
        self.orders = 0
        self.states = 0
        self.waiting: list[Output] = []
        self.difference: Difference | None = None
        self._first = 1
        self._events: list[AnyEvent] = []

    def begin(self, first: int, events: list[AnyEvent]) -> None:
        """A new block of events: what still waits for a record is not going to get one."""
        if self.waiting:
            self._compare([])
            self.waiting.clear()
        self._first, self._events = first, events

    def match(self, block: Block) -> None:
        """Compare a block of recorded outputs with the answers that wait."""
        answered = self.waiting[: block.count]
        # Bytes first: to encode is cheaper than to decode, and nearly always that is all.
        if encode_outputs(answered) != block.body:
            self._compare(decoded(decode_outputs, block), more_recorded=True)
        del self.waiting[: block.count]
        if self.difference is None:
            for output in answered:
                body = type(output.body)
                self.orders += body is PlaceOrder
                self.states += body is Checkpoint
            self.outputs += block.count

    def end(self, closed: bool) -> int:
        """How many answers wait for a record that the session died before making."""
        if closed and self.waiting:
            self._compare([])
        return len(self.waiting) if self.difference is None else 0

    def _compare(self, recorded: list[Output], *, more_recorded: bool = False) -> None:
        if self.difference is None:
            self.difference = first_difference(
                recorded, self.waiting, self._event_text, more_recorded=more_recorded
            )

    def _event_text(self, sequence: int) -> str:
        index = sequence - self._first
        return (
            describe(self._events[index]) if 0 <= index < len(self._events) else "not in its block"
        )


def decoded(decode: Callable[[bytes], list[_Message]], block: Block) -> list[_Message]:
    """The messages of a block; raises JournalError, saying where, when it holds something else."""
    try:
        messages = decode(block.body)
    except BadMessage as error:
        where = f"{block.file} at offset {block.offset}"
        raise JournalError(
            f"the block in {where} cannot be read by this version: {error}"
        ) from error
    if len(messages) != block.count:
        where = f"{block.file} at offset {block.offset}"
        raise JournalError(
            f"the block in {where} says {block.count} messages and holds {len(messages)}: "
            f"whoever wrote it counted wrong"
        )
    return messages


@contextmanager
def _no_collection() -> Iterator[None]:
    """Without the garbage collector, which would walk all that is alive again and again."""
    was_enabled, was_frozen = gc.isenabled(), gc.get_freeze_count() > 0
    gc.disable()
    if not was_frozen:
        gc.freeze()
    try:
        yield
    finally:
        if not was_frozen:
            gc.unfreeze()
        if was_enabled:
            gc.enable()
