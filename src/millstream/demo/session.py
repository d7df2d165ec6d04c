"""The demo: an exchange on this machine, a session against it, and the proof of its journal."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import msgspec

from millstream.app import Session
from millstream.demo.setting import CANDLE_INTERVAL, Feed, demo_config
from millstream.demo.venue import VenueProcess
from millstream.errors import MillstreamError, StreamError
from millstream.exchange import ACKNOWLEDGEMENT, FrameCounts
from millstream.screen import Screen, View
from millstream.simulator.market import Market, MarketSettings
from millstream.simulator.recording import Recording
from millstream.stream.tape import read_tape

REFRESH_S = 0.1
DRAIN_S = 10.0  # how long the last frames may take from the exchange to us
REPLAY_S = 600.0
MARKET_SECONDS = 300.0
MARKET_SPEED = "20"


class DemoOptions(msgspec.Struct, frozen=True):
    """What a user asked for."""

    out: Path
    tape: Path | None = None
    speed: str = ""  # "" : 20 for a generated market, 1 for a tape
    seconds: float | None = None  # of market time
    seed: int = 1


class RobotFigures(msgspec.Struct, frozen=True):
    """What became of one robot."""

    name: str
    standing: str
    position: str  # "0.012 BTC" or "flat"
    result: str  # "+1.25 USDT"
    fills: int


class ReplayFigures(msgspec.Struct, frozen=True):
    """The proof, in short: `millstream replay` tells more."""

    equal: bool
    events: int
    orders: int
    states: int
    first_difference: dict[str, Any] | None
    damage: str
    notes: list[str]
    events_per_second: float  # of processor time


class DemoReport(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the demo has to say at its end; `--json` prints it.

    Every frame went one way: market events + snapshots + ignored + refused + malformed = frames,
    unless the session was interrupted while some were held for a snapshot.
    """

    frames: int  # of the market, REST snapshots among them; acknowledgements are counted apart
    events: dict[str, int]  # by type, as the streams gave them out
    snapshots: int  # of these: REST snapshots of a book
    unused_snapshots: int  # REST answers that came too early or too late; not counted as frames
    acknowledgements: int  # answers to our subscriptions
    ignored: int  # frames that said nothing new: updates older than their snapshot
    refused: int
    malformed: int
    gaps: int
    conflated: int
    unsent: int  # frames of the tape that belong to streams nobody subscribed to
    orders: int
    orders_refused: int  # of these: by the risk limits
    fills: int
    robots: list[RobotFigures]
    journal: str
    interrupted: bool
    wall_seconds: float
    replay: ReplayFigures


def run_demo(options: DemoOptions, screen: Screen) -> DemoReport:
    """Play, trade, journal, stop, replay. Raises MillstreamError: one sentence, nothing left over.

    Ctrl-C ends it in good order; what was played until then is replayed too.
    """
    feed = _feed(options)
    venue = VenueProcess(_venue_arguments(options, feed))
    began = monotonic()
    try:
        ready = venue.wait_ready()
        config = demo_config(feed, ready.ws, ready.rest, options.seed)
        session = Session(config, options.out, paced=True)
        view = View(session)
        interrupted = _play(session, venue, view, screen, options)
    finally:
        venue.close()
    failure = session.failure()
    if failure:
        raise MillstreamError(f"the session ended before its time: {failure}")
    played_s = monotonic() - began
    return _report(view, venue, interrupted, played_s, _replay(options.out))


def _feed(options: DemoOptions) -> Feed:
    """What there is to subscribe to, known before the exchange starts."""
    if options.tape is not None:
        recording = Recording(read_tape(options.tape))
        return Feed(recording.streams, recording.pairs)
    market = Market(random.Random(options.seed), _market_settings(options))
    return Feed(tuple(market.streams), tuple(market.pairs))


def _market_settings(options: DemoOptions) -> MarketSettings:
    return MarketSettings(
        seconds=options.seconds or MARKET_SECONDS, candle_interval=CANDLE_INTERVAL
    )


