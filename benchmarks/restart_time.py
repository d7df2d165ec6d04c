"""How long a session takes to go on, by the events in its journal; beside a replay of all of it.

Two robots in a loop. Busy: batches of 64 tickers, as a busy feed makes them; quiet: a block a
ticker, which costs most to read. `resume_robots` reads the last segment, decodes what can hold a
checkpoint, and replays the tail; so each size is measured as it came out, and once more with its
last segment filled (*), the most there ever is to read. A process of its own goes on each time
("process" counts its imports too), the journal's pages thrown out of memory before.

    python -m benchmarks.restart_time [--quick]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import msgspec

from millstream.journal import Journal, JournalWriter, Manifest, RobotEntry, replay
from millstream.journal.writer import SEGMENT_BLOCKS
from millstream.model import CurrencyPair, Exchange, Ticker
from millstream.model.codec import encode_events
from millstream.robot import Robot
from millstream.robot.load import code_hash
from millstream.session.resuming import resume_robots
from millstream.session.roster import seat_robots

BUSY, QUIET = 64, 1  # tickers to a block
ROUNDS = 5
SEGMENT_BYTES = 64 * 2**20
BTC = CurrencyPair.BTC_USDT


class Seen(msgspec.Struct):
    tickers: int = 0
    high: float = 0.0


class Watcher(Robot):
    State = Seen
    state: Seen

    def on_ticker(self, ticker):
        self.state.tickers += 1
        self.state.high = max(self.state.high, ticker.bid_price)


def manifest():
    entries = tuple(
        RobotEntry(
            name=name, class_path="benchmarks.restart_time:Watcher",
            markets=("binance@btc/usdt",), parameters={}, code_hash=code_hash(Watcher),
            source_file="restart_time.py",
        )
        for name in ("one", "two")
    )  # fmt: skip
    return Manifest(
        run_id="bench1", started_ns=0, seed=1, millstream_version="", python_version="",
        platform="", robots=entries, settings={"whole_checkpoints": True},
    )  # fmt: skip


def record(place, count, size, fill):
    """A journal of `count` events or more that was killed: no close, no good order.

    fill: it goes on until its last segment is all but full.
    """
    robots = seat_robots(manifest())
    writer = JournalWriter(place, manifest(), SEGMENT_BYTES, compress=True)
    batch = [
        Ticker(number, Exchange.BINANCE, BTC, number, 50_000.0 + number, 1.0, 50_001.0, 1.0)
        for number in range(size)
    ]
    body = encode_events(batch)
    while writer.next_sequence <= count or (fill and not all_but_full(writer)):
        first = writer.append_events(body, size)
        outputs = []
        for sequence, event in enumerate(batch, first):
            outputs += robots.handle(sequence, event)
        writer.append_outputs(outputs)
    writer.sync()
    writer._ready = False  # as kill -9: nothing is written any more
    writer.close("")
    return writer.next_sequence


def all_but_full(writer):
    return writer._offset > SEGMENT_BYTES - 10_000 or writer._blocks > SEGMENT_BLOCKS - 4


def throw_out_of_memory(place):
    for file in place.iterdir():
        descriptor = os.open(file, os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def go_on(place):
    """In a process of its own: say how long it took, and how much of the journal was replayed."""
    wall, cpu = perf_counter(), process_time()
    resumed = resume_robots(place, SEGMENT_BYTES, compress=False)
    wall, cpu = perf_counter() - wall, process_time() - cpu
    said = {
        "wall": wall,
        "cpu": cpu,
        "tail": resumed.replayed,
        "next": resumed.journal.next_sequence,
    }
    print(json.dumps(said), flush=True)
    resumed.journal._ready = False
    resumed.journal.close("")


def measure(place, following):
    """Median wall and CPU seconds of going on, those of the whole process, events replayed."""
    found, whole = [], []
    for _ in range(ROUNDS):
        files = set(place.iterdir())
        last = max(files)
        kept = last.read_bytes()
        throw_out_of_memory(place)
        began = perf_counter()
        command = [sys.executable, "-m", "benchmarks.restart_time", "--go-on", str(place)]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=300)
        whole.append(perf_counter() - began)
        found.append(json.loads(done.stdout))
        assert found[-1]["next"] == following
        for new in set(place.iterdir()) - files:
            new.unlink()
        last.write_bytes(kept)  # with the answers that were not recorded before
    walls, cpus = [one["wall"] for one in found], [one["cpu"] for one in found]
    return median(walls), median(cpus), median(whole), found[0]["tail"]


def main(counts):
    print(f"load {os.getloadavg()[0]:.1f}; medians of {ROUNDS}")
    print(
        f"{'events':>12} {'blocks':>6} {'journal MiB':>12} {'go on, s':>10} {'CPU, s':>8} "
        f"{'process, s':>11} {'tail':>8} {'replay all, s':>14}"
    )
    for size in (BUSY, QUIET):
        for count in counts:
            for fill in (False, True):
                with tempfile.TemporaryDirectory() as folder:
                    row(Path(folder) / "journal", count, size, fill)


def row(place, count, size, fill):
    following = record(place, count, size, fill)
    mib = sum(file.stat().st_size for file in place.iterdir()) / 2**20
    wall, cpu, process, tail = measure(place, following)
    began = perf_counter()
    report = replay(Journal.open(place), seat_robots(manifest()))
    whole = perf_counter() - began
    assert report.equal
    events = f"{following - 1:,}{'*' if fill else ''}"
    print(
        f"{events:>12} {'busy' if size == BUSY else 'quiet':>6} {mib:>12,.0f} {wall:>10.2f} "
        f"{cpu:>8.2f} {process:>11.2f} {tail:>8,} {whole:>14.1f}",
        flush=True,
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--go-on"]:
        go_on(Path(sys.argv[2]))
    elif sys.argv[1:] == ["--quick"]:
        main([100_000])
    else:
        main([1_000_000, 10_000_000])
