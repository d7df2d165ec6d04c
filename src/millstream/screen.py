"""What a session shows: a live screen on a terminal, a line now and then elsewhere."""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from time import monotonic, time_ns
from types import TracebackType
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from millstream.analysis import Ledger
from millstream.app import Session
from millstream.model import CurrencyPair, Exchange, MyOrder, OrderStatus, Ticker

LINE_EVERY_S = 2.0
ORDERS_SHOWN = 8


class LastPrices:
    """An observer that remembers the last middle price of every market."""

    def __init__(self) -> None:
        self._last: dict[tuple[Exchange, CurrencyPair], Ticker] = {}
        self.ticker_queue = self

    def put_nowait(self, ticker: Ticker) -> None:
        """Remember a ticker."""
        self._last[ticker.exchange, ticker.symbol] = ticker

    def prices(self) -> dict[tuple[Exchange, CurrencyPair], Decimal]:
        """The middle prices."""
        return {
            market: Decimal(repr(ticker.mid_price)) for market, ticker in list(self._last.items())
        }


class View:
    """What there is to show of a session: it follows the order store, and asks for the rest."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.ledger = Ledger()
        self.orders: deque[MyOrder] = deque(maxlen=ORDERS_SHOWN)  # the latest changes, newest last
        self.fills = 0
        self._seen: set[str] = set()
        self.refused = 0  # orders, by the risk limits
        self._revision = 0
        self._prices = LastPrices()
        for stream in session.streams:
            stream.bind_observer(self._prices)

    def follow(self) -> None:
        """Take in what has changed in the order store."""
        while changes := self.session.store.changes(self._revision):
            self._revision = changes[-1].revision
            for change in changes:
                if isinstance(change, MyOrder):
                    self._note(change)
                else:
                    self.ledger.add(change)
                    self.fills += 1

    def _note(self, order: MyOrder) -> None:
        for index, known in enumerate(self.orders):
            if known.order_id == order.order_id:
                self.orders[index] = order
                return
        if order.order_id not in self._seen:
            self._seen.add(order.order_id)
            self.orders.append(order)
            self.refused += order.status is OrderStatus.REJECTED

    @property
    def placed(self) -> int:
        """How many orders the robots have wished, refused ones among them."""
        return len(self._seen)

    def position(self, robot: str) -> str:
        """Its holdings: "0.012 BTC"."""
        held = [(one.position, one.symbol.base) for one in self.ledger.of(robot) if one.position]
        return ", ".join(f"{position.normalize():f} {base}" for position, base in held) or "flat"

    def result(self, robot: str) -> str:
        """What it has earned, positions at the last price: "+1.25 USDT"."""
        results = self.ledger.result(robot, self._prices.prices())
        return ", ".join(f"{value:+.2f} {quote}" for quote, value in results.items()) or "-"

    def robot_fills(self, robot: str) -> int:
        """How many fills it had."""
        return sum(account.fills for account in self.ledger.of(robot))


class Screen(Protocol):
    """Something that shows a view now and then."""

    def show(self, view: View, done: float | None, note: str) -> None:
        """Show it; `done` is the part of the session that is over, 0 to 1; None: not known."""

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

    def __enter__(self) -> Quiet:
        return self

    def __exit__(self, *_: object) -> None: ...


class Lines(Quiet):
    """A line now and then, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next = 0.0

    def show(self, view: View, done: float | None, note: str) -> None:
        """A line, unless the last one is fresh."""
        if monotonic() < self._next:
            return
        self._next = monotonic() + LINE_EVERY_S
        frames = sum(
            channel.frames for stream in view.session.streams for channel in stream.statistics()
        )
        robots = "; ".join(
            f"{seat.robot.name} {view.position(seat.robot.name)} {view.result(seat.robot.name)}"
            for seat in view.session.robots.seats
        )
        counts = f"{frames:,} frames  {view.placed:,} orders  {view.fills:,} fills"
        part = "" if done is None else f"{done:4.0%}  "
        self._console.print(f"{part}{counts}  {robots}", highlight=False, soft_wrap=True)


class LiveScreen(Quiet):
    """The live screen: streams, robots, last orders, progress of the tape."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, refresh_per_second=8, transient=False)
        self._rates = _Rates()

    def show(self, view: View, done: float | None, note: str) -> None:
        """Draw it anew."""
        self._live.update(self.drawn(view, done, note))

    def drawn(self, view: View, done: float | None, note: str) -> RenderableType:
        """The whole screen."""
        return Group(
            Panel(_progress(done, note), title="millstream", title_align="left"),
            self._streams(view),
            "",
            _robots(view),
            "",
            _orders(view),
        )

    def __enter__(self) -> LiveScreen:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def _streams(self, view: View) -> RenderableType:
        table = _table(
            "stream", "state", "frames >", "frames/s >", "age >", "gaps >", "reconnects >"
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
    if done is None:
        return note
    row = Table.grid(padding=(0, 1), expand=True)
    row.add_column(ratio=1)
    row.add_column(justify="right")
    row.add_row(ProgressBar(total=1.0, completed=done), f"{done:4.0%}  {note}")
    return row


def _table(*columns: str) -> Table:
    table = Table(box=None, expand=True, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        right = column.endswith(">")
        table.add_column(column.rstrip(" >"), justify="right" if right else "left", no_wrap=True)
    return table


def _robots(view: View) -> RenderableType:
    table = _table("robot", "state", "position", "fills >", "result >")
    for seat in view.session.robots.seats:
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
    table = _table(
        "last orders", "robot", "side", "pair", "price >", "volume >", "filled >", "status"
    )
    for column, letters in ((0, 18), (2, 4), (7, 8)):  # what is cut last where there is no room
        table.columns[column].min_width = letters
    table.padding = (0, 1, 0, 0)
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
