"""The robots of a replay, watched: their states around each decision, their answers, their orders.

A watcher changes nothing: robots are driven through the same `handle` as live.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from millstream.analysis.foresight import Foreseen
from millstream.analysis.lives import Decided, Lives
from millstream.analysis.markets import Markets
from millstream.analysis.rows import (
    action_row,
    event_row,
    is_decision,
    json_of,
    log_row,
)
from millstream.analysis.tables import TABLES, Row, Table
from millstream.journal.divergence import kind_of
from millstream.model import AnyEvent, Checkpoint, MyOrder, MyTrade, Output, PlaceOrder
from millstream.robot import RobotGroup

__all__ = ["Put", "Watched"]

Put: TypeAlias = Callable[[Table, Sequence[Row]], None]
_PORTION = 32_768  # rows handed on at once: a row group of Parquet


class Watched:
    """A `journal.Handler`: hands each event to the robots, and rows to `put`.

    after: rows of events up to this sequence are saved already and are left out.
    """

    def __init__(
        self, run_id: str, robots: RobotGroup, foreseen: Foreseen, put: Put, after: int = 0
    ) -> None:
        self.lives = Lives()
        self.decisions: Counter[str] = Counter()
        self.first_event_ns: int | None = None
        self.last_event_ns: int | None = None
        self.sequence = 0
        self._run_id = run_id
        self._robots = robots
        self._foreseen = foreseen
        self._put = put
        self._after = after
        self._markets = Markets()
        self._look_always = False  # since the replay answers what was not recorded
        self._events: list[Row] = []
        self._others: dict[str, list[Row]] = {"states": [], "actions": [], "log": []}

    def handle(self, sequence: int, event: AnyEvent) -> Sequence[Output]:
        """What the robots answer to this event."""
        self.sequence, self.last_event_ns = sequence, event.received_ns
        foreseen = self._foreseen
        deciders: Iterable[str] = foreseen.robots.get(sequence, ())
        if self._look_always or not foreseen.complete:
            deciders = [seat.robot.name for seat in self._robots.seats]  # any of them may
        before = self._states(deciders) if deciders else {}
        self._markets.see(event)
        if isinstance(event, MyOrder | MyTrade):
            mid = self._markets.quote(event.exchange, event.symbol).mid_price
            self.lives.change(event, sequence, mid)
        outputs = self._robots.handle(sequence, event)
        recorded = foreseen.answers.get(sequence)
        if outputs or recorded:
            self._answered(sequence, event, before, outputs, recorded)
        if sequence > self._after:
            self._events.append(event_row(self._run_id, sequence, event))
            if len(self._events) >= _PORTION:
                self.flush()
        if self.first_event_ns is None:
            self.first_event_ns = event.received_ns
        return outputs

    def flush(self) -> None:
        """Hand on the rows that were made since."""
        self._put(TABLES["events"], self._events)
        self._events = []
        for name, rows in self._others.items():
            if rows:
                self._put(TABLES[name], rows)
                self._others[name] = []

    def _answered(
        self,
        sequence: int,
        event: AnyEvent,
        before: dict[str, str],
        replayed: Sequence[Output],
        recorded: Sequence[Output] | None,
    ) -> None:
        if recorded is None:  # only the answers to the last events may never have been recorded
            recorded = () if self._foreseen.complete else replayed
        fresh = sequence > self._after
        for number, output in enumerate(recorded, 1):
            if isinstance(output.body, PlaceOrder):
                self._decided(event, output.body, output)
            if not fresh or isinstance(output.body, Checkpoint):
                continue
            line = log_row(self._run_id, number, event.received_ns, output)
            if line is not None:
                self._others["log"].append(line)
            if is_decision(output):
                row = action_row(self._run_id, number, event.received_ns, output)
                self._others["actions"].append(row)
        names = dict.fromkeys(o.robot for o in (*recorded, *replayed) if is_decision(o))
        known = self._foreseen.robots.get(sequence, ())
        self._look_always = self._look_always or any(name not in known for name in names)
        self.decisions.update(names.keys())
        for name, after in self._states(names).items() if fresh else ():
            self._others["states"].append(
                (self._run_id, sequence, name, event.received_ns, before.get(name), after)
            )

    def _states(self, names: Iterable[str]) -> dict[str, str]:
        """The states of these robots now; a robot may come and go while a session runs."""
        robots = {seat.robot.name: seat.robot for seat in self._robots.seats}
        return {name: json_of(robots[name].state) for name in names if name in robots}

    def _decided(self, event: AnyEvent, wish: PlaceOrder, output: Output) -> None:
        quote = self._markets.quote(wish.exchange, wish.symbol)
        self.lives.decide(
            Decided(output.cause, kind_of(event), event.received_ns, output.robot, wish, quote)
        )
