"""The bytes of a journal and nothing else; `docs/journal-format.md` says the same in prose.

A journal is a directory of segments. A segment is a header, then blocks. A block carries one batch
as it came from the bus, and three guards: a checksum of its own header (so that a flipped length is
never mistaken for a file that ends early), a checksum of its body, and the hash of the block before
it (so that nothing can be left out, added or swapped). All numbers are little-endian.
"""

from __future__ import annotations

import hashlib
import struct
from enum import IntEnum
from typing import Final

import google_crc32c
import msgspec

__all__ = [
    "BLOCK_HEADER",
    "FORMAT_VERSION",
    "HASH_BYTES",
    "KINDS",
    "MAX_BODY_BYTES",
    "NO_HASH",
    "PLAIN",
    "SEAL",
    "SEAL_HEADER",
    "SEAL_MAGIC",
    "SEGMENT_HEADER",
    "SEGMENT_MAGIC",
    "Block",
    "Cut",
    "Kind",
    "SegmentHeader",
    "block_bytes",
    "block_hash",
    "crc32c",
    "file_name",
    "read_segment_header",
    "segment_header",
]

FORMAT_VERSION: Final = 1
SEGMENT_MAGIC: Final = b"MILLJRNL"
SEAL_MAGIC: Final = b"MILLSEAL"
HASH_BYTES: Final = 16
NO_HASH: Final = bytes(HASH_BYTES)  # what stands before the first block of a journal
MAX_BODY_BYTES: Final = 1 << 28  # 256 MiB: a reader need never allocate more for one block

PLAIN: Final = "journal"  # 000001.journal: as it was written
SEAL: Final = "seal"  # 000001.seal: full, compressed, never written again

# magic, format version, segment number, first sequence, hash of the last block before it, CRC32C
# of all that. The first 12 bytes keep their place in every later format.
SEGMENT_HEADER: Final = struct.Struct("<8sIIQ16sI")
# body length, CRC32C of the body, kind, count, first sequence, hash of the previous block, CRC32C
# of all that.
BLOCK_HEADER: Final = struct.Struct("<IIBIQ16sI")
# magic, CRC32C of everything after it; then one zstd frame that holds the whole plain segment.
SEAL_HEADER: Final = struct.Struct("<8sI")

_segment_fields = struct.Struct("<8sIIQ16s")
_pack_block_fields = struct.Struct("<IIBIQ16s").pack
_pack_crc = struct.Struct("<I").pack
_blake2b = hashlib.blake2b
crc32c = google_crc32c.value


class Kind(IntEnum):
    """What a block carries."""

    MANIFEST = 1  # JSON; the first block of a journal, and only that
    EVENTS = 2  # a batch of events, as it came from the bus
    OUTPUTS = 3  # a batch of what the robots answered to the events block before it
    CLOSE = 4  # the reason as text; the session ended in good order


KINDS: Final = {int(kind): kind for kind in Kind}


class SegmentHeader(msgspec.Struct, frozen=True):
    """What a segment says of itself."""

    version: int
    number: int  # from 1
    first_sequence: int  # of the first event in it
    previous: bytes  # hash of the last block of the segment before; zeros in segment 1


class Block(msgspec.Struct, frozen=True, gc=False):
    """One block as it was read."""

    kind: Kind
    first_sequence: int  # of the first event; where there is none, of the next event
    count: int  # events or outputs in it; 1 for a manifest and a close
    body: bytes
    file: str  # the name of the segment's file
    offset: int  # of the block in the segment (of a sealed one: in its uncompressed bytes)


class Cut(msgspec.Struct, frozen=True):
    """An unfinished tail: the bytes of a last block that never became whole."""

    file: str
    offset: int
    bytes: int
    reason: str
    last_sequence: int  # every event up to this one is good

    def __str__(self) -> str:
        return (
            f"{self.file} was cut at offset {self.offset}: {self.bytes} bytes dropped "
            f"({self.reason}); all is good up to event {self.last_sequence}"
        )


def file_name(number: int, suffix: str = PLAIN) -> str:
    """The name of a segment's file."""
    return f"{number:06d}.{suffix}"


def segment_header(number: int, first_sequence: int, previous: bytes) -> bytes:
    """The first bytes of a segment."""
    fields = _segment_fields.pack(SEGMENT_MAGIC, FORMAT_VERSION, number, first_sequence, previous)
    return fields + _pack_crc(crc32c(fields))


def read_segment_header(raw: bytes) -> SegmentHeader | None:
    """What a segment's first bytes say, or None when they are not a whole, undamaged header."""
    if len(raw) != SEGMENT_HEADER.size or not raw.startswith(SEGMENT_MAGIC):
        return None
    _, version, number, first_sequence, previous, crc = SEGMENT_HEADER.unpack(raw)
    if crc32c(raw[: _segment_fields.size]) != crc:
        return None
    return SegmentHeader(version, number, first_sequence, previous)


def block_bytes(kind: int, count: int, first_sequence: int, previous: bytes, body: bytes) -> bytes:
    """A whole block. An idle market makes one per event, so this is four calls and one join."""
    fields = _pack_block_fields(len(body), crc32c(body), kind, count, first_sequence, previous)
    return b"".join((fields, _pack_crc(crc32c(fields)), body))


def block_hash(block: bytes) -> bytes:
    """What the next block says of this one."""
    return _blake2b(block, digest_size=HASH_BYTES).digest()
