"""A ticker into the journal: CPU and bytes.

    python -m benchmarks.journal_append

"As it came" is what a live session does: the bus's batch goes into the file as it is. "From a typed
event" encodes it first, which is what the rivals have to do. No contestant syncs: market data
alone needs none. Each batch is handed to the system, so that a killed process loses nothing.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Callable
from itertools import count
from pathlib import Path

from benchmarks import frames as source
from benchmarks.journals import BATCH, batches, manifest
from benchmarks.measure import OURS, Figure, cpu_us, main
from millstream.journal import JournalWriter
from millstream.journal.seal import seal_segment
from millstream.model import Ticker
from millstream.model.codec import encode_events

TARGET_US, TARGET_BYTES = 0.6, 60.0


def measure(quick: bool, tickers: int = 0) -> list[Figure]:
    """Appends in batches of 64 and of 1, all contestants in turn; then the sizes."""
    size = tickers or (50_000 if quick else 200_000)
    events = [event for event in source.events(size * 4 // 3 + 4) if type(event) is Ticker][:size]
    with tempfile.TemporaryDirectory() as name:
        return [
            *_appends(events, Path(name), 3 if quick else 7),
            *_sizes(events, Path(name)),
        ]


def _appends(events: list[Ticker], folder: Path, rounds: int) -> list[Figure]:
    fresh = (folder / str(number) for number in count(1))
    few = events[: len(events) // 8]
    large, small = batches(events), batches(few, 1)
    groups: dict[str, dict[str, Callable[[], float]]] = {
        f"a ticker, {BATCH} to a batch, from a typed event": {
            OURS: lambda: _typed(events, next(fresh)),
            "SQLite, a transaction a batch": lambda: _sqlite(events, BATCH, next(fresh)),
            "JSON lines, a write a batch": lambda: _lines(events, BATCH, next(fresh)),
        },
        f"a ticker, {BATCH} to a batch, as it came": {
            OURS: lambda: _carried(large, BATCH, len(events), next(fresh)),
        },
        "a ticker, 1 to a batch, as it came": {
            OURS: lambda: _carried(small, 1, len(few), next(fresh)),
            "SQLite, a transaction a ticker": lambda: _sqlite(few, 1, next(fresh)),
            "JSON lines, a write a ticker": lambda: _lines(few, 1, next(fresh)),
        },
    }
    runs: dict[str, dict[str, list[float]]] = {
        what: {who: [] for who in ways} for what, ways in groups.items()
    }
    for _ in range(rounds):
        for what, ways in groups.items():
            for who, way in ways.items():
                runs[what][who].append(way())
    targets = {OURS: TARGET_US}
    return [
        Figure(
            what=what,
            who=who,
            unit="µs CPU",
            runs=times,
            n=len(few) if " 1 to " in what else len(events),
            target=targets.get(who) if f" {BATCH} to " in what else None,
        )
        for what, by_who in runs.items()
        for who, times in by_who.items()
    ]


def _carried(bodies: list[bytes], size: int, tickers: int, folder: Path) -> float:
    journal = JournalWriter(folder, manifest(), compress=False)

    def work() -> None:
        append = journal.append_events
        for body in bodies:
            append(body, size)

    spent = cpu_us(work, tickers)
    journal.close("the end")
    return spent


def _typed(events: list[Ticker], folder: Path) -> float:
    journal = JournalWriter(folder, manifest(), compress=False)

    def work() -> None:
        for at in range(0, len(events), BATCH):
            some = events[at : at + BATCH]
            journal.append_events(encode_events(some), len(some))

    spent = cpu_us(work, len(events))
    journal.close("the end")
    return spent


def _sqlite(events: list[Ticker], size: int, path: Path) -> float:
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("pragma journal_mode=wal")
    database.execute("pragma synchronous=off")
    database.execute(
        "create table tickers (received_ns integer, exchange text, symbol text, "
        "bid_price real, bid_volume real, ask_price real, ask_volume real)"
    )

    def row(ticker: Ticker) -> tuple[int, str, str, float, float, float, float]:
        symbol = ticker.symbol
        return (
            ticker.received_ns,
            "binance",
            symbol.base + symbol.quote,
            ticker.bid_price,
            ticker.bid_volume,
            ticker.ask_price,
            ticker.ask_volume,
        )

    def work() -> None:
        for at in range(0, len(events), size):
            database.execute("begin")
            database.executemany(
                "insert into tickers values (?,?,?,?,?,?,?)", map(row, events[at : at + size])
            )
            database.execute("commit")

    spent = cpu_us(work, len(events))
    database.close()
    return spent


def _line(ticker: Ticker) -> str:
    return json.dumps(
        {
            "received_ns": ticker.received_ns,
            "exchange": "binance",
            "symbol": ticker.symbol.base + ticker.symbol.quote,
            "bid_price": ticker.bid_price,
            "bid_volume": ticker.bid_volume,
            "ask_price": ticker.ask_price,
            "ask_volume": ticker.ask_volume,
        }
    )


def _lines(events: list[Ticker], size: int, path: Path) -> float:
    with path.open("w") as file:

        def work() -> None:
            for at in range(0, len(events), size):
                file.write("\n".join(map(_line, events[at : at + size])) + "\n")
                file.flush()

        return cpu_us(work, len(events))


def _sizes(events: list[Ticker], folder: Path) -> list[Figure]:
    plain, sealed = {}, {}
    for size in (BATCH, 1):
        place = folder / f"sizes-{size}"
        _carried(batches(events, size), size, len(events), place)
        plain[size] = _bytes(place) / len(events)
        seal_segment(place, 1)
        sealed[size] = _bytes(place) / len(events)
    lines = sum(len(_line(event)) + 1 for event in events) / len(events)

    def figure(what: str, who: str, size: float, target: float | None = None) -> Figure:
        return Figure(what=what, who=who, unit="bytes", runs=[size], n=len(events), target=target)

    before, after = "bytes a ticker, before compression", "bytes a ticker, sealed"
    return [
        figure(before, f"{OURS}, {BATCH} to a batch", plain[BATCH], TARGET_BYTES),
        figure(before, f"{OURS}, 1 to a batch", plain[1]),
        figure(before, "JSON lines", lines),
        figure(after, f"{OURS}, {BATCH} to a batch", sealed[BATCH]),
        figure(after, f"{OURS}, 1 to a batch", sealed[1]),
    ]


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


if __name__ == "__main__":
    main("benchmarks.journal_append", measure)
