"""What a strategy's session shows: pairs, candles, signals, trades, profit, producers."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic, time_ns
from typing import TYPE_CHECKING

import click
import msgspec
import pandas as pd
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from millstream.app import Session
from millstream.frames.producer import FollowerFigures
from millstream.screen import View, Warnings
from millstream.screen.tables import FittingTable
from millstream.strategy.configuration import StrategySession
from millstream.strategy.robot import StrategyRobot
from millstream.strategy.timeframes import timeframe_to_ns

if TYPE_CHECKING:
    from millstream.strategy.trades import OpenTrade

LINES_EVERY_S = 2.0


class PairFigures(msgspec.Struct, frozen=True):
    """How one pair stands."""

    pair: str
    last_candle: str  # when it began: "2026-01-01 00:05"; "": there is none yet
    age_s: float | None  # since it closed; None: none yet, or the candles are played
    candles: int
    close: float | None
    signal: str  # of the last candle: "long", "short", "exit long", "exit short"; "": none
    trade: str  # "long 0.5 at 100"; "": none is open
    profit_pct: float | None  # of the open trade, both fees counted


class ProducerRow(msgspec.Struct, frozen=True):
    """How one producer stands."""

    name: str
    state: str  # "connected", "refused", "disconnected", "waiting"
    frames: int
    rows: int
    age_s: float | None  # of the frame that waits longest
    gaps: int
    repairs: int
    bytes: int


class StrategyFigures(msgspec.Struct, frozen=True):
    """How a strategy's session stands."""

    strategy: str
    standing: str  # of the robot: "running", "paused", "failed", …
    pairs: list[PairFigures]
    open_trades: int
    closed_trades: int
    profit: float  # of closed trades, in stake currency
    stake_currency: str
    orders: int
    fills: int
    refused: int
    producers: list[ProducerRow]
    followers: int
    past: str  # why the candles of the past could not be had; "": they were, or are not asked for


class StrategyView:
    """What there is to show of a strategy's session.

    It reads what the robots' thread writes: each number is right, all together may be of two
    moments.
    """

    def __init__(self, session: Session, told: StrategySession, played: bool) -> None:
        self._session, self._told, self._played = session, told, played
        self._view = View(session)
        robot = session.robots.seats[0].robot
        assert isinstance(robot, StrategyRobot)
        self._robot = robot

    def follow(self) -> None:
        """Take in what has changed in the order store."""
        self._view.follow()

    def followers(self) -> Sequence[FollowerFigures]:
        """Who follows our frames."""
        server = self._session.frame_server
        return server.figures() if server is not None else ()

    def figures(self) -> StrategyFigures:
        """Everything, as it stands now."""
        state, now_ns = self._robot.state, time_ns()
        return StrategyFigures(
            strategy=self._told.strategy,
            standing=self._session.robots.seats[0].standing,
            pairs=[self._pair(pair, now_ns) for pair in self._told.pairs],
            open_trades=len(state.trades),
            closed_trades=state.closed,
            profit=state.profit,
            stake_currency=self._told.stake_currency,
            orders=self._view.placed,
            fills=self._view.fills,
            refused=self._view.refused,
            producers=producer_rows(self._session, now_ns),
            followers=len(self.followers()),
            past=next((past.failure for past in self._session.sources.past if past.failure), ""),
        )

    def _pair(self, pair: str, now_ns: int) -> PairFigures:
        state, timeframe = self._robot.state, self._told.timeframe
        ring = self._robot.strategy.dp.rings.get((pair, timeframe))
        signals, trade = state.signals.get(pair), state.trades.get(pair)
        if ring is None or not len(ring):
            return PairFigures(pair, "", None, 0, None, "", "", None)
        close = ring.last_close
        signal = ""
        if signals is not None:
            signal = signals.entry(self._robot.strategy.can_short) or (
                "exit long" if signals.exit_long else "exit short" if signals.exit_short else ""
            )
        age_ns = now_ns - ring.last_open_ns - timeframe_to_ns(timeframe)
        return PairFigures(
            pair=pair,
            last_candle=f"{pd.Timestamp(ring.last_open_ns, tz='UTC'):%Y-%m-%d %H:%M}",
            age_s=None if self._played or self._told.candles_from else age_ns / 1e9,
            candles=len(ring),
            close=close,
            signal=signal,
            trade=_trade(trade) if trade is not None else "",
            profit_pct=100 * trade.calc_profit_ratio(close) if trade and trade.amount else None,
        )


