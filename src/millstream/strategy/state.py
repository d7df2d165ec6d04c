"""What a strategy's robot remembers: all of it, so that it can be hashed, saved and shown."""

from __future__ import annotations

import msgspec

from millstream.robot import CandleBuilder
from millstream.strategy.analysis import Signals
from millstream.strategy.trades import OpenTrade


class StrategyState(msgspec.Struct):
    """What the robot remembers. Tables follow from events and are not in it."""

    market_ns: int = 0  # the market's time: of the newest event that tells it
    loop_ns: int = 0  # of the last turn of the loop, where candles begin them
    trades: dict[str, OpenTrade] = {}  # by pair
    next_trade: int = 1
    profit: float = 0.0  # of closed trades, in stake currency
    closed: int = 0
    locked_until_ns: dict[str, int] = {}  # pairs that may not be entered before
    entries_stopped: bool = False
    paused: bool = False
    signals: dict[str, Signals] = {}  # of each pair's last row
    builders: dict[str, CandleBuilder] = {}  # of pairs whose candles are built from trades
