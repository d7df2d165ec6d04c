"""`millstream control`: tell the robots of a running session something, and hear its answer."""

from __future__ import annotations

import getpass
import uuid
from pathlib import Path
from time import time_ns
from typing import Any

import click
import msgspec

from millstream.bus.door_zmq import ask
from millstream.errors import ConfigError
from millstream.model import Control, ControlAnswer
from millstream.model.codec import decode_outputs, encode_events

PATIENCE_S = 15.0


@click.command()
@click.argument("session", type=click.Path(path_type=Path))
@click.argument("command")
@click.argument("robot", default="")
@click.option("--type", "robot_type", default="", help='add: "package.module:Class", or an alias.')
@click.option("--market", "markets", multiple=True, help='add: "binance@btc/usdt"; may repeat.')
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A parameter.")
@click.option("--why", default="", help="The reason, as the journal will have it.")
@click.option("--process", help="Which robots, where they are in several processes.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole answer as JSON.")
def control(
    session: Path,
    command: str,
    robot: str,
    robot_type: str,
    markets: tuple[str, ...],
    settings: tuple[str, ...],
    why: str,
    process: str | None,
    as_json: bool,
) -> int:
    """Give the robots of the running session SESSION (its folder) a command.

    COMMAND is add, remove, parameters, save, start, stop, pause, resume, or a word of the robot's
    own. start, stop, pause and resume without a ROBOT are for all. What is accepted or refused is
    said, and is in the journal with who, when and why. Exit code 0: accepted; 1: refused.

    \b
    millstream control DIR add tight --type quoter --market binance@btc/usdt --set volume=0.002
    millstream control DIR parameters tight --set away_bps=2 --why "calm market"
    millstream control DIR pause tight
    """
    request = uuid.uuid4().hex
    event = Control(
        time_ns(), robot, command, _values(settings), getpass.getuser(), why,
        request, robot_type, markets,
    )  # fmt: skip
    if command == "add" and not (robot and robot_type and markets):
        raise click.UsageError("add needs a name, --type and at least one --market")
    raw = ask(session, request, encode_events([event]), PATIENCE_S, process)
    answer = decode_outputs(raw)[0].body
    assert isinstance(answer, ControlAnswer)
    if as_json:
        click.echo(msgspec.json.encode(msgspec.structs.asdict(answer)))
    else:
        click.echo(("" if answer.accepted else "refused: ") + answer.reason)
    return 0 if answer.accepted else 1


def _values(settings: tuple[str, ...]) -> dict[str, Any]:
    """Parameters as written: JSON where it is JSON, else text."""
    values: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not key or not equals:
            raise ConfigError(f'--set "{setting}": write KEY=VALUE')
        try:
            values[key] = msgspec.json.decode(text)
        except msgspec.DecodeError:
            values[key] = text
    return values
