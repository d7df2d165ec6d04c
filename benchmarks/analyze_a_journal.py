"""A journal to tables: events for each second of CPU, by keeper.

    python -m benchmarks.analyze_a_journal

The journal is that of `replay_a_journal`: tickers and trades in batches of 64, a robot that counts
and places an order at every thousandth event. `millstream analyze` reads and checks it, replays the
robot, compares every answer, takes its state around each decision, and saves a row for each event,
decision, action and order. All processor time counts, the keeper's included. The rival reads JSON
lines and inserts them into an SQLite table with the same columns: nothing is checked or compared,
no robot runs.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import process_time
from typing import Any

import msgspec

from benchmarks import frames as source
from benchmarks.journals import BATCH, PAIRS, SmallRobot, batches, manifest, write_session
from benchmarks.measure import OURS, Figure, main
from benchmarks.replay_a_journal import plain_line
from millstream.analysis.fleet import analyze_journals
from millstream.analysis.study import study
from millstream.analysis.targets import open_keeper
from millstream.errors import ConfigError
from millstream.journal import Manifest, RobotEntry
from millstream.model import Event
from millstream.robot.load import code_hash

WHAT = "events analyzed, for each second of CPU"
KEEPERS = {"SQLite": "out.sqlite", "DuckDB": "out.duckdb", "Parquet": "out/"}
INSERT = "INSERT INTO events VALUES (" + ",".join("?" * 12) + ")"


def measure(quick: bool, count: int = 0, rounds: int = 3) -> list[Figure]:
    """One journal into each keeper, and the rival, in turn."""
    distinct, count = (40_000, count or 100_000) if quick else (200_000, count or 1_000_000)
    distinct, plain = min(distinct, count), count // 10
    runs: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        events = source.events(distinct)
        bodies = batches(events)
        written = write_session(folder / "journal", bodies, count // BATCH, _manifest())
        _write_lines(folder / "lines", events, plain)
        del events, bodies
        for round_ in range(rounds):
            runs.setdefault("rows only", []).append(_studied(folder / "journal", written))
            for keeper, target in KEEPERS.items():
                place = f"{folder}/{round_}-{target}"
                if speed := _analyzed(folder / "journal", place, written):
                    runs.setdefault(keeper, []).append(speed)
            runs.setdefault("JSON lines", []).append(
                _inserted(folder / "lines", folder / f"{round_}.db", plain)
            )
    return [
        Figure(
            what=WHAT,
            who="JSON lines into SQLite" if who == "JSON lines" else f"{OURS}, {who}",
            unit="events/CPU-s",
            runs=found,
            n=plain if who == "JSON lines" else written,
            at_least=True,
        )
        for who, found in runs.items()
    ]


def _manifest() -> Manifest:
    entry = RobotEntry(
        name="small",
        class_path="benchmarks.journals:SmallRobot",
        markets=tuple(f"binance@{pair}" for pair in PAIRS),
        parameters={},
        code_hash=code_hash(SmallRobot),
        source_file="journals.py",
    )
    return msgspec.structs.replace(manifest(), robots=(entry,))


def _studied(journal: Path, written: int) -> float:
    """Rows made and let go."""
    began = process_time()
    studied = study(journal, 0, lambda table, rows: None)
    spent = process_time() - began
    assert studied.equal
    assert studied.events == written
    return written / spent


def _analyzed(journal: Path, target: str, written: int) -> float:
    """Into a keeper; 0 where its package is missing."""
    try:
        keeper = open_keeper(target)
    except ConfigError:
        return 0.0
    began = process_time()
    (found,) = analyze_journals([journal], keeper, 1)
    keeper.close()
    spent = process_time() - began
    assert found.equal, found
    assert found.rows["events"] == written
    return written / spent


# ---- by hand ------------------------------------------------------------------------------------


def _write_lines(path: Path, events: list[Event], count: int) -> None:
    with path.open("w") as file:
        for number in range(count):
            file.write(plain_line(events[number % len(events)]))


def _inserted(lines: Path, path: Path, count: int) -> float:
    began = process_time()
    file = sqlite3.connect(path)
    file.execute(
        "CREATE TABLE events (sequence INTEGER PRIMARY KEY, received_ns, kind, symbol, exchange_ns,"
        " bid_price, bid_volume, ask_price, ask_volume, price, volume, side)"
    )
    with lines.open() as rows:
        file.executemany(INSERT, _rows(rows))
    file.commit()
    (inserted,) = file.execute("SELECT count(*) FROM events").fetchone()
    file.close()
    assert inserted == count
    return count / (process_time() - began)


def _rows(lines: Any) -> Iterator[tuple[Any, ...]]:
    names = (
        "received_ns", "type", "symbol", "exchange_ns", "bid_price", "bid_volume", "ask_price",
        "ask_volume", "price", "volume", "side",
    )  # fmt: skip
    for sequence, line in enumerate(lines, 1):
        fields = json.loads(line)
        yield (sequence, *map(fields.get, names))


if __name__ == "__main__":
    main("benchmarks.analyze_a_journal", measure)
