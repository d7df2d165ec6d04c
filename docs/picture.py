"""Draw docs/demo.svg: the demo's screen when two thirds of its market are played.

.venv/bin/python docs/picture.py
"""

from __future__ import annotations

import io
import re
import tempfile
from pathlib import Path

from rich.console import Console

from millstream.demo.session import DemoOptions, run_demo
from millstream.screen import LiveScreen, Quiet, View, Warnings

PICTURE = Path(__file__).with_name("demo.svg")


class Camera(Quiet):
    """Takes one picture."""

    def __init__(self) -> None:
        self.console = Console(
            record=True,
            width=116,
            file=io.StringIO(),
            force_terminal=True,
            color_system="truecolor",
        )
        self._screen = LiveScreen(self.console, Warnings())
        self._taken = False

    def show(self, view: View, done: float | None, note: str) -> None:
        drawn = self._screen.drawn(view, done, "sessions/demo-20261121-093000")
        if (done or 0) > 0.66 and not self._taken:
            self._taken = True
            self.console.print(drawn)


with tempfile.TemporaryDirectory() as place:
    camera = Camera()
    report = run_demo(DemoOptions(Path(place) / "demo"), camera)
    camera.console.print(
        f"\n{report.frames:,} frames, {report.orders:,} orders, {report.fills} fills\n"
        f"replayed in a fresh process: {report.replay.events:,} events at "
        f"{report.replay.events_per_second:,.0f} a second\n"
        "[bold green]EQUAL: every order, timer, log line and state is the same[/]"
    )
    drawn = camera.console.export_svg(title="make demo")
    # without the fonts that it would fetch from elsewhere: any fixed-width one will do
    PICTURE.write_text(re.sub(r"@font-face \{.*?\}", "", drawn, flags=re.DOTALL))
    print(f"{PICTURE}: {report.replay.equal=}")
