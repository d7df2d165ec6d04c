"""What is in a file: plain, gzip or zstd; read by its first bytes, written by its name. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, Protocol

import zstandard

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_PLAIN_CHUNK = 65_536
_PACKED_CHUNK = 4_096  # small: what a chunk may swell to stays bounded
UNREADABLE = (zlib.error, zstandard.ZstdError)  # what damaged data raises


class _Unpacker(Protocol):
    """What zlib's and zstd's decompressors have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


def unpacked(file: BinaryIO) -> Iterator[bytes]:
    """The file's text in pieces; raises EOFError when compressed data ends too early."""
    magic = file.read(4)
    file.seek(0)
    if magic.startswith(_GZIP):
        return _unpack(file, lambda: zlib.decompressobj(wbits=31))
    if magic == _ZSTD:
        return _unpack(file, lambda: zstandard.ZstdDecompressor().decompressobj())
    return iter(lambda: file.read(_PLAIN_CHUNK), b"")


def _unpack(file: BinaryIO, new: Callable[[], _Unpacker]) -> Iterator[bytes]:
    unpacker = new()
    while chunk := file.read(_PACKED_CHUNK):
        while chunk:
            if unpacker.eof:  # another member follows: files joined by `cat`, or zero padding
                chunk = chunk.lstrip(b"\0")
                if not chunk:
                    break
                unpacker = new()
            yield unpacker.decompress(chunk)
            chunk = unpacker.unused_data if unpacker.eof else b""
    if not unpacker.eof:
        raise EOFError


class Packer(Protocol):
    """What packs a file's bytes as they come."""

    def pack(self, data: bytes) -> bytes:
        """Take these in; returns what is to be written already."""

    def sync(self) -> bytes:
        """What is to be written for all that was taken in to be readable."""

    def finish(self) -> bytes:
        """The end of the file."""


class _Plain:
    def pack(self, data: bytes) -> bytes:
        return data

    def sync(self) -> bytes:
        return b""

    def finish(self) -> bytes:
        return b""


class _Gzip:
    def __init__(self) -> None:
        self._packer = zlib.compressobj(level=6, wbits=31)
        self.pack = self._packer.compress

    def sync(self) -> bytes:
        return self._packer.flush(zlib.Z_SYNC_FLUSH)

    def finish(self) -> bytes:
        return self._packer.flush(zlib.Z_FINISH)


class _Zstd:
    def __init__(self) -> None:
        self._packer = zstandard.ZstdCompressor(level=6).compressobj()
        self.pack = self._packer.compress

    def sync(self) -> bytes:
        return self._packer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)

    def finish(self) -> bytes:
        return self._packer.flush(zstandard.COMPRESSOBJ_FLUSH_FINISH)


def packer(suffix: str) -> Packer:
    """What packs a file whose name ends so."""
    match suffix:
        case ".gz":
            return _Gzip()
        case ".zst":
            return _Zstd()
        case _:
            return _Plain()
