"""A configuration written for freqtrade, as it is written: its sections, its keys, their values.

A key of freqtrade's that is not there is an error that says what to do instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from millstream.errors import ConfigError, did_you_mean
from millstream.frames.settings import ApiServerSection, ConsumerSection
from millstream.settings import Section, explain
from millstream.strategy.freqtrade_keys import (
    EXCHANGE_INSTEAD,
    EXCHANGE_WITHOUT_EFFECT,
    INSTEAD,
    WITHOUT_EFFECT,
)
from millstream.strategy.settings import PriceSide


class ExchangeSection(Section, frozen=True):
    """`exchange`."""

    name: str
    pair_whitelist: list[str] = msgspec.field(default_factory=list)
    pair_blacklist: list[str] = msgspec.field(default_factory=list)
    key: str = ""
    api_key: str = ""  # another spelling of `key`
    secret: str = ""
    password: str = ""
    api_host: str = ""  # of websockets, instead of the venue's own: "ws://127.0.0.1:9443"; ours
    rest_host: str = ""  # of REST, in the same way: "http://127.0.0.1:9000"; ours

    def __repr__(self) -> str:
        return f"ExchangeSection({self.name!r})"  # its secrets are shown nowhere


class PricingSection(Section, frozen=True):
    """`entry_pricing` and `exit_pricing`."""

    price_side: PriceSide = "same"
    use_order_book: bool = False
    order_book_top: int = 1
    price_last_balance: float = 0.0
    check_depth_of_market: dict[str, Any] = msgspec.field(default_factory=dict)


class TimeoutSection(Section, frozen=True):
    """`unfilledtimeout`."""

    entry: float = 10
    exit: float = 10
    exit_timeout_count: int = 0
    unit: Literal["minutes", "seconds"] = "minutes"


class InternalsSection(Section, frozen=True):
    """`internals`."""

    process_throttle_secs: float = 5.0
    interval: float = 60
    sd_notify: bool = False


class FreqtradeSection(Section, frozen=True):
    """The top level. What a strategy may say too is left None when it is not given."""

    strategy: str
    exchange: ExchangeSection
    stake_currency: str
    stake_amount: float | Literal["unlimited"]
    max_open_trades: float
    strategy_path: str = ""
    bot_name: str = "freqtrade"
    dry_run: bool = True
    dry_run_wallet: float | dict[str, float] = 1_000.0
    available_capital: float | None = None  # of the account, instead of dry_run_wallet
    tradable_balance_ratio: float = 0.99
    amend_last_stake_amount: bool = False
    fee: float | None = None
    trading_mode: Literal["spot", "futures", "margin"] = "spot"
    margin_mode: str = ""
    initial_state: Literal["running", "stopped", "paused"] = "running"
    entry_pricing: PricingSection = PricingSection()
    exit_pricing: PricingSection = PricingSection()
    unfilledtimeout: TimeoutSection = TimeoutSection()
    internals: InternalsSection = InternalsSection()
    api_server: ApiServerSection = ApiServerSection()
    external_message_consumer: ConsumerSection = ConsumerSection()
    timeframe: str | None = None
    minimal_roi: dict[str, float] | None = None
    stoploss: float | None = None
    trailing_stop: bool | None = None
    trailing_stop_positive: float | None = None
    trailing_stop_positive_offset: float | None = None
    trailing_only_offset_is_reached: bool | None = None
    use_custom_stoploss: bool | None = None
    process_only_new_candles: bool | None = None
    startup_candle_count: int | None = None
    use_exit_signal: bool | None = None
    exit_profit_only: bool | None = None
    exit_profit_offset: float | None = None
    ignore_roi_if_entry_signal: bool | None = None
    ignore_buying_expired_candle_after: int | None = None
    order_types: dict[str, Any] | None = None
    pairlists: list[Any] = msgspec.field(default_factory=list)  # see pair_lists.py
    # ours
    parameters: dict[str, Any] = msgspec.field(
        default_factory=dict
    )  # values of the strategy's parameters
    candles_from_producer: str = ""  # take the candles out of this producer's frames
    unguarded: bool = False  # True: run it though its file asks for the time, chance or files
    seed: int = 1


def read_sections(values: dict[str, Any]) -> FreqtradeSection:
    """A configuration's plain values, checked each for itself; raises ConfigError."""
    known = FreqtradeSection.__struct_fields__
    kept = _kept(values, known, INSTEAD, WITHOUT_EFFECT, "")
    if isinstance(values.get("exchange"), dict):
        kept["exchange"] = _kept(
            values["exchange"], ExchangeSection.__struct_fields__,
            EXCHANGE_INSTEAD, EXCHANGE_WITHOUT_EFFECT, "exchange.",
        )  # fmt: skip
    if isinstance(values.get("unfilledtimeout"), dict):
        for old, new in (("buy", "entry"), ("sell", "exit")):
            if old in values["unfilledtimeout"]:
                raise ConfigError(f'unfilledtimeout: "{old}" is called "{new}"')
    try:
        told = msgspec.convert(kept, FreqtradeSection, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(explain(error)) from None
    _check(told)
    return told


def _kept(
    values: dict[str, Any],
    known: Sequence[str],
    instead: dict[str, str],
    without_effect: frozenset[str],
    path: str,
) -> dict[str, Any]:
    """The values with a meaning here; raises ConfigError for a key without one."""
    kept = {}
    for key, value in values.items():
        if key in known:
            kept[key] = value
        elif key in instead:
            if value in (False, None, {}, [], ""):
                continue  # it is switched off
            if isinstance(value, dict) and value.get("enabled") is False:
                continue
            raise ConfigError(f'"{path}{key}" is not there in Millstream; {instead[key]}')
        elif key not in without_effect and not key.startswith("_"):
            raise ConfigError(f'there is no key "{path}{key}".{did_you_mean(key, known)}')
    return kept


def _check(told: FreqtradeSection) -> None:
    if told.trading_mode == "margin":
        raise ConfigError('trading_mode: "margin" is not there; write "spot" or "futures"')
    if told.margin_mode not in ("", "isolated", "cross"):
        raise ConfigError(f'margin_mode: "{told.margin_mode}" is neither "isolated" nor "cross"')
    for name, pricing in (("entry", told.entry_pricing), ("exit", told.exit_pricing)):
        if pricing.use_order_book and pricing.order_book_top != 1:
            raise ConfigError(
                f"{name}_pricing.order_book_top: prices come from the best bid and ask; write 1"
            )
        if pricing.price_last_balance:
            raise ConfigError(
                f"{name}_pricing.price_last_balance is not there; write 0, or set price_side"
            )
        if pricing.check_depth_of_market.get("enabled"):
            raise ConfigError(
                f"{name}_pricing.check_depth_of_market is not there; write confirm_trade_entry "
                "with self.dp.orderbook"
            )
    if not 0 < told.tradable_balance_ratio <= 1:
        raise ConfigError("tradable_balance_ratio: is above 0 and at most 1")
    if not isinstance(told.stake_amount, str) and told.stake_amount <= 0:
        raise ConfigError('stake_amount: is above 0, or "unlimited"')
    most = told.max_open_trades
    if most != float("inf") and (most < -1 or most != int(most)):
        raise ConfigError("max_open_trades: is a whole number; -1 for as many as there are pairs")
    if told.internals.process_throttle_secs < 0.1:
        raise ConfigError("internals.process_throttle_secs: is at least 0.1")
    if told.fee is not None and not 0 <= told.fee <= 0.1:
        raise ConfigError("fee: is a ratio from 0 to 0.1; 0.001 is 0.1 %")
