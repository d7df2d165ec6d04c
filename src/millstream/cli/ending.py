"""What ends a command in good order: Ctrl-C, a supervisor's SIGTERM, a terminal that is closed."""

from __future__ import annotations

import signal

import click


def ending_signals() -> tuple[signal.Signals, ...]:
    """The signals that end a command. Under nohup a closed terminal is none of them."""
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return signal.SIGINT, signal.SIGTERM
    return signal.SIGINT, signal.SIGTERM, signal.SIGHUP


def end_as_by_ctrl_c() -> None:
    """Let the first of them raise KeyboardInterrupt in the main thread."""
    for number in ending_signals():
        signal.signal(number, _interrupt)


def end_undisturbed() -> None:
    """Let none of them cut an end in good order short; only the second Ctrl-C from now on does."""
    for number in ending_signals()[1:]:
        signal.signal(number, _pass)  # SIG_IGN is not: Python tells of one that is under way
    signal.signal(signal.SIGINT, _warn)


def _interrupt(number: int, frame: object) -> None:
    end_undisturbed()
    raise KeyboardInterrupt


def _pass(number: int, frame: object) -> None:
    pass


def _warn(number: int, frame: object) -> None:
    signal.signal(signal.SIGINT, _end_at_once)
    click.echo("\nmillstream: ending in good order; Ctrl-C once more ends it at once", err=True)


def _end_at_once(number: int, frame: object) -> None:
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)
