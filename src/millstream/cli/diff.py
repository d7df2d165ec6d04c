"""`millstream diff`: two recorded runs beside each other."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from millstream.analysis.folders import the_journal
from millstream.analysis.order_pairs import PairedOrders, RunOrder, pair_orders
from millstream.cli.replay import show_progress
from millstream.journal import Journal
from millstream.journal.two_runs import TwoRuns, compare_runs, compare_setups

_SHOWN: Final = 20  # lines of a kind, for a person; --json has all


@click.command()
@click.argument("journal_a", type=click.Path(path_type=Path))
@click.argument("journal_b", required=False, type=click.Path(path_type=Path))
@click.option("--without-times", is_flag=True, help="Let events differ in their times.")
@click.option("--orders", is_flag=True, help="Compare orders and what became of them, not events.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def diff(
    journal_a: Path, journal_b: Path | None, without_times: bool, orders: bool, as_json: bool
) -> int:
    """Name the first difference of two recorded runs: event, order, field.

    JOURNAL_A and JOURNAL_B are sessions' folders, the journals in them, or folders with one session
    each. Compared are what they were set up with, every event in order, and every answer to it:
    orders, timers, log lines, states. Two live sessions hear different events; --orders compares
    what they ordered all the same. One journal with today's code of its robots: that is `millstream
    replay`.

    Exit code 0: equal; 1: different, or a journal is damaged.
    """
    if journal_b is None:
        raise click.UsageError(
            "name two journals; to compare one with today's code of its robots: "
            f"millstream replay {journal_a}"
        )
    a, b = Journal.open(the_journal(journal_a)), Journal.open(the_journal(journal_b))
    show = sys.stderr.isatty() and not as_json
    progress = show_progress if show else None
    if orders:
        equal, found, lines = _by_orders(a, b, progress)
    else:
        runs = compare_runs(a, b, times=not without_times, progress=progress)
        equal, found, lines = runs.equal, _plain(runs), _verdict(runs)
    if show:
        click.echo("\r", nl=False, err=True)
    if as_json:
        both = {"a": _facts(a, journal_a), "b": _facts(b, journal_b)}
        click.echo(msgspec.json.encode(both | found))
    else:
        click.echo("\n".join([*_heads(a, b, journal_a, journal_b), *lines]))
    return 0 if equal else 1


def _facts(journal: Journal, folder: Path) -> dict[str, Any]:
    return {
        "journal": str(folder),
        "run_id": journal.manifest.run_id,
        "started_ns": journal.manifest.started_ns,
        "events": journal.last_sequence,
        "closed": journal.close_reason,
        "cut": None if journal.cut is None else str(journal.cut),
    }


def _heads(a: Journal, b: Journal, folder_a: Path, folder_b: Path) -> Iterator[str]:
    for name, journal, folder in (("A", a, folder_a), ("B", b, folder_b)):
        began = datetime.fromtimestamp(journal.manifest.started_ns / 1e9, UTC)
        yield (
            f"{name}  {folder}: run {journal.manifest.run_id}, began {began:%Y-%m-%d %H:%M:%S} "
            f"UTC, {journal.last_sequence:,} events"
        )
        if journal.cut is not None:
            yield f"note: {name}: {journal.cut}"
        if not journal.closed:
            yield f"note: {name} did not end in good order, or has not ended"


def _plain(runs: TwoRuns) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(runs)
    return found | {"first": msgspec.to_builtins(runs.first)}


def _verdict(runs: TwoRuns) -> Iterator[str]:
    yield f"setup    {_setup_word(len(runs.setup))}"
    yield from _some([f"{one.key}: A {one.a}, B {one.b}" for one in runs.setup])
    inputs = "" if runs.first_input is None else " before the first that differs"
    yield f"events   {runs.equal_events:,} are the same{inputs}"
    later = runs.first_other_input
    if runs.first_input is not None:
        yield f"           {runs.first_input}"
        if later is None:
            yield "           the others, too, differ in nothing but their times"
        elif later != runs.first_input:
            yield f"           first in more than its times: {later}"
    until = " until the runs part" if later else ""
    if runs.first_answer is None:
        yield f"answers  {runs.equal_answers:,} are the same{until}"
    else:
        yield f"answers  {runs.equal_answers:,} are the same before the first that differs"
        yield f"           {runs.first_answer}"
    yield from _counts(runs)
    yield _last_line(runs)


def _setup_word(count: int) -> str:
    if not count:
        return "the same"
    return "1 key differs" if count == 1 else f"{count} keys differ"


def _counts(runs: TwoRuns) -> Iterator[str]:
    kinds = list(runs.counts_a | runs.counts_b)
    width = max((len(kind) for kind in kinds), default=0)
    yield f"  {'of each kind':<{max(width, 12)}}  {'A':>12}  {'B':>12}"
    for kind in kinds:
        a, b = runs.counts_a.get(kind, 0), runs.counts_b.get(kind, 0)
        yield f"  {kind:<{max(width, 12)}}  {a:>12,}  {b:>12,}"


def _last_line(runs: TwoRuns) -> str:
    if runs.damage:
        return f"DAMAGED: {runs.damage}"
    if runs.first is not None:
        hint = ""
        if runs.first_other_input is None and runs.first == runs.first_input:
            hint = "; events differ in their times alone: --without-times"
        elif not runs.first.robot:
            hint = "; --orders compares what was ordered all the same"
        return f"DIFFERENT, first at {runs.first}{hint}"
    if runs.setup:
        return "DIFFERENT in what they were set up with; every event and answer is the same"
    return "EQUAL: every event, order, timer, log line and state is the same"


def _by_orders(
    a: Journal, b: Journal, progress: Callable[[int], None] | None
) -> tuple[bool, dict[str, Any], Iterator[str]]:
    found = pair_orders(a, b, progress)
    setup = compare_setups(a.manifest, b.manifest)
    plain = {
        "equal": found.equal,
        "setup": msgspec.to_builtins(setup),
        "orders_a": found.orders_a,
        "orders_b": found.orders_b,
        "same": found.same,
        "different": [
            {"a": _order(pair.a), "b": _order(pair.b), "fields": msgspec.to_builtins(pair.fields)}
            for pair in found.different
        ],
        "only_a": [_order(order) for order in found.only_a],
        "only_b": [_order(order) for order in found.only_b],
        "damage": found.damage,
    }

    def lines() -> Iterator[str]:
        yield f"setup    {_setup_word(len(setup))}"
        yield from _some([f"{one.key}: A {one.a}, B {one.b}" for one in setup])
        yield from _order_lines(found)

    return found.equal, plain, lines()


def _order_lines(found: PairedOrders) -> Iterator[str]:
    yield f"orders   A {found.orders_a:,}, B {found.orders_b:,}, {found.same:,} the same in both"
    pairs = []
    for pair in found.different:
        fields = ", ".join(f"{one.field}: A {one.a}, B {one.b}" for one in pair.fields)
        pairs.append(f"{pair.a}; in B event {pair.b.sequence}, {pair.b.order_id}: {fields}")
    for title, lines in (
        ("differ", pairs),
        ("only in A", [str(order) for order in found.only_a]),
        ("only in B", [str(order) for order in found.only_b]),
    ):
        if lines:
            yield f"{title}: {len(lines):,}"
            yield from _some(lines)
    for damage in found.damage:
        yield f"DAMAGED: {damage}"
    if found.equal:
        yield "EQUAL: every order, and what became of it, is the same"
    elif not found.damage:
        yield "DIFFERENT"


def _order(order: RunOrder) -> dict[str, Any]:
    return {
        "robot": order.robot,
        "order_id": order.order_id,
        "sequence": order.sequence,
        **order.told(),
    }


def _some(lines: list[str]) -> Iterator[str]:
    yield from (f"           {line}" for line in lines[:_SHOWN])
    if len(lines) > _SHOWN:
        yield f"           and {len(lines) - _SHOWN:,} more; --json has them all"
