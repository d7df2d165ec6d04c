"""`millstream kill`: stop all trading of a session, from anywhere, durably."""

from __future__ import annotations

import getpass
from pathlib import Path
from time import time_ns

import click

from millstream.cli.orders import STORE
from millstream.errors import StoreError
from millstream.orders.kill_switch import Brake, KillSwitch
from millstream.orders.risk import RiskState
from millstream.orders.sqlite_file import looks_ours
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
    switches = [KillSwitch(store) for store in _stores_of(place)]
    held = "; ".join({str(brake): brake for brake in map(_braked, switches) if brake})
    if status:
        click.echo(held or "active")
        return 0
    if resume:
        for switch in switches:
            switch.release()
        click.echo(f"trading goes on; it was {held}" if held else "trading was not stopped")
        return 0
    state = RiskState.REDUCING if reduce else RiskState.HALTED
    said = [switch.set(state, getpass.getuser(), why, time_ns()) for switch in switches]
    click.echo(f"trading is {said[0]}")
    return 0


def _braked(switch: KillSwitch) -> Brake | None:
    brake = switch.read()
    return None if brake.state is RiskState.ACTIVE else brake


def _stores_of(place: Path) -> list[Path]:
    """The stores whose trading is meant: whoever mistypes a path must not believe he stopped it.

    A session whose orders are on MongoDB has no store's file; the switch lies where it would be.
    Whoever runs the orders leaves an empty file there. A folder that was used with both is stopped
    for both.
    """
    if place.name == ON_SERVER and place.parent.is_dir():
        return [place]
    if place.exists() and not place.is_dir() and not (place.is_file() and looks_ours(place)):
        raise StoreError(
            f"{place}: this is no order store; nothing was stopped, name the session's folder"
        )
    stores = [place] if not place.is_dir() else [place / STORE, place / ON_SERVER]
    found = [store for store in stores if store.exists()]
    if not found and (place / JOURNAL).is_dir():
        return [place / ON_SERVER]
    if not found:
        raise StoreError(
            f"{place}: there is no session and no order store there; nothing was stopped, "
            "name the session's folder; where parts have a folder each, that of --part orders"
        )
    return found
