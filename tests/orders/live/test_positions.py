"""A venue's positions by REST against the robots' fills: a difference is an event."""

import time

import msgspec
import pytest
from tests.orders.lines.ccxt import venue_answers
from tests.orders.lines.ccxt.scripted_rest import scripted_rest
from tests.orders.sample import fill, order, report

from millstream.model import Channel, CurrencyPair, Exchange, Gap, Side
from millstream.orders import Gateway, Happened, MemoryStore
from millstream.orders.lines.ccxt.line import CcxtLine
from millstream.orders.lines.keys import Keys
from millstream.orders.live import LiveSettings, LiveVenue

E = Exchange
ANSWERS = {  # of an account that is 0.04 BTC short
    E.BINANCE_FUTURE: (venue_answers.BINANCE_FUTURE, "positionRisk"),
    E.KRAKEN_FUTURE: (venue_answers.KRAKEN_FUTURE, "openpositions"),
    E.OKX_SWAP: (venue_answers.OKX_SWAP, "positions"),
}


@pytest.fixture(params=sorted(ANSWERS), ids=str)
def exchange(request):
    return request.param


def told_after_three_looks(exchange, store):
    """The differences that followers heard of, as (expected, got)."""
    answers, path = ANSWERS[exchange]
    told = []
    with scripted_rest(answers) as rest:
        keys = Keys("key", "c2VjcmV0c2VjcmV0", "pass")
        line = CcxtLine(exchange, keys, url=rest.url, paced=False, timeout_s=5)
        line.open()
        settings = LiveSettings(exchange, reconcile_ns=20_000_000)
        gateway = Gateway(store, LiveVenue(settings, line, store, told.extend, time.monotonic_ns))
        gateway.start(time.time_ns())
        deadline = time.monotonic() + 60
        while len(rest.sent_to(path)) < 4:  # three of them have been looked at by then
            assert time.monotonic() < deadline, rest.asked
            gateway.step(time.time_ns())
            time.sleep(0.005)
        line.close()
    gaps = [one for one in told if isinstance(one, Gap)]
    assert {one.channel for one in gaps} <= {Channel.MY_TRADE}
    return [(one.expected, one.got) for one in gaps]


def sold(exchange, volume):
    """A store in which a robot has sold so much."""
    pair = CurrencyPair("BTC", "USD" if exchange is E.KRAKEN_FUTURE else "USDT")
    one = order("a1", symbol=pair, side=Side.SELL, volume=volume)
    store = MemoryStore()
    store.insert([msgspec.structs.replace(one, exchange=exchange)])
    filled = fill("t1", volume=volume)
    store.apply([report("a1", Happened.ACCEPTED), report("a1", Happened.FILLED, fill=filled)], 2)
    return store


def test_a_position_that_the_robots_filled_is_no_difference(exchange):
    assert told_after_three_looks(exchange, sold(exchange, "0.04")) == []


def test_a_position_that_is_not_theirs_is_told_once(exchange):
    assert told_after_three_looks(exchange, sold(exchange, "0.03")) == [("-0.03", "-0.04")]
