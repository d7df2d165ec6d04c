"""An SQLite file that keeps its word: one owner, settings asserted, a log that stays short.

WAL with `synchronous=FULL`: each commit is one write to the log and one fdatasync. Two things keep
it at that, measured on ext4 with 0.11 ms for an fdatasync:

- a log that grows costs a second wait for its new length, 0.2 ms more: so the log is filled with
  zeros when it is opened, and used again from its start after every checkpoint;
- a checkpoint inside a commit stalls it: so a thread of its own copies the log, and the writer only
  waits for what was committed meanwhile, some pages.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import apsw

from millstream.errors import StoreError

__all__ = [
    "BUSY_MS",
    "Checkpointer",
    "OwnerLock",
    "check_ours",
    "connect",
    "explained",
    "looks_ours",
    "prefill_log",
]

APPLICATION_ID: Final = 0x4D53_5452  # "MSTR"; `file` and a hex dump show it
SCHEMA_VERSION: Final = 2
LOG_BYTES: Final = 4 << 20  # the log's length from the start
CHECKPOINT_PAGES: Final = 500  # of 4 KiB: half of it, so that it is rarely outgrown
OUTGROWN_PAGES: Final = 1500  # the thread gets no turn: then a commit copies the log itself
BUSY_MS: Final = 1000


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """SQLite's errors as one StoreError sentence each: what happened, where, what to do."""
    try:
        yield
    except (apsw.NotADBError, apsw.CorruptError) as error:
        raise StoreError(
            f"order store {path}: this is not a sound SQLite file ({_line(error)}); restore a "
            "copy, or move it away to start an empty store"
        ) from error
    except apsw.BusyError as error:
        raise StoreError(
            f"order store {path}: another program has locked the file; close it and try again"
        ) from error
    except apsw.ReadOnlyError as error:
        raise StoreError(
            f"order store {path}: the file is read-only; make it writable for this user"
        ) from error
    except apsw.FullError as error:
        raise StoreError(
            f"order store {path}: the disk is full, nothing was stored; make room, then try again"
        ) from error
    except apsw.CantOpenError as error:
        raise StoreError(
            f"order store {path}: the file cannot be opened or created ({error}); check that its "
            "directory exists and is writable"
        ) from error
    except apsw.Error as error:
        raise StoreError(
            f"order store {path}: reading or writing failed ({error}); check the disk, then start "
            "again"
        ) from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


class OwnerLock:
    """Held by the one process that writes a store; the system lets go of it when that dies."""

    def __init__(self, path: Path) -> None:
        lock = path.with_name(path.name + ".lock")
        try:
            self._file = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StoreError(
                f"order store {path}: {lock.name} cannot be created beside it "
                f"({error.strerror}); check that the directory exists and is writable"
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)
        except BlockingIOError as error:
            owner = os.pread(self._file, 20, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._file)
            raise StoreError(
                f"order store {path}: process {owner} owns it already; stop that one, or use "
                "another file"
            ) from error
        except OSError as error:
            os.close(self._file)
            raise StoreError(
                f"order store {path}: {lock.name} beside it cannot be locked and written "
                f"({error.strerror}); check the disk, then start again"
            ) from error

    def release(self) -> None:
        """Let the next owner in."""
        os.close(self._file)


def connect(path: Path, schema: str) -> apsw.Connection:
    """A connection to a sound store of ours, created if the file is new or empty.

    Raises StoreError when the file is foreign, corrupt, locked or read-only.
    """
    with explained(path):
        connection = apsw.Connection(str(path))
        try:
            connection.set_busy_timeout(BUSY_MS)
            if connection.readonly("main"):
                raise apsw.ReadOnlyError("opened read-only")
            _recognise(connection, path, schema)
            _set_and_assert(connection, path)
            problem = connection.execute("PRAGMA quick_check(1)").get
            if problem != "ok":
                raise apsw.CorruptError(str(problem))
        except BaseException:
            connection.close(True)
            raise
    return connection


