"""A strategy made ready: its class loaded, configured, and given its data provider."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from millstream.errors import ConfigError, did_you_mean
from millstream.frames.held import HeldFrames
from millstream.strategy.analysis import informative_methods
from millstream.strategy.candle_type import CandleType
from millstream.strategy.interface import IStrategy, parameters_of
from millstream.strategy.load import load_strategy
from millstream.strategy.provider import DataProvider, RunMode
from millstream.strategy.settings import OVERRIDES, OrderTypes, StrategyParameters
from millstream.strategy.timeframes import timeframe_to_ns
from millstream.strategy.wallet import Wallets


def make_strategy(
    told: StrategyParameters, held: HeldFrames, say: Callable[[str], None]
) -> IStrategy:
    """The strategy that these parameters name, before its `bot_start`. Raises ConfigError."""
    strategy = load_strategy(told.strategy_file, told.strategy)()
    for name, value in told.overrides.items():
        if name not in OVERRIDES:
            raise ConfigError(
                f'overrides: "{name}" is not one of them.{did_you_mean(name, OVERRIDES)}'
            )
        setattr(strategy, name, value)
    _set_parameters(strategy, told.parameters)
    timeframe_to_ns(strategy.timeframe)
    for _, request in informative_methods(strategy):
        _check_slower(strategy, request.timeframe)
    if strategy.can_short and not told.futures:
        raise ConfigError(
            f"strategy {told.strategy} can go short, which needs futures: set "
            '"trading_mode": "futures"'
        )
    if strategy.stoploss >= 0:
        raise ConfigError(f"strategy {told.strategy}: stoploss is below 0, like -0.1")
    candle_type = CandleType.FUTURES if told.futures else CandleType.SPOT
    mode = RunMode.DRY_RUN if told.dry_run else RunMode.LIVE
    strategy.dp = DataProvider(
        strategy.timeframe, candle_type, told.stake_currency, told.producers, mode, held, say
    )
    strategy.wallets = Wallets(told.stake_currency)
    strategy.config = {
        "stake_currency": told.stake_currency, "stake_amount": told.stake_amount,
        "max_open_trades": told.max_open_trades, "timeframe": strategy.timeframe,
        "dry_run": told.dry_run, "runmode": mode, "candle_type_def": candle_type,
        "trading_mode": "futures" if told.futures else "spot", "strategy": told.strategy,
    }  # fmt: skip
    return strategy


def order_types(strategy: IStrategy) -> OrderTypes:
    """How its orders are priced. Raises ConfigError for a kind that is not there."""
    asked = dict(strategy.order_types)
    for word in ("stoploss_on_exchange", "stoploss_on_exchange_interval"):
        if asked.pop(word, False) and word == "stoploss_on_exchange":
            raise ConfigError(
                "order_types.stoploss_on_exchange is not there: the robot watches the stop itself "
                "at each quote; write false"
            )
    asked.pop("stoploss_on_exchange_limit_ratio", None)
    asked.pop("stoploss_price_type", None)
    asked.pop("emergency_exit", None)  # an exit that waits too long is placed anew
    unknown = sorted(set(asked) - set(OrderTypes.__struct_fields__))
    if unknown:
        known = OrderTypes.__struct_fields__
        raise ConfigError(
            f'order_types: there is no "{unknown[0]}".{did_you_mean(unknown[0], known)}'
        )
    try:
        return msgspec.convert(asked, OrderTypes)
    except msgspec.ValidationError as error:
        raise ConfigError(f"order_types: {error}") from None


def slower_timeframes(strategy: IStrategy) -> list[str]:
    """The timeframes above its own that it asks for."""
    asked = [request.timeframe for _, request in informative_methods(strategy)]
    asked += [wanted[1] for wanted in strategy.informative_pairs()]
    for timeframe in asked:
        _check_slower(strategy, timeframe)
    return sorted({each for each in asked if each != strategy.timeframe}, key=timeframe_to_ns)


def _check_slower(strategy: IStrategy, timeframe: str) -> None:
    own, other = timeframe_to_ns(strategy.timeframe), timeframe_to_ns(timeframe)
    if other % own:
        raise ConfigError(
            f"strategy {type(strategy).__name__}: informative candles of {timeframe} cannot be "
            f"built from {strategy.timeframe} candles"
        )


def _set_parameters(strategy: IStrategy, values: dict[str, Any]) -> None:
    own = parameters_of(strategy)
    given = {**strategy.buy_params, **strategy.sell_params}
    for name, value in given.items():  # what an optimizer printed may name what is gone since
        if name in own and own[name].load:
            own[name].set(value)
    for name, value in values.items():
        if name not in own:
            raise ConfigError(
                f"strategy {type(strategy).__name__} has no parameter "
                f'"{name}".{did_you_mean(name, own)}'
            )
        own[name].set(value)
