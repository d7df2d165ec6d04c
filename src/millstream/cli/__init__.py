"""The command line. Each command is a file of this folder, imported only when it is called."""

from __future__ import annotations

import errno
import os
import signal
import sys
from importlib import import_module
from typing import Any

import click
from click.shell_completion import shell_complete

from millstream import __version__

# name: what the list of commands says of it; the file has the same name
COMMANDS = {
    "demo": "Play a market to two robots, journal it, replay it, prove it equal.",
    "run": "Run the robots, the strategy or the services of a configuration.",
    "orders": "Show the orders of a session, also while it runs.",
    "control": "Add, tune, pause or remove robots of a running session.",
    "keys": "Make the keys of a fleet whose parts are on several hosts.",
    "kill": "Stop all trading of a session, or let it go on.",
    "streams": "Show how each subscription of a configuration stands.",
    "producers": "Show whom a bot follows and who follows it, frame by frame.",
    "simulate": "Run exchanges on 127.0.0.1 for any client to trade on.",
    "record": "Record an exchange's raw frames as a tape.",
    "replay": "Replay a journal through its robots and prove it equal.",
    "diff": "Name the first difference of two recorded runs: event, order, field.",
    "why": "Explain one order: market, state, action, risk, each step to the venue and back.",
    "analyze": "Save what journals tell as tables: SQLite, DuckDB, Parquet or MongoDB.",
    "doctor": "Say what a machine or a configuration lacks, and what to do.",
    "new-robot": "Make a folder with a robot, its configuration and its test.",
    "new-config": "Print a configuration to begin with, or its JSON schema.",
}

COMPLETE = "_MILLSTREAM_COMPLETE"  # what a shell sets that asks how a word may go on

# What only the user can mend: a full disk, a quota, a broken disk.
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


class _Commands(click.Group):
    """Knows the names of its commands, and imports one only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        command: click.Command = getattr(import_module(f"millstream.cli.{name}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="millstream", message="%(prog)s %(version)s")
def millstream() -> None:
    """Trading robots on live streams, that you can replay."""


def main() -> None:
    """Run a command. Exit code: 0 done, 1 not equal or not whole, 2 wrong input, 3 our own fault,
    130 interrupted, 141 nobody reads what it prints.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by who called us: nobody wants to read it
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115  # until the process ends
        getattr(sys, name).reconfigure(errors="replace")  # of a terminal that has not every letter
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run a command and return its exit code; a user sees sentences, never a traceback."""
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        return _unread()
    except SystemExit as ended:  # how rich tells of a broken pipe
        if not isinstance(ended.__context__, BrokenPipeError):
            raise
        return _unread()
    except OSError as error:
        return _unwritten(error)
    return code


def _run(arguments: list[str]) -> int:
    from millstream.errors import MillstreamError

    try:
        # Not millstream.main: to that, a pipe that nobody reads is a failure without a name.
        if asked := os.environ.get(COMPLETE):
            return shell_complete(millstream, {}, "millstream", COMPLETE, asked)
        with millstream.make_context("millstream", arguments) as context:
            done: Any = millstream.invoke(context)
    except click.exceptions.Exit as ended:  # of --help and --version
        return ended.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except (KeyboardInterrupt, EOFError, click.exceptions.Abort):
        click.echo(err=True)  # what follows is not to stand behind the terminal's ^C
        return _say("interrupted", 130)
    except MillstreamError as error:
        return _say(str(error), 2)
    except OSError as error:
        if isinstance(error, BrokenPipeError) or error.errno in NO_ROOM:
            raise
        if error.filename is None or os.environ.get("MILLSTREAM_DEBUG"):
            return _fault(error)
        return _say(f"{_shortened(error.filename)}: {error.strerror}; check the path", 2)
    except Exception as error:
        return _fault(error)
    return done if isinstance(done, int) else 0


def _unread() -> int:
    """Nobody reads what we print any more, as behind `| head`: end without a word."""
    _print_nothing_more()
    return 128 + signal.SIGPIPE


def _unwritten(error: OSError) -> int:
    _print_nothing_more()
    where = "" if error.filename is None else f"{_shortened(error.filename)}: "
    return _say(f"{where}cannot write: {error.strerror}; make room, then begin again", 2)


def _print_nothing_more() -> None:
    """What Python still holds of our output goes nowhere, instead of failing once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fault(error: Exception) -> int:
    if os.environ.get("MILLSTREAM_DEBUG"):
        raise error
    return _say(
        f"a fault of Millstream's own: {type(error).__name__}: {error}; "
        "please report it with what MILLSTREAM_DEBUG=1 shows",
        3,
    )


def _shortened(path: object) -> str:
    text = str(path)
    return text if len(text) <= 200 else f"{text[:100]}…{text[-60:]}"


def _say(sentence: str, code: int) -> int:
    click.echo(f"millstream: {sentence}", err=True)
    return code
