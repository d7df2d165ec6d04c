"""One candle of every pair from a producer to its consumers, beside a real freqtrade at both ends.

    python -m benchmarks.frames_between_bots

Producer and consumers are processes of their own, on 127.0.0.1; five consumers are five processes.
A burst begins when the producer takes its first table in hand, and ends when the last consumer
holds the last row. Both producers are given whole tables of 1,000 candles; ours finds out what is
new in them. freqtrade runs unpatched in `.freqtrade`, without its exchange. A hundred consumers are
one process: ours hold what they are told; the sinks, which read and hold nothing, show what a
producer alone takes, since a hundred freqtrades have no room here.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import quantiles
from types import TracebackType
from typing import Any

from benchmarks.measure import OURS, ROOT, Figure, cpu_us, main
from benchmarks.rivals.frames_made import HISTORY, frame
from millstream.frames.columns import encode_rows, from_frame
from millstream.frames.freqtrade_wire import Frame, frame_message, parse_message
from millstream.frames.held import HeldFrames
from millstream.frames.rows import unpack
from millstream.model.frames import FrameUpdate

FREQTRADE = ROOT / ".freqtrade" / "bin" / "python"
THEIRS = Path(__file__).parent / "rivals" / "freqtrade_frames.py"
SETTLED_S = 0.5


class End:
    """A producer or consumers in a process of their own; told what to do by lines."""

    def __init__(self, theirs: bool, *words: object) -> None:
        command = [FREQTRADE, "-W", "ignore", THEIRS]
        if not theirs:
            command = [sys.executable, "-m", "benchmarks.frames_end"]
        self._process = subprocess.Popen(
            [str(word) for word in (*command, *words)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if theirs else None,
            text=True,
            cwd=ROOT,
        )

    def wait(self) -> str:
        """Its name, once it is there."""
        return str(self._read()["name"])

    def say(self, do: str, *words: object) -> None:
        """Tell it to do something."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([do, *words]) + "\n")
        self._process.stdin.flush()

    def hear(self) -> Any:
        """What came of it."""
        return self._read()["answer"]

    def ask(self, do: str, *words: object) -> Any:
        """Both."""
        self.say(do, *words)
        return self.hear()

    def _read(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"an end of the wire ended before its time: {self._process.args}")
        return json.loads(line)

    def __enter__(self) -> End:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


class Way:
    """Who produces and who consumes. consumer: "freqtrade", "fast", "text" or "sink"."""

    def __init__(self, name: str, producer: str, consumer: str) -> None:
        self.name, self.theirs, self.consumer = name, producer == "freqtrade", consumer


OWN = Way(f"{OURS}, its own wire", "ours", "fast")
TEXT = Way(f"{OURS}, freqtrade's wire", "ours", "text")
REAL = Way("freqtrade", "freqtrade", "freqtrade")
SINKS = (
    Way(f"{OURS}, freqtrade's wire, to sinks", "ours", "sink"),
    Way("freqtrade, to sinks", "freqtrade", "sink"),
)


