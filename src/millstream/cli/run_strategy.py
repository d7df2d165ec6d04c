"""`millstream run` for a freqtrade configuration: its strategy, live or on candles of the past."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from time import monotonic, sleep, time_ns
from typing import Any, NamedTuple

import click
from rich.console import Console

from millstream.app import Session, make_stream
from millstream.cli.ending import end_as_by_ctrl_c, end_undisturbed
from millstream.cli.logs import log_to
from millstream.cli.strategy_screen import JsonLines, StrategyLines, StrategyScreen, StrategyView
from millstream.errors import ConfigError, MillstreamError
from millstream.frames.client import pairs_of
from millstream.frames.settings import ConsumerSection
from millstream.model import Channel, CurrencyPair, Exchange
from millstream.orders.risk import RiskState
from millstream.screen import Warnings
from millstream.session.sources import Source, Sources
from millstream.strategy.configuration import StrategySession, parse_strategy_config
from millstream.strategy.feed import CandleFeed
from millstream.strategy.producer_market import ProducerMarket
from millstream.strategy.sessions import session_config
from millstream.strategy.warm_up import WarmUp

REFRESH_S = 0.2
LAST_WORDS_S = 0.5  # what was published last is on its way to followers
FOLLOWERS_S = 5.0  # how long followers may take to read it
CANDLES_OF_THE_PAST = 1_500
PAIRS_S = 30.0  # how long a producer may take to tell its pairs


class Played(NamedTuple):
    """A folder of candles to play instead of the exchange."""

    folder: Path
    since: str | None  # the first candle that is played; what lies before it is warm-up
    every_s: float


def run_strategy(
    values: dict[str, Any],
    config: Path,
    seconds: float | None,
    out: Path | None,
    as_json: bool,
    played: Played | None,
) -> int:
    """Run the strategy of a configuration until Ctrl-C, the last candle, or the time is over.

    values: the file's plain values. Exit code 1: the strategy failed.
    """
    told = parse_strategy_config(values, str(config), config.resolve().parent, _ask_pairs)
    sources, feed = _sources(told, played)
    directory = out or Path("sessions") / f"{config.stem}-{datetime.now():%Y%m%d-%H%M%S}"
    log_to(directory / "log.txt")
    try:
        session = Session(session_config(told, sources.in_step), directory, sources=sources)
    except ConfigError as error:
        raise ConfigError(f"{config}: {error}") from None
    console = Console(stderr=as_json)
    end_as_by_ctrl_c()
    signal.signal(
        signal.SIGUSR1,
        lambda *_: session.kill.set(RiskState.HALTED, "a signal", "SIGUSR1", time_ns()),
    )
    _say_what_runs(console, told, played)
    view = StrategyView(session, told, played is not None)
    warnings = Warnings()
    screen: StrategyScreen = StrategyLines(console, warnings)
    if as_json:
        screen = JsonLines(warnings)
    if not as_json and sys.stdout.isatty():
        screen = StrategyScreen(console, warnings)
    reason = "it could not be shown any more"
    with closing(session):
        try:
            reason = _watch(session, view, screen, feed, seconds)
        except KeyboardInterrupt:
            reason = "interrupted"
        finally:
            end_undisturbed()
            session.stop(reason)
        view.follow()
        screen.last(view)
    if session.failure():
        raise MillstreamError(f"the session ended before its time: {session.failure()}")
    console.print(f"the journal: {directory}", highlight=False, soft_wrap=True)
    failed = session.robots.seats[0].error
    if failed:
        console.print(
            f"millstream: strategy {told.strategy} failed: {failed}; its log: "
            f"{directory / 'log.txt'}",
            highlight=False, soft_wrap=True, markup=False,
        )  # fmt: skip
    return 1 if failed else 0


def _ask_pairs(section: ConsumerSection, producer: str) -> Sequence[str]:
    """A producer's pairs; waits for it."""
    click.echo(f'asking producer "{producer}" for its pairs', err=True)
    return asyncio.run(pairs_of(section, producer, PAIRS_S))


