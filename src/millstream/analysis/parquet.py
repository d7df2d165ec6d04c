"""An analysis as a folder of Parquet files: a folder for each table, a file for each session.

FOLDER/events/x7k2mq-000000000001.parquet    growing tables: by the first sequence in it
FOLDER/orders/x7k2mq.parquet                 the others
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from millstream.analysis.arrow import LAYOUT_KEY, arrow_table, extra
from millstream.analysis.keeper import SAVED_COLUMNS, Chunks, Saved
from millstream.analysis.tables import LAYOUT, TABLES, Table
from millstream.errors import StoreError

__all__ = ["ParquetKeeper"]

_PART = ".part"


class ParquetKeeper:
    """A `Keeper` in a folder; created if it does not exist. Needs pyarrow.

    Raises ConfigError without pyarrow, StoreError when the folder cannot be written or holds
    something else.
    """

    def __init__(self, folder: Path) -> None:
        self._pyarrow = extra("pyarrow", "a Parquet folder")
        self._parquet = extra("pyarrow.parquet", "a Parquet folder")
        self._folder = folder
        if folder.is_dir() and any(folder.iterdir()) and not (folder / "sessions").is_dir():
            raise StoreError(
                f"{folder}: this folder holds something else than an analysis; name an empty or a "
                "new one"
            )
        try:
            for name in TABLES:
                (folder / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"{folder}: the folder cannot be made or written ({error.strerror}); name another"
            ) from None

    def saved(self, run_id: str) -> Saved | None:
        """What is there of a session; its `sessions` file is the last that `save` puts there."""
        path = self._folder / "sessions" / f"{run_id}.parquet"
        if not path.exists():
            return None
        try:
            found = self._parquet.read_table(path)
            layout = (found.schema.metadata or {}).get(LAYOUT_KEY, b"").decode()
            if layout != str(LAYOUT):
                raise StoreError(
                    f'{path}: its layout has version "{layout}", this program writes {LAYOUT}; '
                    "analyze into a new folder"
                )
            row = found.select(list(SAVED_COLUMNS)).to_pylist()[0]
        except (OSError, self._pyarrow.ArrowException, IndexError) as error:
            line = str(error).splitlines()[0]
            raise StoreError(
                f"{path}: this is not the Parquet file of a session ({line}); "
                "remove it to analyze that session again"
            ) from None
        return Saved(**row)

    def save(self, run_id: str, after: int, chunks: Chunks) -> dict[str, int]:
        """Save a session: files under names of their own, then renamed, `sessions` last."""
        counts: Counter[str] = Counter()
        writers: dict[str, Any] = {}
        try:
            for table, rows in chunks:
                self._write(writers, self._path(table, run_id, after), table, rows)
                counts[table.name] += len(rows)
            for name, table in TABLES.items():
                if name not in writers:  # an empty file rather than none: every table can be read
                    self._write(writers, self._path(table, run_id, after), table, [])
            for writer in writers.values():
                writer.close()
            for name in sorted(TABLES, key=lambda name: name == "sessions"):
                path = self._path(TABLES[name], run_id, after)
                if TABLES[name].grows:
                    for later in path.parent.glob(f"{run_id}-*.parquet"):
                        if later.name > path.name:
                            later.unlink()
                path.with_name(path.name + _PART).replace(path)
        except OSError as error:
            raise StoreError(
                f"{self._folder}: nothing of session {run_id} was saved: {error}; make room, then "
                "analyze it again"
            ) from None
        finally:
            for name, writer in writers.items():
                writer.close()
                path = self._path(TABLES[name], run_id, after)
                path.with_name(path.name + _PART).unlink(missing_ok=True)
        return dict(counts)

    def close(self) -> None:
        """Nothing is held open."""

    def _path(self, table: Table, run_id: str, after: int) -> Path:
        name = f"{run_id}-{after + 1:012d}" if table.grows else run_id
        return self._folder / table.name / f"{name}.parquet"

    def _write(self, writers: dict[str, Any], path: Path, table: Table, rows: Any) -> None:
        content = arrow_table(self._pyarrow, table, rows)
        writer = writers.get(table.name)
        if writer is None:
            part = path.with_name(path.name + _PART)
            writer = self._parquet.ParquetWriter(part, content.schema, compression="zstd")
            writers[table.name] = writer
        writer.write_table(content)
