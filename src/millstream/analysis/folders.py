"""Which folders hold sessions. Only reads."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from millstream.errors import JournalError
from millstream.journal import Journal
from millstream.session.proof import JOURNAL

__all__ = ["journal_of", "journals_in", "last_event", "newest_session", "the_journal"]

_SEGMENTS: Final = ("*.journal", "*.seal")


def journal_of(folder: Path) -> Path | None:
    """The journal in a session's folder, or the folder itself if it is one; None: neither."""
    for place in (folder / JOURNAL, folder):
        if place.is_dir() and any(any(place.glob(pattern)) for pattern in _SEGMENTS):
            return place
    return None


def journals_in(folders: Iterable[Path]) -> list[Path]:
    """The journals that these folders are, hold, or whose subfolders hold them.

    Raises JournalError for one that is and holds none.
    """
    found: dict[Path, None] = {}
    for folder in folders:
        journal = journal_of(folder)
        inner = [journal] if journal else _of_subfolders(folder)
        if not inner:
            what = "holds no journal" if folder.is_dir() else "is not a folder"
            raise JournalError(f"{folder} {what}: name a session's folder, or one of sessions")
        for place in inner:
            found[place] = None
    return list(found)


def the_journal(folder: Path) -> Path:
    """The only journal that this folder is, holds, or whose subfolders hold.

    Raises JournalError when there is none, or more than one.
    """
    found = journals_in([folder])
    if len(found) > 1:
        raise JournalError(
            f"{folder} holds {len(found)} sessions: name one of them, like {found[-1].parent}"
        )
    return found[0]


def newest_session(folder: Path) -> Path:
    """The journal in `folder` that began last; raises JournalError when there is none."""
    journals = _of_subfolders(folder)
    if not journals:
        raise JournalError(f"there is no session in {folder}: name the folder of one")
    return max(journals, key=_began_ns)


def last_event(directory: Path) -> tuple[int, bool]:
    """The sequence of a journal's last event and whether it was closed; reads its last segment."""
    journal = Journal.open(directory)
    for _ in journal.tail():
        pass
    return journal.last_sequence, journal.closed


def _of_subfolders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    inner = (journal_of(place) for place in sorted(folder.iterdir()) if place.is_dir())
    return [place for place in inner if place is not None]


def _began_ns(directory: Path) -> int:
    try:
        return Journal.open(directory).manifest.started_ns
    except JournalError:
        return 0  # not readable: then it is not the one that is meant
