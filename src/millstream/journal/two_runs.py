"""Two journals side by side: where their inputs part, and where their answers do.

Events are compared by their sequence, answers by the event that caused them; both as bytes, as in a
replay. An order's id begins with its run's id, so that of B is read as that of A.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import zip_longest
from typing import Any, Final, NamedTuple

import msgspec

from millstream.errors import JournalDamaged
from millstream.journal.divergence import (
    Difference,
    describe,
    differences,
    first_difference,
    kind_of,
    name_of,
    text,
)
from millstream.journal.format import Block, Kind
from millstream.journal.manifest import Manifest
from millstream.journal.reader import Journal
from millstream.journal.replay import decoded
from millstream.model.actions import Checkpoint, Output
from millstream.model.codec import (
    AnyEvent,
    decode_events,
    decode_outputs,
    encode,
    encode_canonical,
    encode_outputs,
)

__all__ = ["Parting", "SetupDifference", "TwoRuns", "compare_runs", "compare_setups"]

NOTHING: Final = "nothing"
_RUN_ID_LETTERS: Final = 6  # a shorter one may stand anywhere by chance
_PROGRESS_EVENTS: Final = 10_000
# What names a run, or tells when it began; what is the same in every version.
_NOT_OF_THE_SETUP: Final = ("run_id", "started_ns", "tags")
# When something was heard or made. What a candle or an interval is of is no such time.
_STAMPS: Final = frozenset({"received_ns", "exchange_ns", "due_ns", "silent_ns", "analyzed_ns"})


class SetupDifference(msgspec.Struct, frozen=True):
    """One key of two manifests that is not the same."""

    key: str  # "seed", "config.risk.max_open_orders", "robots.quoter.code_hash"
    a: str
    b: str  # "missing": it has no such key


class Parting(msgspec.Struct, frozen=True):
    """Where two runs part: the event, and the field in it or in what a robot answered to it."""

    sequence: int
    event: str
    robot: str  # whose answer; "": the event itself differs
    kind: str  # "ticker", "place_order", "checkpoint", ...
    field: str  # "bid_price", "state.position"; "missing" in B, "extra": only B has it
    a: str
    b: str

    def __str__(self) -> str:
        if self.field in ("kind", "missing", "extra") and not self.robot:
            return f"event {self.sequence}: A {self.a}, B {self.b}"
        where = f"event {self.sequence} ({self.event})"
        what = f"robot {self.robot}, {self.kind}" if self.robot else self.kind
        return f"{where}: {what}.{self.field}: A {self.a}, B {self.b}"


class TwoRuns(msgspec.Struct, frozen=True, kw_only=True):
    """What a comparison of two recorded runs found."""

    equal: bool
    setup: list[SetupDifference]  # what their manifests say differently
    equal_events: int  # before the first that differs
    equal_answers: int  # orders, timers, log lines, states, until the runs part
    first_input: Parting | None  # the first event that differs
    first_other_input: Parting | None  # the first that differs in more than its times
    first_answer: Parting | None  # looked for until the runs part by more than times
    counts_a: dict[str, int]  # events and answers by kind, of the whole journal
    counts_b: dict[str, int]
    damage: str  # what is wrong with the bytes of one; "" when nothing is

    @property
    def first(self) -> Parting | None:
        """Where they part first. An event comes before the answers to it."""
        found = [parting for parting in (self.first_input, self.first_answer) if parting]
        return min(found, key=lambda parting: parting.sequence, default=None)


def compare_setups(a: Manifest, b: Manifest) -> list[SetupDifference]:
    """What two manifests say differently, by the path of the key; each robot by its name."""
    return [
        SetupDifference(key, text(was), text(now))
        for key, was, now in differences(_setup(a), _setup(b))
    ]


def _setup(manifest: Manifest) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(manifest)
    for key in _NOT_OF_THE_SETUP:
        del plain[key]
    plain["config"].pop("robots", None)  # `robots` tells of them as they were seated
    plain["robots"] = {entry.pop("name"): entry for entry in plain["robots"]}
    return plain


def compare_runs(
    a: Journal, b: Journal, *, times: bool = True, progress: Callable[[int], None] | None = None
) -> TwoRuns:
    """Compare two journals: manifests, every event in order, every answer to it.

    times: False: events that differ in nothing but their times are the same.
    progress: called now and then with the sequence reached.
    Both are read to their end, for the counts. Raises JournalError as a replay does; damage is
    reported.
    """
    same_run = a.manifest.run_id == b.manifest.run_id
    reads_as = (b"", b"")
    if len(a.manifest.run_id) == len(b.manifest.run_id) == _RUN_ID_LETTERS and not same_run:
        reads_as = (b.manifest.run_id.encode(), a.manifest.run_id.encode())
    one, other = _Run(a), _Run(b, reads_as)
    found = _Comparison(times=times, hashes=same_run)
    damage, steps = "", 0
    try:
        for left, right in zip_longest(one.steps(), other.steps()):
            found.step(left, right)
            steps += 1
            if progress is not None and steps % _PROGRESS_EVENTS == 0:
                progress(steps)
    except JournalDamaged as error:
        damage = str(error)
    setup = compare_setups(a.manifest, b.manifest)
    return TwoRuns(
        equal=not (setup or damage or found.first_input or found.first_answer),
        setup=setup,
        equal_events=found.equal_events,
        equal_answers=found.equal_answers,
        first_input=found.first_input,
        first_other_input=found.first_other_input,
        first_answer=found.first_answer,
        counts_a=one.counted(),
        counts_b=other.counted(),
        damage=damage,
    )


class _Step(NamedTuple):
    """One event, and what was answered to it."""

    sequence: int
    event: AnyEvent
    answers: list[Output] | None  # None: the session died before it recorded any


class _Run:
    """A journal event by event. reads_as: these letters are read as those."""

    def __init__(self, journal: Journal, reads_as: tuple[bytes, bytes] = (b"", b"")) -> None:
        self._journal = journal
        self._written, self._read_as = reads_as
        self._counts: Counter[type[msgspec.Struct]] = Counter()

    def counted(self) -> dict[str, int]:
        """Events and answers by kind, most frequent first."""
        return {name_of(kind): count for kind, count in self._counts.most_common()}

    def steps(self) -> Iterator[_Step]:
        """Every event, oldest first, with the answers that were recorded behind it."""
        turn: Block | None = None
        answers: list[Output] = []
        for block in self._journal.blocks():
            if block.kind is Kind.EVENTS:
                if turn is not None:
                    yield from self._turn(turn, answers)
                turn, answers = block, []
            elif block.kind is Kind.OUTPUTS:
                answers += decoded(decode_outputs, self._read(block))
        if turn is not None:
            recorded = bool(answers) or self._journal.closed
            yield from self._turn(turn, answers if recorded else None)

    def _turn(self, block: Block, answers: list[Output] | None) -> Iterator[_Step]:
        events = decoded(decode_events, self._read(block))
        self._counts.update(map(type, events))
        by_cause: dict[int, list[Output]] = {}
        for output in answers or ():
            self._counts[type(output.body)] += 1
            by_cause.setdefault(output.cause, []).append(output)
        for sequence, event in enumerate(events, block.first_sequence):
            yield _Step(sequence, event, None if answers is None else by_cause.get(sequence, []))

    def _read(self, block: Block) -> Block:
        if not self._written:
            return block
        body = bytes(block.body).replace(self._written, self._read_as)
        return msgspec.structs.replace(block, body=body)


class _Comparison:
    """Holds the first differences. hashes: False: of two runs whose states name their own ids."""

    def __init__(self, *, times: bool, hashes: bool) -> None:
        self.first_input: Parting | None = None
        self.first_other_input: Parting | None = None
        self.first_answer: Parting | None = None
        self.equal_events = 0
        self.equal_answers = 0
        self._times, self._hashes = times, hashes

    def step(self, a: _Step | None, b: _Step | None) -> None:
        """The next event of both; None: one has ended."""
        if self.first_other_input is not None:
            return  # from here on an event's number means another event in the other run
        if a is None or b is None:
            self.first_other_input = _ended(a, b)
            self.first_input = self.first_input or self.first_other_input
            return
        self._compare_events(a, b)
        if self.first_other_input is None and self.first_answer is None:
            self._compare_answers(a, b)

    def _compare_events(self, a: _Step, b: _Step) -> None:
        if encode(a.event) != encode(b.event):
            one, other = _without_times(a.event), _without_times(b.event)
            only_times = encode(one) == encode(other)
            if not only_times:
                self.first_other_input = _parting(a, one, other)
            if self.first_input is None and (self._times or not only_times):
                self.first_input = _parting(a, a.event, b.event)
        if self.first_input is None:
            self.equal_events += 1

    def _compare_answers(self, a: _Step, b: _Step) -> None:
        if a.answers is None or b.answers is None or not (a.answers or b.answers):
            return
        if encode_outputs(a.answers) == encode_outputs(b.answers):
            self.equal_answers += len(a.answers)
            return
        one, other = self._comparable(a.answers), self._comparable(b.answers)
        difference = first_difference(one, other, lambda _: describe(a.event))
        if difference is None:
            self.equal_answers += len(one)
        else:
            self.first_answer = _of_answers(difference)

    def _comparable(self, answers: list[Output]) -> list[Output]:
        return [
            msgspec.structs.replace(output, body=self._checkpoint(output.body))
            if isinstance(output.body, Checkpoint)
            else (output if self._times else _without_times(output))
            for output in answers
        ]

    def _checkpoint(self, made: Checkpoint) -> Checkpoint:
        if not self._hashes:  # of the state as it was written, sorted by other ids
            made = msgspec.structs.replace(made, state_hash=b"", state=_sorted(made.state))
        if not (self._hashes and self._times):  # ids and times lie in it, packed
            made = msgspec.structs.replace(made, kept=b"", lacking="")
        return made if self._times else _without_times(made)


def _sorted(state: bytes) -> bytes:
    """A state with its maps sorted as if its ids had always been these."""
    try:
        return encode_canonical(msgspec.msgpack.decode(state))
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError):
        return state


def _ended(a: _Step | None, b: _Step | None) -> Parting:
    step = a or b
    assert step is not None
    event = describe(step.event)
    over = f"{NOTHING}: it ends at event {step.sequence - 1}"
    field, was, now = ("missing", event, over) if a else ("extra", over, event)
    return Parting(step.sequence, event, "", kind_of(step.event), field, was, now)


def _parting(step: _Step, a: AnyEvent, b: AnyEvent) -> Parting:
    event, kind = describe(step.event), kind_of(step.event)
    if type(a) is not type(b):
        return Parting(step.sequence, event, "", kind, "kind", describe(a), describe(b))
    field, was, now = differences(a, b)[0]
    return Parting(step.sequence, event, "", kind, field, text(was), text(now))


def _of_answers(found: Difference) -> Parting:
    return Parting(
        found.sequence, found.event, found.robot, found.kind, found.field,
        found.recorded, found.replayed,
    )  # fmt: skip


def _without_times(message: Any) -> Any:
    """A message, and those in it, without the times at which things were heard or made."""
    if isinstance(message, tuple) and message and isinstance(message[0], msgspec.Struct):
        return tuple(_without_times(part) for part in message)
    if not isinstance(message, msgspec.Struct):
        return message
    inner = {
        name: 0 if name in _STAMPS else _without_times(getattr(message, name))
        for name in message.__struct_fields__
    }
    return msgspec.structs.replace(message, **inner)
