"""Read a journal: every block in order, each one proven before it is handed out.

Touches files, through `segment.py`. Three ends are told apart. *Closed*: the last block says so.
*Cut*: the last plain segment stops in the middle of a block, as it does when a process or a machine
dies; what came before is whole. *Damaged*: bytes are there but are not the bytes that were written;
that is never taken for a cut.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Final, TypeAlias

from millstream.errors import JournalError
from millstream.journal.directory import segments
from millstream.journal.format import (
    BLOCK_HEADER,
    FORMAT_VERSION,
    KINDS,
    NO_HASH,
    PLAIN,
    SEGMENT_HEADER,
    SEGMENT_MAGIC,
    Block,
    Cut,
    Kind,
    block_hash,
    crc32c,
    read_segment_header,
)
from millstream.journal.manifest import Manifest
from millstream.journal.segment import DamagedAt, Segment, open_segment

__all__ = ["DamagedAt", "Journal"]

Blocks: TypeAlias = Generator[Block, None, None]
_HEADER: Final = BLOCK_HEADER.size
_CHECKED: Final = _HEADER - 4  # what a block header's own checksum covers


class Journal:
    """A journal that is there to be read; made by `Journal.open`.

    After `blocks()` was read to its end, `cut`, `closed`, `close_reason` and `last_sequence` say
    how it ended; `last_hash` and `last_segment` say where a resumed one goes on.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.manifest: Manifest
        self._restart()

    def _restart(self) -> None:
        self.cut: Cut | None = None
        self.close_reason: str | None = None  # None: the session did not end in good order
        self.last_sequence = 0
        self.last_hash = NO_HASH
        self.last_segment = 0
        self._may_be_cut = False

    @property
    def closed(self) -> bool:
        """True when the session ended in good order."""
        return self.close_reason is not None

    @classmethod
    def open(cls, directory: Path) -> Journal:
        """The journal in a directory, its manifest read.

        Raises JournalError when there is none, when it is of a newer format, when it is incomplete
        in more than its tail; JournalDamaged when its first bytes are not those that were written.
        """
        journal = cls(Path(directory))
        with closing(journal.blocks()) as blocks:
            first = next(blocks, None)
        if first is None:
            raise JournalError(
                f"{directory} ends before its manifest: nothing was recorded in it, start a new one"
            )
        journal.manifest = Manifest.from_json(first.body)
        journal._restart()
        return journal

    def blocks(self) -> Blocks:
        """Every block, oldest first, from the manifest on. Each call starts at the beginning.

        Raises JournalDamaged at the first byte that is wrong.
        """
        self._restart()
        return self._walk(segments(self.directory), 1)

    def tail(self, number: int | None = None) -> Blocks:
        """The blocks from a segment on, whose header is believed; None: of the last one alone."""
        self._restart()
        found = segments(self.directory)
        return self._walk(found, number or max(found), believe_header=True)

    def _walk(
        self, found: dict[int, set[str]], begin: int, *, believe_header: bool = False
    ) -> Blocks:
        last = max(found)
        for number in range(begin, last + 1):
            with open_segment(self.directory, number, self.last_sequence) as segment:
                self._may_be_cut = number == last and segment.path.suffix == f".{PLAIN}"
                believe = believe_header and number == begin
                if self._read_header(segment, number, believe):
                    self.last_segment = number
                    yield from self._read_blocks(segment, is_first=number == 1)

    def _read_header(self, segment: Segment, number: int, believe: bool) -> bool:
        """Check the first bytes of a segment; False when the journal was cut within them."""
        raw = segment.fill(0, SEGMENT_HEADER.size)[: SEGMENT_HEADER.size]
        if len(raw) < SEGMENT_HEADER.size:
            self._ends_within(segment, 0, len(raw), "a segment header is not complete")
            return False
        header = read_segment_header(raw)
        if header is None:
            magic = raw.startswith(SEGMENT_MAGIC)
            want = "a segment header with its CRC32C" if magic else f"{SEGMENT_MAGIC!r}"
            found = "another" if magic else repr(raw[: len(SEGMENT_MAGIC)])
            raise self._damaged(segment, 0, want, found)
        if header.version > FORMAT_VERSION:
            raise JournalError(
                f"{segment.path} has format {header.version}, newer than {FORMAT_VERSION}, which "
                f"is the newest this version reads: use a newer Millstream"
            )
        if believe:
            self.last_sequence = header.first_sequence - 1
            self.last_hash = header.previous
        for name, expected, said in (
            ("segment number", number, header.number),
            ("first sequence", self.last_sequence + 1, header.first_sequence),
            ("hash of the block before", self.last_hash.hex(), header.previous.hex()),
        ):
            if said != expected:
                raise self._damaged(segment, 0, f"{name} {expected}", str(said))
        self.close_reason = None  # a session that was closed, then resumed, goes on here
        return True

    def _read_blocks(self, segment: Segment, is_first: bool) -> Blocks:
        """The blocks of one segment. This loop decides how fast a journal is read: mind each line.

        What can be wrong is asked in one line per block, and told apart only when something is.
        """
        buffer, position = segment.buffer, SEGMENT_HEADER.size
        name, base, size = segment.path.name, segment.base, len(buffer)
        unpack, kinds, events = BLOCK_HEADER.unpack, KINDS, Kind.EVENTS
        previous, following = self.last_hash, self.last_sequence + 1
        closed = False
        expect_manifest = is_first
        while True:
            start = position + _HEADER
            if start > size:
                buffer = segment.fill(position, _HEADER)
                position, start, base, size = 0, _HEADER, segment.base, len(buffer)
                if size < _HEADER:
                    if size:
                        self._ends_within(segment, 0, size, "a block header is not complete")
                    return
            header = buffer[position:start]
            length, body_crc, number, count, first, said_previous, header_crc = unpack(header)
            if (computed := crc32c(header[:_CHECKED])) != header_crc:
                if self._ends_in_zeros(segment, position):
                    return
                want = f"a block header with CRC32C {header_crc:08x}"
                raise self._damaged(segment, position, want, f"one with {computed:08x}")
            end = start + length
            if end > size:
                buffer = segment.fill(position, _HEADER + length)
                position, start, end = 0, _HEADER, _HEADER + length
                base, size = segment.base, len(buffer)
                if size < end:
                    reason = f"{end - size} bytes of a block are missing"
                    self._ends_within(segment, 0, size, reason)
                    return
            body = buffer[start:end]
            kind = kinds.get(number)
            computed = crc32c(body)
            is_manifest = number == 1
            if (
                computed != body_crc
                or said_previous != previous
                or first != following
                or kind is None
                or is_manifest is not expect_manifest
                or closed
            ):
                if computed != body_crc:
                    want = f"a block body with CRC32C {body_crc:08x}"
                    found = f"one with {computed:08x}"
                    last = self._may_be_cut and segment.ends_at(end)
                    raise self._damaged(segment, position, want, found, last)
                if said_previous != previous:
                    want = f"the hash of the block before it, {previous.hex()}"
                    raise self._damaged(segment, position, want, said_previous.hex())
                if first != following:
                    raise self._damaged(segment, position, f"sequence {following}", str(first))
                want = "nothing after the close" if closed else "events, outputs or a close"
                want = "the manifest" if expect_manifest else want
                raise self._damaged(segment, position, want, f"a block of kind {number}")
            expect_manifest = False
            block = Block(kind, first, count, body, name, base + position)
            self.last_hash = previous = block_hash(buffer[position:end])
            position = end
            if kind is events:
                following += count
                self.last_sequence = following - 1
            elif kind is Kind.CLOSE:
                self.close_reason = body.decode(errors="replace")
                closed = True
            yield block

    def _ends_within(self, segment: Segment, position: int, rest: int, reason: str) -> None:
        """The bytes end `rest` bytes into a block: a cut where one can be, else damage."""
        if not self._may_be_cut or self.closed:
            want = "nothing after the close" if self.closed else "whole blocks to the end"
            raise self._damaged(segment, position, want, f"{rest} bytes more ({reason})")
        offset = segment.base + position
        self.cut = Cut(segment.path.name, offset, rest, reason, self.last_sequence)

    def _ends_in_zeros(self, segment: Segment, position: int) -> bool:
        """After a power cut a file may end in zeros that nobody wrote: that is a cut as well."""
        if not self._may_be_cut or self.closed:
            return False
        zeros = segment.count_zeros(position)
        if zeros is None:
            return False
        reason = "zeros where a block would begin, as a power cut leaves them"
        offset = segment.base + position
        self.cut = Cut(segment.path.name, offset, zeros, reason, self.last_sequence)
        return True

    def _damaged(
        self, segment: Segment, position: int, want: str, found: str, in_last_block: bool = False
    ) -> DamagedAt:
        offset = segment.base + position
        return DamagedAt(
            segment.path, offset, want, found, self.last_sequence, in_last_block=in_last_block
        )
