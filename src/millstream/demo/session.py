"""The demo: an exchange on this machine, a session against it, and the proof of its journal."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import msgspec

from millstream.app import Session
from millstream.config import Config
from millstream.demo.setting import (
    CANDLE_INTERVAL,
    MAKER_FEE_BPS,
    TAKER_FEE_BPS,
    Feed,
    Place,
    demo_config,
)
from millstream.demo.truth import TruthFigures, compare_with_exchange
from millstream.demo.venue import Ready, VenueProcess
from millstream.errors import ConfigError, MillstreamError, StreamError
from millstream.exchange import ACKNOWLEDGEMENT, FrameCounts
from millstream.exchange.live import VenueStream
from millstream.screen import Screen, View
from millstream.simulator.market import Market, MarketSettings
from millstream.simulator.recording import Recording
from millstream.stream.tape import read_tape

REFRESH_S = 0.1
DRAIN_S = 10.0  # how long the last frames may take from the exchange to us
REPLAY_S = 600.0
MARKET_SECONDS, MARKET_SPEED = 300.0, "20"  # on paper
TRADED_SECONDS, TRADED_SPEED = 150.0, "10"  # at the exchange, where each order takes its time
CROSSER_CANDLES = "100ms"  # a second of that market


class DemoOptions(msgspec.Struct, frozen=True):
    """What a user asked for."""

    out: Path
    tape: Path | None = None
    speed: str = ""  # "" : 20 for a generated market, 1 for a tape
    seconds: float | None = None  # of market time
    seed: int = 1
    paper: bool = False  # fill orders against the market's events; a tape is played so anyway

    @property
    def trades(self) -> bool:
        """Whether orders go to the exchange."""
        return not self.paper and self.tape is None


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
    exchange: TruthFigures | None = None  # None: on paper there is nobody else to ask

    @property
    def proven(self) -> bool:
        """Whether the replay is equal, and the order store has what the exchange has."""
        return self.replay.equal and (self.exchange is None or self.exchange.equal)


def run_demo(options: DemoOptions, screen: Screen) -> DemoReport:
    """Play, trade, journal, stop, replay. Raises MillstreamError: one sentence, nothing left over.

    Ctrl-C ends it in good order; what was played until then is replayed too.
    """
    if options.trades and options.speed.strip().lower() == "max":
        raise ConfigError(
            "--speed max needs --paper: orders take their time on the way to an exchange"
        )
    feed = None if options.trades else _feed(options)
    venue = VenueProcess(_venue_arguments(options, feed))
    began = monotonic()
    try:
        config = _config(options, feed, venue.wait_ready())
        session = Session(config, options.out, paced=not options.trades)
        view = View(session)
        with closing(session):
            interrupted = _play(session, venue, view, screen, options)
            truth = _truth(session, venue) if options.trades else None
    finally:
        venue.close()
    failure = session.failure()
    if failure:
        raise MillstreamError(f"the session ended before its time: {failure}")
    played_s = monotonic() - began
    return _report(view, venue, interrupted, played_s, _replay(options.out), truth)


def _feed(options: DemoOptions) -> Feed:
    """What there is to subscribe to, known before the exchange starts."""
    if options.tape is not None:
        recording = Recording(read_tape(options.tape))
        return Feed(recording.streams, recording.pairs)
    market = Market(random.Random(options.seed), _market_settings(options))
    return Feed(tuple(market.streams), tuple(market.pairs))


def _market_settings(options: DemoOptions) -> MarketSettings:
    usual = TRADED_SECONDS if options.trades else MARKET_SECONDS
    return MarketSettings(seconds=options.seconds or usual, candle_interval=CANDLE_INTERVAL)


def _config(options: DemoOptions, feed: Feed | None, ready: Ready) -> Config:
    if feed is not None:
        return demo_config(feed, Place(ready.ws, ready.rest), options.seed)
    key = ready.keys[0]
    place = Place(ready.ws, ready.rest, key.key, key.secret)
    return demo_config(Feed.of_pairs(ready.pairs), place, options.seed, CROSSER_CANDLES)


def _truth(session: Session, venue: VenueProcess) -> TruthFigures | None:
    """None when the session failed: that is to be said, not this."""
    if session.failure() or venue.ready is None:
        return None
    return compare_with_exchange(venue.ready.rest, session.store.trades())


def _venue_arguments(options: DemoOptions, feed: Feed | None) -> list[str]:
    arguments = ["--exchange", "binance"]
    if feed is None:
        arguments += ["--trade", "--maker-fee-bps", str(MAKER_FEE_BPS)]
        arguments += ["--taker-fee-bps", str(TAKER_FEE_BPS)]
    else:
        arguments += ["--expect", ",".join(feed.expected())]
    if options.tape is not None:
        return [*arguments, "--tape", str(options.tape), "--speed", options.speed or "1"]
    settings = _market_settings(options)
    return [
        *arguments,
        *("--market-seconds", str(settings.seconds)),
        *("--seed", str(options.seed)),
        *("--candle-interval", settings.candle_interval),
        *("--speed", options.speed or (TRADED_SPEED if options.trades else MARKET_SPEED)),
    ]


def _play(
    session: Session, venue: VenueProcess, view: View, screen: Screen, options: DemoOptions
) -> bool:
    """Until the tape is over and all of it has arrived; returns whether somebody interrupted."""
    interrupted, reason = False, "it could not be shown any more"
    with screen:
        try:
            session.start()
            while not _is_over(session, venue, options):
                view.follow()
                screen.show(view, venue.progress.progress, str(session.directory))
                sleep(REFRESH_S)
            _drain(session, venue)
            reason = "the tape is over"
        except KeyboardInterrupt:
            interrupted, reason = True, "interrupted"
        finally:
            session.stop(reason)
        view.follow()
        screen.last(view, str(session.directory))
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
    return sum(
        count.frames - count.snapshots - count.unused_snapshots - _acknowledged(count)
        for count in _counts(session)
    )


def _counts(session: Session) -> list[FrameCounts]:
    """Of every channel of the market; what the account was told is not counted among them."""
    return [
        count
        for stream in session.streams
        if isinstance(stream, VenueStream)
        for channel, count in stream.counts().items()
        if not channel.private
    ]


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
    view: View,
    venue: VenueProcess,
    interrupted: bool,
    played_s: float,
    proof: ReplayFigures,
    truth: TruthFigures | None,
) -> DemoReport:
    session = view.session
    counts = _counts(session)
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
        exchange=truth,
    )
