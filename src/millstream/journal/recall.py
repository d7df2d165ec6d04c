"""The last checkpoint of a journal and what came after it, without reading what came before.

Reads whole segments, the last one first, until one holds a checkpoint. Only the blocks of outputs
that can hold one are decoded: those behind the event whose sequence is a multiple of the interval.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from millstream.journal.directory import segments
from millstream.journal.format import Block, Kind
from millstream.journal.reader import Journal
from millstream.model.actions import Checkpoint, Output
from millstream.model.codec import decode_outputs

__all__ = ["Recall", "recall"]


class Recall(msgspec.Struct, frozen=True):
    """Where robots can go on."""

    sequence: int  # of the event that the checkpoints were made at
    checkpoints: list[Output]  # one of each robot, in the order of the robots
    blocks: list[Block]  # from the block with that event to the end


def recall(journal: Journal, interval: int) -> Recall | None:
    """The last checkpoint; None when there is none, as in a short session.

    interval: how many events lie between two checkpoints. Raises JournalDamaged where a byte of
    what it reads is wrong.
    """
    for number in reversed(segments(journal.directory)):
        found = _last(journal.tail(number), interval)
        if found is not None:
            return found
    return None


def _last(blocks: Iterable[Block], interval: int) -> Recall | None:
    found: Recall | None = None
    boundary = 0  # the event that the next outputs may hold checkpoints of; 0: none
    since: list[Block] = []  # from the block with that event on
    for block in blocks:
        if block.kind is Kind.EVENTS:
            last = block.first_sequence + block.count - 1
            newest = last - last % interval
            boundary = newest if newest >= block.first_sequence else 0
            if boundary:
                since = [block]
        elif block.kind is Kind.OUTPUTS and boundary:
            made = [
                output
                for output in decode_outputs(block.body)
                if output.cause == boundary and isinstance(output.body, Checkpoint)
            ]
            if made:
                found = Recall(boundary, made, since)
            boundary = 0
        if since and block is not since[0]:
            since.append(block)
        if found is not None and found.blocks is not since:
            found.blocks.append(block)
    return found
