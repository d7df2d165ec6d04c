"""One frame of each venue's ticker, trade and book to a typed event and a callback: CPU per frame.

    python -m benchmarks.frame_to_callback_per_venue

Ours: `millstream.exchange.decoder` and a function. The rivals get the same bytes by their own
handlers, where they have the venue and the channel: cryptofeed's `message_handler` with a callback;
ccxt.pro's text handler, which parses and calls `handle_message`, with nobody awaiting the result.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from benchmarks.measure import OURS, Figure, cpu_us, main
from benchmarks.rivals.process import Rival, here
from benchmarks.venue_frames import VENUES, Venue, ib, stock
from millstream.exchange import decoder
from millstream.exchange.ib.wire import request_id
from millstream.model import Channel, CurrencyPair, Event

CHANNELS = ("ticker", "trade", "book")
TARGET_US = {"ticker": 1.0, "trade": 1.0, "book": None}
# What each rival has. cryptofeed speaks Kraken's v1, takes ticker_lite of Kraken Futures and no
# ticker of Coinbase; neither speaks TWS. Of Binance's books, whose snapshot comes by REST,
# frame_to_callback_in_process has the rivals.
QUOTES, NO_TICKER = ("ticker", "trade"), ("trade", "book")
RIVALS = {
    "cryptofeed_venue": {
        "binance": QUOTES,
        "binance_future": QUOTES,
        "kraken_future": NO_TICKER,
        "coinbase": NO_TICKER,
        "okx": CHANNELS,
    },
    "ccxt_venue": {
        "binance": QUOTES,
        "binance_future": QUOTES,
        "kraken": CHANNELS,
        "kraken_future": CHANNELS,
        "coinbase": CHANNELS,
        "okx": CHANNELS,
        "okx_swap": CHANNELS,
    },
}
START_NS = 1_786_562_900_000_000_000


def measure(quick: bool) -> list[Figure]:
    """Every channel of every venue, all contestants in turn."""
    count, rounds = (5_000, 3) if quick else (20_000, 5)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, venue in venues():
            for channel in CHANNELS:
                frames = venue.frames(channel, count)
                if frames:
                    figures += _round(name, venue, channel, frames, rounds, Path(folder))
    return figures


def venues() -> list[tuple[str, Venue]]:
    """All of them; IB has trades of stocks, not of currencies."""

    def request(channel: str) -> int:
        return request_id(Channel.parse(channel), 0)

    currency, share = ib(request), stock(request)
    return [*VENUES.items(), ("ib", currency), ("ib", share)]


def ours(name: str, venue: Venue, channel: str, frames: list[bytes]) -> float:
    """Decoder and callback; µs of CPU a frame."""
    made, called = decoder(name, [venue.pair], [channel], **venue.settings), 0
    if channel == "book" and venue.snapshot:
        made.feed_snapshot(CurrencyPair.parse(venue.pair), venue.snapshot.encode(), START_NS)

    def callback(event: Event) -> None:
        nonlocal called
        called += 1

    def work() -> None:
        feed = made.feed
        for raw in frames:
            for event in feed(raw, START_NS):
                callback(event)

    spent = cpu_us(work, len(frames))
    counts = made.counts
    assert counts.malformed == counts.refused == counts.gaps == 0, (name, channel, counts)
    assert called > 0.9 * len(frames), (name, channel, called, counts)
    return spent


def _round(
    name: str, venue: Venue, channel: str, frames: list[bytes], rounds: int, folder: Path
) -> list[Figure]:
    path = folder / f"{name}-{channel}"
    path.write_bytes(b"\n".join(frames))
    with ExitStack() as stack:
        ways: dict[str, Callable[[], float]] = {OURS: lambda: ours(name, venue, channel, frames)}
        if here():
            for script, known in RIVALS.items():
                if channel in known.get(name, ()):
                    rival = stack.enter_context(Rival(script, name, path, channel))
                    ways[rival.name] = lambda rival=rival: _asked(rival)  # type: ignore[misc]
        runs: dict[str, list[float]] = {who: [] for who in ways}
        for _ in range(rounds):
            for who, way in ways.items():
                runs[who].append(way())
    return [
        Figure(
            what=f"{name}: a {channel} frame to event and callback",
            who=who,
            unit="µs CPU",
            runs=times,
            n=len(frames),
            target=TARGET_US[channel] if who == OURS else None,
        )
        for who, times in runs.items()
    ]


def _asked(rival: Rival) -> float:
    answer = rival.round()
    assert answer["called"] > 0.9 * answer["n"], (rival.name, answer)
    return float(answer["us"])


if __name__ == "__main__":
    main("benchmarks.frame_to_callback_per_venue", measure)
