"""`IStrategy`: what a strategy of freqtrade's is written against.

A strategy asks the world nothing: the time is `current_time`, data come by `self.dp`. So its
journal replays. docs/strategies.md lists what is here, and what is not.
"""

from __future__ import annotations

from typing import Any, ClassVar

import pandas as pd

from millstream.errors import ConfigError
from millstream.strategy.parameters import Parameter
from millstream.strategy.provider import DataProvider
from millstream.strategy.wallet import Wallets

# What freqtrade calls and we do not: named when a strategy is loaded, never ignored in silence.
NOT_HERE: dict[str, str] = {
    "populate_buy_trend": "write populate_entry_trend with the column enter_long",
    "populate_sell_trend": "write populate_exit_trend with the column exit_long",
    "custom_sell": "write custom_exit",
    "use_sell_signal": "write use_exit_signal",
    "sell_profit_only": "write exit_profit_only",
    "ignore_roi_if_buy_signal": "write ignore_roi_if_entry_signal",
    "adjust_trade_position": "an open trade is neither grown nor shrunk here; enter again later",
    "adjust_entry_price": "an entry that was not filled in time is cancelled (unfilledtimeout)",
    "adjust_exit_price": "an exit that was not filled in time is cancelled (unfilledtimeout)",
    "adjust_order_price": "an order that was not filled in time is cancelled (unfilledtimeout)",
    "check_entry_timeout": "set unfilledtimeout.entry",
    "check_exit_timeout": "set unfilledtimeout.exit",
    "custom_roi": "return a reason from custom_exit where the profit is enough",
    "order_filled": "a robot of its own hears every order: see on_my_order",
    "feature_engineering_expand_all": "FreqAI is not here; compute features in populate_indicators",
    "protections": "write the pause into populate_entry_trend or confirm_trade_entry",
}
_HARMLESS = frozenset({"protections"})  # refused only when they hold something


