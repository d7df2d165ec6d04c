"""`millstream run`: the robots of a configuration, live, on paper; or its services."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import closing
from datetime import datetime
from pathlib import Path
from time import monotonic, sleep, time_ns
from typing import Any

import click
from rich.console import Console

from millstream.app import Session
from millstream.cli.ending import end_as_by_ctrl_c, end_undisturbed
from millstream.cli.logs import log_to
from millstream.config import Config, load_config
from millstream.errors import ConfigError, MillstreamError
from millstream.orders.risk import RiskState
from millstream.screen import Lines, LiveScreen, Screen, View, Warnings
from millstream.service.configuration import is_services
from millstream.settings import parse_values, read_text

REFRESH_S = 0.2


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--seconds", type=float, help="How long. Default: until Ctrl-C.")
@click.option("--out", type=click.Path(path_type=Path), help="Robots: the session's new folder.")
@click.option(
    "--resume", is_flag=True, help="Robots: go on with the session in --out, if there is one."
)
@click.option(
    "--part",
    type=click.Choice(["robots", "orders", "stream"]),
    help="Robots: run this part alone; the others have processes of their own.",
)
@click.option("--process", help="--part robots: which of several processes of robots.")
@click.option(
    "--json", "as_json", is_flag=True, help="Services, strategies: print figures as JSON every 2 s."
)
@click.option("--log", type=click.Path(path_type=Path), help="Services: a file for the whole log.")
@click.option(
    "--data", type=click.Path(path_type=Path), help="Strategies: play this folder of candles."
)
@click.option("--from", "since", help="With --data: the first candle played, like 2018-01-15.")
@click.option("--candle-every", type=float, help="With --data: seconds; 0: as fast as can be.")
def run(
    config: Path,
    seconds: float | None,
    out: Path | None,
    resume: bool,
    part: str | None,
    process: str | None,
    as_json: bool,
    log: Path | None,
    data: Path | None,
    since: str | None,
    candle_every: float | None,
) -> int:
    """Run the robots, the strategy or the services of the configuration CONFIG, live.

    Robots trade on paper, unless "gateway" says otherwise: orders fill against the market as it
    comes; nothing is sent to a venue. `millstream kill` and SIGUSR1 stop all trading. Ctrl-C ends
    the session in good order; `millstream replay` proves its journal.

    A file with "strategy" and "exchange" is one of freqtrade's: its strategy runs as a robot. With
    --data it plays a folder of candles: what lies before --from warms it up, and the trades are the
    same at any speed.

    --part runs one part alone in this process: "stream", "orders", or "robots". They meet at the
    endpoints of "bus" and share --out. They start in any order, and any may be started again.

    A file with "service.<name>" keys has services. Ctrl-C stops them in order: what is queued is
    still handled.
    """
    if seconds is not None and not seconds > 0:
        raise ConfigError("--seconds takes a number above 0")
    values = parse_values(read_text(config), str(config), os.environ)
    strategy = looks_like_freqtrades(values)
    if not strategy and (data is not None or since is not None or candle_every is not None):
        raise ConfigError(
            f"--data, --from and --candle-every are for strategies; {config} has none"
        )
    if strategy:
        if log is not None:
            raise ConfigError("--log is for services; a strategy's log is in its session's folder")
        return _run_strategy(values, config, seconds, out, as_json, data, since, candle_every)
    if is_services(values):
        from millstream.cli.run_services import run_services

        if out is not None:
            raise ConfigError(f"--out: {config} has services; they keep no session's folder")
        if part is not None or process is not None:
            raise ConfigError(f"--part and --process are for robots; {config} has services")
        return run_services(values, config, seconds, as_json, log)
    if as_json or log is not None:
        raise ConfigError(f"--json and --log are for services and strategies; {config} has none")
    if process is not None and part != "robots":
        raise ConfigError("--process says which robots; it goes with --part robots")
    if part is not None:
        from millstream.cli.run_part import run_part

        return run_part(config, part, process, seconds, out)
    if resume and out is None:
        raise ConfigError("--resume goes on with the session in a folder: name it by --out")
    return _run_robots(config, seconds, out, resume)


def looks_like_freqtrades(values: object) -> bool:
    """Whether these plain values are a strategy's configuration."""
    if not isinstance(values, dict) or "robots" in values or is_services(values):
        return False
    return "strategy" in values or ("exchange" in values and "stake_currency" in values)


