"""One venue frame, in process, to a typed event and a callback: CPU per frame.

    python -m benchmarks.frame_to_callback_in_process

Ours: `millstream.exchange.decoder` and a function; and the same through a stream's `publish` to an
observer, which is what a live stream does. No socket on either side.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from benchmarks import frames as source
from benchmarks.frames import Frames
from benchmarks.measure import OURS, Figure, cpu_us, main
from benchmarks.rivals.process import Rival, here
from millstream.exchange import decoder, get_exchange_stream
from millstream.exchange.decoding import Decoder
from millstream.model import Channel, CurrencyPair, Event

TARGET_US = {Channel.TICKER: 1.0, Channel.TRADE: 1.0, Channel.BOOK: None}
RIVALS = ("cryptofeed_binance", "ccxt_binance", "plain_queue")
RECEIVED_NS = 1_723_161_600_000_000_000


class Observer:
    """Counts what it is given, in a plain function behind each queue's name."""

    def __init__(self) -> None:
        self.called = 0
        self.ticker_queue = self.trade_queue = self.book_queue = self

    def put_nowait(self, event: Event) -> None:
        self.called += 1


def direct(frames: Frames, channel: Channel) -> float:
    """Decoder and callback; µs of CPU a frame."""
    venue, raws, called = _ready(frames, channel), frames.of(channel), 0

    def callback(event: Event) -> None:
        nonlocal called
        called += 1

    def work() -> None:
        feed = venue.feed
        for raw in raws:
            for event in feed(raw, RECEIVED_NS):
                callback(event)

    spent = cpu_us(work, len(raws))
    _check(venue, called, len(raws))
    return spent


def observed(frames: Frames, channel: Channel) -> float:
    """Decoder, the stream's publish, and an observer's queue; µs of CPU a frame."""
    stream = get_exchange_stream("binance", frames.pairs, [channel])
    observer = Observer()
    stream.bind_observer(observer)
    venue, raws = _ready(frames, channel), frames.of(channel)

    def work() -> None:
        feed, publish = venue.feed, stream.publish
        for raw in raws:
            if events := feed(raw, RECEIVED_NS):
                publish(channel, events)

    spent = cpu_us(work, len(raws))
    _check(venue, observer.called, len(raws))
    return spent


def _ready(frames: Frames, channel: Channel) -> Decoder:
    venue = decoder("binance", frames.pairs, [channel])
    if channel is Channel.BOOK:
        for pair in frames.pairs:
            found = CurrencyPair.parse(pair)
            venue.feed_snapshot(found, frames.snapshots[found.base + found.quote], RECEIVED_NS)
    return venue


def _check(venue: Decoder, called: int, frames: int) -> None:
    counts = venue.counts
    assert counts.malformed == counts.refused == 0, counts
    assert called >= frames - counts.ignored > 0.95 * frames, (called, frames, counts)


def measure(quick: bool, rivals: bool = True, seconds: float = 0.0) -> list[Figure]:
    """Every channel of every market, all contestants in turn."""
    markets = [source.generated(seconds or (60 if quick else 240))]
    if not quick and (real := source.recorded()):
        markets.append(real)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        for frames in markets:
            for channel in TARGET_US:
                figures += _round(frames, channel, 3 if quick else 5, rivals, Path(folder))
    return figures


def _round(
    frames: Frames, channel: Channel, rounds: int, rivals: bool, folder: Path
) -> list[Figure]:
    path = folder / f"{frames.name}-{channel}"
    source.write(frames, channel, path)
    with ExitStack() as stack:
        ways: dict[str, Callable[[], float]] = {
            OURS: lambda: direct(frames, channel),
            f"{OURS}, to an observer": lambda: observed(frames, channel),
        }
        if rivals and here():
            for script in RIVALS:
                rival = stack.enter_context(Rival(script, path, channel))
                ways[rival.name] = lambda rival=rival: _asked(rival)  # type: ignore[misc]
        runs: dict[str, list[float]] = {who: [] for who in ways}
        for _ in range(rounds):
            for who, way in ways.items():
                runs[who].append(way())
    return [
        Figure(
            what=f"a {channel} frame ({frames.name}) to event and callback",
            who=who,
            unit="µs CPU",
            runs=times,
            n=len(frames.of(channel)),
            target=TARGET_US[channel] if who == OURS else None,
        )
        for who, times in runs.items()
    ]


def _asked(rival: Rival) -> float:
    answer = rival.round()
    assert answer["called"] > 0.95 * answer["n"], (rival.name, answer)
    return float(answer["us"])


if __name__ == "__main__":
    main("benchmarks.frame_to_callback_in_process", measure)
