"""What `GET pair_candles` answers, in the shape that freqtrade's users know."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from millstream.frames.freqtrade_wire import iso
from millstream.frames.rows import Rows
from millstream.frames.schema import NAT, unit_ns
from millstream.frames.signals import SIGNALS
from millstream.frames.timeframe import length_ns

_MS = 1_000_000


def pair_candles(
    key: tuple[str, str, str], rows: Rows | None, analyzed_ns: int, strategy: str
) -> dict[str, Any]:
    """Rows of one frame as JSON values; None: there is no such frame."""
    pair, timeframe, _ = key
    names = list(rows.schema.names) if rows else []
    table = [_values(rows, position) for position in range(len(names))] if rows else []
    dates = (rows.dates_ns() // _MS).tolist() if rows else []
    counts = {signal: _ones(rows, signal) for signal in SIGNALS}
    first, last = (dates[0], dates[-1]) if dates else (0, 0)
    return {
        "strategy": strategy,
        "pair": pair,
        "timeframe": timeframe,
        "timeframe_ms": length_ns(timeframe) // _MS,
        "columns": [*names, *(["__date_ts"] if rows else [])],
        "all_columns": list(names),
        "data": [[*row] for row in zip(*table, dates, strict=True)] if rows else [],
        "length": len(dates),
        "buy_signals": counts["enter_long"],
        "sell_signals": counts["exit_long"],
        **{f"{signal}_signals": count for signal, count in counts.items()},
        "last_analyzed": _second(analyzed_ns),
        "last_analyzed_ts": analyzed_ns // 1_000_000_000,
        "data_start": _second(first * _MS) if dates else "",
        "data_start_ts": first,
        "data_stop": _second(last * _MS) if dates else "",
        "data_stop_ts": last,
    }


def _second(ns: int) -> str:
    return f"{np.datetime64(ns // 1_000_000_000, 's')}+00:00".replace("T", " ")


def _ones(rows: Rows | None, name: str) -> int:
    if rows is None or name not in rows.schema.names:
        return 0
    return sum(value == 1 for value in _values(rows, rows.schema.names.index(name)))


def _values(rows: Rows, position: int) -> list[Any]:
    """A column as JSON has it; what is missing or endless is null."""
    if position in rows.schema.objects:
        return rows.objects[rows.schema.objects.index(position)]
    block, row = rows.schema.place(position)
    values: list[Any] = rows.blocks[block][row].tolist()
    unit = unit_ns(rows.schema.kinds[position])
    if unit:
        return [None if value == NAT else iso(value * unit)[:19] + "Z" for value in values]
    if rows.schema.kinds[position].startswith("float"):
        return [value if math.isfinite(value) else None for value in values]
    return values