def _recognise(connection: apsw.Connection, path: Path, schema: str) -> None:
    """Make sure that the file is ours and of our version; write the schema into an empty one."""
    application = connection.pragma("application_id")
    version = connection.pragma("user_version")
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").get
    if not application and not version and not tables:
        with connection:  # one transaction: a crash leaves an empty file, never half a schema
            connection.execute(schema)
            connection.pragma("application_id", APPLICATION_ID)
            connection.pragma("user_version", SCHEMA_VERSION)
    else:
        check_ours(connection, path)


def looks_ours(path: Path) -> bool:
    """Whether a file begins like an order store; it is neither opened nor locked."""
    with path.open("rb") as file:
        head = file.read(72)  # the application id: https://sqlite.org/fileformat.html, offset 68
    return head.startswith(b"SQLite format 3\0") and head[68:] == APPLICATION_ID.to_bytes(4)


def check_ours(connection: apsw.Connection, path: Path) -> None:
    """Raise StoreError unless the file is an order store of this layout."""
    application = connection.pragma("application_id")
    version = connection.pragma("user_version")
    if application != APPLICATION_ID:
        raise StoreError(
            f"order store {path}: this SQLite file belongs to another program (application id "
            f"{application}); name another file"
        )
    if version != SCHEMA_VERSION:
        raise StoreError(
            f"order store {path}: its layout has version {version}, this program knows "
            f"{SCHEMA_VERSION}; use the program version that wrote it"
        )


def _set_and_assert(connection: apsw.Connection, path: Path) -> None:
    """Durability as promised, read back: a build or a file system may refuse it silently."""
    for name, wanted, reads in (("journal_mode", "wal", "wal"), ("synchronous", "FULL", 2)):
        connection.pragma(name, wanted)
        found = connection.pragma(name)
        if found != reads:
            raise StoreError(
                f"order store {path}: SQLite's {name} is {found!r} although {wanted} was asked "
                "for, so a commit would not be durable; use a local file system"
            )


def prefill_log(path: Path) -> None:
    """Give the log its length once, so that a commit overwrites instead of growing it.

    SQLite takes zeros behind its last valid frame for the end of the log.
    """
    try:
        with path.with_name(path.name + "-wal").open("r+b", buffering=0) as log:
            length = os.fstat(log.fileno()).st_size
            if length < LOG_BYTES:
                os.pwrite(log.fileno(), bytes(LOG_BYTES - length), length)
                os.fsync(log.fileno())
    except FileNotFoundError:
        return  # SQLite makes it with the first commit; a store without it is only slower
    except OSError as error:
        raise StoreError(
            f"order store {path}: its log cannot be written ({error.strerror}); make room on the "
            "disk, then start again"
        ) from error


class Checkpointer:
    """A thread that copies the log into the file when it is long enough.

    Raises apsw's errors when it cannot read the file: a log that nobody copies only grows.
    """

    def __init__(self, path: Path, writer: apsw.Connection, writing: threading.Lock) -> None:
        self._path = path
        self._connection = apsw.Connection(str(path))
        self._connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()  # learns of WAL
        self._writing = writing
        self._due = threading.Event()
        self._stopping = False
        writer.set_wal_hook(self._committed)  # takes the place of SQLite's own checkpoints
        self._thread = threading.Thread(target=self._run, name="orders-checkpoint", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopping = True
        self._due.set()
        self._thread.join()

    def _committed(self, connection: apsw.Connection, _name: str, pages: int) -> int:
        if pages >= CHECKPOINT_PAGES:
            self._due.set()
        if pages >= OUTGROWN_PAGES:
            with suppress(apsw.BusyError):  # the thread is at it after all
                connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        return apsw.SQLITE_OK

    def _run(self) -> None:
        connection = self._connection
        while True:
            self._due.wait()
            self._due.clear()
            if self._stopping:
                break
            try:
                connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
                with self._writing:  # the tail: only a complete copy lets the log start again
                    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            except apsw.BusyError:
                continue  # somebody else is at it; the next commit asks again
            except apsw.Error as error:
                # Nothing is lost: the log has it all. It only grows.
                logging.getLogger(__name__).warning("checkpoint of %s: %s", self._path, error)
        connection.close()
