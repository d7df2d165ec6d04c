"""When a trade ends: its return, its stop, its signal. freqtrade's rules, in its order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pandas as pd

from millstream.strategy.analysis import Signals
from millstream.strategy.interface import IStrategy
from millstream.strategy.timeframes import MINUTE_NS
from millstream.strategy.trades import OpenTrade


class Exit(msgspec.Struct, frozen=True):
    """Why to leave."""

    kind: str  # "exit_signal", "custom_exit", "roi", "stop_loss", "trailing_stop_loss"
    reason: str  # the same, or the strategy's own word


def wanted_return(minimal_roi: Mapping[Any, float], minutes: float) -> float | None:
    """The return that is enough after so many minutes; None: none is."""
    reached = [int(after) for after in minimal_roi if int(after) <= minutes]
    if not reached:
        return None
    latest = max(reached)
    return next(value for after, value in minimal_roi.items() if int(after) == latest)


def begin_stop(trade: OpenTrade, ratio: float) -> None:
    """Put the stop where it is at first."""
    sign = 1.0 if trade.is_short else -1.0
    trade.stop_loss = trade.open_rate * (1 + sign * abs(ratio) / trade.leverage)
    trade.max_rate = trade.min_rate = trade.open_rate


def move_stop(
    strategy: IStrategy, trade: OpenTrade, rate: float, now: pd.Timestamp, after_fill: bool = False
) -> None:
    """Bring the stop nearer where trailing or the strategy say so; it never goes back."""
    trade.max_rate, trade.min_rate = max(trade.max_rate, rate), min(trade.min_rate, rate)
    profit = trade.calc_profit_ratio(rate)
    if strategy.use_custom_stoploss:
        wanted = strategy.custom_stoploss(
            pair=trade.pair, trade=trade, current_time=now, current_rate=rate,
            current_profit=profit, after_fill=after_fill,
        )  # fmt: skip
        if wanted is not None and wanted == wanted:  # NaN: leave it
            _nearer(trade, rate, float(wanted))
    if not strategy.trailing_stop:
        return
    offset = strategy.trailing_stop_positive_offset
    if strategy.trailing_only_offset_is_reached and profit < offset:
        return
    distance = strategy.stoploss
    if strategy.trailing_stop_positive is not None and profit > offset:
        distance = strategy.trailing_stop_positive
    _nearer(trade, rate, distance)


def stopped(trade: OpenTrade, rate: float) -> bool:
    """Whether the price has reached the stop."""
    if not trade.stop_loss:
        return False
    return rate >= trade.stop_loss if trade.is_short else rate <= trade.stop_loss


def should_exit(
    strategy: IStrategy, trade: OpenTrade, signals: Signals, rate: float, now: pd.Timestamp
) -> Exit | None:
    """Why to leave the trade at this price now; None: stay. Moves the stop on the way."""
    move_stop(strategy, trade, rate, now)
    profit = trade.calc_profit_ratio(rate)
    signalled = _signalled(strategy, trade, signals, rate, profit, now)
    if signalled is not None:
        return signalled
    enters = signals.enter_short if trade.is_short else signals.enter_long
    stop = _stop(trade) if stopped(trade, rate) else None
    if stop is not None and stop.kind == "stop_loss":
        return stop
    if not (enters and strategy.ignore_roi_if_entry_signal):
        minutes = (now.value - trade.open_ns) / MINUTE_NS
        enough = wanted_return(strategy.minimal_roi, minutes)
        if enough is not None and profit > enough:
            return Exit("roi", "roi")
    return stop


def _signalled(
    strategy: IStrategy,
    trade: OpenTrade,
    signals: Signals,
    rate: float,
    profit: float,
    now: pd.Timestamp,
) -> Exit | None:
    if strategy.exit_profit_only and profit <= strategy.exit_profit_offset:
        return None
    if not strategy.use_exit_signal:
        return None
    leaves = signals.exit_short if trade.is_short else signals.exit_long
    enters = signals.enter_short if trade.is_short else signals.enter_long
    if leaves and not enters:
        return Exit("exit_signal", signals.exit_tag or "exit_signal")
    said = strategy.custom_exit(
        pair=trade.pair, trade=trade, current_time=now, current_rate=rate, current_profit=profit
    )
    if not said:
        return None
    return Exit("custom_exit", said if isinstance(said, str) else "custom_exit")


def _stop(trade: OpenTrade) -> Exit:
    kind = "trailing_stop_loss" if trade.stop_moved else "stop_loss"
    return Exit(kind, kind)


def _nearer(trade: OpenTrade, rate: float, ratio: float) -> None:
    sign = 1.0 if trade.is_short else -1.0
    wanted = rate * (1 + sign * abs(ratio) / trade.leverage)
    if wanted < trade.stop_loss if trade.is_short else wanted > trade.stop_loss:
        trade.stop_loss, trade.stop_moved = wanted, True
