"""Sealing: a full segment is compressed, beside the session, by a thread of its own.

Touches files. The sealed file is written whole under another name, synced, renamed; only then is
the plain file removed. A crash at any moment leaves the plain one, or both, or the sealed one.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import BinaryIO

import google_crc32c
import zstandard

from millstream.journal.directory import PART, sync_directory
from millstream.journal.format import PLAIN, SEAL, SEAL_HEADER, SEAL_MAGIC, file_name

__all__ = ["Sealer", "seal_checksum", "seal_segment"]

_log = logging.getLogger(__name__)
LEVEL = 3  # on tickers a third smaller than level 1 at half as much again of CPU
_CHUNK = 1 << 18


def seal_segment(directory: Path, number: int) -> None:
    """The segment stands sealed and its plain file is gone. May be repeated after any crash."""
    plain = directory / file_name(number, PLAIN)
    sealed = directory / file_name(number, SEAL)
    if not (sealed.exists() and _is_whole(sealed)):
        part = sealed.with_name(sealed.name + PART)
        try:
            _compress(plain, part)
            os.rename(part, sealed)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        sync_directory(directory)
    plain.unlink(missing_ok=True)
    sync_directory(directory)


def _compress(plain: Path, part: Path) -> None:
    compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
    with plain.open("rb") as source, part.open("w+b") as target:
        target.write(SEAL_HEADER.pack(SEAL_MAGIC, 0))
        compressor.copy_stream(source, target, size=os.fstat(source.fileno()).st_size)
        target.seek(SEAL_HEADER.size)
        checksum = _checksum_of_rest(target)
        target.seek(0)
        target.write(SEAL_HEADER.pack(SEAL_MAGIC, checksum))
        target.flush()
        os.fsync(target.fileno())


def _is_whole(sealed: Path) -> bool:
    with sealed.open("rb") as file:
        recorded, computed = seal_checksum(file)
    return recorded == computed


def seal_checksum(file: BinaryIO) -> tuple[int | None, int]:
    """The checksum a sealed file carries (None: it is not one), and the one its bytes have.

    Leaves the file at the first byte of its zstd frame.
    """
    head = file.read(SEAL_HEADER.size)
    if len(head) < SEAL_HEADER.size or not head.startswith(SEAL_MAGIC):
        return None, 0
    computed = _checksum_of_rest(file)
    file.seek(SEAL_HEADER.size)
    recorded: int = SEAL_HEADER.unpack(head)[1]
    return recorded, computed


def _checksum_of_rest(file: BinaryIO) -> int:
    crc = 0
    while chunk := file.read(_CHUNK):
        crc = google_crc32c.extend(crc, chunk)
    return crc


class Sealer:
    """Seals the segments it is given, one after the other, in a thread of its own.

    A segment that cannot be sealed stays plain and readable, and a warning says why.
    """

    def __init__(self, directory: Path, seal: Callable[[Path, int], None] = seal_segment) -> None:
        self._directory = directory
        self._seal = seal
        self._numbers: SimpleQueue[int | None] = SimpleQueue()
        self._thread: Thread | None = None

    def add(self, number: int) -> None:
        """This segment is full: seal it when there is time."""
        if self._thread is None:
            self._thread = Thread(target=self._run, name="journal-sealer", daemon=True)
            self._thread.start()
        self._numbers.put(number)

    def finish(self) -> None:
        """Everything added is sealed, or has failed."""
        if self._thread is not None:
            self._numbers.put(None)
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while (number := self._numbers.get()) is not None:
            try:
                self._seal(self._directory, number)
            except (OSError, zstandard.ZstdError) as error:
                _log.warning("segment %s stays plain: %s", file_name(number), error)
