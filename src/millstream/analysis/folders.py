"""Which folders hold sessions, and what their order stores hold. Only reads."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final, cast

import apsw

from millstream.analysis.lives import Change
from millstream.errors import BadMessage, JournalError, StoreError
from millstream.journal import Journal, Manifest
from millstream.model import MyOrder, MyTrade
from millstream.model.codec import batch, decode_events
from millstream.session.proof import JOURNAL

__all__ = ["journal_of", "journals_in", "last_event", "newest_session", "stored_changes"]

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


def stored_changes(directory: Path, manifest: Manifest) -> list[Change]:
    """Every change in the order store beside a journal, of this run; none if there is no store.

    A session that was killed may have stored what its journal does not know.
    Raises StoreError when there is one that cannot be read.
    """
    kind, _, name = str(manifest.config.get("order_store", "sqlite:orders.sqlite")).partition(":")
    path = directory.parent / name
    if kind != "sqlite" or not name or not path.is_file():
        return []
    try:
        bodies = _bodies(path)
        changes = decode_events(batch(bodies))
    except (apsw.Error, BadMessage) as error:
        line = str(error).splitlines()[0]
        raise StoreError(f"the order store {path} cannot be read: {line}") from None
    return [
        change
        for change in changes
        if isinstance(change, MyOrder | MyTrade) and change.order_id.startswith(manifest.run_id)
    ]


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


def _bodies(path: Path) -> list[bytes]:
    """The changes as they travelled. Opened so that nothing is written, not even a lock's file."""
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    # A log beside it is one that must be read too; without one, the file is all there is.
    log = path.with_name(path.name + "-wal")
    options = "mode=ro" if log.exists() else "mode=ro&immutable=1"
    file = apsw.Connection(f"{path.resolve().as_uri()}?{options}", flags=flags)
    try:
        rows = file.execute("SELECT body FROM changes ORDER BY revision").fetchall()
    finally:
        file.close()
    return [cast("bytes", body) for (body,) in rows]
