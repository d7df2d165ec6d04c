"""From an order's id to its explanation: find it in a journal, replay up to it, follow it on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from millstream.analysis.explanation import (
    Cause,
    Explanation,
    changes_between,
    event_of,
    risk_of,
    seen,
    told,
)
from millstream.analysis.foresight import ForeseeingJournal
from millstream.analysis.lives import Decided, Life, Lives
from millstream.analysis.markets import Markets, Quote
from millstream.analysis.rows import plain
from millstream.analysis.stores import stored_changes
from millstream.errors import JournalDamaged, StoreError, UnknownOrder, did_you_mean
from millstream.journal import Journal, Kind, replay
from millstream.journal.divergence import kind_of
from millstream.model import AnyEvent, MyOrder, MyTrade, Output, PlaceOrder
from millstream.model.codec import decode_events, decode_outputs
from millstream.robot import RobotGroup
from millstream.robot.moment import sequence_of
from millstream.session.roster import changed_robots, seat_robots

__all__ = ["explain"]

_LISTED: Final = 4  # of several orders that a prefix may mean
_COMPARED: Final = 5_000  # ids that a mistyped one is compared with


def explain(directory: Path, order: str, store: str = "") -> Explanation:
    """Everything there is to say of the order whose id is, or begins with, `order`.

    store: the order store's address, instead of the one in the journal's manifest.
    Raises UnknownOrder when no order or several are meant, JournalError when the journal cannot be
    read, ConfigError when its robots cannot be loaded.
    """
    journal = ForeseeingJournal.open(directory)
    assert isinstance(journal, ForeseeingJournal)
    notes = [str(robot) for robot in changed_robots(journal.manifest)]
    found = _Found(journal, notes, store)
    order_id = _meant(order, found.ids(), directory)
    life = found.life(order_id)
    decided = life.decided or _by_its_id(journal, life)
    cause = _cause(journal, life, decided, notes) if decided else None
    if decided is None:
        notes.append("no robot of this journal wished this order: somebody else put it there")
    return Explanation(
        order_id=order_id,
        run_id=journal.manifest.run_id,
        robot=life.robot,
        journal=str(directory),
        status=str(life.order.status) if life.order else "wished",
        cause=cause,
        risk=risk_of(life),
        steps=told(life),
        fills=[plain(fill.trade) for fill in life.fills],
        notes=notes,
    )


class _Found:
    """Every order of a journal and of the store beside it, without a replay."""

    def __init__(self, journal: ForeseeingJournal, notes: list[str], store: str) -> None:
        self._lives = Lives()
        try:
            self._read(journal)
        except JournalDamaged as error:
            notes.append(f"DAMAGED: {error}")
        try:
            for change in stored_changes(journal.directory, journal.manifest, store):
                self._lives.change(change, None)
        except StoreError as error:
            notes.append(f"{error}; this is told from the journal alone")
        self._whole = {life.order_id: life for life in self._lives.lives()}

    def ids(self) -> list[str]:
        """Of all orders, oldest first."""
        return list(self._whole)

    def life(self, order_id: str) -> Life:
        """What is known of one."""
        return self._whole[order_id]

    def _read(self, journal: Journal) -> None:
        """Wishes are recorded behind the events that caused them, in the order of both."""
        first, events = 1, list[AnyEvent]()
        for block in journal.blocks():
            if block.kind is Kind.EVENTS:
                first, events = block.first_sequence, decode_events(block.body)
                for sequence, event in enumerate(events, first):
                    if isinstance(event, MyOrder | MyTrade):
                        self._lives.change(event, sequence)
            elif block.kind is Kind.OUTPUTS:
                for output in decode_outputs(block.body):
                    if isinstance(output.body, PlaceOrder):
                        event = events[output.cause - first]
                        self._lives.decide(_decided(output, output.body, event))


def _decided(output: Output, wish: PlaceOrder, event: AnyEvent) -> Decided:
    return Decided(
        output.cause, kind_of(event), event.received_ns, output.robot, wish, Quote(None, None)
    )


def _by_its_id(journal: Journal, life: Life) -> Decided | None:
    """The decision that an order's id tells of, where the session died before recording it."""
    order, run_id = life.order, journal.manifest.run_id
    if order is None or not order.order_id.startswith(run_id):
        return None
    try:
        sequence = sequence_of(order.order_id)
    except ValueError:
        return None
    if not 0 < sequence <= journal.last_sequence:
        return None
    wish = PlaceOrder(
        order.exchange, order.symbol, order.side, order.type, order.volume, order.price,
        order.time_in_force, order.post_only, order.order_id,
    )  # fmt: skip
    return Decided(sequence, "", 0, order.robot, wish, Quote(None, None))


def _meant(order: str, known: Sequence[str], directory: Path) -> str:
    """The one id that is, or begins with, what was written."""
    if order in known:
        return order
    meant = [order_id for order_id in known if order and order_id.startswith(order)]
    if len(meant) == 1:
        return meant[0]
    if not known:
        raise UnknownOrder(f"the session in {directory} has no orders")
    if not meant:
        near = did_you_mean(order, known[-_COMPARED:])
        raise UnknownOrder(f'no order of {directory} is or begins with "{order}".{near}')
    listed = ", ".join(meant[:_LISTED]) + (", …" if len(meant) > _LISTED else "")
    raise UnknownOrder(f'"{order}" may be {len(meant)} orders: {listed}; write more of the id')


def _cause(
    journal: ForeseeingJournal, life: Life, decided: Decided, notes: list[str]
) -> Cause | None:
    """What the robot saw, was and did: a replay up to its decision."""
    witness = _Witness(seat_robots(journal.manifest), decided)
    journal.until = decided.sequence
    difference = None
    try:
        difference = replay(journal, witness).first_difference
    except JournalDamaged as error:
        notes.append(f"DAMAGED: {error}")
    if difference is not None:
        notes.append(f"NOT EQUAL: the replay up to here differs from the record at {difference}")
    cause, answered = witness.cause, witness.answered
    if cause is None:
        notes.append(f"the journal gives no event {decided.sequence} any more, which caused it")
    elif answered is None:
        notes.append("replayed, its robot does not wish this order: the states are not the ones")
    elif life.decided is None:
        life.decided = msgspec.structs.replace(
            decided, cause=cause.event["kind"], event_ns=cause.event_ns
        )
    return cause


class _Witness:
    """A `journal.Handler` that looks at one robot around one event."""

    def __init__(self, robots: RobotGroup, decided: Decided) -> None:
        self._robots = robots
        self._decided = decided
        self._markets = Markets()
        self.cause: Cause | None = None
        self.answered: PlaceOrder | None = None

    def handle(self, sequence: int, event: AnyEvent) -> Sequence[Output]:
        """What the robots answer to this event."""
        self._markets.see(event)
        if sequence != self._decided.sequence:
            return self._robots.handle(sequence, event)
        wish = self._decided.wish
        before = self._state()
        outputs = self._robots.handle(sequence, event)
        after = self._state()
        for output in outputs:
            body = output.body
            if isinstance(body, PlaceOrder) and body.order_id == wish.order_id:
                self.answered = body
        ticker, book, trade = seen(self._markets.seen(wish.exchange, wish.symbol))
        self.cause = Cause(
            sequence, event.received_ns, event_of(event), ticker, book, trade,
            before, after, changes_between(before, after),
            {"kind": kind_of(wish), **plain(self.answered or wish)},
        )  # fmt: skip
        return outputs

    def _state(self) -> Any:
        states = (s.robot.state for s in self._robots.seats if s.robot.name == self._decided.robot)
        return plain(next(states, None))
