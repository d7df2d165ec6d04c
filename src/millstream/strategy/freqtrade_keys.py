"""freqtrade's configuration keys that we do not have, each with what to do instead."""

from __future__ import annotations

from typing import Final

INSTEAD: Final[dict[str, str]] = {
    "telegram": "read the session's log, or follow its events from a service of your own",
    "discord": "read the session's log, or follow its events from a service of your own",
    "webhook": "read the session's log, or follow its events from a service of your own",
    "freqai": "compute features in populate_indicators, or follow a producer that runs FreqAI",
    "freqaimodel": "follow a producer that runs FreqAI",
    "freqaimodel_path": "follow a producer that runs FreqAI",
    "db_url": 'orders are in the session\'s own folder, in "orders.sqlite"',
    "edge": "set stake_amount, or write custom_stake_amount",
    "position_adjustment_enable": "an open trade is neither grown nor shrunk here",
    "max_entry_position_adjustment": "an open trade is neither grown nor shrunk here",
    "protections": "write the pause into confirm_trade_entry",
    "order_time_in_force": "orders rest until they are filled or unfilledtimeout is over",
    "liquidation_buffer": "set stoploss; liquidation prices are not known on paper",
    "orderflow": "read trades in a robot of your own",
    "datadir": "name the folder of candles on the command line: --data DIR",
    "user_data_dir": "name the folder of the strategy: strategy_path",
    "log_config": "the log is in the session's folder, log.txt",
    "logfile": "the log is in the session's folder, log.txt",
    "recursive_strategy_search": "name the strategy's own folder or file: strategy_path",
    "force_entry_enable": "entries are the strategy's; forceexit is a command",
    "use_sell_signal": "write use_exit_signal",
    "sell_profit_only": "write exit_profit_only",
    "sell_profit_offset": "write exit_profit_offset",
    "ignore_roi_if_buy_signal": "write ignore_roi_if_entry_signal",
    "bid_strategy": "write entry_pricing",
    "ask_strategy": "write exit_pricing",
    "ticker_interval": "write timeframe",
    "add_config_files": "write one file; secrets may come from the environment (MILLSTREAM__…)",
    "proxy_coin": "margin is in stake_currency",
    "experimental": "nothing here is set by it; leave it out",
}

# What changes nothing here: charts, texts, downloads, back tests. Accepted so that a configuration
# can be used as it is; docs/strategies.md lists them.
WITHOUT_EFFECT: Final[frozenset[str]] = frozenset(
    {
        "$schema", "amount_reserve_percent", "backtest_breakdown", "backtest_cache",
        "cancel_open_orders_on_exit", "coingecko", "custom_price_max_distance_ratio",
        "dataformat_ohlcv", "dataformat_trades", "disable_dataframe_checks", "disableparamexport",
        "download_trades", "epochs", "export", "fiat_display_currency", "hyperopt_jobs",
        "hyperopt_loss", "hyperopt_min_trades", "hyperopt_path", "hyperopt_random_state",
        "last_stake_amount_min_ratio", "new_pairs_days", "print_all", "reduce_df_footprint",
        "spaces", "dry_run_orderbook",
    }
)  # fmt: skip

EXCHANGE_INSTEAD: Final[dict[str, str]] = {
    "ccxt_config": "market data come from Millstream's own streams, without ccxt",
    "ccxt_async_config": "market data come from Millstream's own streams, without ccxt",
    "ccxt_sync_config": "market data come from Millstream's own streams, without ccxt",
    "private_key": "this exchange is not there",
    "wallet_address": "this exchange is not there",
    "account_id": "this exchange is not there",
}
EXCHANGE_WITHOUT_EFFECT: Final[frozenset[str]] = frozenset(
    {"enable_ws", "log_responses", "markets_refresh_interval", "outdated_offset", "uid",
     "unknown_fee_rate", "sandbox"}
)  # fmt: skip

# freqtrade's name of an exchange, then ours for spot and for futures; "": not there.
EXCHANGES: Final[dict[str, tuple[str, str]]] = {
    "binance": ("binance", "binance_future"),
    "okx": ("okx", "okx_swap"),
    "kraken": ("kraken", "kraken_future"),
    "krakenfutures": ("", "kraken_future"),
    "coinbase": ("coinbase", ""),
    "coinbaseadvanced": ("coinbase", ""),
}
