"""A played session: a real one, with threads, stores and journal; the same trades at any speed."""

import threading
import time

import numpy as np
import pandas as pd
import pytest
from tests.strategy.market import write

from millstream.app import Session
from millstream.model import Exchange
from millstream.session.proof import replay_session
from millstream.session.sources import Sources
from millstream.strategy.configuration import parse_strategy_config
from millstream.strategy.feed import CandleFeed
from millstream.strategy.sessions import session_config

PAIRS = ("BTC/USDT", "ETH/USDT")
# Enters at half of all candles and rests for a better price: fills come later, or never.
RESTLESS = """
class S(IStrategy):
    timeframe = "5m"
    minimal_roi = {"0": 0.004}
    stoploss = -0.01
    def populate_indicators(self, dataframe, metadata):
        return dataframe
    def populate_entry_trend(self, dataframe, metadata):
        dataframe.loc[dataframe["close"] < dataframe["open"], "enter_long"] = 1
        return dataframe
    def populate_exit_trend(self, dataframe, metadata):
        return dataframe
    def custom_entry_price(self, pair, trade, current_time, proposed_rate, **more):
        return round(proposed_rate * 0.9995, 4)
"""


def folder_of_candles(tmp_path, count=80):
    folder = tmp_path / "candles"
    folder.mkdir()
    for number, pair in enumerate(PAIRS):
        chance = np.random.default_rng(number)
        close = np.round(100 * np.exp(np.cumsum(chance.normal(0, 0.003, count))), 4)
        opened = np.concatenate([close[:1], close[:-1]])
        pd.DataFrame(
            {
                "date": pd.date_range("2026-01-01", periods=count, freq="5min", tz="UTC"),
                "open": opened,
                "high": np.maximum(opened, close) + 0.05,
                "low": np.minimum(opened, close) - 0.05,
                "close": close,
                "volume": chance.uniform(20, 40, count),
            }
        ).to_feather(folder / f"{pair.replace('/', '_')}-5m.feather")
    return folder


def told(tmp_path, **changes):
    write(tmp_path, RESTLESS)
    values = {
        "strategy": "S", "stake_currency": "USDT", "stake_amount": 100, "max_open_trades": 2,
        "exchange": {"name": "binance", "pair_whitelist": list(PAIRS)},
        "unfilledtimeout": {"entry": 12, "exit": 12},
        "internals": {"process_throttle_secs": 0.1},
    }  # fmt: skip
    return parse_strategy_config(values | changes, "c", tmp_path)


def play(tmp_path, name, folder, every_s, slow_store=False):
    """Play the folder; every order and fill with what the market's clock said."""
    session_told = told(tmp_path)
    feed = CandleFeed(folder, Exchange.BINANCE, PAIRS, "5m", None, every_s, 30)
    session = Session(
        session_config(session_told, in_step=True),
        tmp_path / name,
        sources=Sources([feed], (), True),
    )
    if slow_store:
        apply = session.store.apply

        def slowly(*given):
            time.sleep(0.003)
            return apply(*given)

        session.store.apply = slowly
    session.start()
    until = time.monotonic() + 60
    while not (feed.finished and not session.steps.waiting):
        assert not session.failure()
        assert time.monotonic() < until
        time.sleep(0.01)
    session.stop("over")
    state = session.robots.seats[0].robot.state
    orders = [
        (str(o.symbol), o.side, o.type, o.price, o.volume, o.status, o.filled_volume)
        for o in sorted(session.store.orders(), key=lambda order: order.order_id)
    ]
    fills = [(str(f.symbol), f.side, f.price, f.volume, f.fee) for f in session.store.trades()]
    session.close()
    assert not session.failure()
    return orders, fills, state.closed, state.profit


def test_the_trades_are_the_same_at_any_speed_and_the_journals_replay_equal(tmp_path):
    folder = folder_of_candles(tmp_path)
    fast = play(tmp_path, "fast", folder, 0.0)
    assert fast[2] > 5  # it has traded
    assert {str(order[5]) for order in fast[0]} >= {"filled", "canceled"}  # some were not filled
    assert play(tmp_path, "slow", folder, 0.02) == fast
    assert play(tmp_path, "slow_store", folder, 0.0, slow_store=True) == fast
    for name in ("fast", "slow", "slow_store"):
        proof = replay_session(tmp_path / name)
        assert (proof.equal, proof.damage) == (True, "")
    assert threading.active_count() < 10


@pytest.mark.parametrize("in_step", [True, False])
def test_only_a_session_in_step_forgets_the_clock(tmp_path, in_step):
    config = session_config(told(tmp_path), in_step)
    throttle_s = config.robots[0].parameters["process_throttle_secs"]
    assert (throttle_s, config.paper.latency_ms) == ((0.0, 0) if in_step else (0.1, 20))
    assert (config.risk.max_orders_per_second is None) is in_step