class Bots:
    """A producer and its consumers, ready."""

    def __init__(self, stack: ExitStack, way: Way, pairs: int, columns: int, consumers: int):
        port = free_port()
        self.pairs, self._consumers = pairs, consumers
        self._producer = stack.enter_context(End(way.theirs, "producer", port, pairs, columns))
        self._producer.wait()
        words: list[tuple[object, ...]] = [()] * consumers
        if consumers > 5:
            words = [(consumers,)]
        self._each = pairs * (consumers // len(words))
        theirs = way.consumer == "freqtrade"
        role = ("sink",) if way.consumer == "sink" else ("consumer",)
        wire = () if way.consumer in ("sink", "freqtrade") else (way.consumer,)
        self._ends = [
            stack.enter_context(End(theirs, *role, port, pairs, *wire, *more)) for more in words
        ]
        for end in self._ends:
            end.wait()
            end.ask("ready")

    def burst(self) -> tuple[float, float]:
        """(ms on the wall, ms of CPU of all processes) of one burst."""
        time.sleep(SETTLED_S)
        before = self._cpu_ms()
        began_ns = self._producer.ask("burst")
        for end in self._ends:
            end.say("seen", self._each)
        ended_ns = max(max(end.hear()) for end in self._ends)
        return (ended_ns - began_ns) / 1e6, self._cpu_ms() - before

    def pulse(self, count: int) -> list[float]:
        """How many ms after it was published each of some frames was held."""
        time.sleep(SETTLED_S)
        sent_ns = self._producer.ask("pulse", count)
        seen_ns = self._ends[0].ask("seen", count)
        return [(seen - sent) / 1e6 for sent, seen in zip(sent_ns, seen_ns, strict=True)]

    def _cpu_ms(self) -> float:
        return sum(end.ask("cpu") for end in (self._producer, *self._ends))


def measure(quick: bool) -> list[Figure]:
    """Bursts of both sizes to 1, 5 and 100 consumers, latency, then each step alone."""
    rival = FREQTRADE.exists()
    if not rival:
        print("no freqtrade: .freqtrade is not there; `make test` makes it", file=sys.stderr)
    ways = [OWN, TEXT, *([REAL] if rival else [])]
    sizes = [(50, 16, 1), (50, 16, 5)] + ([] if quick else [(100, 100, 1), (100, 100, 5)])
    figures = []
    for size in sizes:
        figures += _bursts(ways, *size, 3 if quick else 7)
    if not quick:
        figures += _bursts([OWN, TEXT], 50, 16, 100, 5)
        figures += _bursts([way for way in SINKS if rival or not way.theirs], 50, 16, 100, 5)
        # 100 consumers would hold 16 GB of this size in their one process; a freqtrade, which
        # encodes each frame for each sink, is left out.
        figures += _bursts([way for way in SINKS if not way.theirs], 100, 100, 100, 5)
    figures += _latency(ways, 20 if quick else 100)
    return [*figures, *_steps(1_000 if quick else 10_000, rival)]


def _bursts(ways: list[Way], pairs: int, columns: int, consumers: int, rounds: int) -> list[Figure]:
    walls, cpus = [], []
    what = f"a candle, {pairs} pairs x {columns} columns, to {consumers} "
    what += "sinks" if ways[0].consumer == "sink" else "consumers" if consumers > 1 else "consumer"
    for way in ways:
        with ExitStack() as stack:
            bots = Bots(stack, way, pairs, columns, consumers)
            bots.burst()  # the first one finds everything cold
            runs = [bots.burst() for _ in range(rounds if way is not REAL else min(rounds, 5))]
        target = 20.0 if (way, pairs, consumers) == (OWN, 50, 5) else None
        n = pairs * consumers
        wall, cpu = ([run[which] for run in runs] for which in (0, 1))
        walls.append(Figure(what=what, who=way.name, unit="ms wall", runs=wall, n=n, target=target))
        cpus.append(Figure(what=f"{what}, CPU of all", who=way.name, unit="ms CPU", runs=cpu, n=n))
    return [*walls, *cpus]


def _latency(ways: list[Way], count: int) -> list[Figure]:
    """From a strategy's table to the row held for another strategy, one candle at a time."""
    figures = []
    for way in ways:
        with ExitStack() as stack:
            took = Bots(stack, way, 50, 16, 1).pulse(count)
        for what, percent in (("p50", 50), ("p99", 99)):
            found = quantiles(took, n=100, method="inclusive")[percent - 1]
            name = f"a table analyzed to its row held elsewhere, {what}"
            figures.append(Figure(what=name, who=way.name, unit="ms wall", runs=[found], n=count))
    return sorted(figures, key=lambda figure: figure.what)


def _steps(count: int, rival: bool) -> list[Figure]:
    """Each step of one row of 16 columns alone."""
    one = frame(16, HISTORY, HISTORY + 1)
    rows = from_frame(one)
    raw = encode_rows(one)
    message = Frame("A/B", "5m", "spot", 1_767_225_600_123_456_000, rows)
    text = frame_message(message, HISTORY)
    like = {("A/B", "5m", "spot"): rows.schema}
    some = min(count, 1_900)
    whole = frame(16, 0, HISTORY + some)
    first = FrameUpdate(1, "p", "A/B", "5m", "spot", 1, 1, True, encode_rows(whole[:HISTORY]))
    updates = [
        FrameUpdate(1, "p", "A/B", "5m", "spot", 1, number, False, encode_rows(part))
        for number in range(HISTORY, HISTORY + some)
        for part in [whole[number : number + 1]]
    ]

    def apply() -> None:
        held = HeldFrames()
        held.apply(first)
        for update in updates:
            held.apply(update)

    ours = {
        "encode": [
            ("", lambda: _repeat(count, encode_rows, one), count, None),
            (", freqtrade's wire", lambda: _repeat(count, frame_message, message, 9), count, None),
        ],
        "decode": [
            ("", lambda: _repeat(count, unpack, raw), count, None),
            (", freqtrade's wire", lambda: _repeat(count, parse_message, text, like), count, None),
        ],
        "apply": [("", apply, some, 20.0)],
    }
    theirs: dict[str, list[float]] = {"encode": [], "decode": [], "apply": []}
    if rival:
        with End(True, "steps", 16) as steps:
            steps.wait()
            for _ in range(3):
                for step, took in steps.ask("measure", 100).items():
                    theirs[step].append(took)
    figures = []
    for step, ways in ours.items():
        what = f"{step} a row of 16 columns"
        for who, work, n, target in ways:
            runs = [cpu_us(work, n) for _ in range(3)]
            figures.append(
                Figure(what=what, who=OURS + who, unit="µs CPU", runs=runs, n=n, target=target)
            )
        if rival:
            figures.append(
                Figure(what=what, who="freqtrade", unit="µs CPU", runs=theirs[step], n=100)
            )
    return figures


def _repeat(count: int, call: Any, *arguments: Any) -> None:
    for _ in range(count):
        call(*arguments)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


if __name__ == "__main__":
    main("benchmarks.frames_between_bots", measure)
