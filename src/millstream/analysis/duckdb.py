"""An analysis in one DuckDB file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, Final

from millstream.analysis.arrow import arrow_table, extra
from millstream.analysis.keeper import SAVED_COLUMNS, Chunks, Saved, replaced
from millstream.analysis.tables import LAYOUT, TABLES, Table
from millstream.errors import StoreError

__all__ = ["DuckdbKeeper"]

_TYPES: Final = {
    "text": "VARCHAR", "integer": "BIGINT", "real": "DOUBLE", "truth": "BOOLEAN", "json": "VARCHAR",
}  # fmt: skip


class DuckdbKeeper:
    """A `Keeper` in a file; created if it does not exist. Needs duckdb and pyarrow.

    Raises ConfigError without them, StoreError when the file is foreign, locked or of another
    layout.
    """

    def __init__(self, path: Path) -> None:
        duckdb = extra("duckdb", "a DuckDB file")
        self._pyarrow = extra("pyarrow", "a DuckDB file")
        self._error = duckdb.Error
        self._path = path
        try:
            self._file = duckdb.connect(str(path))
        except self._error as error:
            raise self._explained(error) from None
        try:
            self._recognise()
        except BaseException:
            self._file.close()
            raise

    def saved(self, run_id: str) -> Saved | None:
        """What is there of a session."""
        sql = f"SELECT {', '.join(SAVED_COLUMNS)} FROM sessions WHERE run_id = ?"
        row = self._file.execute(sql, [run_id]).fetchone()
        return None if row is None else Saved(*row)

    def save(self, run_id: str, after: int, chunks: Chunks) -> dict[str, int]:
        """Save a session, in one transaction."""
        counts: Counter[str] = Counter()
        try:
            self._file.execute("BEGIN")
            try:
                for table in TABLES.values():
                    self._file.execute(
                        f"DELETE FROM {table.name} WHERE {replaced(table)}",
                        [run_id, after][: 1 + table.grows],
                    )
                for table, rows in chunks:
                    self._insert(table, arrow_table(self._pyarrow, table, rows))
                    counts[table.name] += len(rows)
                self._file.execute("COMMIT")
            except BaseException:
                self._file.execute("ROLLBACK")
                raise
        except self._error as error:
            raise self._explained(error) from None
        return dict(counts)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _insert(self, table: Table, content: Any) -> None:
        self._file.register("chunk", content)
        try:
            self._file.execute(f"INSERT INTO {table.name} SELECT * FROM chunk")
        finally:
            self._file.unregister("chunk")

    def _recognise(self) -> None:
        found = {name for (name,) in self._file.execute("SHOW TABLES").fetchall()}
        if not found:
            self._file.execute("BEGIN")
            for table in TABLES.values():
                self._file.execute(_create(table))
            self._file.execute("CREATE TABLE millstream_analysis (layout INTEGER)")
            self._file.execute("INSERT INTO millstream_analysis VALUES (?)", [LAYOUT])
            self._file.execute("COMMIT")
        elif "millstream_analysis" not in found:
            raise StoreError(
                f"{self._path}: this DuckDB file holds something else than an analysis; name "
                "another file"
            )
        else:
            layout = self._file.execute("SELECT layout FROM millstream_analysis").fetchone()
            if layout != (LAYOUT,):
                raise StoreError(
                    f"{self._path}: its layout is another than {LAYOUT}, which this program "
                    "writes; analyze into a new file"
                )

    def _explained(self, error: Exception) -> StoreError:
        line = str(error).splitlines()[0]
        return StoreError(
            f"{self._path}: not a DuckDB file that can be read and written now ({line}); close it "
            "elsewhere, or name another"
        )


def _create(table: Table) -> str:
    columns = ", ".join(f'"{column.name}" {_TYPES[column.kind]}' for column in table.columns)
    # No PRIMARY KEY: its index lives in memory, and `save` adds no row twice.
    return f"CREATE TABLE {table.name} ({columns})"
