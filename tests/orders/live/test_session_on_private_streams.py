"""Whole sessions at the simulated exchanges: REST and private streams, a cut, and faults."""

import asyncio
import time
from types import SimpleNamespace

import msgspec
import pytest
from tests.orders import sample
from tests.test_app import config, events

from millstream.app import Session
from millstream.config import GatewaySection, RobotSection, StreamSection
from millstream.demo.truth import compare_with_exchange
from millstream.errors import ConfigError
from millstream.model import CurrencyPair, Disconnected, Exchange, MyTrade, OrderStatus
from millstream.orders import MemoryStore
from millstream.orders.lines.ccxt.line import CcxtLine
from millstream.orders.lines.keys import Keys
from millstream.orders.live import LiveSettings, LiveVenue
from millstream.session.proof import replay_session
from millstream.simulator.faults import Faults
from millstream.simulator.running import trading_exchange

PAIRS = {"binance": "btc/usdt", "kraken": "btc/usd"}
TICKS = {"binance": "0.01", "kraken": "0.01"}
FAULTS = {
    "binance": Faults(lost=0.05, duplicate=0.2, reorder=0.2, not_found_s=0.4, seed=3),
    "kraken": Faults(duplicate=0.2, reorder=0.2, seed=3),
}


def streams(exchange, venue):
    quick = {"first_delay_s": 0.01, "longest_delay_s": 0.05, "rest_host": exchange.rest}
    if venue == "kraken":
        quick |= {"public_url": f"{exchange.ws}/v2", "private_url": f"{exchange.ws}/v2"}
    common = {
        "exchange": venue,
        "currency_pairs": [PAIRS[venue]],
        "api_host": exchange.ws if venue == "binance" else "",
        "subscribe_args": quick,
    }
    keys = {"api_key": exchange.key, "api_secret": exchange.secret}
    return [
        StreamSection(subscribe_channels=["ticker", "trade"], **common),
        StreamSection(subscribe_channels=["my_order", "my_trade"], **keys, **common),
    ]


def session_at(exchange, venue, client, out, reconcile_s=60, **more):
    quoter = RobotSection(
        name="quoter",
        robot="millstream.demo.quoter:Quoter",
        markets=[f"{venue}@{PAIRS[venue]}"],
        parameters={
            "volume": "0.002", "tick": TICKS[venue], "most_position": "0.02", "away_bps": 0.5,
        },
    )  # fmt: skip
    gateway = GatewaySection(
        kind="simulator", exchange=venue, client=client, url=exchange.rest,
        api_key=exchange.key, api_secret=exchange.secret, reconcile_s=reconcile_s, **more,
    )  # fmt: skip
    made = config(
        {"ws": "", "rest": ""},
        robots=[quoter], streams=streams(exchange, venue), gateway=gateway,
    )  # fmt: skip
    return Session(made, out)


def wait(session, until, most_s=60.0):
    deadline = time.monotonic() + most_s
    while not until():
        assert not session.failure()
        assert time.monotonic() < deadline, session.store.orders()[-5:]
        time.sleep(0.02)


def unsettled(session, exchange):
    """In doubt, though the venue has them; one that never got there is in doubt for its grace."""
    there = {one.client_id for one in exchange.truth().orders}
    doubtful = (OrderStatus.UNKNOWN, OrderStatus.SENT)
    orders = session.store.orders(open_only=True)
    return [one for one in orders if one.status in doubtful and one.order_id in there]


WAYS = [("binance", "own"), ("binance", "ccxt"), ("kraken", "ccxt")]


@pytest.mark.parametrize(("venue", "client"), WAYS)
def test_resting_orders_fill_by_the_private_stream_long_before_the_account_is_asked(
    tmp_path, venue, client
):
    with trading_exchange(exchange=venue, seed=5, speed=10.0, limits=False) as exchange:
        session = session_at(exchange, venue, client, tmp_path / "out", reconcile_s=3600)
        seen = SimpleNamespace(my_trade_queue=asyncio.Queue())
        session.streams[1].bind_observer(seen)  # a fill may come by the answer to an order, too
        session.start()
        wait(session, lambda: min(seen.my_trade_queue.qsize(), len(session.store.trades())) >= 3)
        session.stop("the test is over")
        truth = compare_with_exchange(exchange.rest, session.store.trades())
        open_there = [
            one for one in exchange.truth().orders if one.status in ("working", "partial")
        ]
        session.close()
    assert truth.equal, truth.first_difference
    assert open_there == []
    streamed = [
        event
        for event in events(tmp_path / "out")
        if isinstance(event, MyTrade) and not event.revision
    ]
    assert len(streamed) >= 3
    assert replay_session(tmp_path / "out").equal


@pytest.mark.parametrize(("venue", "client"), WAYS)
def test_through_a_cut_and_faults_the_fills_are_the_venues_and_no_order_is_there_twice(
    tmp_path, venue, client
):
    with trading_exchange(
        exchange=venue, seed=5, speed=10.0, limits=False, faults=FAULTS[venue]
    ) as exchange:
        session = session_at(exchange, venue, client, tmp_path / "out", reconcile_s=2)
        session.start()
        wait(session, lambda: len(session.store.trades()) >= 2)
        exchange.drop_clients()
        before = len(session.store.trades())
        wait(session, lambda: len(session.store.trades()) >= before + 2)
        exchange.set_faults(Faults())
        wait(session, lambda: not unsettled(session, exchange))
        session.stop("the test is over")
        truth = compare_with_exchange(exchange.rest, session.store.trades())
        there = [one.client_id for one in exchange.truth().orders]
        left = session.store.orders(open_only=True)
        session.close()
    assert truth.equal, truth.first_difference
    assert not {one.order_id for one in left} & set(there)
    assert len(there) == len(set(there))
    assert any(
        isinstance(event, Disconnected) and event.channel.private
        for event in events(tmp_path / "out")
    )
    assert replay_session(tmp_path / "out").equal


def test_a_venue_cancels_what_rests_when_we_are_silent(tmp_path):
    keys_and_orders = sample.order("a1", price="50000", volume="0.01")
    one = msgspec.structs.replace(
        keys_and_orders, exchange=Exchange.KRAKEN, symbol=CurrencyPair("BTC", "USD")
    )
    with trading_exchange(exchange="kraken", limits=False) as exchange:
        line = CcxtLine(
            Exchange.KRAKEN, Keys(exchange.key, exchange.secret), url=exchange.rest, paced=False
        )
        line.open()
        store = MemoryStore()
        settings = LiveSettings(Exchange.KRAKEN, cancel_all_after_s=3)
        venue = LiveVenue(settings, line, store, lambda events: None, time.monotonic_ns)
        venue.place(one, time.time_ns())
        renewed_until = time.monotonic() + 5
        while time.monotonic() < renewed_until:
            venue.advance(time.time_ns())
            time.sleep(0.05)
        assert [order.status for order in exchange.truth().orders] == ["working"]
        deadline = time.monotonic() + 15  # nobody advances any more
        while [order.status for order in exchange.truth().orders] != ["canceled"]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        line.close()


def test_a_timer_that_the_venue_has_not_is_refused(tmp_path):
    with (
        trading_exchange(exchange="binance", limits=False) as exchange,
        pytest.raises(ConfigError, match="binance has no timer"),
    ):
        session_at(exchange, "binance", "own", tmp_path / "out", cancel_all_after_s=60)
