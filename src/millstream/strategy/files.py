"""Candle files in the layout of freqtrade's `download-data`: one pair and timeframe each.

BTC_USDT-5m.feather, futures/BTC_USDT_USDT-5m-futures.feather; .parquet too
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from millstream.errors import TapeError
from millstream.strategy.played import PastCandle

_COLUMNS = ("open", "high", "low", "close", "volume")


def file_of(folder: Path, pair: str, timeframe: str) -> Path:
    """The file of a pair ("BTC/USDT", "XRP/USDT:USDT"); raises TapeError saying what is there."""
    name = pair.replace("/", "_").replace(":", "_") + f"-{timeframe}"
    if ":" in pair:
        name += "-futures"
    for place in (folder, folder / "futures"):
        for ending in (".feather", ".parquet"):
            if (place / f"{name}{ending}").is_file():
                return place / f"{name}{ending}"
    there = sorted(each.name for each in folder.glob("*.*") if each.suffix in _READERS)[:10]
    raise TapeError(
        f"{folder}: there is no file {name}.feather or {name}.parquet; "
        f"it has: {', '.join(there) or 'no candle files'}"
    )


def read_candles(path: Path) -> list[PastCandle]:
    """The candles of a file, oldest first, each date once. Raises TapeError."""
    try:
        table: pd.DataFrame = _READERS[path.suffix](path)
    except KeyError:
        raise TapeError(f"{path}: is neither .feather nor .parquet") from None
    except (OSError, ValueError) as error:  # pyarrow's errors are ValueErrors
        raise TapeError(f"{path}: cannot be read as candles: {error}") from None
    missing = [column for column in ("date", *_COLUMNS) if column not in table.columns]
    if missing:
        raise TapeError(f"{path}: has no column {missing[0]}; it has: {', '.join(table.columns)}")
    if not pd.api.types.is_datetime64_any_dtype(table["date"].dtype):
        table["date"] = pd.to_datetime(table["date"], unit="ms", utc=True)
    table = table.dropna(subset=["date", *_COLUMNS])
    table = table.sort_values("date", kind="stable").drop_duplicates("date", keep="last")
    dates = table["date"].to_numpy("datetime64[ns]").view(np.int64).tolist()
    values = table[list(_COLUMNS)].to_numpy(dtype=float).tolist()
    return [PastCandle(date, *row) for date, row in zip(dates, values, strict=True)]


def split_at(
    candles: Sequence[PastCandle], since_ns: int
) -> tuple[Sequence[PastCandle], Sequence[PastCandle]]:
    """(what lies before a time, what begins at it or later)."""
    place = int(np.searchsorted([candle.open_ns for candle in candles], since_ns))
    return candles[:place], candles[place:]


_READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".feather": pd.read_feather,
    ".parquet": pd.read_parquet,
}
