"""How long a session takes to go on, by the events in its journal; beside a replay of all of it.

Two robots in a loop of batches of 64 tickers, as a busy feed makes them. `resume_robots` reads the
last segment of 64 MiB, decodes what can hold a checkpoint, and replays the tail.

    python -m benchmarks.restart_time [EVENTS ...]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from time import perf_counter

import msgspec

from millstream.journal import Journal, JournalWriter, Manifest, RobotEntry, replay
from millstream.model import CurrencyPair, Exchange, Ticker
from millstream.model.codec import encode_events
from millstream.robot import Robot
from millstream.robot.load import code_hash
from millstream.session.resuming import resume_robots
from millstream.session.roster import seat_robots

BATCH = 64
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


def record(place, count):
    """A journal of `count` events that was killed: no close, no good order."""
    robots = seat_robots(manifest())
    writer = JournalWriter(place, manifest(), SEGMENT_BYTES, compress=False)
    batch = [
        Ticker(number, Exchange.BINANCE, BTC, number, 50_000.0 + number, 1.0, 50_001.0, 1.0)
        for number in range(BATCH)
    ]
    body = encode_events(batch)
    for _ in range(count // BATCH):
        first = writer.append_events(body, BATCH)
        outputs = []
        for sequence, event in enumerate(batch, first):
            outputs += robots.handle(sequence, event)
        writer.append_outputs(outputs)
    writer.sync()
    return writer


def main(counts):
    print(f"{'events':>12} {'journal MiB':>12} {'go on, s':>10} {'tail':>8} {'replay all, s':>14}")
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / "journal"
            writer = record(place, count)
            writer._ready = False  # as kill -9: nothing is written any more
            writer.close("")
            mib = sum(file.stat().st_size for file in place.iterdir()) / 2**20
            began = perf_counter()
            resumed = resume_robots(place, SEGMENT_BYTES, compress=False)
            took = perf_counter() - began
            assert resumed.journal.next_sequence == writer.next_sequence
            resumed.journal.close("")
            began = perf_counter()
            report = replay(Journal.open(place), seat_robots(manifest()))
            whole = perf_counter() - began
            assert report.equal
            tail = resumed.replayed
        print(f"{count:>12,} {mib:>12,.0f} {took:>10.2f} {tail:>8,} {whole:>14.1f}", flush=True)


if __name__ == "__main__":
    main([int(one) for one in sys.argv[1:]] or [100_000, 1_000_000, 10_000_000])
