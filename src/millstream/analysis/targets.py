"""Where an analysis goes: what `--to` means."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from millstream.analysis.keeper import Keeper
from millstream.errors import ConfigError

__all__ = ["open_keeper"]

_SUFFIXES: Final = {
    ".sqlite": "sqlite", ".sqlite3": "sqlite", ".db": "sqlite",
    ".duckdb": "duckdb", ".ddb": "duckdb",
    "": "parquet", ".parquet": "parquet",
}  # fmt: skip
_ACCEPTED: Final = (
    'a file that ends in .sqlite or .duckdb, a folder for Parquet files ("out/"), or '
    '"mongodb://HOST/DATABASE?replicaSet=NAME"'
)


def open_keeper(target: str) -> Keeper:
    """The keeper at a file, a folder or an address: "out.sqlite", "duckdb:out.db", "folder/".

    Raises ConfigError when it says none of them, or its package is missing; StoreError when it
    cannot be opened. The text of an address is not repeated: it may hold a password.
    """
    scheme, _, rest = target.partition(":")
    if rest.startswith("//"):
        if scheme in ("mongodb", "mongodb+srv"):
            return _mongo(target)
        raise ConfigError(f'--to: "{scheme}://" is not known; name {_ACCEPTED}')
    if scheme in _KEEPERS and rest:
        return _KEEPERS[scheme](Path(rest))
    path = Path(target)
    if target.endswith("/") or (target and path.is_dir()):
        return _KEEPERS["parquet"](path)
    kind = _SUFFIXES.get(path.suffix.lower())
    if kind is None or not target:
        raise ConfigError(f'--to: "{target}" does not say what to write; name {_ACCEPTED}')
    return _KEEPERS[kind](path)


def _sqlite(path: Path) -> Keeper:
    from millstream.analysis.sqlite import SqliteKeeper

    return SqliteKeeper(path)


def _duckdb(path: Path) -> Keeper:
    from millstream.analysis.duckdb import DuckdbKeeper

    return DuckdbKeeper(path)


def _parquet(path: Path) -> Keeper:
    from millstream.analysis.parquet import ParquetKeeper

    return ParquetKeeper(path)


def _mongo(url: str) -> Keeper:
    try:
        from millstream.analysis.mongo import MongoKeeper
    except ImportError:
        raise ConfigError(
            "an analysis on MongoDB needs the package pymongo, which is not installed: "
            'pip install "millstream[mongo]"'
        ) from None
    return MongoKeeper(url)


# Each is imported only when it is wanted: their packages are extras.
_KEEPERS: Final[dict[str, Callable[[Path], Keeper]]] = {
    "sqlite": _sqlite,
    "duckdb": _duckdb,
    "parquet": _parquet,
}
