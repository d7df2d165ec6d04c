"""Rows as Arrow's columns: what Parquet files and DuckDB take."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final

from millstream.analysis.tables import LAYOUT, Row, Table
from millstream.errors import ConfigError

__all__ = ["LAYOUT_KEY", "arrow_table", "extra"]

LAYOUT_KEY: Final = b"millstream.analysis"
_TYPES: Final = {
    "text": "string", "integer": "int64", "real": "float64", "truth": "bool_", "json": "string",
}  # fmt: skip


def extra(name: str, wanted_for: str) -> Any:
    """A package of the extra `analysis`; raises ConfigError when it is not installed."""
    try:
        return import_module(name)
    except ImportError:
        raise ConfigError(
            f"{wanted_for} needs the package {name.partition('.')[0]}, which is not installed: "
            'pip install "millstream[analysis]"'
        ) from None


def arrow_table(pyarrow: Any, table: Table, rows: Sequence[Row]) -> Any:
    """Rows as a pyarrow.Table whose schema carries the layout's version."""
    schema = pyarrow.schema(
        [(column.name, getattr(pyarrow, _TYPES[column.kind])()) for column in table.columns],
        metadata={LAYOUT_KEY: str(LAYOUT).encode()},
    )
    columns = zip(*rows, strict=True) if rows else ([] for _ in table.columns)
    arrays = [
        pyarrow.array(list(values), field.type)
        for values, field in zip(columns, schema, strict=True)
    ]
    return pyarrow.Table.from_arrays(arrays, schema=schema)
