"""`millstream run CONFIG --part …`: one part of a session, in this process alone."""

from __future__ import annotations

import signal
from pathlib import Path
from time import monotonic, sleep, time_ns
from typing import Protocol

from rich.console import Console

from millstream.cli.ending import end_as_by_ctrl_c, end_undisturbed
from millstream.cli.logs import log_to
from millstream.config import Config, load_config
from millstream.errors import MillstreamError
from millstream.orders.risk import RiskState
from millstream.separate import OrdersPart, RobotsPart, StreamPart, process_of
from millstream.separate.places import check_apart

__all__ = ["run_part"]

LOOK_S = 0.1
LINE_EVERY_S = 2.0


class RunningPart(Protocol):
    """What all parts have."""

    def start(self) -> None:
        """Start its threads."""

    def failure(self) -> str:
        """What made one end before its time; "" while all is well."""

    def status(self) -> str:
        """One line for a screen."""

    def stop(self, reason: str) -> None:
        """End in good order."""

    def close(self) -> None:
        """Let go of everything."""


def run_part(
    config: Path, part: str, process: str | None, seconds: float | None, out: Path | None
) -> int:
    """Run "stream", "orders" or "robots" until the time is over, Ctrl-C or SIGTERM."""
    settings = load_config(config)
    directory = out or Path("sessions") / config.stem
    for file in check_apart(settings):
        Path(file).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.mkdir(parents=True, exist_ok=True)
    name = process if process is not None else part
    log_to(directory / f"{name}.log")
    end_as_by_ctrl_c()
    running = _part(settings, part, process, directory)
    reason = "it could not be shown any more"
    try:
        _watch(running, Console(), seconds)
        reason = "the time is over"
    except KeyboardInterrupt:
        reason = "interrupted"
    finally:
        end_undisturbed()
        running.stop(reason)
        running.close()
    if running.failure():
        raise MillstreamError(f"{name} ended before its time: {running.failure()}")
    return 0


def _part(settings: Config, part: str, process: str | None, directory: Path) -> RunningPart:
    if part == "stream":
        return StreamPart(settings, directory)
    if part == "robots":
        return RobotsPart(settings, process_of(settings, process), directory)
    orders = OrdersPart(settings, directory)
    signal.signal(
        signal.SIGUSR1,
        lambda *_: orders.kill.set(RiskState.HALTED, "a signal", "SIGUSR1", time_ns()),
    )
    return orders


def _watch(running: RunningPart, console: Console, seconds: float | None) -> None:
    began = monotonic()
    next_line = began
    running.start()
    while not running.failure():
        now = monotonic()
        if seconds is not None and now - began >= seconds:
            return
        if now >= next_line:
            next_line = now + LINE_EVERY_S
            console.print(running.status(), highlight=False, soft_wrap=True)
        sleep(LOOK_S)
