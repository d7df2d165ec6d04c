"""`millstream analyze`: journals to tables."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from millstream.analysis.fleet import Analyzed, Standing, analyze_journals
from millstream.analysis.folders import journals_in
from millstream.analysis.stores import STORE_HELP
from millstream.analysis.targets import open_keeper
from millstream.cli.replay import difference_line
from millstream.config import without_password
from millstream.errors import ConfigError


class Report(msgspec.Struct, frozen=True):
    """What `--json` prints."""

    to: str
    sessions: list[Analyzed]


@click.command()
@click.argument("journals", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--to", "target", required=True, help="FILE.sqlite, FILE.duckdb, FOLDER/ or mongodb://…"
)
@click.option("--store", default="", help=STORE_HELP)
@click.option("--processes", type=click.IntRange(1), help="Default: one for each core.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def analyze(
    journals: tuple[Path, ...], target: str, store: str, processes: int | None, as_json: bool
) -> int:
    """Replay JOURNALS and save what happened, what robots were and did: tables to study.

    Each of JOURNALS is a session's folder, its journal, or a folder of sessions. What is saved
    already stays: run it again and it adds only what is new. Trading is never touched; files are
    only read. Exit code 1: a replay differs from its record or a journal is damaged, as `millstream
    replay` says it; 2: a journal could not be analyzed.
    """
    if not target:
        raise ConfigError(
            "--to: name a file that ends in .sqlite or .duckdb, a folder, or mongodb://…"
        )
    found = journals_in(journals)
    keeper = open_keeper(target)
    try:
        with _shown(as_json) as progress:
            sessions = analyze_journals(found, keeper, processes, progress, store)
    finally:
        keeper.close()
    if as_json:
        click.echo(msgspec.json.encode(Report(without_password(target), sessions)))
    else:
        for session in sessions:
            click.echo("\n".join(_lines(session)))
    for session in sessions:
        if session.outcome == "failed":
            click.echo(f"millstream: {session.journal}: {session.error}", err=True)
    if any(session.outcome == "failed" for session in sessions):
        return 2
    return 0 if all(s.equal or s.outcome == "repeated" for s in sessions) else 1


def _lines(session: Analyzed) -> list[str]:
    head = f"{session.journal}: {session.outcome}"
    if session.outcome == "repeated":
        return [f"{head}: the same run as one before it, {session.run_id}"]
    if session.outcome == "failed":
        return [head]
    if session.outcome == "saved":
        rows = sum(session.rows.values())
        head += (
            f": {session.events:,} events, {session.orders:,} orders, {session.fills:,} fills; "
            f"{rows:,} rows"
        )
    found = session.first_difference
    first = None if found is None else msgspec.structs.asdict(found)
    notes = [f"  note: {note}" for note in session.notes]
    return [head, *notes, f"  {difference_line(session.equal, session.damage, first)}"]


@contextmanager
def _shown(as_json: bool) -> Iterator[Callable[[Standing], None] | None]:
    """A bar on a terminal, nothing elsewhere."""
    if as_json or not sys.stderr.isatty():
        yield None
        return
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("events"),
        TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=None)

        def show(standing: Standing) -> None:
            what = f"{standing.done} of {standing.of} journals"
            bar.update(task, description=what, completed=standing.sequence, total=standing.events)

        yield show