def _run_strategy(
    values: dict[str, Any],
    config: Path,
    seconds: float | None,
    out: Path | None,
    as_json: bool,
    data: Path | None,
    since: str | None,
    candle_every: float | None,
) -> int:
    try:
        from millstream.cli.run_strategy import Played, run_strategy
    except ImportError as error:
        raise ConfigError(
            f'{config}: strategies need pandas and TA-Lib: pip install "millstream[strategy]" '
            f"({error})"
        ) from None
    if data is None and (since is not None or candle_every is not None):
        raise ConfigError("--from and --candle-every go with --data DIR")
    if candle_every is not None and not 0 <= candle_every <= 86_400:
        raise ConfigError("--candle-every takes seconds from 0 to 86400")
    every_s = 1.0 if candle_every is None else candle_every
    played = None if data is None else Played(data, since, every_s)
    return run_strategy(values, config, seconds, out, as_json, played)


def _run_robots(config: Path, seconds: float | None, out: Path | None, resume: bool) -> int:
    settings = load_config(config)
    directory = out or Path("sessions") / f"{config.stem}-{datetime.now():%Y%m%d-%H%M%S}"
    log_to(directory / "log.txt")
    session = Session(settings, directory, resume=resume)
    console = Console()
    end_as_by_ctrl_c()
    signal.signal(signal.SIGUSR1, lambda *_: _kill(session))
    _say_where_orders_go(console, settings)
    warnings = Warnings()
    screen = LiveScreen(console, warnings) if sys.stdout.isatty() else Lines(console, warnings)
    view = View(session)
    reason = "it could not be shown any more"
    with closing(session), screen:
        try:
            _watch(view, screen, seconds)
            reason = "the time is over"
        except KeyboardInterrupt:
            reason = "interrupted"
        finally:
            end_undisturbed()
            session.stop(reason)
        view.follow()
        screen.last(view, str(directory))
    if session.failure():
        raise MillstreamError(f"the session ended before its time: {session.failure()}")
    console.print(f"the journal: {directory}", highlight=False, soft_wrap=True, markup=False)
    return _failed_robots(view, directory)


def _failed_robots(view: View, directory: Path) -> int:
    """Say which robots did not live until the end, and why. 1: some did not."""
    failed = [seat for seat in view.seats if seat.error]
    for seat in failed:
        click.echo(
            f'millstream: robot "{seat.robot.name}" failed: {seat.error}; its place in the code '
            f"is in {directory / 'log.txt'}",
            err=True,
        )
    return 1 if failed else 0


def _watch(view: View, screen: Screen, seconds: float | None) -> None:
    session, began = view.session, monotonic()
    session.start()
    while not session.failure():
        passed = monotonic() - began
        if seconds is not None and passed >= seconds:
            return
        view.follow()
        screen.show(view, passed / seconds if seconds else None, str(session.directory))
        sleep(REFRESH_S)


def _say_where_orders_go(console: Console, settings: Config) -> None:
    gateway = settings.gateway
    if gateway.kind == "live":
        money = "its test system" if gateway.sandbox else "with real money"
        console.print(f"[bold red]LIVE: orders go to {gateway.exchange}, {money}.[/]")
    elif gateway.kind == "simulator":
        console.print(f"Orders go to the simulator at {gateway.url}.", highlight=False)


def _kill(session: Session) -> None:
    session.kill.set(RiskState.HALTED, "a signal", "SIGUSR1", time_ns())
