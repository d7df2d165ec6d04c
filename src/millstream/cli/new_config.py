"""`millstream new-config`: something to begin with."""

from __future__ import annotations

import click
import msgspec

from millstream.config import Config
from millstream.robot.load import load_robot

EXAMPLE = """\
{
    // Robots: each has a name of its own, a class, the markets it sees, and its parameters.
    "robots": [
        {
            "name": @NAME,
            "robot": @ROBOT
            "markets": ["binance@btc/usdt"],
            "parameters": @PARAMETERS
        }
    ],
    "streams": [
        {
            "exchange": "binance",
            "currency_pairs": ["btc/usdt"],
            "subscribe_channels": ["ticker", "trade", "book"]@HOST
        }
    ],
    // Limits in front of every order, for each robot. Leave one out: no limit.
    "risk": {
        "max_orders_per_second": 5,
        "max_open_orders": 4,
        "max_order_notional": "200",
        "max_position_notional": "500"
    },
    // Orders fill against the market as it comes; nothing is sent to a venue.
    "paper": {"maker_fee_bps": "10", "taker_fee_bps": "10", "latency_ms": 20},
    "seed": 1
}
"""

SIMULATOR_PORT = 9100
SIMULATOR = """,
            // Of `millstream simulate --port @REST`. Without these two: Binance itself.
            "api_host": "ws://127.0.0.1:@WEBSOCKET",
            "subscribe_args": {"rest_host": "http://127.0.0.1:@REST"}"""

QUOTER = ("quoter", '"millstream.demo.quoter:Quoter", // or "my_robots/quoter.py:Quoter"',
          '{"volume": "0.001", "tick": "0.01", "most_position": "0.004"}')  # fmt: skip


@click.command()
@click.option("--robot", default="", help='Of yours: "folder/file.py:Class" or "package:Class".')
@click.option(
    "--simulator",
    type=click.IntRange(1, 65_534),
    metavar="PORT",
    help="Its market is of `millstream simulate --port PORT`.",
)
@click.option("--schema", is_flag=True, help="Print the JSON schema instead.")
def new_config(robot: str, simulator: int | None, schema: bool) -> None:
    """Print a configuration to begin with.

    \b
    millstream new-config > bot.json
    millstream new-config --robot dipper.py:Dipper > bot.json
    millstream new-config --simulator 9100 > bot.json
    """
    name, written, parameters = QUOTER
    if robot:
        load_robot(robot)
        name, written, parameters = robot.rpartition(":")[2].lower(), f"{_text(robot)},", "{}"
    if schema:
        click.echo(msgspec.json.format(msgspec.json.encode(msgspec.json.schema(Config)), indent=2))
    else:
        click.echo(example_config(name, written, parameters, simulator), nl=False)


def example_config(name: str, robot: str, parameters: str, simulator: int | None) -> str:
    """The configuration of one robot, with comments.

    robot: its class as JSON, with a comma, and perhaps a comment. parameters: as JSON. simulator:
    the first port of a simulated Binance; None: Binance itself.
    """
    host = ""
    if simulator is not None:
        host = SIMULATOR.replace("@REST", str(simulator)).replace("@WEBSOCKET", str(simulator + 1))
    example = EXAMPLE.replace("@NAME", _text(name)).replace("@ROBOT", robot)
    return example.replace("@PARAMETERS", parameters).replace("@HOST", host)


def _text(value: str) -> str:
    return msgspec.json.encode(value).decode()
