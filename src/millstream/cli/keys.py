"""`millstream keys`: the keys of a fleet whose parts are on several hosts."""

from __future__ import annotations

from pathlib import Path

import click

from millstream.bus.keys import add_client, make_keys


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--client", default="", help="Let one more in: a folder DIR/NAME that can connect.")
def keys(folder: Path, client: str) -> int:
    """Make keys for the tcp:// endpoints of a fleet, in the new folder DIR.

    Copy DIR to every host of the fleet by a way that you trust, and name it as bus.keys in its
    configuration. With --client, DIR is there already, and DIR/NAME is what that host gets: enough
    for --part stream, which binds nothing. No key is printed.

    \b
    millstream keys fleet_keys
    millstream keys fleet_keys --client feed
    """
    if client:
        made = add_client(folder, client)
        click.echo(f"{made}: keys of a client; endpoints that start from now on let it in")
    else:
        make_keys(folder)
        click.echo(
            f'{folder}: keys of a fleet; copy them to its hosts, and set "bus.keys" to the folder'
        )
    return 0
