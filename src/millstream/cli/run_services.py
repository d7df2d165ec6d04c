"""`millstream run` for a file of services."""

from __future__ import annotations

import asyncio
import logging
import signal
import traceback
from pathlib import Path
from time import monotonic
from typing import Any

import click
import msgspec

from millstream.cli.ending import ending_signals
from millstream.errors import ConfigError
from millstream.service.configuration import read_services
from millstream.services import ServiceFigures, ServiceProcess

FIRST_LINE_S = 1.0
LINES_EVERY_S = 10.0
JSON_EVERY_S = 2.0


def run_services(
    values: Any, path: Path, seconds: float | None, as_json: bool, log: Path | None
) -> int:
    """Run the services of a file until Ctrl-C, SIGTERM, or the time is over.

    values: the file's plain values. What a service prints is its own; how the services stand goes
    to the error stream, or as JSON to the output. Exit code 1: a service failed and has ended.
    """
    _log_to(log)
    services = read_services(values, str(path))
    process = ServiceProcess(services, path.resolve().parent, str(path))
    asyncio.run(_run(process, seconds, as_json))
    _show(process, as_json)
    return 1 if process.failed else 0


async def _run(process: ServiceProcess, seconds: float | None, as_json: bool) -> None:
    stop, loop, began = asyncio.Event(), asyncio.get_running_loop(), monotonic()

    asked: list[int] = []

    def interrupted(number: int, frame: object) -> None:
        if asked:  # before: something hangs
            raise KeyboardInterrupt
        asked.append(number)
        loop.call_soon_threadsafe(stop.set)

    for number in ending_signals():
        signal.signal(number, interrupted)
    if seconds is not None:
        loop.call_at(loop.time() + seconds, stop.set)
    running = asyncio.create_task(process.run(stop))
    wait_s = FIRST_LINE_S
    while not stop.is_set() and not running.done():
        left_s = wait_s if seconds is None else min(wait_s, seconds - (monotonic() - began))
        await asyncio.wait({running}, timeout=max(left_s, 0.01))
        whole = left_s == wait_s  # else the time is over: the last line is for how they stopped
        if whole and not stop.is_set() and not running.done():
            _show(process, as_json)
        wait_s = JSON_EVERY_S if as_json else LINES_EVERY_S
    await running


def _show(process: ServiceProcess, as_json: bool) -> None:
    figures = process.figures()
    if as_json:
        click.echo(msgspec.json.encode(figures))
        return
    for one in figures:
        click.echo(_line(one), err=True)


def _line(one: ServiceFigures) -> str:
    """How a service stands, for a person."""
    parts = [f"{one.name}: {one.state}"]
    if one.ended:
        parts[0] += f" ({one.ended})"
    parts += [f"{callback} {count:,}" for callback, count in sorted(one.handled.items())]
    if one.waiting:
        parts.append(f"{one.waiting:,} waiting")
    if one.dropped:
        parts.append(f"{one.dropped:,} dropped")
    if one.failures or one.restarts:
        parts.append(f"{one.failures:,} failures")
    parts.append(f"on_error {one.on_error}")
    if one.on_error == "restart":
        parts.append(f"{one.restarts} restarts")
    return ", ".join(parts)


class _OneLine(logging.Formatter):
    """A failure in one line that ends with the place in the user's code; no traceback."""

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        return ""

    def format(self, record: logging.LogRecord) -> str:
        kept, record.exc_text = record.exc_text, None
        line = super().format(record).rstrip("\n")
        record.exc_text = kept
        frames = traceback.extract_tb(record.exc_info[2]) if record.exc_info else []
        place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
        return line + place


def _log_to(path: Path | None) -> None:
    """Log lines go to the error stream, one line each; with their tracebacks to a file."""
    form = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    lines = logging.StreamHandler()
    lines.setFormatter(_OneLine(form, "%H:%M:%S"))
    root.addHandler(lines)
    logging.getLogger("picows").setLevel(logging.WARNING)  # tells of every connection
    if path is not None:
        try:
            whole = logging.FileHandler(path)
        except OSError as error:
            raise ConfigError(f"--log {path}: cannot be written: {error.strerror}") from None
        whole.setFormatter(logging.Formatter(form))
        root.addHandler(whole)
