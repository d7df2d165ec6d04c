"""`StrategyRobot`: candles and frames in, a strategy's tables between, orders and frames out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pandas as pd

from millstream.frames.held import MAX_ROWS_HELD, HeldFrames
from millstream.model import (
    Action,
    Book,
    Candle,
    CandleHistory,
    Control,
    FrameUpdate,
    MyOrder,
    MyTrade,
    ProducerState,
    PublishWhitelist,
    Ticker,
    Timer,
    Trade,
    Whitelist,
)
from millstream.robot import CandleBuilder, Market, Robot
from millstream.robot.kept import Values
from millstream.robot.moment import Moment
from millstream.strategy.analysis import Signals, analyze, signals_of
from millstream.strategy.broker import Broker
from millstream.strategy.exits import stopped
from millstream.strategy.interface import IStrategy
from millstream.strategy.kept import authored, put_authored, put_shown, shown, values_of
from millstream.strategy.pair_lists import whitelist
from millstream.strategy.provider import utc
from millstream.strategy.published import Published
from millstream.strategy.ring import COLUMNS
from millstream.strategy.settings import StrategyParameters
from millstream.strategy.setup import make_strategy, slower_timeframes
from millstream.strategy.state import StrategyState
from millstream.strategy.tables import Tables
from millstream.strategy.timeframes import timeframe_to_ns

LOOP = "loop"
_OUTDATED_NS = 5 * 60_000_000_000  # how much later than two candles a signal is nothing any more


class StrategyRobot(Robot):
    """Runs one strategy over all its markets: one open trade a pair."""

    State = StrategyState
    Parameters = StrategyParameters
    tunable = False  # its strategy is made of its parameters once
    state: StrategyState
    parameters: StrategyParameters

    def __init__(
        self, name: str, markets: tuple[Market, ...], parameters: msgspec.Struct, moment: Moment
    ) -> None:
        super().__init__(name, markets, parameters, moment)
        told = self.parameters
        self._held = HeldFrames()
        self.strategy: IStrategy = make_strategy(told, self._held, self.log.info)
        self._dp = self.strategy.dp
        suffix = ":{}" if told.futures else ""
        self._pairs = {
            (market.exchange, market.symbol): str(market.symbol)
            + suffix.format(market.symbol.quote)
            for market in markets
        }
        self._markets = {pair: Market(*key) for key, pair in self._pairs.items()}
        self._dp.whitelist = list(self._markets)
        self._follows_pairs = {each.producer for each in told.pair_lists if each.producer}
        self._broker = Broker(self, told, self.strategy, self._markets)
        kind = "futures" if told.futures else "spot"
        self._candle_type = kind
        keep = min(told.candles_held, MAX_ROWS_HELD)
        self._published = Published(self.strategy.timeframe, kind, keep)
        candles = max(told.candles_held, self.strategy.startup_candle_count)
        self._tables = Tables(self._dp, self.strategy.timeframe, candles)
        self._waiting: set[str] = set()  # pairs we said we have too few candles of

    @classmethod
    def other_files(cls, parameters: msgspec.Struct) -> Sequence[str]:
        """The strategy's own file: guarded and hashed with the robot's."""
        assert isinstance(parameters, StrategyParameters)
        return (parameters.strategy_file,)

    def _values(self) -> Values:
        return values_of(self.strategy, type(self), type(self.state))

    def _outside(self) -> dict[str, Any]:
        frames = {pair: frame for pair, (frame, _) in self._dp.analyzed.items()}
        return {
            "authored": authored(self.strategy),
            "shown": shown(self.strategy),
            "told": self._published.kept(frames),
            "slower": list(self._tables.slower),
            "waiting": self._waiting,
        }

    def _put_outside(self, kept: dict[str, Any]) -> None:
        put_authored(self.strategy, kept["authored"])
        put_shown(self.strategy, kept["shown"])
        frames = {pair: frame for pair, (frame, _) in self._dp.analyzed.items()}
        self._published.hold(kept["told"], frames)
        self._tables.slower, self._waiting = kept["slower"], kept["waiting"]

    # ---- what comes in -----------------------------------------------------------------------

    def on_start(self) -> Iterator[Action]:
        """Begin the loop, and tell followers the pairs."""
        self.strategy.bot_start()
        self.state.entries_stopped = self.parameters.initial_state != "running"
        self._tables.slower = slower_timeframes(self.strategy)
        if self.parameters.process_throttle_secs:
            self.every(f"{int(self.parameters.process_throttle_secs * 1_000)}ms", LOOP)
        if self.parameters.publish:
            yield PublishWhitelist(tuple(self._dp.whitelist))

    def on_history(self, history: CandleHistory) -> Iterator[Action]:
        """Warm up; analyze once, so that followers have a frame before the next candle."""
        pair = self._pairs[history.exchange, history.symbol]
        known = {self.strategy.timeframe, *self._tables.slower}
        if self.parameters.candles_from or history.interval not in known:
            return
        ring = self._tables.of(pair, history.interval)
        rows = zip(*(getattr(history, column) for column in COLUMNS), strict=True)
        for open_ns, prices in zip(history.open_ns, rows, strict=True):
            ring.append(open_ns, prices)
        if history.interval == self.strategy.timeframe and history.open_ns:
            self._tables.join(pair, whole=True)
            self._told_time(history.open_ns[-1] + timeframe_to_ns(history.interval))
            yield from self._analyze(pair)

    def on_candle(self, candle: Candle) -> Iterator[Action]:
        """Analyze at each candle that closed."""
        if not candle.closed or candle.interval != self.strategy.timeframe:
            return
        if not (self.parameters.candles_from or self.parameters.candles_from_trades):
            yield from self._closed(candle)

    def on_trade(self, trade: Trade) -> Iterator[Action] | None:
        """Build candles, if that is how it gets them."""
        if not self.parameters.candles_from_trades:
            return None
        pair, timeframe = self._pairs[trade.exchange, trade.symbol], self.strategy.timeframe
        builder = self.state.builders.get(pair)
        if builder is None:
            builder = CandleBuilder(timeframe, timeframe_to_ns(timeframe))
            self.state.builders[pair] = builder
        closed = builder.add(trade)
        return None if closed is None else self._closed(closed)

    def _closed(self, candle: Candle) -> Iterator[Action]:
        pair = self._pairs[candle.exchange, candle.symbol]
        self._told_time(candle.exchange_ns or candle.close_ns)
        self._begin_loop(candle.close_ns)
        prices = (candle.open, candle.high, candle.low, candle.close, candle.volume)
        if self._tables.of(pair, candle.interval).append(candle.open_ns, prices):
            self._tables.join(pair)
            yield from self._analyze(pair)
            yield from self._tend(pair)

    def on_ticker(self, ticker: Ticker) -> Iterator[Action] | None:
        """Note the quote; leave at once where it reaches a stop."""
        pair = self._pairs[ticker.exchange, ticker.symbol]
        self._dp.tickers[pair] = ticker
        self._told_time(ticker.exchange_ns or ticker.received_ns)
        trade = self.state.trades.get(pair)
        if trade is None or trade.has_open_orders:
            return None
        rate = self._broker.exit_rate(trade)
        return self._tend(pair) if stopped(trade, rate) else None

    def on_book(self, book: Book) -> None:
        """Note it for `dp.orderbook`."""
        self._dp.books[self._pairs[book.exchange, book.symbol]] = book

    def on_frame(self, frame: FrameUpdate) -> Iterator[Action]:
        """Hold another bot's rows, and analyze the pair with them."""
        self._held.apply(frame)
        own = (frame.timeframe, frame.candle_type) == (self.strategy.timeframe, self._candle_type)
        if frame.pair not in self._markets:
            return
        new = False
        if own and frame.producer == self.parameters.candles_from:
            new, last_open_ns = self._tables.take(frame)
            if last_open_ns:
                self._told_time(last_open_ns + timeframe_to_ns(frame.timeframe))
                self._begin_loop(last_open_ns + timeframe_to_ns(frame.timeframe))
        if new or not self.strategy.process_only_new_candles:
            yield from self._analyze(frame.pair)
            yield from self._tend(frame.pair)

    def on_whitelist(self, told: Whitelist) -> Iterator[Action]:
        """Note another bot's pairs; trade the same where the configuration says so."""
        self._held.set_pairs(told)
        if told.producer in self._follows_pairs:
            lists, static = self.parameters.pair_lists, self.parameters.static_pairs
            wanted = whitelist(lists, static, self._held.pairs)
            if missing := [pair for pair in wanted if pair not in self._markets]:
                self._dp.send_msg(
                    f"not traded before the session is started anew: {', '.join(missing)}; "
                    f'"{told.producer}" has them now, and had not, or they cannot be traded here'
                )
            before = self._dp.whitelist
            self._dp.whitelist = [pair for pair in wanted if pair in self._markets]
            if self.parameters.publish and self._dp.whitelist != before:
                yield PublishWhitelist(tuple(self._dp.whitelist))

    def on_producer_state(self, state: ProducerState) -> None:
        """Note how another bot stands."""
        self._held.set_state(state)

    def on_timer(self, timer: Timer) -> Iterator[Action]:
        """One turn of freqtrade's loop."""
        if timer.name != LOOP or self.state.paused:
            return
        self.strategy.bot_loop_start(utc(self.state.market_ns or self.now))
        for pair in self._markets:
            if not self.strategy.process_only_new_candles:
                yield from self._analyze(pair)
            yield from self._tend(pair)

    def on_my_order(self, order: MyOrder) -> None:
        """Follow its orders."""
        self._broker.note_order(order)

    def on_my_trade(self, trade: MyTrade) -> None:
        """Count fees that are taken out of what was bought."""
        self._broker.note_fill(trade)

    def on_control(self, control: Control) -> Iterator[Action]:
        """pause, resume, stopentry, forceexit {"pair": …, or "all"}."""
        state = self.state
        if control.command in ("pause", "stop"):
            state.paused = True
        elif control.command in ("resume", "start"):
            state.paused = state.entries_stopped = False
        elif control.command == "stopentry":
            state.entries_stopped = True
        elif control.command == "forceexit":
            wanted = str(control.parameters.get("pair", "all"))
            for pair, trade in list(state.trades.items()):
                if wanted in ("all", pair) and not trade.has_open_orders:
                    yield from self._broker.leave_by_force(trade)

    # ---- tables ------------------------------------------------------------------------------

    def _analyze(self, pair: str) -> Iterator[Action]:
        """Run the strategy over a pair's candles; tell followers."""
        candles = self._tables.of(pair, self.strategy.timeframe)
        least = max(1, self.strategy.startup_candle_count)
        if len(candles) < least:
            if pair not in self._waiting:
                self._waiting.add(pair)
                self.log.info(f"{pair}: {len(candles)} of {least} candles; waiting for more")
            return
        self._waiting.discard(pair)
        self._broker.tell_wallets()
        frame = analyze(self.strategy, pair, candles.frame())
        self._dp.analyzed[pair] = (frame, utc(self.now))
        self.state.signals[pair] = signals_of(frame)
        if self.parameters.publish:
            yield self._published.update(pair, frame, self.now)

    # ---- trades ------------------------------------------------------------------------------

    def _tend(self, pair: str) -> Iterator[Action]:
        """What a pair's trade, or the lack of one, needs now."""
        state = self.state
        now = utc(state.market_ns or self.now)
        trade = state.trades.get(pair)
        self._broker.tell_wallets()
        signals = self._fresh(pair, now)
        if trade is not None:
            yield from self._broker.tend(trade, signals, now)
        elif pair in self._dp.whitelist and not (state.entries_stopped or state.paused):
            direction = signals.entry(self.strategy.can_short)
            if direction and not self._expired(signals, now):
                yield from self._broker.enter(pair, direction == "short", signals.enter_tag, now)

    def _fresh(self, pair: str, now: pd.Timestamp) -> Signals:
        """The last row's signals, unless its candle is long over."""
        signals = self.state.signals.get(pair) or Signals()
        limit_ns = 2 * timeframe_to_ns(self.strategy.timeframe) + _OUTDATED_NS
        return Signals() if signals.date_ns < now.value - limit_ns else signals

    def _expired(self, signals: Signals, now: pd.Timestamp) -> bool:
        """Whether an entry signal is older than the strategy wants."""
        after_s = self.strategy.ignore_buying_expired_candle_after
        if not after_s:
            return False
        closed_ns = signals.date_ns + timeframe_to_ns(self.strategy.timeframe)
        return now.value - closed_ns > after_s * 1_000_000_000

    def _begin_loop(self, close_ns: int) -> None:
        """A turn of the loop at each candle, where no timer begins them."""
        if not self.parameters.process_throttle_secs and close_ns > self.state.loop_ns:
            self.state.loop_ns = close_ns
            self.strategy.bot_loop_start(utc(close_ns))

    def _told_time(self, market_ns: int) -> None:
        self.state.market_ns = max(self.state.market_ns, market_ns)
