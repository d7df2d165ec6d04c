"""An analysis in one SQLite file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import apsw

from millstream.analysis.keeper import SAVED_COLUMNS, Chunks, Saved, replaced
from millstream.analysis.tables import LAYOUT, TABLES, Table
from millstream.errors import StoreError

__all__ = ["SqliteKeeper"]

APPLICATION_ID: Final = 0x4D53_414E  # "MSAN"
_TYPES: Final = {
    "text": "TEXT", "integer": "INTEGER", "real": "REAL", "truth": "INTEGER", "json": "TEXT",
}  # fmt: skip


class SqliteKeeper:
    """A `Keeper` in a file; created if it does not exist.

    Raises StoreError when the file is foreign, corrupt, locked, read-only or of another layout.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._explained():
            self._file = apsw.Connection(str(path))
            try:
                self._file.set_busy_timeout(5_000)
                self._recognise()
            except BaseException:
                self._file.close(True)
                raise

    def saved(self, run_id: str) -> Saved | None:
        """What is there of a session."""
        sql = f"SELECT {', '.join(SAVED_COLUMNS)} FROM sessions WHERE run_id = ?"
        with self._explained():
            row = self._file.execute(sql, (run_id,)).fetchone()
        if row is None:
            return None
        events, closed, equal, *texts = row
        return Saved(events, bool(closed), bool(equal), *texts)

    def save(self, run_id: str, after: int, chunks: Chunks) -> dict[str, int]:
        """Save a session, in one transaction."""
        counts: Counter[str] = Counter()
        with self._explained():
            self._file.execute("BEGIN IMMEDIATE")
            try:
                for table in TABLES.values():
                    self._file.execute(
                        f"DELETE FROM {table.name} WHERE {replaced(table)}",
                        (run_id, after)[: 1 + table.grows],
                    )
                for table, rows in chunks:
                    marks = ",".join("?" * len(table.columns))
                    self._file.executemany(f"INSERT INTO {table.name} VALUES ({marks})", rows)
                    counts[table.name] += len(rows)
                self._file.execute("COMMIT")
            except BaseException:
                if self._file.in_transaction:
                    self._file.execute("ROLLBACK")
                raise
        return dict(counts)

    def close(self) -> None:
        """Close the file."""
        self._file.close(True)

    def _recognise(self) -> None:
        application = self._file.pragma("application_id")
        version = self._file.pragma("user_version")
        if not application and not self._file.execute("SELECT count(*) FROM sqlite_schema").get:
            with self._file:
                for table in TABLES.values():
                    self._file.execute(_create(table))
                self._file.pragma("application_id", APPLICATION_ID)
                self._file.pragma("user_version", LAYOUT)
        elif application != APPLICATION_ID:
            raise StoreError(
                f"{self._path}: this SQLite file holds something else than an analysis "
                f"(application id {application}); name another file"
            )
        elif version != LAYOUT:
            raise StoreError(
                f"{self._path}: its layout has version {version}, this program writes {LAYOUT}; "
                "analyze into a new file"
            )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (apsw.NotADBError, apsw.CorruptError):
            why = "is not a sound SQLite file; name another, or move it away"
        except apsw.BusyError:
            why = "is locked by another program; close it and try again"
        except apsw.ReadOnlyError:
            why = "is read-only; make it writable for this user"
        except apsw.FullError:
            why = "found no more room on the disk, and nothing of this session was saved"
        except apsw.CantOpenError:
            why = "cannot be opened or created; check that its folder exists and is writable"
        except apsw.Error as error:
            why = f"cannot be read or written: {error}"
        else:
            return
        raise StoreError(f"{self._path}: the file {why}")


def _create(table: Table) -> str:
    columns = ", ".join(f"{column.name} {_TYPES[column.kind]}" for column in table.columns)
    key = ", ".join(table.key)
    return f"CREATE TABLE {table.name} ({columns}, PRIMARY KEY ({key})) WITHOUT ROWID"
