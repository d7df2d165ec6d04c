"""`millstream kill`: stop all trading of a session, from anywhere, durably."""

from __future__ import annotations

import getpass
from pathlib import Path
from time import time_ns

import click

from millstream.cli.orders import STORE, store_in
from millstream.errors import StoreError
from millstream.orders.kill_switch import KillSwitch
from millstream.orders.risk import RiskState
from millstream.session.gateways import ON_SERVER
from millstream.session.proof import JOURNAL


@click.command()
@click.argument("place", metavar="DIR_OR_STORE", type=click.Path(path_type=Path))
@click.option("--why", default="", help="The reason, as robots and the log will have it.")
@click.option("--reduce", is_flag=True, help="Let out what makes a position smaller.")
@click.option("--resume", is_flag=True, help="Trade again.")
@click.option("--status", is_flag=True, help="Only say how it stands.")
def kill(place: Path, why: str, reduce: bool, resume: bool, status: bool) -> int:
    """Stop all trading of the session DIR, or of an order store's file.

    Open orders are canceled and nothing leaves any more, also after a restart, until somebody says
    --resume. The session need not answer: a robot that hangs is not asked.
    """
    if reduce + resume + status > 1:
        raise click.UsageError("--reduce, --resume and --status exclude each other")
    switch = KillSwitch(_store_of(place))
    if status:
        brake = switch.read()
        click.echo(str(brake) if brake.state is not RiskState.ACTIVE else "active")
        return 0
    if resume:
        before = switch.release()
        held = before.state is not RiskState.ACTIVE
        click.echo(f"trading goes on; it was {before}" if held else "trading was not stopped")
        return 0
    state = RiskState.REDUCING if reduce else RiskState.HALTED
    click.echo(f"trading is {switch.set(state, getpass.getuser(), why, time_ns())}")
    return 0


def _store_of(place: Path) -> Path:
    """The store whose trading is meant: whoever mistypes a path must not believe he stopped it.

    A session whose orders are on MongoDB has no store's file; the switch lies where it would be.
    """
    on_server = place / ON_SERVER
    if (place / JOURNAL).is_dir() and not (place / STORE).exists():
        return on_server
    if place.name == ON_SERVER and place.parent.is_dir():
        return place
    store = store_in(place)
    if not store.exists():
        raise StoreError(
            f"{place}: there is no session and no order store there; nothing was stopped, "
            "name the session's folder"
        )
    return store
