import copy

import pytest
from tests.strategy.market import write

from millstream.errors import ConfigError
from millstream.strategy.configuration import is_strategy_config, parse_strategy_config

GOOD = {
    "strategy": "S", "timeframe": "15m", "max_open_trades": 3, "stake_currency": "USDT",
    "stake_amount": "unlimited", "dry_run": True, "dry_run_wallet": 500, "fee": 0.0005,
    "minimal_roi": {"0": 0.1, "60": 0.02}, "stoploss": -0.1, "bot_name": "one",
    "exchange": {
        "name": "binance", "key": "very-secret-key", "secret": "very-secret-secret",
        "pair_whitelist": ["BTC/USDT", "ETH/USDT", "BNB/USDT"], "pair_blacklist": ["BNB/.*"],
        "ccxt_config": {},
    },
    "pairlists": [{"method": "StaticPairList"}], "telegram": {"enabled": False},
    "internals": {"process_throttle_secs": 2}, "unfilledtimeout": {"entry": 5, "exit": 7},
    "entry_pricing": {"price_side": "other", "use_order_book": True, "order_book_top": 1},
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    write(tmp_path, "class S(IStrategy):\n    startup_candle_count = 30\n    can_short = False\n")
    return tmp_path


def changed(path, value):
    values = copy.deepcopy(GOOD)
    *way, last = path.split(".")
    place = values
    for step in way:
        place = place.setdefault(step, {})
    place[last] = value
    return values


def test_a_freqtrade_configuration_becomes_a_session(folder):
    session = parse_strategy_config(GOOD, "config.json", folder)
    robot, stream = session.config.robots[0], session.config.streams[0]
    assert robot.markets == ["binance@btc/usdt", "binance@eth/usdt"]
    assert stream.subscribe_args == {"candle_interval": "15m"}
    assert (stream.exchange, stream.currency_pairs) == ("binance", ["BTC/USDT", "ETH/USDT"])
    assert robot.parameters["overrides"]["minimal_roi"] == {"0": 0.1, "60": 0.02}
    assert robot.parameters["wallet"] == 500
    assert (session.timeframe, session.startup_candle_count) == ("15m", 30)
    assert session.config.paper.taker_fee_bps == 5
    assert session.pairs == ("BTC/USDT", "ETH/USDT")
    assert "very-secret" not in repr(session)


def test_futures_are_another_venue(folder):
    values = changed("trading_mode", "futures")
    values["exchange"]["pair_whitelist"] = ["XRP/USDT:USDT"]
    session = parse_strategy_config(values, "c", folder)
    assert session.config.robots[0].markets == ["binance_future@xrp/usdt"]
    assert (session.candle_type, session.pairs) == ("futures", ("XRP/USDT:USDT",))


def test_candles_are_built_where_the_venue_sends_none(folder):
    session = parse_strategy_config(changed("exchange.name", "coinbase"), "c", folder)
    assert session.config.robots[0].parameters["candles_from_trades"] is True
    assert "candle" not in session.config.streams[0].subscribe_channels


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("stake_amout", 1, 'there is no key "stake_amout". Did you mean "stake_amount"?'),
        ("exchange.pair_whitelst", [], 'Did you mean "pair_whitelist"?'),
        ("telegram", {"enabled": True}, '"telegram" is not there in Millstream; read'),
        ("freqai", {"enabled": True}, "follow a producer"),
        ("pairlists", [{"method": "VolumePairList"}], "only StaticPairList"),
        ("exchange.name", "bynance", 'Did you mean "binance"?'),
        ("exchange.pair_whitelist", [".*/USDT"], "write each one out"),
        ("exchange.pair_whitelist", ["BTC/EUR"], "not priced in stake_currency, USDT"),
        ("exchange.pair_whitelist", [], "name at least one"),
        ("exchange.pair_whitelist", ["BTC/USDT:USDT"], "is a future"),
        ("trading_mode", "futures", "futures are written BTC/USDT:USDT"),
        ("strategy", "T", 'has a class "T"'),
        ("timeframe", "5 minutes", "is not a timeframe"),
        ("max_open_trades", 1.5, "whole number"),
        ("stake_amount", -1, "is above 0"),
        ("tradable_balance_ratio", 2, "at most 1"),
        ("entry_pricing", {"order_book_top": 3, "use_order_book": True}, "write 1"),
        ("candles_from_producer", "x", "is not a producer"),
        ("ask_strategy", {"price_side": "ask"}, "write exit_pricing"),
        ("unfilledtimeout", {"buy": 10}, 'is called "entry"'),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(folder, path, value, words):
    with pytest.raises(ConfigError) as raised:
        parse_strategy_config(changed(path, value), "config.json", folder)
    assert words in str(raised.value)
    assert str(raised.value).startswith("config.json: ")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("def adjust_trade_position(self): ...", "neither grown nor shrunk"),
        ("def populate_buy_trend(self): ...", "enter_long"),
        ("protections = [{'method': 'CooldownPeriod'}]", "confirm_trade_entry"),
    ],
)
def test_a_hook_that_is_not_there_is_named(tmp_path, line, words):
    write(tmp_path, f"class S(IStrategy):\n    {line}\n")
    with pytest.raises(ConfigError, match=words):
        parse_strategy_config(GOOD, "c", tmp_path)


def test_an_import_of_freqtrade_says_what_to_write(tmp_path):
    (tmp_path / "s.py").write_text(
        "from freqtrade.strategy import IStrategy\nclass S(IStrategy): ..."
    )
    with pytest.raises(ConfigError, match=r"write: from millstream\.strategy import IStrategy"):
        parse_strategy_config(GOOD, "c", tmp_path)


def test_which_configurations_are_freqtrades():
    assert is_strategy_config(GOOD)
    assert not is_strategy_config({"robots": [], "streams": []})
    assert not is_strategy_config([])
