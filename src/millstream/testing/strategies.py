"""A strategy on the same table: the robot that runs it is a session's own."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from millstream.errors import ConfigError
from millstream.orders.paper import PaperSettings
from millstream.orders.risk import RiskLimits
from millstream.testing.market import market_of
from millstream.testing.robots import RobotTest

__all__ = ["strategy_test"]

_ROBOT = "millstream.strategy.robot:StrategyRobot"
_CHECKPOINT_EVENTS = 1_000  # its tables are large: each event would cost milliseconds


def strategy_test(
    strategy: str, *markets: str, stake_amount: float = 10.0, **parameters: Any
) -> RobotTest:
    """A `RobotTest` of a strategy.

    strategy: "folder/file.py:Class". parameters: further ones of `StrategyParameters`. The stake is
    in the quote currency of the first market.
    Warm it up with `history`, then feed it candles that closed, and tickers to fill its orders.
    Raises ConfigError as a session does.
    """
    file, _, name = strategy.rpartition(":")
    if not file or not name:
        raise ConfigError(f'"{strategy}" is no strategy; write "folder/file.py:Class"')
    told = {
        "strategy": name,
        "strategy_file": file,
        "stake_currency": market_of((markets or ("btc/usdt",))[0]).symbol.quote,
        "stake_amount": stake_amount,
        **parameters,
    }
    paper, fee = PaperSettings(), parameters.get("fee")
    if isinstance(fee, int | float):  # its orders cost what it reckons with, as in a session
        fee_bps = Decimal(repr(fee)) * 10_000
        paper = PaperSettings(maker_fee_bps=fee_bps, taker_fee_bps=fee_bps)
    return RobotTest(
        _ROBOT,
        *markets,
        parameters=told,
        limits=RiskLimits(),
        paper=paper,
        checkpoint_every_events=_CHECKPOINT_EVENTS,
    )