class IStrategy:
    """Indicators and signals of a table of candles; how its trades end.

    A subclass sets the attributes below and writes the three `populate_` methods. Ratios are of the
    price: -0.05 is 5 % down.
    """

    INTERFACE_VERSION: int = 3

    timeframe: str = ""
    minimal_roi: ClassVar[dict[Any, float]] = {}  # {"60": 0.01}: after 60 minutes, 1 % is enough
    stoploss: float = -0.99
    trailing_stop: bool = False
    trailing_stop_positive: float | None = None
    trailing_stop_positive_offset: float = 0.0
    trailing_only_offset_is_reached: bool = False
    use_custom_stoploss: bool = False
    can_short: bool = False
    process_only_new_candles: bool = True
    startup_candle_count: int = 0  # candles before the first one that may signal
    use_exit_signal: bool = True
    exit_profit_only: bool = False
    exit_profit_offset: float = 0.0
    ignore_roi_if_entry_signal: bool = False
    ignore_buying_expired_candle_after: int = 0  # seconds; 0: a signal holds for its whole candle
    order_types: ClassVar[dict[str, Any]] = {}  # {"entry": "limit", "exit": "limit", …}
    plot_config: ClassVar[dict[str, Any]] = {}  # for charts; nothing here draws
    buy_params: ClassVar[dict[str, Any]] = {}  # values of parameters, as an optimizer printed them
    sell_params: ClassVar[dict[str, Any]] = {}

    # Set before `bot_start`.
    dp: DataProvider
    wallets: Wallets
    config: dict[str, Any]

    @classmethod
    def version(cls) -> str | None:
        """The author's own number of the strategy."""
        return None

    # ---- what an author writes ---------------------------------------------------------------

    def populate_indicators(
        self, dataframe: pd.DataFrame, metadata: dict[str, Any]
    ) -> pd.DataFrame:
        """The candles with indicators beside them. metadata: {"pair": "BTC/USDT"}."""
        return dataframe

    def populate_entry_trend(
        self, dataframe: pd.DataFrame, metadata: dict[str, Any]
    ) -> pd.DataFrame:
        """Sets enter_long, enter_short to 1 where to enter; enter_tag may say why."""
        return dataframe

    def populate_exit_trend(
        self, dataframe: pd.DataFrame, metadata: dict[str, Any]
    ) -> pd.DataFrame:
        """Sets exit_long, exit_short to 1 where to leave; exit_tag may say why."""
        return dataframe

    def informative_pairs(self) -> list[Any]:
        """(pair, timeframe) or (pair, timeframe, candle type) of candles wanted beside its own."""
        return []

    # ---- what an author may write ------------------------------------------------------------

    def bot_start(self, **kwargs: Any) -> None:
        """Called once, before anything else."""

    def bot_loop_start(self, current_time: pd.Timestamp, **kwargs: Any) -> None:
        """Called at each turn of the loop: each `process_throttle_secs`."""

    def confirm_trade_entry(
        self,
        pair: str,
        order_type: str,
        amount: float,
        rate: float,
        time_in_force: str,
        current_time: pd.Timestamp,
        entry_tag: str | None,
        side: str,
        **kwargs: Any,
    ) -> bool:
        """False: do not place this entry."""
        return True

    def confirm_trade_exit(
        self,
        pair: str,
        trade: Any,
        order_type: str,
        amount: float,
        rate: float,
        time_in_force: str,
        exit_reason: str,
        current_time: pd.Timestamp,
        **kwargs: Any,
    ) -> bool:
        """False: do not place this exit."""
        return True

    def custom_stake_amount(
        self,
        pair: str,
        current_time: pd.Timestamp,
        current_rate: float,
        proposed_stake: float,
        min_stake: float | None,
        max_stake: float,
        leverage: float,
        entry_tag: str | None,
        side: str,
        **kwargs: Any,
    ) -> float:
        """What to stake on this entry, in stake currency; 0: nothing."""
        return proposed_stake

    def custom_stoploss(
        self,
        pair: str,
        trade: Any,
        current_time: pd.Timestamp,
        current_rate: float,
        current_profit: float,
        after_fill: bool,
        **kwargs: Any,
    ) -> float | None:
        """How far below the current rate the stop is, as a ratio; None: leave it. Needs
        `use_custom_stoploss`.
        """
        return self.stoploss

    def custom_exit(
        self,
        pair: str,
        trade: Any,
        current_time: pd.Timestamp,
        current_rate: float,
        current_profit: float,
        **kwargs: Any,
    ) -> str | bool | None:
        """A reason, or True: leave this trade now."""
        return None

    def custom_entry_price(
        self,
        pair: str,
        trade: Any,
        current_time: pd.Timestamp,
        proposed_rate: float,
        entry_tag: str | None,
        side: str,
        **kwargs: Any,
    ) -> float:
        """Another limit price for this entry."""
        return proposed_rate

    def custom_exit_price(
        self,
        pair: str,
        trade: Any,
        current_time: pd.Timestamp,
        proposed_rate: float,
        current_profit: float,
        exit_tag: str | None,
        **kwargs: Any,
    ) -> float:
        """Another limit price for this exit."""
        return proposed_rate

    def leverage(
        self,
        pair: str,
        current_time: pd.Timestamp,
        current_rate: float,
        proposed_leverage: float,
        max_leverage: float,
        entry_tag: str | None,
        side: str,
        **kwargs: Any,
    ) -> float:
        """Futures only: how many times the stake is traded."""
        return 1.0


def parameters_of(strategy: IStrategy) -> dict[str, Parameter]:
    """A strategy's parameters by name, each its own: no two strategies share one."""
    found = {}
    for name in dir(type(strategy)):
        declared = getattr(type(strategy), name, None)
        if isinstance(declared, Parameter):
            own = strategy.__dict__.get(name)
            if own is None:
                own = type(declared).__new__(type(declared))
                own.__dict__.update(declared.__dict__)
                setattr(strategy, name, own)
            found[name] = own
    return found


def check_strategy(strategy: type[IStrategy]) -> None:
    """Raise ConfigError for what freqtrade would call and we would not."""
    for name, instead in NOT_HERE.items():
        if hasattr(strategy, name):
            if name in _HARMLESS and not getattr(strategy, name):
                continue
            raise ConfigError(
                f'strategy {strategy.__name__}: "{name}" is not there in Millstream; {instead}'
            )
    if getattr(strategy, "position_adjustment_enable", False):
        raise ConfigError(
            f"strategy {strategy.__name__}: position_adjustment_enable: "
            f"{NOT_HERE['adjust_trade_position']}"
        )
