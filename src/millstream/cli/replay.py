"""`millstream replay`: the proof for any journal."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import click
import msgspec

from millstream.analysis.folders import the_journal
from millstream.session.proof import Proof, replay_session


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def replay(directory: Path, as_json: bool) -> int:
    """Replay a journal through its robots, unchanged, and compare everything they answer.

    DIRECTORY is a session's folder, the journal in it, or a folder with one session. Exit code 0:
    equal; 1: not equal, or the journal is damaged; the first difference is named by event, robot
    and field.
    """
    show = sys.stderr.isatty() and not as_json
    with redirect_stdout(sys.stderr):  # what robots print is none of the proof
        proof = replay_session(the_journal(directory), show_progress if show else None)
    if show:
        click.echo("\r", nl=False, err=True)
    if as_json:
        click.echo(msgspec.json.encode(proof))
    else:
        click.echo("\n".join(proof_lines(proof)))
    return 0 if proof.equal else 1


def proof_lines(proof: Proof) -> list[str]:
    """The proof for a person to read."""
    found = proof.first_difference
    first = None if found is None else msgspec.structs.asdict(found)
    if proof.damage:
        return [*(f"note: {note}" for note in proof.notes), f"DAMAGED: {proof.damage}"]
    return [
        f"{proof.events:,} events replayed, {proof.events_per_second:,.0f} a second",
        f"{proof.outputs:,} answers compared, {proof.orders:,} orders and {proof.states:,} states "
        "among them",
        *(f"note: {note}" for note in proof.notes),
        difference_line(proof.equal, proof.damage, first),
    ]


def difference_line(equal: bool, damage: str, first: dict[str, Any] | None) -> str:
    """The verdict in one line."""
    if equal:
        return "EQUAL: every order, timer, log line and state is the same"
    if first is None:
        return f"DAMAGED: {damage}"
    where = f"event {first['sequence']} ({first['event']}), robot {first['robot']}"
    return (
        f"NOT EQUAL, first at {where}, {first['kind']}.{first['field']}: "
        f"recorded {first['recorded']}, replayed {first['replayed']}"
    )


def show_progress(sequence: int) -> None:
    """How far it has come, on the line it stands on."""
    click.echo(f"\r{sequence:,} events", nl=False, err=True)
