"""`millstream new-robot`: a robot that runs, replays and is tested, to change into one's own."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from keyword import iskeyword
from pathlib import Path

import click

import millstream
from millstream.cli.new_config import SIMULATOR_PORT, example_config
from millstream.cli.new_robot_files import (
    OWN_NAMES,
    PARAMETERS,
    ROBOT,
    ROBOT_TEST,
    STRATEGY,
    STRATEGY_CONFIG,
    STRATEGY_TEST,
)
from millstream.errors import ConfigError

_GO_ON = """\
@NAME has @FILE, test_@FILE and bot.json. Go on:

    cd @NAME
    python -m pytest                                           # its tests (pip install pytest)
    millstream run bot.json --out sessions/first --seconds 60  # on paper; Ctrl-C ends it earlier
    millstream replay sessions/first                           # the proof

bot.json takes its market from an exchange of your own. Before the run, in another terminal:

    millstream simulate --port 9100
"""


@click.command()
@click.argument("name")
@click.option("--strategy", is_flag=True, help="A strategy on dataframes, as freqtrade's are.")
def new_robot(name: str, strategy: bool) -> None:
    """Make the folder NAME with a robot, its configuration and its test.

    \b
    millstream new-robot dip_buyer
    millstream new-robot rsi_cross --strategy

    NAME is the robot's module, so it is a name that Python takes. Nothing is written over.
    """
    class_name = _class_name(name)
    folder = Path(name)
    if folder.exists() or folder.is_symlink():
        raise ConfigError(f'"{name}" is here already: choose another name, or move it away')
    _check_free(name, class_name)
    folder.mkdir()
    for file, text in _files(name, class_name, strategy).items():
        written = text.replace("@NAME", name).replace("@CLASS", class_name)
        (folder / file).write_text(written, encoding="utf-8")
    click.echo(_GO_ON.replace("@FILE", f"{name}.py").replace("@NAME", name), nl=False)


def _files(name: str, class_name: str, strategy: bool) -> dict[str, str]:
    if strategy:
        return {
            f"{name}.py": STRATEGY,
            f"test_{name}.py": STRATEGY_TEST,
            "bot.json": STRATEGY_CONFIG,
        }
    robot = f'"{name}.py:{class_name}",'
    return {
        f"{name}.py": ROBOT,
        f"test_{name}.py": ROBOT_TEST,
        "bot.json": example_config(name, robot, PARAMETERS, SIMULATOR_PORT),
    }


def _class_name(name: str) -> str:
    """ "dip_buyer" is DipBuyer."""
    if not (name.isidentifier() and name.isascii() and name[0].isalpha()) or iskeyword(name):
        raise ConfigError(
            f'"{name}" is no name for a module: write letters, digits and _, like "dip_buyer"'
        )
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def _check_free(name: str, class_name: str) -> None:
    """Raise ConfigError when the module or the class would hide another."""
    if name in sys.stdlib_module_names or find_spec(name) is not None:
        raise ConfigError(f'"{name}" would hide the module of that name: choose another')
    if class_name in millstream.__all__ or class_name in OWN_NAMES:
        raise ConfigError(
            f'"{name}" would make a class {class_name}, which there is: choose another'
        )
