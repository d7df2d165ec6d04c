"""A journal that knows what comes: which events the robots answered, before it hands them out.

A robot's state before a decision has to be taken before the event is handed to it. Without this,
that would be the state before every event of the session.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from millstream.analysis.rows import is_decision
from millstream.errors import JournalError
from millstream.journal import Block, Journal, Kind
from millstream.journal.reader import Blocks
from millstream.model import Output
from millstream.model.codec import decode_outputs

__all__ = ["ForeseeingJournal", "Foreseen"]


class Foreseen:
    """What was recorded in answer to the events that are handed out next."""

    def __init__(self) -> None:
        self.robots: dict[int, set[str]] = {}  # who decided something, by the event's sequence
        self.answers: dict[int, list[Output]] = {}  # by the event's sequence
        self.complete = True  # False: the session died, more may have been answered

    def tell(self, outputs: list[Output]) -> None:
        """Remember what was recorded."""
        for output in outputs:
            self.answers.setdefault(output.cause, []).append(output)
            if is_decision(output):
                self.robots.setdefault(output.cause, set()).add(output.robot)

    def forget(self) -> None:
        """Other events come next."""
        self.robots.clear()
        self.answers.clear()


class ForeseeingJournal(Journal):
    """Reads the answers to a block of events before it hands out that block.

    until: the sequence of the last event that is wanted; None: all of them.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.foreseen = Foreseen()
        self.until: int | None = None

    def blocks(self) -> Blocks:
        """Every block, as `Journal.blocks` gives them."""
        held: list[Block] = []  # a block of events, and the answers to it
        try:
            for block in super().blocks():
                if block.kind is Kind.OUTPUTS:
                    held.append(block)
                    continue
                yield from self._hand_out(held)
                held = []
                if block.kind is not Kind.EVENTS:
                    yield block
                elif self.until is not None and block.first_sequence > self.until:
                    return
                else:
                    held.append(block)
        except JournalError:
            yield from self._hand_out(held)  # it is sound; what is behind it is not
            raise
        self.foreseen.complete = self.closed
        yield from self._hand_out(held)

    def _hand_out(self, held: list[Block]) -> Iterator[Block]:
        self.foreseen.forget()
        for block in held:
            if block.kind is Kind.OUTPUTS:
                self.foreseen.tell(decode_outputs(block.body))
        yield from held
