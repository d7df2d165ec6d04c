"""Write a journal: one append, one system call, nothing kept back in the process.

Touches files. What was appended survives `kill -9` of the process at once, and a power cut after
`sync`. One thread owns the writer and appends; any thread may call `sync`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Self

from millstream.errors import JournalError
from millstream.journal.directory import (
    create_file,
    held,
    leftovers,
    lock,
    segments,
    sync_directory,
)
from millstream.journal.format import (
    MAX_BODY_BYTES,
    NO_HASH,
    PLAIN,
    SEGMENT_HEADER,
    Block,
    Cut,
    Kind,
    block_bytes,
    block_hash,
    file_name,
    segment_header,
)
from millstream.journal.manifest import Manifest
from millstream.journal.reader import DamagedAt, Journal
from millstream.journal.seal import Sealer
from millstream.model.actions import Output
from millstream.model.codec import encode_outputs

__all__ = ["SEGMENT_BYTES", "JournalWriter"]

SEGMENT_BYTES = 64 * 1024 * 1024
# A quiet market makes a block an event, and reading costs by the block: this bounds a restart.
SEGMENT_BLOCKS = 131_072
_EVENTS = int(Kind.EVENTS)
_OUTPUTS = int(Kind.OUTPUTS)


class JournalWriter:
    """A new journal in `directory`, its manifest written and on disk.

    The directory is made if need be. Raises JournalError when it holds anything already, cannot be
    written, or another session writes it. After an append or a sync has failed, every later one is
    refused: a torn block is never followed by another.

    segment_bytes: a segment that has grown past it, or past SEGMENT_BLOCKS, is the last but one.
    compress: full segments are sealed (compressed) beside the session. The last one stays plain:
    closing is then one block and one sync, and the manifest and the log lines of a short session
    can be read with `strings`.
    """

    def __init__(
        self,
        directory: Path,
        manifest: Manifest,
        segment_bytes: int = SEGMENT_BYTES,
        compress: bool = True,
    ) -> None:
        directory = Path(directory)
        self._prepare(directory, segment_bytes, compress)
        try:
            if others := held(directory):
                what = "a journal" if others[0].startswith(file_name(1, "")) else others[0]
                raise JournalError(
                    f"{directory} holds {what} already: name an empty or new directory"
                )
            body = manifest.to_json()
            self._begin_segment(1, block_bytes(Kind.MANIFEST, 1, 1, NO_HASH, body))
            sync_directory(directory.parent)
        except BaseException as error:
            os.close(self._lock)
            if isinstance(error, OSError):
                raise _cannot("begin a journal in", directory, error) from error
            raise

    def _prepare(self, directory: Path, segment_bytes: int, compress: bool) -> None:
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._lock = lock(directory)
        except OSError as error:
            raise _cannot("write a journal in", directory, error) from error
        self.cut: Cut | None = None  # what `resume` cut off
        self._directory = directory
        self._segment_bytes = segment_bytes
        self._sealer = Sealer(directory) if compress else None
        self._sync_lock = Lock()  # held while the descriptor is synced, changed or closed
        self._descriptor = -1
        self._next = 1
        self._hash = NO_HASH
        self._appended = 0  # bytes, in all segments
        self._synced = 0
        self._ready = True  # False while a block is under way, and for ever after a failure
        self._failure = ""
        self._blocks = 0  # in the segment

    @classmethod
    def resume(
        cls,
        directory: Path,
        segment_bytes: int = SEGMENT_BYTES,
        compress: bool = True,
        on_block: Callable[[Block], object] | None = None,
    ) -> Self:
        """The journal goes on in a new segment, its torn tail cut off; `cut` says what was.

        Reads the last segment only. A last block that is whole in length but wrong in content is
        cut off too, and `cut.reason` says so; damage before it raises JournalDamaged.

        on_block: called with each good block of that segment, so that nobody reads it again.
        """
        directory = Path(directory)
        journal = Journal.open(directory)
        writer = cls.__new__(cls)
        writer._prepare(directory, segment_bytes, compress)
        try:
            writer._continue(journal, on_block)
        except BaseException as error:
            os.close(writer._lock)
            if isinstance(error, OSError):
                raise _cannot("resume the journal in", directory, error) from error
            raise
        return writer

    def _continue(self, journal: Journal, on_block: Callable[[Block], object] | None) -> None:
        for part in leftovers(self._directory):
            part.unlink()
        while (cut := _read_tail(journal, on_block)) is not None:
            _cut_off(self._directory / cut.file, cut.offset)
            self.cut = cut
            if cut.offset >= SEGMENT_HEADER.size:
                break
            # else that segment never began: the one before it is the last
        self._hash = journal.last_hash
        self._next = journal.last_sequence + 1
        for number, forms in segments(self._directory).items():
            if self._sealer is not None and PLAIN in forms:
                self._sealer.add(number)
        # A killed writer may not have synced it: see `_rotate`.
        _sync_file(self._directory / file_name(journal.last_segment))
        self._begin_segment(journal.last_segment + 1)

    @property
    def next_sequence(self) -> int:
        """The sequence of the next event to be appended."""
        return self._next

    @property
    def segment(self) -> int:
        """The number of the segment that the next block goes to, unless that one is full."""
        return self._number

    def append_events(self, body: bytes, count: int) -> int:
        """Append a batch of `count` events as the bus carried it; the sequence of its first.

        An empty batch leaves nothing behind.
        """
        first = self._next
        if count:
            self._append(_EVENTS, count, body)
            self._next = first + count
        return first

    def append_outputs(self, outputs: Sequence[Output]) -> None:
        """Append what the robots answered to the events appended last."""
        if outputs:
            self._append(_OUTPUTS, len(outputs), encode_outputs(outputs))

    def _append(self, kind: int, count: int, body: bytes) -> None:
        if not self._ready:
            raise self._refusal()
        if len(body) > MAX_BODY_BYTES:
            raise JournalError(f"a batch of {len(body)} bytes is over the {MAX_BODY_BYTES} allowed")
        self._ready = False  # whatever stops us in the middle, even Ctrl-C, stops the writer
        if self._offset >= self._segment_bytes or self._blocks >= SEGMENT_BLOCKS:
            self._rotate()
        block = block_bytes(kind, count, self._next, self._hash, body)
        try:
            written = os.write(self._descriptor, block)
        except OSError as error:
            raise self._failed("append to", error.strerror) from error
        if written != len(block):
            reason = f"the disk took {written} of {len(block)} bytes"
            raise self._failed("append to", reason)
        self._hash = block_hash(block)
        self._offset += written
        self._blocks += 1
        self._appended += written
        self._ready = True

    def sync(self) -> None:
        """Everything appended so far is on disk; returns at once when it is. From any thread.

        Raises JournalError when the disk fails: what was not synced by then may be lost.
        """
        if self._synced == self._appended and not self._failure:
            return
        with self._sync_lock:
            if self._failure:
                raise self._refusal()
            self._sync_now()

    def _sync_now(self) -> None:
        appended = self._appended  # before the sync: what the owner appends meanwhile is not in it
        if appended == self._synced:
            return
        try:
            os.fdatasync(self._descriptor)
        except OSError as error:
            raise self._failed("sync", error.strerror) from error
        self._synced = appended

    def close(self, reason: str) -> None:
        """The journal ends in good order: a close block, on disk, and every full segment sealed.

        After a failure nothing is written any more, the files are only let go.
        """
        if self._lock < 0:
            return
        try:
            if self._ready:
                self._append(Kind.CLOSE, 1, reason.encode())
                self.sync()
                try:
                    sync_directory(self._directory)
                except OSError as error:
                    raise self._failed("close", error.strerror) from error
        finally:
            with self._sync_lock:
                self._ready = False
                os.close(self._descriptor)
                self._descriptor = -1
            if self._sealer is not None:
                self._sealer.finish()
            os.close(self._lock)
            self._lock = -1

    def _rotate(self) -> None:
        """The segment is full. It is synced first, so that only a last segment can ever be torn."""
        with self._sync_lock:
            self._sync_now()
            full, number = self._descriptor, self._number
            try:
                self._begin_segment(number + 1)
            except OSError as error:
                raise self._failed("begin the segment after", error.strerror) from error
            os.close(full)
        if self._sealer is not None:
            self._sealer.add(number)

    def _begin_segment(self, number: int, first_block: bytes = b"") -> None:
        content = segment_header(number, self._next, self._hash) + first_block
        self._path = self._directory / file_name(number)
        self._descriptor = create_file(self._path, content)
        self._number = number
        self._offset = len(content)
        self._blocks = 0
        if first_block:
            self._hash = block_hash(first_block)

    def _failed(self, what: str, reason: str | None) -> JournalError:
        """Note that the writer is done for, and why."""
        self._ready = False
        self._failure = f"could not {what} {self._path} at offset {self._offset}: {reason}"
        return self._refusal()

    def _refusal(self) -> JournalError:
        if self._lock < 0:
            return JournalError(f"the journal in {self._directory} is closed")
        failure = self._failure or f"an append to {self._path} was interrupted"
        return JournalError(f"{failure}; the journal takes no more, resume it after the cure")


def _read_tail(journal: Journal, on_block: Callable[[Block], object] | None) -> Cut | None:
    """What has to be cut off the last segment; the journal then knows how the rest ends."""
    try:
        for block in journal.tail():
            if on_block is not None:
                on_block(block)
    except DamagedAt as damage:
        if not damage.in_last_block:
            raise
        size = damage.path.stat().st_size - damage.offset
        reason = f"damaged: expected {damage.expected}, found {damage.found}"
        return Cut(damage.path.name, damage.offset, size, reason, damage.last_sequence)
    return journal.cut


def _sync_file(plain: Path) -> None:
    """A plain segment is on disk; a sealed one always is."""
    with suppress(FileNotFoundError):
        descriptor = os.open(plain, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)


def _cut_off(path: Path, offset: int) -> None:
    if offset < SEGMENT_HEADER.size:
        path.unlink()
    else:
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.ftruncate(descriptor, offset)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    sync_directory(path.parent)


def _cannot(what: str, directory: Path, error: OSError) -> JournalError:
    return JournalError(f"cannot {what} {directory}: {error.strerror or error}")
