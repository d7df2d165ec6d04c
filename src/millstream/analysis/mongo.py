"""An analysis in a database of a MongoDB replica set: a collection for each table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeAlias

from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.errors import OperationFailure, PyMongoError, ServerSelectionTimeoutError
from pymongo.uri_parser import parse_uri
from pymongo.write_concern import WriteConcern

from millstream.analysis.keeper import SAVED_COLUMNS, Chunks, Saved
from millstream.analysis.tables import LAYOUT, TABLES, Row, Table
from millstream.errors import ConfigError, StoreError

__all__ = ["MongoKeeper"]

DEFAULT_DATABASE: Final = "millstream_analysis"
PORTION_ROWS: Final = 20_000  # of growing tables; more does not fit a small server's cache
_OURS: Final = "millstream_analysis"  # the collection that says whose database it is
_FIND_MS: Final = 5_000
_AUTHENTICATION: Final = (18, 13, 8000)
_TOO_LONG: Final = (290, 50, 251, 388)  # the transaction was ended by the server
_DURABLE: Final = WriteConcern("majority", j=True)

_Client: TypeAlias = MongoClient[dict[str, Any]]


class MongoKeeper:
    """A `Keeper` in a database; made if it is not there. Needs a replica set: it has transactions.

    url: `mongodb://[user:password@]host[:port],…/database?replicaSet=…`.
    Raises ConfigError when it is no address, StoreError when the server cannot be reached, stands
    alone, or the database holds something else. No message has the user or the password.
    """

    def __init__(self, url: str, portion_rows: int = PORTION_ROWS) -> None:
        self._portion_rows = portion_rows
        try:
            found = parse_uri(url, validate=True, warn=False)
        except (PyMongoError, ValueError, TypeError):
            raise ConfigError(
                "--to: this is not an address of MongoDB; write "
                '"mongodb://HOST:PORT/DATABASE?replicaSet=NAME", with user and password '
                "percent-encoded"
            ) from None
        name = found["database"] or DEFAULT_DATABASE
        hosts = ",".join(f"{host}:{port}" for host, port in found["nodelist"])
        self._shown = f"mongodb://{hosts}/{name}"
        options: dict[str, Any] = {"appname": "millstream"}
        if "serverSelectionTimeoutMS" not in found["options"]:
            options["serverSelectionTimeoutMS"] = _FIND_MS
        with self._explained():
            self._client: _Client = MongoClient(url, **options)
            self._database = self._client.get_database(name, write_concern=_DURABLE)
            try:
                self._recognise()
            except BaseException:
                self._client.close()
                raise

    def saved(self, run_id: str) -> Saved | None:
        """What is there of a session."""
        with self._explained():
            row = self._database["sessions"].find_one({"run_id": run_id})
        return None if row is None else Saved(*(row[name] for name in SAVED_COLUMNS))

    def save(self, run_id: str, after: int, chunks: Chunks) -> dict[str, int]:
        """Save a session: in one transaction, or, above `portion_rows`, with one at its end.

        A server cannot hold millions of rows in a transaction. So growing tables are filled in
        portions then, and until the last one whoever reads finds rows above `sessions.events`; what
        fails on the way is taken out again, or is written over by the next save.
        """
        counts: Counter[str] = Counter()
        portion: list[tuple[Table, Sequence[Row]]] = []
        last: list[tuple[Table, Sequence[Row]]] = []
        in_portions, waiting = False, 0
        with self._explained():
            try:
                for table, rows in chunks:
                    counts[table.name] += len(rows)
                    (portion if table.grows else last).append((table, rows))
                    waiting += len(rows) if table.grows else 0
                    if waiting > self._portion_rows:
                        if not in_portions:
                            in_portions = True
                            self._cut(run_id, after)
                        self._insert(portion, None)
                        portion, waiting = [], 0
                with (
                    self._client.start_session() as session,
                    session.start_transaction(write_concern=_DURABLE),
                ):
                    for table in TABLES.values():
                        if not (table.grows and in_portions):
                            self._database[table.name].delete_many(
                                _replaced(table, run_id, after), session=session
                            )
                    self._insert([*portion, *last], session)
            except BaseException:
                if in_portions:
                    with suppress(PyMongoError):  # else the next save does it
                        self._cut(run_id, after)
                raise
        return dict(counts)

    def _cut(self, run_id: str, after: int) -> None:
        """What is saved ends at `after` from now on, and says so, before rows above it go."""
        sessions = self._database["sessions"]
        if after:
            sessions.update_one(
                {"run_id": run_id, "events": {"$gt": after}}, {"$set": {"events": after}}
            )
        else:
            sessions.delete_one({"run_id": run_id})
        for table in TABLES.values():
            if table.grows:
                self._database[table.name].delete_many(_replaced(table, run_id, after))

    def _insert(
        self, portion: Sequence[tuple[Table, Sequence[Row]]], session: ClientSession | None
    ) -> None:
        for table, rows in portion:
            names = [column.name for column in table.columns]
            documents = [dict(zip(names, row, strict=True)) for row in rows]
            if documents:
                self._database[table.name].insert_many(documents, session=session)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _recognise(self) -> None:
        hello = self._client.admin.command("hello")
        if "setName" not in hello:
            raise StoreError(
                f"{self._shown}: the server stands alone, without transactions; start it with "
                "--replSet and call replSetInitiate once"
            )
        layout = self._database[_OURS].find_one({"_id": "layout"})
        if layout is None:
            others = set(self._database.list_collection_names()) - {*TABLES, _OURS}
            if others or any(self._database[name].find_one() for name in TABLES):
                raise StoreError(
                    f"{self._shown}: this database holds something else than an analysis; name "
                    "another in the address"
                )
            for table in TABLES.values():
                self._database[table.name].create_index(list(table.key), unique=True)
            self._database[_OURS].update_one(
                {"_id": "layout"}, {"$set": {"version": LAYOUT}}, upsert=True
            )
        elif layout.get("version") != LAYOUT:
            raise StoreError(
                f"{self._shown}: its layout has version {layout.get('version')}, this program "
                f"writes {LAYOUT}; analyze into a new database"
            )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """The driver's errors as one sentence each."""
        try:
            yield
        except ServerSelectionTimeoutError:
            why = "no primary answers; check the names in the address, and that the set runs"
        except OperationFailure as error:
            if error.code in _AUTHENTICATION:
                why = "the server refuses this user; check user, password and authSource"
            elif error.code in _TOO_LONG:
                why = (
                    "the server ended the transaction, and nothing of this session was saved; "
                    "analyze into a file, or give the server more memory and time"
                )
            else:
                why = f"the server refused ({_short(error)}); nothing of this session was saved"
        except PyMongoError as error:
            why = f"reading or writing failed ({_short(error)}); check the server, and run it again"
        else:
            return
        raise StoreError(f"{self._shown}: {why}")


def _replaced(table: Table, run_id: str, after: int) -> dict[str, Any]:
    """The documents that a save replaces."""
    return {"run_id": run_id, "sequence": {"$gt": after}} if table.grows else {"run_id": run_id}


def _short(error: Exception) -> str:
    return " ".join(str(error).split()).split(", full error:")[0].split(", Timeout:")[0][:200]
