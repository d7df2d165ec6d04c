"""What a session shows where there is no terminal: a line now and then, or nothing."""

from __future__ import annotations

from time import monotonic
from types import TracebackType
from typing import Protocol

from rich.console import Console

from millstream.screen.view import View
from millstream.screen.warnings import Warnings

LINE_EVERY_S = 2.0


class Screen(Protocol):
    """Something that shows a view now and then."""

    def show(self, view: View, done: float | None, note: str) -> None:
        """Show it; `done` is the part of the session that is over, 0 to 1; None: not known."""

    def last(self, view: View, note: str) -> None:
        """Show how it stands after its end."""

    def __enter__(self) -> Screen: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Quiet:
    """Shows nothing."""

    def show(self, view: View, done: float | None, note: str) -> None:
        """Nothing."""

    def last(self, view: View, note: str) -> None:
        """Nothing."""

    def __enter__(self) -> Quiet:
        return self

    def __exit__(self, *_: object) -> None: ...


class Lines(Quiet):
    """A line now and then, for logs and pipes."""

    def __init__(self, console: Console, warnings: Warnings) -> None:
        self._console = console
        self._warnings = warnings
        self._next = 0.0

    def show(self, view: View, done: float | None, note: str) -> None:
        """A line, unless the last one is fresh."""
        if monotonic() < self._next:
            return
        self._next = monotonic() + LINE_EVERY_S
        for line in (*self._warnings.news(), _line(view, done)):
            self._console.print(line, highlight=False, soft_wrap=True, markup=False)

    def last(self, view: View, note: str) -> None:
        """A line, at any time."""
        self._next = 0.0
        self.show(view, None, note)


def _line(view: View, done: float | None) -> str:
    frames = sum(
        channel.frames for stream in view.session.streams for channel in stream.statistics()
    )
    robots = "; ".join(_standing(view, seat.robot.name, seat.standing) for seat in view.seats)
    counts = f"{frames:,} frames  {view.placed:,} orders  {view.fills:,} fills"
    part = "" if done is None else f"{done:4.0%}  "
    return f"{part}{counts}  {robots}"


def _standing(view: View, name: str, standing: str) -> str:
    """How a robot stands; its state only where it is not the usual one."""
    state = "" if standing == "running" else f" {standing}"
    return f"{name}{state} {view.position(name)} {view.result(name)}"
