"""The live screen: streams, robots, last orders, the log's last warnings."""

from __future__ import annotations

from collections import deque
from time import monotonic, time_ns

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from millstream.screen.lines import Quiet
from millstream.screen.tables import FittingTable
from millstream.screen.view import View
from millstream.screen.warnings import Warnings


class LiveScreen(Quiet):
    """The live screen: streams, robots, last orders, progress of the tape."""

    def __init__(self, console: Console, warnings: Warnings) -> None:
        self._live = Live(console=console, refresh_per_second=8, transient=False)
        self._warnings = warnings
        self._rates = _Rates()

    def show(self, view: View, done: float | None, note: str) -> None:
        """Draw it anew."""
        self._live.update(self.drawn(view, done, note))

    def last(self, view: View, note: str) -> None:
        """What stays when it is over."""
        self.show(view, None, note)

    def drawn(self, view: View, done: float | None, note: str) -> RenderableType:
        """The whole screen."""
        return Group(
            Panel(_progress(done, note), title="millstream", title_align="left"),
            self._streams(view),
            "",
            _robots(view),
            "",
            _orders(view),
            *(Text(line, "yellow") for line in self._warnings.latest),
        )

    def __enter__(self) -> LiveScreen:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def _streams(self, view: View) -> RenderableType:
        table = FittingTable(
            *("stream", "state", "frames >", "frames/s >", "age >", "gaps >", "reconnects >"),
            left_out=("reconnects", "frames/s", "gaps", "frames"),
        )
        for stream in view.session.streams:
            for channel in stream.statistics():
                name = f"{stream.exchange}.{channel.channel}"
                age_ms = (time_ns() - channel.last_received_ns) / 1e6
                table.add_row(
                    name,
                    _coloured(channel.state),
                    f"{channel.frames:,}",
                    f"{self._rates.rate(name, channel.frames):,.0f}",
                    f"{age_ms:,.0f} ms" if channel.last_received_ns else "-",
                    f"{channel.gaps:,}",
                    f"{channel.reconnects:,}",
                )
        return table


class _Rates:
    """How fast counters grow, over the last second or so."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[tuple[float, int]]] = {}

    def rate(self, name: str, count: int) -> float:
        """Growth a second."""
        now = monotonic()
        seen = self._seen.setdefault(name, deque())
        seen.append((now, count))
        while len(seen) > 2 and now - seen[0][0] > 1.0:
            seen.popleft()
        then, before = seen[0]
        return (count - before) / (now - then) if now > then else 0.0


def _progress(done: float | None, note: str) -> RenderableType:
    told = Text(note, no_wrap=True, overflow="ellipsis")
    if done is None:
        return told
    row = Table.grid(padding=(0, 1), expand=True)
    row.add_column(ratio=1, min_width=8)
    row.add_column(justify="right", no_wrap=True, overflow="ellipsis")
    row.add_row(ProgressBar(total=1.0, completed=done), Text(f"{done:4.0%}  ").append(told))
    return row


def _robots(view: View) -> RenderableType:
    table = FittingTable(
        "robot", "state", "position", "fills >", "result >", left_out=("fills", "state")
    )
    for seat in view.seats:
        name = seat.robot.name
        table.add_row(
            name,
            _coloured(seat.standing),
            view.position(name),
            f"{view.robot_fills(name):,}",
            view.result(name),
        )
    return table


def _orders(view: View) -> RenderableType:
    table = FittingTable(
        *("last orders", "robot", "side", "pair", "price >", "volume >", "filled >", "status"),
        left_out=("filled", "robot", "volume", "pair", "price"),
    )
    for order in reversed(view.orders):
        table.add_row(
            order.order_id,
            order.robot,
            Text(str(order.side), "green" if order.side.sign > 0 else "red"),
            str(order.symbol),
            "market" if order.price is None else f"{order.price:f}",
            f"{order.volume:f}",
            f"{order.filled_volume.normalize():f}",
            _coloured(str(order.status)),
        )
    return table


_COLOURS = {
    "connected": "green", "running": "green", "filled": "green", "working": "cyan",
    "partial": "cyan", "waiting": "yellow", "connecting": "yellow", "paused": "yellow",
    "rejected": "red", "failed": "red", "unknown": "red",
}  # fmt: skip


def _coloured(word: str) -> Text:
    return Text(word, _COLOURS.get(word, ""))