def _sources(told: StrategySession, played: Played | None) -> tuple[Sources, CandleFeed | None]:
    """Where the market comes from; and the feed, where it is one that ends."""
    section = told.config.streams[0]
    exchange = Exchange.parse(section.exchange)
    symbols = [CurrencyPair.parse(pair.partition(":")[0]) for pair in told.pairs]
    if played is not None:
        if told.candles_from:
            raise ConfigError(
                "--data plays a folder, and candles_from_producer takes the producer's candles; "
                "leave one of them out"
            )
        if not told.dry_run:
            raise ConfigError('--data plays the past: write "dry_run": true')
        if not played.folder.is_dir():
            raise ConfigError(f"--data {played.folder}: there is no such folder")
        feed = CandleFeed(
            played.folder, exchange, told.pairs, told.timeframe, played.since, played.every_s,
            max(told.startup_candle_count, 1),
        )  # fmt: skip
        return Sources([feed], in_step=True), feed
    if told.candles_from:
        if not told.dry_run:
            raise ConfigError(
                "candles_from_producer fills orders on paper, on the producer's candles; write "
                '"dry_run": true, or leave it out'
            )
        market = ProducerMarket(
            told.candles_from, exchange, dict(zip(told.pairs, symbols, strict=True)),
            told.timeframe, told.candle_type,
        )  # fmt: skip
        return Sources([], in_step=True, market_of=market.events), None
    stream: Source = make_stream(section)
    from_trades = "candle" not in section.subscribe_channels
    try:
        past = WarmUp(
            exchange, symbols, told.timeframe,
            max(CANDLES_OF_THE_PAST, told.startup_candle_count),
            after=Channel.TRADE if from_trades else Channel.CANDLE, host=_rest_host(told),
        )  # fmt: skip
    except ConfigError:
        return Sources([stream]), None  # it has no past to ask for; the strategy waits
    stream.bind_observer(past)
    return Sources([stream], [past]), None


def _rest_host(told: StrategySession) -> str:
    """`exchange.rest_host`; "": the venue's own."""
    return str(told.config.streams[0].subscribe_args.get("rest_host", ""))


def _watch(
    session: Session,
    view: StrategyView,
    screen: StrategyScreen,
    feed: CandleFeed | None,
    seconds: float | None,
) -> str:
    """Show it until it is over; why it is."""
    began, over_s = monotonic(), 0.0
    session.start()
    with screen:
        while not (session.failure() or session.robots.seats[0].error):
            now = monotonic()
            if seconds is not None and now - began >= seconds:
                return "the time is over"
            view.follow()
            screen.show(view)
            if feed is not None and feed.finished and not session.steps.waiting:
                over_s = over_s or now
                waiting = sum(figures.queued for figures in view.followers())
                if now - over_s > (FOLLOWERS_S if waiting else LAST_WORDS_S):
                    return "the last candle was played"
            sleep(REFRESH_S)
    return "the strategy failed"


def _say_what_runs(console: Console, told: StrategySession, played: Played | None) -> None:
    gateway = told.config.gateway
    if gateway.kind == "live":
        console.print(f"[bold red]LIVE: orders go to {gateway.exchange}, with real money.[/]")
    market = f"live {told.config.streams[0].exchange} data"
    if played is not None:
        market = f"the candles in {played.folder}"
    elif told.candles_from:
        market = f'the candles of producer "{told.candles_from}"'
    parts = [f"{told.strategy} on {', '.join(told.pairs)} ({told.timeframe})", market]
    if gateway.kind == "paper":
        parts.append("on paper")
    if told.api_server.enabled:
        where = told.api_server
        parts.append(f"serves its frames at {where.listen_ip_address}:{where.listen_port}")
    if told.consumer.enabled:
        names = ", ".join(f'"{each.name}"' for each in told.consumer.producers)
        parts.append(f"follows {names}")
    console.print("; ".join(parts), highlight=False, soft_wrap=True, markup=False)
