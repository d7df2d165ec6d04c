"""A configuration written for freqtrade, as ours: the same keys, the same meaning.

A key of freqtrade's that is not there is an error that says what to do instead.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import msgspec

from millstream.config import Config, GatewaySection, PaperSection, RiskSection, RobotSection
from millstream.errors import ConfigError, MillstreamError, did_you_mean
from millstream.frames.settings import ApiServerSection, ConsumerSection
from millstream.model import CurrencyPair
from millstream.settings import Section, StreamSection, explain
from millstream.strategy.freqtrade_keys import (
    EXCHANGE_INSTEAD,
    EXCHANGE_WITHOUT_EFFECT,
    EXCHANGES,
    INSTEAD,
    WITHOUT_EFFECT,
)
from millstream.strategy.interface import IStrategy
from millstream.strategy.load import find_strategy, load_strategy
from millstream.strategy.settings import OVERRIDES, PriceSide, UnfilledTimeout
from millstream.strategy.timeframes import timeframe_to_ns

ROBOT = "millstream.strategy.robot:StrategyRobot"
_WITHOUT_CANDLES = ("kraken_future",)  # their websockets have no candle channel
_ONLY_FIVE_MINUTES = ("coinbase",)


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
    # ours
    parameters: dict[str, Any] = msgspec.field(
        default_factory=dict
    )  # values of the strategy's parameters
    candles_from_producer: str = ""  # take the candles out of this producer's frames
    unguarded: bool = False  # True: run it though its file asks for the time, chance or files
    seed: int = 1


class StrategySession(msgspec.Struct, frozen=True, kw_only=True):
    """A freqtrade configuration, read."""

    config: Config  # one robot; one stream, which names the markets
    api_server: ApiServerSection
    consumer: ConsumerSection
    bot_name: str
    strategy: str  # the class's name
    strategy_file: str
    version: str  # the strategy's own; ""
    timeframe: str
    candle_type: str  # "spot", "futures"
    pairs: tuple[str, ...]  # as freqtrade writes them: "BTC/USDT", "BTC/USDT:USDT"
    stake_currency: str
    stake_amount: float | str
    max_open_trades: int  # -1: as many as there are pairs
    startup_candle_count: int
    dry_run: bool
    initial_state: str  # "running", "stopped", "paused"
    candles_from: str  # the producer whose frames carry the candles; then open no stream


def is_strategy_config(values: Any) -> bool:
    """Whether these plain values are a freqtrade configuration, and not one of ours."""
    return (
        isinstance(values, dict)
        and "robots" not in values
        and ("strategy" in values or ("exchange" in values and "stake_currency" in values))
    )


def parse_strategy_config(values: dict[str, Any], where: str, folder: Path) -> StrategySession:
    """The session that these plain values describe. Imports the strategy's file.

    where: names the file in errors. folder: where relative paths begin.
    Raises ConfigError: one sentence, the key first, and what to do.
    """
    try:
        told = _read(values)
        return _session(told, folder)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error


def _read(values: dict[str, Any]) -> FreqtradeSection:
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
        return msgspec.convert(kept, FreqtradeSection, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(explain(error)) from None


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
        elif key == "pairlists" and _only_static(value):
            continue
        elif key in instead:
            if value in (False, None, {}, [], ""):
                continue  # it is switched off
            if isinstance(value, dict) and value.get("enabled") is False:
                continue
            raise ConfigError(f'"{path}{key}" is not there in Millstream; {instead[key]}')
        elif key not in without_effect and not key.startswith("_"):
            raise ConfigError(f'there is no key "{path}{key}".{did_you_mean(key, known)}')
    return kept


def _only_static(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(each, dict) and each.get("method") == "StaticPairList" for each in value
    )


def _session(told: FreqtradeSection, folder: Path) -> StrategySession:
    futures = told.trading_mode == "futures"
    _check(told)
    venue = _venue(told, futures)
    pairs = _pairs(told, futures)
    folders = [folder, folder / "strategies", folder / "user_data" / "strategies"]
    if told.strategy_path:
        folders = [folder / told.strategy_path]
    file = str(find_strategy(told.strategy, folders))
    strategy = load_strategy(file, told.strategy)
    overrides = {
        key: value for key in OVERRIDES if (value := getattr(told, key)) is not None
    }  # fmt: skip
    timeframe = str(_setting(strategy, overrides, "timeframe"))
    try:
        timeframe_to_ns(timeframe)
    except ConfigError as error:
        raise ConfigError(f"timeframe: {error}; set it here or in {told.strategy}") from None
    most = -1 if told.max_open_trades in (-1, float("inf")) else int(told.max_open_trades)
    from_trades = not told.candles_from_producer and (
        venue in _WITHOUT_CANDLES or (venue in _ONLY_FIVE_MINUTES and timeframe != "5m")
    )
    fee = 0.001 if told.fee is None else told.fee
    consumer = told.external_message_consumer
    producers = [producer.name for producer in consumer.producers] if consumer.enabled else []
    if told.candles_from_producer and told.candles_from_producer not in producers:
        raise ConfigError(
            f'candles_from_producer: "{told.candles_from_producer}" is not a producer of '
            f"external_message_consumer.{did_you_mean(told.candles_from_producer, producers)}"
        )
    timeout = told.unfilledtimeout
    parameters = {
        "strategy": told.strategy, "strategy_file": file, "stake_currency": told.stake_currency,
        "stake_amount": told.stake_amount, "max_open_trades": most, "wallet": _wallet(told),
        "tradable_balance_ratio": told.tradable_balance_ratio,
        "amend_last_stake_amount": told.amend_last_stake_amount, "fee": fee, "futures": futures,
        "entry_price_side": told.entry_pricing.price_side,
        "exit_price_side": told.exit_pricing.price_side,
        "unfilledtimeout": msgspec.to_builtins(
            UnfilledTimeout(timeout.entry, timeout.exit, timeout.unit)
        ),
        "process_throttle_secs": told.internals.process_throttle_secs, "dry_run": told.dry_run,
        "producers": producers, "candles_from": told.candles_from_producer,
        "candles_from_trades": from_trades, "publish": told.api_server.enabled,
        "overrides": overrides, "parameters": told.parameters,
        "initial_state": told.initial_state,
    }  # fmt: skip
    markets = [f"{venue}@{pair.partition(':')[0].lower()}" for pair in pairs]
    robot = RobotSection(
        name=_robot_name(told.strategy), robot=ROBOT, markets=markets, parameters=parameters,
        unguarded=told.unguarded,
    )  # fmt: skip
    stream = _stream(told, venue, pairs, timeframe, from_trades)
    fee_bps = Decimal(repr(fee)) * 10_000
    return StrategySession(
        config=Config(
            robots=[robot],
            streams=[stream],
            seed=told.seed,
            risk=RiskSection(max_open_orders=max(20, 2 * len(pairs))),
            gateway=_gateway(told, venue),
            paper=PaperSection(maker_fee_bps=fee_bps, taker_fee_bps=fee_bps),
        ),
        api_server=told.api_server,
        consumer=consumer,
        bot_name=told.bot_name,
        strategy=told.strategy,
        strategy_file=file,
        version=strategy.version() or "",
        timeframe=timeframe,
        candle_type="futures" if futures else "spot",
        pairs=tuple(pairs),
        stake_currency=told.stake_currency,
        stake_amount=told.stake_amount,
        max_open_trades=most,
        startup_candle_count=int(_setting(strategy, overrides, "startup_candle_count")),
        dry_run=told.dry_run,
        initial_state=told.initial_state,
        candles_from=told.candles_from_producer,
    )


def _setting(strategy: type[IStrategy], overrides: dict[str, Any], key: str) -> Any:
    return overrides.get(key, getattr(strategy, key))


def _robot_name(strategy: str) -> str:
    """The strategy's name as a robot's: at most 64 letters."""
    return strategy.lower()[:64]


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


def _venue(told: FreqtradeSection, futures: bool) -> str:
    name = told.exchange.name.lower()
    if name not in EXCHANGES:
        raise ConfigError(
            f'exchange.name: "{told.exchange.name}" is not there; accepted: '
            f"{', '.join(EXCHANGES)}.{did_you_mean(name, EXCHANGES)}"
        )
    venue = EXCHANGES[name][futures]
    if not venue:
        mode = "futures" if futures else "spot"
        raise ConfigError(f'exchange.name: {name} is not there with trading_mode "{mode}"')
    return venue


def _pairs(told: FreqtradeSection, futures: bool) -> list[str]:
    """The whitelist without what the blacklist matches."""
    try:
        black = [re.compile(pattern) for pattern in told.exchange.pair_blacklist]
    except re.error as error:
        raise ConfigError(f"exchange.pair_blacklist: {error}") from None
    pairs: dict[str, None] = {}
    for text in told.exchange.pair_whitelist:
        where = f'exchange.pair_whitelist: "{text}"'
        spot, colon, settle = text.partition(":")
        try:
            pair = CurrencyPair.parse(spot)
        except MillstreamError:
            raise ConfigError(
                f"{where} is not a pair; write each one out, like BTC/USDT: there are no patterns"
            ) from None
        if futures and not colon:
            raise ConfigError(f"{where} is spot; futures are written {text}:{pair.quote}")
        if colon and (not futures or settle != pair.quote):
            raise ConfigError(
                f'{where} is a future; set "trading_mode": "futures", and settle in {pair.quote}'
            )
        if pair.quote != told.stake_currency:
            raise ConfigError(f"{where} is not priced in stake_currency, {told.stake_currency}")
        if not any(pattern.fullmatch(text) for pattern in black):
            pairs[text] = None
    if not pairs:
        raise ConfigError("exchange.pair_whitelist: no pair is left; name at least one")
    return list(pairs)


def _gateway(told: FreqtradeSection, venue: str) -> GatewaySection:
    """Where orders go: nowhere, unless the configuration says clearly that they do."""
    if told.dry_run:
        return GatewaySection()
    exchange = told.exchange
    missing = [
        name
        for name, value in (
            ("exchange.key", exchange.key or exchange.api_key),
            ("exchange.secret", exchange.secret),
            ("available_capital", told.available_capital),
        )
        if not value
    ]
    if missing:
        raise ConfigError(
            f"dry_run: false sends orders to {exchange.name}, which needs {' and '.join(missing)}; "
            'set it, or write "dry_run": true'
        )
    return GatewaySection(
        kind="live",
        exchange=venue,
        api_key=exchange.key or exchange.api_key,
        api_secret=exchange.secret,
        api_auth_data=exchange.password,
    )


def _wallet(told: FreqtradeSection) -> float:
    if told.available_capital is not None:
        return told.available_capital
    if isinstance(told.dry_run_wallet, dict):
        return float(told.dry_run_wallet.get(told.stake_currency, 0.0))
    return told.dry_run_wallet


def _stream(
    told: FreqtradeSection, venue: str, pairs: Sequence[str], timeframe: str, from_trades: bool
) -> StreamSection:
    exchange = told.exchange
    channels = ["ticker", "trade"] if from_trades else ["ticker", "trade", "candle"]
    if not told.dry_run:
        channels += ["my_order", "my_trade"]
    arguments: dict[str, Any] = {} if from_trades else {"candle_interval": timeframe}
    if exchange.rest_host:
        arguments["rest_host"] = exchange.rest_host
    return StreamSection(
        exchange=venue,
        currency_pairs=[pair.partition(":")[0] for pair in pairs],
        subscribe_channels=channels,
        api_key=exchange.key or exchange.api_key,
        api_secret=exchange.secret,
        api_auth_data=exchange.password,
        api_host=exchange.api_host,
        subscribe_args=arguments,
    )
