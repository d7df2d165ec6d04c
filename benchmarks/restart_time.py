"""How long a session takes to go on, by the events in its journal; beside a replay of all of it.

Two plain robots in a loop. Busy: batches of 64 tickers, as a busy feed makes them; quiet: a block a
ticker, which costs most to read. `resume_robots` reads the last segment, decodes what can hold a
checkpoint, and replays the tail; so each size is measured as it came out, and once more with its
last segment filled (*), the most there ever is to read. A process of its own goes on each time
("process" counts its imports too), the journal's pages thrown out of memory before.

So too, busy, with robots whose state is not just what its type says: "sets", two of them, with sets
and untyped fields; "strategy": one over 5 pairs, 1,500 candles of each, a candle a pair each 30,000
events. "Pause": the longest that one checkpoint takes the robots' thread; "kept": the bytes that
it packs, then.

"--pauses" measures that alone, of larger robots.

    python -m benchmarks.restart_time [--quick | --kept | --pauses]
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import msgspec

from millstream.journal import Journal, JournalWriter, Manifest, RobotEntry, replay
from millstream.journal.writer import SEGMENT_BLOCKS
from millstream.model import Candle, Checkpoint, CurrencyPair, Exchange, Ticker
from millstream.model.codec import encode_events
from millstream.robot import Robot
from millstream.robot.group import CHECKPOINT_EVERY_EVENTS
from millstream.robot.load import code_hash
from millstream.robot.setup import parse_parameters
from millstream.session.resuming import resume_robots
from millstream.session.roster import seat_robots

BUSY, QUIET = 64, 1  # tickers to a block
ROUNDS = 5
SEGMENT_BYTES = 64 * 2**20
BTC = CurrencyPair.BTC_USDT
PAIRS = [BTC, *(CurrencyPair(name, "USDT") for name in ("ETH", "SOL", "XRP", "ADA"))]
STRATEGY = Path(__file__).parents[1] / "examples" / "strategies" / "producer_strategy.py"
FIVE_NS = 300 * 10**9
STEP_NS = FIVE_NS // 30_000  # between two tickers
CANDLES = 1_500
BEGIN_NS = 5_000_000 * FIVE_NS


class Seen(msgspec.Struct):
    tickers: int = 0
    high: float = 0.0


class Watcher(Robot):
    State = Seen
    state: Seen

    def on_ticker(self, ticker):
        self.state.tickers += 1
        self.state.high = max(self.state.high, ticker.bid_price)


class Loose(msgspec.Struct):
    tickers: int = 0
    levels: set[int] = set()
    marks: dict = {}
    last: Any = None


class Collector(Robot):
    State = Loose
    state: Loose

    def on_ticker(self, ticker):
        state = self.state
        state.tickers += 1
        state.levels.add(int(ticker.bid_price) % 1_000)
        if not state.tickers % 1_000:
            state.marks[f"at {state.tickers % 7_000}"] = {"price": ticker.bid_price}
            state.last = ticker


def manifest(kind):
    settings = {"whole_checkpoints": True, "packed_checkpoints": True}
    names, robot, parameters, markets = ("one", "two"), Watcher, {}, ("binance@btc/usdt",)
    path = "benchmarks.restart_time:Watcher"
    if kind == "sets":
        robot, path = Collector, "benchmarks.restart_time:Collector"
    elif kind == "strategy":
        from millstream.strategy.robot import StrategyRobot  # half a second of imports

        names, robot, path = ("one",), StrategyRobot, "millstream.strategy.robot:StrategyRobot"
        markets = tuple(f"binance@{pair}".lower() for pair in PAIRS)
        parameters = {
            "strategy": "ProducerStrategy", "strategy_file": str(STRATEGY),
            "stake_currency": "USDT", "candles_held": CANDLES,
        }  # fmt: skip
    told = parse_parameters(robot, parameters, "parameters")
    entries = tuple(
        RobotEntry(
            name=name, class_path=path, markets=markets, parameters=parameters,
            code_hash=code_hash(robot, told), source_file="restart_time.py",
        )
        for name in names
    )  # fmt: skip
    return Manifest(
        run_id="bench1", started_ns=0, seed=1, millstream_version="", python_version="",
        platform="", robots=entries, settings=settings,
    )  # fmt: skip


def price(number):
    return 50_000.0 + 500 * math.sin(number / 9)


def begin(kind):
    """What comes before the tickers: for a strategy, candles of each pair."""
    if kind != "strategy":
        return []
    from millstream.strategy.feed import history_of
    from millstream.strategy.played import PastCandle

    past = [
        PastCandle(
            (1 - CANDLES + n) * FIVE_NS + BEGIN_NS, *(price(n + one) for one in range(4)), 1.0
        )
        for n in range(CANDLES)
    ]
    return [history_of(Exchange.BINANCE, pair, "5m", past, BEGIN_NS) for pair in PAIRS]


def batch_of(kind, first, size):
    """Tickers, and for a strategy a candle of each pair where one closes."""
    if kind != "strategy":
        return [
            Ticker(number, Exchange.BINANCE, BTC, number, 50_000.0 + number, 1.0, 50_001.0, 1.0)
            for number in range(size)
        ]
    found = []
    for number in range(first, first + size):
        now, rate = BEGIN_NS + FIVE_NS + number * STEP_NS, price(number / 30_000)
        if not number % 30_000:
            opened = now - FIVE_NS
            found += [
                Candle(now, Exchange.BINANCE, pair, now, "5m", opened, now,
                       *(price(number / 30_000 + one) for one in range(4)), 1.0, 9, closed=True)
                for pair in PAIRS
            ]  # fmt: skip
        pair = PAIRS[number % len(PAIRS)]
        found.append(Ticker(now, Exchange.BINANCE, pair, now, rate, 1.0, rate + 1, 1.0))
    return found


def record(place, kind, count, size, fill):
    """A journal of `count` events or more that was killed: no close, no good order.

    fill: it goes on until its last segment is all but full.
    Returns (its next sequence, the longest pause at a checkpoint in s, bytes packed then).
    """
    robots = seat_robots(manifest(kind))
    writer = JournalWriter(place, manifest(kind), SEGMENT_BYTES, compress=True)
    pause = kept = 0
    batch = begin(kind) or batch_of(kind, 0, size)
    body = encode_events(batch)
    while writer.next_sequence <= count or (fill and not all_but_full(writer)):
        first = writer.append_events(body, len(batch))
        outputs = []
        for sequence, event in enumerate(batch, first):
            if sequence % CHECKPOINT_EVERY_EVENTS:
                outputs += robots.handle(sequence, event)
                continue
            began = process_time()
            made = robots.handle(sequence, event)
            pause = max(pause, process_time() - began)
            kept = max(kept, sum(len(o.body.kept) for o in made if isinstance(o.body, Checkpoint)))
            outputs += made
        writer.append_outputs(outputs)
        if kind == "strategy":
            batch = batch_of(kind, writer.next_sequence, size)
            body = encode_events(batch)
    writer.sync()
    writer._ready = False  # as kill -9: nothing is written any more
    writer.close("")
    return writer.next_sequence, pause, kept


def all_but_full(writer):
    return writer._offset > SEGMENT_BYTES - 10_000 or writer._blocks > SEGMENT_BLOCKS - 4


def throw_out_of_memory(place):
    for file in place.iterdir():
        descriptor = os.open(file, os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def go_on(place, kind):
    """In a process of its own: say how long it took, and how much of the journal was replayed."""
    manifest(kind)  # the robots' imports
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


def measure(place, kind, following):
    """Median wall and CPU seconds of going on, those of the whole process, events replayed."""
    found, whole = [], []
    for _ in range(ROUNDS):
        files = set(place.iterdir())
        last = max(files)
        kept = last.read_bytes()
        throw_out_of_memory(place)
        began = perf_counter()
        command = [sys.executable, "-m", "benchmarks.restart_time", "--go-on", str(place), kind]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=300)
        whole.append(perf_counter() - began)
        found.append(json.loads(done.stdout))
        assert found[-1]["next"] == following
        for new in set(place.iterdir()) - files:
            new.unlink()
        last.write_bytes(kept)  # with the answers that were not recorded before
    walls, cpus = [one["wall"] for one in found], [one["cpu"] for one in found]
    return median(walls), median(cpus), median(whole), found[0]["tail"]


def main(counts, kinds):
    print(f"load {os.getloadavg()[0]:.1f}; medians of {ROUNDS}")
    print(
        f"{'robots':>8} {'events':>12} {'blocks':>6} {'journal MiB':>12} {'go on, s':>10} "
        f"{'CPU, s':>8} {'process, s':>11} {'tail':>8} {'pause, ms':>10} {'kept, kB':>9} "
        f"{'replay all, s':>14}"
    )
    for kind in kinds:
        plain = kind == "plain"
        for size in (BUSY, QUIET) if plain else (BUSY,):
            for count in counts:
                for fill in (False, True) if plain else (False,):
                    with tempfile.TemporaryDirectory() as folder:
                        row(Path(folder) / "journal", kind, count, size, fill)


def row(place, kind, count, size, fill):
    following, pause, kept = record(place, kind, count, size, fill)
    mib = sum(file.stat().st_size for file in place.iterdir()) / 2**20
    wall, cpu, process, tail = measure(place, kind, following)
    began = perf_counter()
    report = replay(Journal.open(place), seat_robots(manifest(kind)))
    whole = perf_counter() - began
    assert report.equal
    events = f"{following - 1:,}{'*' if fill else ''}"
    print(
        f"{kind:>8} {events:>12} {'busy' if size == BUSY else 'quiet':>6} {mib:>12,.0f} "
        f"{wall:>10.2f} {cpu:>8.2f} {process:>11.2f} {tail:>8,} {pause * 1e3:>10.2f} "
        f"{kept / 1e3:>9,.0f} {whole:>14.1f}",
        flush=True,
    )


def pauses():
    """How long one checkpoint takes the robots' thread, by what there is to pack."""
    print(f"load {os.getloadavg()[0]:.1f}; medians of {ROUNDS}, CPU")
    print(f"{'robot':>28} {'kept, kB':>10} {'pause, ms':>10} {'packed each, events':>20}")
    for pairs in (1, 5, 50):
        names = [CurrencyPair(f"P{number}", "USDT") for number in range(pairs)]
        pause(f"strategy, {pairs} pairs", "strategy", names)
    for size in (1_000, 100_000):
        pause(f"a set of {size:,} numbers", "sets", set(range(size)))
        pause(f"a set of {size:,} texts", "sets", {f"order{number}" for number in range(size)})


