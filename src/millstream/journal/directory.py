"""The directory of a journal: which segments it holds, how a new one appears in it, its lock.

Touches files. A file appears under its final name only when its first bytes are on disk, and the
directory is synced after each change, so that a crash leaves what was there or what was meant.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterable
from pathlib import Path

from millstream.errors import JournalError
from millstream.journal.format import PLAIN, SEAL, file_name

__all__ = ["PART", "create_file", "held", "leftovers", "lock", "segments", "sync_directory"]

PART = ".part"  # ends the name of a file that is not finished; nobody reads it
_OURS = re.compile(rf"([0-9]{{6,}})\.({PLAIN}|{SEAL})({re.escape(PART)})?")


def segments(directory: Path) -> dict[int, set[str]]:
    """The numbers of a journal's segments, in order, each with the forms it is there in.

    Raises JournalError when there is no journal, a foreign file, or a segment missing.
    """
    found: dict[int, set[str]] = {}
    for name in _names(directory):
        match = _OURS.fullmatch(name)
        if match is None:
            raise JournalError(
                f"{directory} holds {name}, which is no part of a journal: move it elsewhere"
            )
        if match[3] is None:
            found.setdefault(int(match[1]), set()).add(match[2])
    if not found:
        raise JournalError(f"{directory} holds no journal: it has no segments")
    for expected in range(1, max(found) + 1):
        if expected not in found:
            raise JournalError(
                f"{directory} lacks segment {file_name(expected)}, but has later ones: "
                f"a journal with a hole cannot be read"
            )
    return dict(sorted(found.items()))


def held(directory: Path) -> list[str]:
    """What a directory holds, if it is there, beside segments that a crash left unfinished.

    Nothing: a journal may begin in it, and takes the place of one that never began.
    """
    try:
        names = sorted(os.listdir(directory))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise JournalError(f"cannot look into {directory}: {error.strerror}") from error
    found = ((name, _OURS.fullmatch(name)) for name in names)
    return [name for name, ours in found if ours is None or ours[3] is None]


def leftovers(directory: Path) -> list[Path]:
    """Unfinished files that a crash left behind."""
    return [directory / name for name in _names(directory) if name.endswith(PART)]


def _names(directory: Path) -> Iterable[str]:
    try:
        return sorted(os.listdir(directory))
    except OSError as error:
        raise JournalError(f"there is no journal at {directory}: {error.strerror}") from error


def create_file(path: Path, content: bytes) -> int:
    """A descriptor that appends to a new file, which is on disk with its first bytes and name."""
    part = path.with_name(path.name + PART)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
    descriptor = os.open(part, flags, 0o644)
    try:
        if os.write(descriptor, content) != len(content):
            raise OSError(0, "the disk took only a part of the first bytes")
        os.fdatasync(descriptor)
        os.rename(part, path)
        sync_directory(path.parent)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def sync_directory(directory: Path) -> None:
    """Names that were added to, changed in or removed from the directory are on disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def lock(directory: Path) -> int:
    """A descriptor that holds the directory for one writer until it is closed, or its process dies.

    Raises JournalError when another writer holds it.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise JournalError(
            f"{directory} is being written by another session: stop that one first"
        ) from None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
