"""What a strategy's robot is told: stakes, order kinds, prices, times. Units in the names."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

import msgspec

from millstream.strategy.pair_lists import PairList

OrderKind = Literal["limit", "market"]
PriceSide = Literal["same", "other", "bid", "ask"]

# Attributes of a strategy that a configuration may set instead.
OVERRIDES = (
    "timeframe", "minimal_roi", "stoploss", "trailing_stop", "trailing_stop_positive",
    "trailing_stop_positive_offset", "trailing_only_offset_is_reached", "use_custom_stoploss",
    "process_only_new_candles", "startup_candle_count", "use_exit_signal", "exit_profit_only",
    "exit_profit_offset", "ignore_roi_if_entry_signal", "ignore_buying_expired_candle_after",
    "order_types",
)  # fmt: skip


class OrderTypes(msgspec.Struct, frozen=True):
    """How each order is priced."""

    entry: OrderKind = "limit"
    exit: OrderKind = "limit"
    stoploss: OrderKind = "limit"
    force_entry: OrderKind | None = None  # None: as `entry`
    force_exit: OrderKind | None = None  # None: as `exit`


class UnfilledTimeout(msgspec.Struct, frozen=True):
    """How long an order may wait before it is cancelled."""

    entry: float = 10
    exit: float = 10
    unit: Literal["minutes", "seconds"] = "minutes"

    def ns(self, entry: bool) -> int:
        """The wait in nanoseconds; 0: for ever."""
        unit_ns = 60_000_000_000 if self.unit == "minutes" else 1_000_000_000
        return int((self.entry if entry else self.exit) * unit_ns)


class StrategyParameters(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of `StrategyRobot`."""

    strategy: str  # the class's name
    strategy_file: str  # the Python file it is in
    stake_currency: str
    stake_amount: float | Literal["unlimited"] = "unlimited"  # of each trade, in stake currency
    max_open_trades: int = 1  # -1: as many as there are pairs
    wallet: float = 1_000.0  # stake currency at the start, on paper
    tradable_balance_ratio: float = 0.99  # how much of it may be in trades
    amend_last_stake_amount: bool = False  # True: stake what is left when it is less
    fee: float = 0.001  # of each side's value, as a ratio
    futures: bool = False
    max_leverage: float = 20.0  # whatever the strategy wishes
    entry_price_side: PriceSide = "same"
    exit_price_side: PriceSide = "same"
    unfilledtimeout: UnfilledTimeout = UnfilledTimeout()
    process_throttle_secs: float = 5.0  # 0: each candle is a turn of the loop, whatever the clock
    dry_run: bool = True
    pair_lists: tuple[PairList, ...] = ()  # which pairs may be entered; (): all of its markets
    static_pairs: tuple[str, ...] = ()  # of the static list
    producers: tuple[str, ...] = ()  # the other bots it follows, by name
    candles_from: str = ""  # take the candles out of this producer's frames; "": from the exchange
    candles_from_trades: bool = False  # build them, where the exchange sends none
    initial_state: Literal["running", "stopped", "paused"] = "running"  # else: no entries yet
    publish: bool = True  # answer its analyzed frames, for who follows
    candles_held: int = 1_500  # at least; as many are published
    amount_step: Decimal = Decimal("0.00000001")  # orders' volumes are multiples of it
    overrides: dict[str, Any] = {}  # attributes of the strategy: see OVERRIDES
    parameters: dict[str, Any] = {}  # values of its parameters: {"buy_rsi": 30}