def _venue_arguments(options: DemoOptions, feed: Feed) -> list[str]:
    arguments = ["--exchange", "binance", "--expect", ",".join(feed.expected())]
    if options.tape is not None:
        return [*arguments, "--tape", str(options.tape), "--speed", options.speed or "1"]
    settings = _market_settings(options)
    return [
        *arguments,
        *("--market-seconds", str(settings.seconds)),
        *("--seed", str(options.seed)),
        *("--candle-interval", settings.candle_interval),
        *("--speed", options.speed or MARKET_SPEED),
    ]


def _play(
    session: Session, venue: VenueProcess, view: View, screen: Screen, options: DemoOptions
) -> bool:
    """Until the tape is over and all of it has arrived; returns whether somebody interrupted."""
    interrupted, reason = False, "the tape is over"
    try:
        session.start()
        with screen:
            while not _is_over(session, venue, options):
                view.follow()
                screen.show(view, venue.progress.progress, str(session.directory))
                sleep(REFRESH_S)
            _drain(session, venue)
    except KeyboardInterrupt:
        interrupted, reason = True, "interrupted"
    session.stop(reason)
    view.follow()
    session.close()
    return interrupted


def _is_over(session: Session, venue: VenueProcess, options: DemoOptions) -> bool:
    if venue.done is not None or session.failure():
        return True
    if not venue.alive:
        raise StreamError("the simulated exchange ended before its tape; see its words above")
    seconds = options.seconds if options.tape is not None else None
    return seconds is not None and venue.played_ns >= seconds * 1_000_000_000


def _drain(session: Session, venue: VenueProcess) -> None:
    """Wait for the frames that are still on their way."""
    sent = sum(venue.done.frames.values()) if venue.done is not None else 0
    deadline = monotonic() + DRAIN_S
    while _received(session) < sent and monotonic() < deadline and not session.failure():
        sleep(REFRESH_S / 10)


def _received(session: Session) -> int:
    """Frames of the market that have come, acknowledgements not counted."""
    counts = [count for stream in session.streams for count in stream.counts().values()]
    return sum(
        count.frames - count.snapshots - count.unused_snapshots - _acknowledged(count)
        for count in counts
    )


def _acknowledged(count: FrameCounts) -> int:
    return count.reasons.get(ACKNOWLEDGEMENT, 0)


def _replay(directory: Path) -> ReplayFigures:
    """The proof, by a process that knows nothing but the journal."""
    command = [sys.executable, "-m", "millstream", "replay", str(directory), "--json"]
    done = subprocess.run(command, capture_output=True, timeout=REPLAY_S, check=False)
    try:
        return msgspec.json.decode(done.stdout, type=ReplayFigures)
    except msgspec.DecodeError:
        said = done.stderr.decode(errors="replace").strip().removeprefix("millstream: ")
        raise MillstreamError(f"the replay could not be made: {said}") from None


def _report(
    view: View, venue: VenueProcess, interrupted: bool, played_s: float, proof: ReplayFigures
) -> DemoReport:
    session = view.session
    counts = [count for stream in session.streams for count in stream.counts().values()]
    events: Counter[str] = Counter()
    for count in counts:
        events.update(count.events)
    acknowledged = sum(map(_acknowledged, counts))
    unused = sum(count.unused_snapshots for count in counts)
    return DemoReport(
        frames=sum(count.frames for count in counts) - acknowledged - unused,
        events=dict(sorted(events.items())),
        snapshots=sum(count.snapshots for count in counts),
        unused_snapshots=unused,
        acknowledgements=acknowledged,
        ignored=sum(count.ignored for count in counts) - acknowledged,
        refused=sum(count.refused for count in counts),
        malformed=sum(count.malformed for count in counts),
        gaps=sum(count.gaps for count in counts),
        conflated=session.publisher.conflated,
        unsent=venue.done.unsent if venue.done is not None else 0,
        orders=view.placed,
        orders_refused=view.refused,
        fills=view.fills,
        robots=[
            RobotFigures(
                name=seat.robot.name,
                standing=seat.standing,
                position=view.position(seat.robot.name),
                result=view.result(seat.robot.name),
                fills=view.robot_fills(seat.robot.name),
            )
            for seat in session.robots.seats
        ],
        journal=str(session.directory),
        interrupted=interrupted,
        wall_seconds=round(played_s, 3),
        replay=proof,
    )
