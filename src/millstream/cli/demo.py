"""`millstream demo`: the main job in one command."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

import click
import msgspec
from rich.console import Console

from millstream.cli.ending import end_as_by_ctrl_c
from millstream.cli.logs import log_to
from millstream.cli.replay import difference_line
from millstream.demo.session import DemoOptions, DemoReport, run_demo
from millstream.demo.truth import TruthFigures
from millstream.errors import ConfigError
from millstream.screen import Lines, LiveScreen, Quiet, Screen, Warnings


@click.command()
@click.option("--tape", type=click.Path(path_type=Path), help="Play this recording.")
@click.option(
    "--speed", default="", help='Times real time, or "max". Default: 10, on paper 20, a tape 1.'
)
@click.option("--seconds", type=float, help="Market time. Default: 150, on paper 300, a tape all.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the market, the robots.")
@click.option("--paper", is_flag=True, help="Fill orders here, against the market's events.")
@click.option("--out", type=click.Path(path_type=Path), help="The session's new folder.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
def demo(
    tape: Path | None,
    speed: str,
    seconds: float | None,
    seed: int,
    paper: bool,
    out: Path | None,
    as_json: bool,
) -> int:
    """Play a market to two kinds of robots, journal it, replay the journal, prove it equal.

    An exchange on 127.0.0.1 speaks like Binance spot: orders go to it by REST, fills come back by
    its private stream. A recording is played, and traded on paper.
    Exit code 0 only if every order, timer, log line and state of the replay is the same, and the
    exchange has the same fills as the order store.
    """
    if seconds is not None and not 0 < seconds <= 86_400:
        raise ConfigError("--seconds takes a number above 0, at most 86400")
    end_as_by_ctrl_c()
    directory = out or Path("sessions") / f"demo-{datetime.now():%Y%m%d-%H%M%S}"
    log_to(directory / "log.txt")
    console = Console()
    options = DemoOptions(directory, tape, speed, seconds, seed, paper)
    report = run_demo(options, _screen(console, as_json))
    if as_json:
        click.echo(msgspec.json.encode(report))
    else:
        _print(report, console)
    return 0 if report.proven else 1


def _screen(console: Console, as_json: bool) -> Screen:
    if as_json:
        return Quiet()
    warnings = Warnings()
    return LiveScreen(console, warnings) if sys.stdout.isatty() else Lines(console, warnings)


def _exchange_line(truth: TruthFigures) -> str:
    volumes = ", ".join(
        f"{volume.normalize():f} {pair.partition('/')[0]}" for pair, volume in truth.volumes.items()
    )
    said = f"the exchange says: {truth.fills:,} fills of {truth.orders:,} orders, {volumes}; "
    if truth.equal:
        return said + "the order store has the same"
    return said + f"the order store has NOT: {truth.first_difference}"


def _print(report: DemoReport, console: Console) -> None:
    events = ", ".join(f"{count:,} {name}" for name, count in report.events.items())
    lines = [
        f"{report.frames:,} frames in {report.wall_seconds:.1f} s: {events}",
        f"{report.malformed} malformed, {report.gaps} gaps, {report.ignored} ignored, "
        f"{report.snapshots} snapshots, {report.acknowledgements} acknowledgements",
        f"{report.orders:,} orders ({report.orders_refused} refused by limits), "
        f"{report.fills:,} fills",
    ]
    lines += [
        f"  {robot.name}: {robot.result}, {robot.position}, {robot.fills} fills, {robot.standing}"
        for robot in report.robots
    ]
    if report.exchange is not None:
        lines.append(_exchange_line(report.exchange))
    proof = report.replay
    lines += [
        "",
        f"replayed in a fresh process: {proof.events:,} events, {proof.orders:,} orders, "
        f"{proof.states} states at {proof.events_per_second:,.0f} events a second",
        *(f"note: {note}" for note in proof.notes),
        difference_line(proof.equal, proof.damage, proof.first_difference),
        f"the journal: {report.journal}",
    ]
    console.print("\n".join(lines), highlight=False, soft_wrap=True, markup=False)