def producer_rows(session: Session, now_ns: int) -> list[ProducerRow]:
    """How each producer of a session stands."""
    client = session.frame_client
    return [
        ProducerRow(
            name=each.name,
            state="connected" if each.connected else "waiting",
            frames=each.frames,
            rows=each.rows,
            age_s=(now_ns - each.oldest_ns) / 1e9 if each.oldest_ns else None,
            gaps=each.gaps,
            repairs=each.repairs,
            bytes=each.bytes,
        )
        for each in (client.figures() if client is not None else ())
    ]


def _trade(trade: OpenTrade) -> str:
    if not trade.amount:
        return f"{trade.trade_direction}, ordered"
    leaving = ", leaving" if trade.exit_order else ""
    return f"{trade.trade_direction} {trade.amount:g} at {trade.open_rate:g}{leaving}"


class StrategyScreen:
    """The live screen on a terminal."""

    def __init__(self, console: Console, warnings: Warnings) -> None:
        self._console, self._warnings = console, warnings
        self._live = Live(console=console, refresh_per_second=8)

    def show(self, view: StrategyView) -> None:
        """Draw it anew."""
        warned = (Text(line, "yellow") for line in self._warnings.latest)
        self._live.update(Group(drawn(view.figures()), *warned))

    def last(self, view: StrategyView) -> None:
        """What stays when it is over."""
        self._print(summary(view.figures()))

    def _print(self, line: str) -> None:
        self._console.print(line, highlight=False, soft_wrap=True, markup=False)

    def __enter__(self) -> StrategyScreen:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()


class StrategyLines(StrategyScreen):
    """A line now and then, for logs and pipes."""

    def __init__(self, console: Console, warnings: Warnings) -> None:
        super().__init__(console, warnings)
        self._next = monotonic() + LINES_EVERY_S

    def show(self, view: StrategyView) -> None:
        """A line, unless the last one is fresh."""
        if monotonic() >= self._next:
            self._next = monotonic() + LINES_EVERY_S
            for line in self._warnings.news():
                self._print(line)
            self.last(view)

    def __enter__(self) -> StrategyLines:
        return self

    def __exit__(self, *_: object) -> None: ...


class JsonLines(StrategyLines):
    """The same as JSON, a line every 2 s and one at the end."""

    def __init__(self, warnings: Warnings) -> None:
        super().__init__(Console(stderr=True), warnings)

    def last(self, view: StrategyView) -> None:
        """One line of JSON."""
        click.echo(msgspec.json.encode(view.figures()))


def summary(told: StrategyFigures) -> str:
    """One line."""
    parts = []
    last = max((pair.last_candle for pair in told.pairs), default="")
    parts.append(f"candle {last}" if last else "no candle yet")
    if told.past:
        parts.append(f"no past candles yet: {told.past}")
    signals = [f"{pair.pair} {pair.signal}" for pair in told.pairs if pair.signal]
    if signals:
        parts.append("signals: " + ", ".join(signals))
    parts.append(f"{told.open_trades} open, {told.closed_trades} closed trades")
    parts.append(f"{told.profit:+.8g} {told.stake_currency}")
    parts.append(f"{told.orders} orders, {told.fills} fills")
    if told.refused:
        parts.append(f"{told.refused} refused")
    for row in told.producers:
        age = "" if row.age_s is None else f", {row.age_s:.1f} s old"
        parts.append(f'producer "{row.name}" {row.state}, {row.frames} frames{age}')
    if told.followers:
        parts.append(f"{told.followers} followers")
    return "; ".join(parts)


def drawn(told: StrategyFigures) -> Group:
    """The whole screen."""
    pairs = FittingTable(
        *("pair", "last candle", "age >", "close >", "signal", "trade", "profit >"),
        left_out=("age", "close", "last candle", "profit"),
    )
    for pair in told.pairs:
        pairs.add_row(
            pair.pair,
            pair.last_candle or "waiting",
            "-" if pair.age_s is None else f"{pair.age_s:,.0f} s",
            "-" if pair.close is None else f"{pair.close:g}",
            pair.signal,
            pair.trade,
            "" if pair.profit_pct is None else f"{pair.profit_pct:+.2f} %",
        )
    parts: list[FittingTable | Text] = [pairs, Text()]
    if told.producers:
        producers = FittingTable(
            *("producer", "state", "frames >", "rows >", "age >", "gaps >", "bytes >"),
            left_out=("bytes", "rows", "gaps", "frames"),
        )
        for row in told.producers:
            producers.add_row(
                row.name,
                row.state,
                f"{row.frames:,}",
                f"{row.rows:,}",
                "-" if row.age_s is None else f"{row.age_s:,.1f} s",
                f"{row.gaps:,}",
                f"{row.bytes:,}",
            )
        parts += [producers, Text()]
    parts.append(Text(f"{told.strategy}: {told.standing}; {summary(told)}"))
    return Group(*parts)
