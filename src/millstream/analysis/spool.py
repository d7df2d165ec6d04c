"""Rows on their way from the process that makes them to the keeper that saves them: a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from millstream.analysis.tables import TABLES, Row, Table

__all__ = ["Spool", "read_spool"]

_LENGTH: Final = 4  # bytes before each portion


class Spool:
    """Writes portions of rows, one after the other."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._encode = msgspec.msgpack.Encoder().encode

    def put(self, table: Table, rows: Sequence[Row]) -> None:
        """Write some rows."""
        portion = self._encode((table.name, rows))
        self._file.write(len(portion).to_bytes(_LENGTH, "little"))
        self._file.write(portion)

    def close(self) -> None:
        """End the file."""
        self._file.close()


def read_spool(path: Path) -> Iterator[tuple[Table, list[Row]]]:
    """The portions of a spool that was closed, in their order."""
    decode = msgspec.msgpack.Decoder(tuple[str, list[tuple[str | int | float | bool | None, ...]]])
    with path.open("rb") as file:
        while length := file.read(_LENGTH):
            name, rows = decode.decode(file.read(int.from_bytes(length, "little")))
            yield TABLES[name], rows
