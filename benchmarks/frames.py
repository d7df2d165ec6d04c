"""What the benchmarks feed: frames of Binance spot, generated or recorded, and their events.

The generated market is seeded, so every machine measures the same bytes. The recording is
six minutes of btcusdt; it is not part of this repository and is left out where it is not at hand.
"""

from __future__ import annotations

import random
from pathlib import Path

import msgspec

from benchmarks.measure import ROOT
from millstream.errors import MillstreamError
from millstream.exchange import decoder
from millstream.model import Channel, Event, Ticker, Trade
from millstream.simulator.market import Market, MarketSettings
from millstream.simulator.recording import Recording
from millstream.stream.tape import read_tape

RECORDING = ROOT.parent / "shared/data/exchanges/binance_spot/hftbacktest_spot_btcusdt_20240808.gz"
SUFFIXES = {b"bookTicker": Channel.TICKER, b"trade": Channel.TRADE, b"depth@100ms": Channel.BOOK}


class Frames(msgspec.Struct, frozen=True):
    """Frames of one market by channel, and the books that the book frames go on from."""

    name: str
    pairs: tuple[str, ...]
    tickers: list[bytes]
    trades: list[bytes]
    books: list[bytes]
    snapshots: dict[str, bytes]  # by symbol

    def of(self, channel: Channel) -> list[bytes]:
        """The frames of one channel."""
        channels = {
            Channel.TICKER: self.tickers,
            Channel.TRADE: self.trades,
            Channel.BOOK: self.books,
        }
        return channels[channel]


def generated(seconds: float) -> Frames:
    """About 250 ticker frames, 100 trades and 30 book frames of three pairs a second."""
    market = Market(random.Random(1), MarketSettings(seconds=seconds))
    return _sorted("generated", market)


def recorded() -> Frames | None:
    """The real recording; None where it is not at hand."""
    if not RECORDING.exists():
        return None
    try:
        return _sorted("recorded", Recording(read_tape(RECORDING)))
    except MillstreamError:
        return None


def _sorted(name: str, source: Market | Recording) -> Frames:
    found: dict[Channel, list[bytes]] = {channel: [] for channel in SUFFIXES.values()}
    snapshots: dict[str, bytes] = {}
    for frame in source.frames():
        stream = frame.raw.split(b'"', 4)[3]
        symbol, _, suffix = stream.partition(b"@")
        channel = SUFFIXES.get(suffix)
        if channel is None:
            continue
        if channel is Channel.BOOK and symbol.decode().upper() not in snapshots:
            snapshot = source.snapshot(symbol.decode().upper(), 5000)
            if snapshot is not None:  # it holds this frame's changes already
                snapshots[symbol.decode().upper()] = snapshot
            if snapshot is None or name == "generated":
                continue
        found[channel].append(frame.raw)
    pairs = tuple(str(pair) for pair in source.pairs)
    tickers, trades, books = found.values()
    return Frames(name, pairs, tickers, trades, books, snapshots)


def events(count: int) -> list[Event]:
    """Tickers of three pairs, and a trade after every third, `count` in all."""
    frames = generated(count / 280 + 20)
    venue = decoder("binance", frames.pairs, [Channel.TICKER, Channel.TRADE])
    raws: list[bytes] = []
    trades = iter(frames.trades)
    for number, raw in enumerate(frames.tickers):
        raws.append(raw)
        if number % 3 == 2 and (trade := next(trades, None)):
            raws.append(trade)
    start_ns = 1_723_161_600_000_000_000
    made = [
        event
        for number, raw in enumerate(raws[:count])
        for event in venue.feed(raw, start_ns + number * 1_000_003)
    ]
    assert len(made) == count, f"the market gave {len(made)} of {count} events"
    assert {type(event) for event in made} == {Ticker, Trade}
    return made


def write(frames: Frames, channel: Channel, path: Path) -> None:
    """Frames for a rival's process: one a line; before book frames, the books they go on from."""
    with path.open("wb") as file:
        if channel is Channel.BOOK:
            for symbol, snapshot in frames.snapshots.items():
                file.write(symbol.encode() + b" " + snapshot.replace(b"\n", b"") + b"\n")
        file.writelines(raw.replace(b"\n", b"") + b"\n" for raw in frames.of(channel))
