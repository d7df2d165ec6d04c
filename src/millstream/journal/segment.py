"""One segment of a journal as a window that moves over its bytes, plain or sealed.

Touches files. Memory stays at one chunk plus one block.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

import zstandard

from millstream.errors import JournalDamaged, JournalError
from millstream.journal.format import PLAIN, SEAL, file_name
from millstream.journal.seal import seal_checksum

__all__ = ["DamagedAt", "Segment", "open_segment"]

_CHUNK: Final = 1 << 18


class DamagedAt(JournalDamaged):
    """The first place in a journal whose bytes are not those that were written."""

    def __init__(
        self,
        path: Path,
        offset: int,
        expected: str,
        found: str,
        last_sequence: int,
        *,
        in_last_block: bool = False,
    ) -> None:
        good = f"up to event {last_sequence} all is good" if last_sequence else "no event before it"
        super().__init__(
            f"{path} is damaged at offset {offset}: expected {expected}, found {found}; {good}: "
            f"restore the file from a copy"
        )
        self.path = path
        self.offset = offset  # of a sealed segment: in its uncompressed bytes
        self.expected = expected
        self.found = found
        self.last_sequence = last_sequence
        self.in_last_block = in_last_block  # a whole last block, with nothing after it


class Segment:
    """A window that moves over the bytes of one segment; a context manager that closes its file."""

    def __init__(self, path: Path, file: BinaryIO, read: Callable[[int], bytes]) -> None:
        self.path = path
        self.buffer = b""
        self.base = 0  # where in the segment the window begins
        self._file = file
        self._read = read

    def __enter__(self) -> Segment:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def fill(self, position: int, need: int) -> bytes:
        """A window that begins at `position` of the old one and has `need` bytes if there are."""
        parts = [self.buffer[position:]]
        have = len(parts[0])
        while have < need:
            part = self._more(max(_CHUNK, need - have))
            if not part:
                break
            parts.append(part)
            have += len(part)
        self.base += position
        self.buffer = b"".join(parts)
        return self.buffer

    def _more(self, size: int) -> bytes:
        try:
            return self._read(size)
        except zstandard.ZstdError as error:
            raise JournalDamaged(f"{self.path} cannot be decompressed: {error}") from error
        except OSError as error:
            raise JournalError(f"cannot read {self.path}: {error.strerror or error}") from error

    def ends_at(self, position: int) -> bool:
        """True when no byte of the segment is at `position` of the window or behind it."""
        return position >= len(self.buffer) and not self._more(1)

    def count_zeros(self, position: int) -> int | None:
        """How many bytes there are from `position` on, when all of them are zero."""
        chunk = self.buffer[position:]
        count = 0
        while chunk:
            if chunk.count(0) != len(chunk):
                return None
            count += len(chunk)
            chunk = self._more(_CHUNK)
        return count


def open_segment(directory: Path, number: int, last_sequence: int) -> Segment:
    """A segment's bytes: sealed where that file is whole, else plain.

    last_sequence: the last event before it, for the message when it is damaged.
    """
    sealed = directory / file_name(number, SEAL)
    plain = directory / file_name(number, PLAIN)
    for _ in range(2):  # once more, if it was sealed between the two looks
        try:
            return _open_sealed(sealed, plain, last_sequence)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise JournalError(f"cannot read {sealed}: {error.strerror}") from error
        try:
            file = plain.open("rb", buffering=0)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise JournalError(f"cannot read {plain}: {error.strerror}") from error
        return Segment(plain, file, file.read)
    raise JournalError(f"{plain} vanished while the journal was read")


def _open_sealed(sealed: Path, plain: Path, last_sequence: int) -> Segment:
    """Raises FileNotFoundError when there is none, or when the plain one has to serve."""
    file = sealed.open("rb")
    try:
        recorded, computed = seal_checksum(file)
        if recorded == computed:
            frame = zstandard.ZstdDecompressor().stream_reader(file, read_size=_CHUNK)
            return Segment(sealed, file, frame.read)
        if plain.exists():  # a crash came between the two steps of sealing; it is as good
            raise FileNotFoundError
        if recorded is None:
            raise DamagedAt(sealed, 0, "a seal's first bytes", "others", last_sequence)
        want, found = f"a seal with CRC32C {recorded:08x}", f"one with {computed:08x}"
        raise DamagedAt(sealed, 0, want, found, last_sequence)
    except BaseException:
        file.close()
        raise
