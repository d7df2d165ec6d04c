"""Millstream's own private streams on the simulator: orders and fills as they truly are."""

import asyncio
from decimal import Decimal

import pytest
from tests.simulator.clients import ccxt_client

from millstream.exchange import get_exchange_stream
from millstream.model import Book, Channel, Gap, MyOrder, MyTrade, OrderStatus
from millstream.simulator.running import trading_exchange

PAIRS = {"binance": "BTC/USDT", "kraken": "BTC/USD"}
QUICK = {"first_delay_s": 0.01, "longest_delay_s": 0.02}


class Everything:
    def __init__(self):
        self.events = []
        for name in (*(channel.value for channel in Channel), "health"):
            setattr(self, f"{name}_queue", self)

    def put_nowait(self, event):
        self.events.append(event)

    def qsize(self):
        return 0

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]


def stream(exchange, venue, *channels):
    settings = dict(QUICK, rest_host=exchange.rest)
    if venue == "kraken":
        settings |= {"public_url": f"{exchange.ws}/v2", "private_url": f"{exchange.ws}/v2"}
    keys = {"api_key": exchange.key, "api_secret": exchange.secret}
    host = {"api_host": exchange.ws} if venue == "binance" else {}
    return get_exchange_stream(
        venue, [PAIRS[venue]], list(channels), **keys, **host, subscribe_args=settings
    )


async def until(true, within_s=60.0):
    async with asyncio.timeout(within_s):
        while not true():
            await asyncio.sleep(0.01)


async def listening(made, heard, act, true):
    made.bind_observer(heard)
    running = asyncio.create_task(made.start())
    try:
        await act()
        await until(true)
    finally:
        await made.stop()
        await running


@pytest.mark.parametrize("venue", ["binance", "kraken"])
def test_own_orders_and_fills_arrive_as_they_truly_are(venue):
    heard = Everything()

    async def story(exchange):
        async with ccxt_client(exchange, venue) as client:
            made = stream(exchange, venue, "my_order", "my_trade")

            async def act():
                await until(lambda: ready(exchange))
                pair = PAIRS[venue]
                mine = {"clientOrderId": "resting"}
                resting = await client.create_order(pair, "limit", "buy", 0.01, 50_000, mine)
                mine = {"clientOrderId": "taking"}
                await client.create_order(pair, "market", "buy", 0.3, None, mine)
                await client.cancel_order(resting["id"], pair)

            def whole():
                ends = {one.order_id: one.status for one in heard.of(MyOrder)}
                filled = sum(one.volume for one in heard.of(MyTrade))
                return ends == {
                    "resting": OrderStatus.CANCELED,
                    "taking": OrderStatus.FILLED,
                } and filled == Decimal("0.3")

            await listening(made, heard, act, whole)

    with trading_exchange(exchange=venue) as exchange:
        asyncio.run(story(exchange))
        true = exchange.truth().fills
    told = heard.of(MyTrade)
    assert [(one.price, one.volume, one.order_id, one.fee) for one in told] == [
        (one.price, one.volume, "taking", round(one.fee, 8) if venue == "binance" else one.fee)
        for one in true
    ]
    assert len({one.trade_id for one in told}) == len(told)
    assert heard.of(Gap) == []


def ready(exchange):
    """Whether both private connections are subscribed."""
    sessions = exchange.server.front._sessions
    subscribed = [
        one
        for one in sessions
        if getattr(one, "accounts", None) or getattr(one, "private_channels", None)
    ]
    return len(subscribed) == 2


@pytest.mark.parametrize("venue", ["binance", "kraken"])
def test_its_books_pass_our_own_checks(venue):
    heard = Everything()

    async def story(exchange):
        made = stream(exchange, venue, "book")

        async def act():
            pass

        await listening(made, heard, act, lambda: len(heard.of(Book)) >= 30)

    with trading_exchange(exchange=venue) as exchange:
        asyncio.run(story(exchange))
    assert heard.of(Gap) == []
