"""A configuration written for freqtrade, as ours: what a session is made from."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from millstream.config import Config, GatewaySection, PaperSection, RiskSection, RobotSection
from millstream.errors import ConfigError, did_you_mean
from millstream.frames.settings import ApiServerSection, ConsumerSection
from millstream.settings import StreamSection
from millstream.strategy.freqtrade_keys import EXCHANGES
from millstream.strategy.freqtrade_sections import FreqtradeSection, read_sections
from millstream.strategy.interface import IStrategy
from millstream.strategy.load import find_strategy, load_strategy
from millstream.strategy.pair_lists import AskPairs, Fits, PairList, carried, parse_lists
from millstream.strategy.settings import OVERRIDES, UnfilledTimeout
from millstream.strategy.timeframes import timeframe_to_ns

ROBOT = "millstream.strategy.robot:StrategyRobot"
_WITHOUT_CANDLES = ("kraken_future",)  # their websockets have no candle channel
_ONLY_FIVE_MINUTES = ("coinbase",)


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


def parse_strategy_config(
    values: dict[str, Any], where: str, folder: Path, ask_pairs: AskPairs | None = None
) -> StrategySession:
    """The session that these plain values describe. Imports the strategy's file.

    where: names the file in errors. folder: where relative paths begin. ask_pairs: of a producer,
    for a ProducerPairList; it is asked last, when all else is right.
    Raises ConfigError: one sentence, the key first, and what to do.
    """
    try:
        return _session(read_sections(values), folder, ask_pairs)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error


def _session(told: FreqtradeSection, folder: Path, ask_pairs: AskPairs | None) -> StrategySession:
    futures = told.trading_mode == "futures"
    venue = _venue(told, futures)
    lists = parse_lists(told.pairlists, told.external_message_consumer)
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
    gateway = _gateway(told, venue)
    pairs = _pairs(told, lists, ask_pairs)
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
        "initial_state": told.initial_state, "pair_lists": msgspec.to_builtins(lists),
        "static_pairs": told.exchange.pair_whitelist,
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
            gateway=gateway,
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


def _pairs(
    told: FreqtradeSection, lists: Sequence[PairList], ask_pairs: AskPairs | None
) -> list[str]:
    """Every pair whose market the session carries."""
    exchange, upstream = told.exchange, {}
    fits = Fits(told.stake_currency, told.trading_mode == "futures", exchange.pair_blacklist)
    for each in lists:
        if each.producer:
            if ask_pairs is None:
                raise ConfigError("pairlists: ProducerPairList needs its producer to be asked")
            upstream[each.producer] = ask_pairs(told.external_message_consumer, each.producer)
    return carried(lists, exchange.pair_whitelist, upstream, fits)


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