def pause(what, kind, content):
    if kind == "strategy":
        PAIRS[:] = content
    robots = seat_robots(manifest(kind))
    for sequence, event in enumerate(begin(kind) or batch_of(kind, 0, 1), 1):
        robots.handle(sequence, event)
    if kind == "sets":
        robots.seats[0].robot.state.levels = content
    seat, took = robots.seats[0], []
    for number in range(ROUNDS):
        seat._packs_each = 1
        began = process_time()
        made = seat.checkpoint((), 0, number + 1, CHECKPOINT_EVERY_EVENTS)
        took.append(process_time() - began)
        assert made.kept, made.lacking
    each = seat._packs_each * CHECKPOINT_EVERY_EVENTS
    print(f"{what:>28} {len(made.kept) / 1e3:>10,.0f} {median(took) * 1e3:>10.2f} {each:>20,}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--go-on"]:
        go_on(Path(sys.argv[2]), sys.argv[3])
    elif sys.argv[1:] == ["--pauses"]:
        pauses()
    elif sys.argv[1:] == ["--quick"]:
        main([100_000], ("plain", "sets", "strategy"))
    elif sys.argv[1:] == ["--kept"]:
        main([1_000_000, 10_000_000], ("sets", "strategy"))
    else:
        main([1_000_000, 10_000_000], ("plain", "sets", "strategy"))
