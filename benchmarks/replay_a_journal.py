"""Replay of a journal through a small robot: events for each second of CPU.

    python -m benchmarks.replay_a_journal

The journal is written as a session writes it: batches of 64 tickers and trades, a robot that
counts, keeps the last price and places an order at every thousandth event; full segments sealed.
`millstream.journal.replay` reads it, checks checksums and hash chain, runs the same robot, and
compares every answer. The rival reads JSON lines into dataclasses and does the robot's sums: no
checks, nothing compared.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from time import process_time

from benchmarks import frames as source
from benchmarks.journals import BATCH, batches, small_robots, write_session
from benchmarks.measure import OURS, Figure, main
from millstream.journal import Journal, replay
from millstream.model import Event, Ticker, Trade

TARGET = 1_000_000.0
WHAT = "events replayed through a small robot, for each second of CPU"


@dataclass(slots=True)
class PlainTicker:
    received_ns: int
    symbol: str
    bid_price: float
    bid_volume: float
    ask_price: float
    ask_volume: float


@dataclass(slots=True)
class PlainTrade:
    received_ns: int
    symbol: str
    exchange_ns: int
    price: float
    volume: float
    side: str
    trade_id: str


def measure(quick: bool, count: int = 0) -> list[Figure]:
    """Replays and plain reads, in turn."""
    distinct, count = (40_000, count or 400_000) if quick else (200_000, 2_000_000)
    distinct, plain = min(distinct, count), count // 10
    ours: list[float] = []
    theirs: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        events = source.events(distinct)
        bodies = batches(events)
        written = write_session(folder / "journal", bodies, count // BATCH)
        _write_lines(folder / "lines", events, plain)
        del events, bodies
        for _ in range(3 if quick else 5):
            ours.append(_replayed(folder / "journal", written))
            theirs.append(_read(folder / "lines", plain))
    return [
        Figure(
            what=WHAT,
            who=OURS,
            unit="events/CPU-s",
            runs=ours,
            n=written,
            target=TARGET,
            at_least=True,
        ),
        Figure(
            what=WHAT,
            who="JSON lines, dataclasses",
            unit="events/CPU-s",
            runs=theirs,
            n=plain,
            at_least=True,
        ),
    ]


def _replayed(journal: Path, written: int) -> float:
    robots = small_robots()
    report = replay(Journal.open(journal), robots)
    assert report.equal, report
    assert report.events == written, (report.events, written)
    assert robots.seats[0].robot.state.events == written - 1  # all but the session's end
    return report.events_per_second


# ---- by hand ------------------------------------------------------------------------------------


def _write_lines(path: Path, events: list[Event], count: int) -> None:
    with path.open("w") as file:
        for number in range(count):
            file.write(plain_line(events[number % len(events)]))


def plain_line(event: Event) -> str:
    """An event as a line of JSON, as one writes it by hand."""
    match event:
        case Ticker():
            return (
                json.dumps(
                    {
                        "type": "ticker",
                        "received_ns": event.received_ns,
                        "symbol": event.symbol.base + event.symbol.quote,
                        "bid_price": event.bid_price,
                        "bid_volume": event.bid_volume,
                        "ask_price": event.ask_price,
                        "ask_volume": event.ask_volume,
                    }
                )
                + "\n"
            )
        case Trade():
            return (
                json.dumps(
                    {
                        "type": "trade",
                        "received_ns": event.received_ns,
                        "symbol": event.symbol.base + event.symbol.quote,
                        "exchange_ns": event.exchange_ns,
                        "price": event.price,
                        "volume": event.volume,
                        "side": str(event.side),
                        "trade_id": event.trade_id,
                    }
                )
                + "\n"
            )
    raise TypeError(type(event))


class _PlainRobot:
    """The small robot's sums."""

    def __init__(self) -> None:
        self.events = 0
        self.last_price = 0.0
        self.orders: list[tuple[str, str]] = []

    def on_ticker(self, ticker: PlainTicker) -> None:
        self.last_price = ticker.bid_price
        self._counted()

    def on_trade(self, trade: PlainTrade) -> None:
        self.last_price = trade.price
        self._counted()

    def _counted(self) -> None:
        self.events += 1
        if not self.events % 1_000:
            self.orders.append(("60000.00", "0.001"))


def _read(path: Path, count: int) -> float:
    began = process_time()
    robot = _PlainRobot()
    with path.open() as file:
        _play(file, robot)
    spent = process_time() - began
    assert robot.events == count
    return count / spent


def _play(lines: Iterable[str], robot: _PlainRobot) -> None:
    for line in lines:
        fields = json.loads(line)
        if fields.pop("type") == "ticker":
            robot.on_ticker(PlainTicker(**fields))
        else:
            robot.on_trade(PlainTrade(**fields))


if __name__ == "__main__":
    main("benchmarks.replay_a_journal", measure)
