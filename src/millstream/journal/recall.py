"""The last checkpoint of a journal and what came after it, without reading what came before.

Who resumes a journal reads its last segment anyhow, and shows each block to `LastCheckpoint.see`.
Only when there is none in it are whole segments before it read, until one holds a checkpoint. Only
the blocks of outputs that can hold one are decoded: those behind the event whose sequence is a
multiple of the interval.
"""

from __future__ import annotations

import msgspec

from millstream.journal.directory import segments
from millstream.journal.format import Block, Kind
from millstream.journal.reader import Journal
from millstream.model.actions import NOT_DUE, Checkpoint, Output
from millstream.model.codec import decode_outputs

__all__ = ["LastCheckpoint", "Recall", "recall"]


class Recall(msgspec.Struct, frozen=True):
    """Where robots can go on."""

    sequence: int  # of the event that the checkpoints were made at
    checkpoints: list[Output]  # one of each robot, in the order of the robots
    blocks: list[Block]  # from the block with that event to the end


class LastCheckpoint:
    """Is shown the blocks of a journal, in order; `found` is the last checkpoint among them that
    every robot can go on from. lacking: why the last one is none, and those before will not be.

    interval: how many events lie between two checkpoints.
    """

    def __init__(self, interval: int) -> None:
        self.found: Recall | None = None
        self.lacking = ""
        self._interval = interval
        self._boundary = 0  # the event that the next outputs may hold checkpoints of; 0: none
        self._since: list[Block] | None = None  # from the block with that event on

    def see(self, block: Block) -> None:
        """The next block."""
        if block.kind is Kind.EVENTS:
            last = block.first_sequence + block.count - 1
            newest = last - last % self._interval
            self._boundary = newest if newest >= block.first_sequence else 0
            if self._boundary:
                self._since = []
        elif block.kind is Kind.OUTPUTS and self._boundary and self._since is not None:
            # By robot: a session that ended at this very event has two of each.
            made = {
                output.robot: output
                for output in decode_outputs(block.body)
                if output.cause == self._boundary and isinstance(output.body, Checkpoint)
            }
            lacking = {_lacking(output) for output in made.values()} - {""}
            if why := sorted(lacking - {NOT_DUE}):  # any of before is long ago, ever longer
                self.found, self.lacking = None, why[0]
            elif made and not lacking:
                self.lacking = ""
                self.found = Recall(self._boundary, [*made.values()], self._since)
            self._boundary = 0
        if self._since is not None:
            self._since.append(block)
        if self.found is not None and self.found.blocks is not self._since:
            self.found.blocks.append(block)


def _lacking(output: Output) -> str:
    return output.body.lacking if isinstance(output.body, Checkpoint) else ""


def recall(journal: Journal, interval: int, before: int | None = None) -> Recall | None:
    """The last checkpoint; None when there is none, as in a short session.

    interval: how many events lie between two checkpoints.
    before: the segments from this one on are known to hold none.
    Raises JournalDamaged where a byte of what it reads is wrong.
    """
    before = before or max(segments(journal.directory)) + 1
    # Twice as far back each time: a session that crashes at each start leaves many small segments
    # behind, and each look reads on to the end.
    reach = 1
    while before > 1:
        number = max(before - reach, 1)
        last = LastCheckpoint(interval)
        for block in journal.tail(number):
            last.see(block)
        if last.found is not None or last.lacking or number == 1:
            return last.found
        reach *= 2
    return None
