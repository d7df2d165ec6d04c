"""The contract of own orders and fills, kept by every venue that speaks by websocket.

The account is scripted (`scripted/own_*.py`): it checks what logs in, tells in the venue's words,
and is filled while nobody listens. IB's is in `test_contract_ib.py`.
"""

from __future__ import annotations

import asyncio

import pytest
from tests.exchange.scripted.own import Account, served
from tests.exchange.scripted.own_binance import BinanceAccount
from tests.exchange.scripted.own_binance_future import BinanceFutureAccount
from tests.exchange.scripted.own_kraken import KrakenAccount
from tests.exchange.scripted.own_kraken_future import KrakenFutureAccount
from tests.exchange.scripted.own_okx import OkxAccount
from tests.exchange.scripted.own_okx_swap import OkxSwapAccount
from tests.stream.loopback import until

from millstream.exchange import get_exchange_stream
from millstream.model import Connected, MyOrder, MyOrderBatch, MyTrade, OrderStatus, Refused

ACCOUNTS = [
    BinanceAccount,
    BinanceFutureAccount,
    KrakenAccount,
    KrakenFutureAccount,
    OkxAccount,
    OkxSwapAccount,
]
try:
    from tests.exchange.scripted.own_coinbase import CoinbaseAccount

    ACCOUNTS.append(CoinbaseAccount)
except ImportError:  # its keys need the `live` extra
    pass

QUICK = {"first_delay_s": 0.01, "longest_delay_s": 0.05, "message_pause_s": 0.001}
BY_OUR_CLOCK = {
    "okx": "Timestamp request expired",
    "okx_swap": "Timestamp request expired",
    "coinbase": "authentication failure",
}
NO_CLOCK = {
    "kraken": "a login has a nonce and no time",
    "kraken_future": "a login has a challenge and no time",
    "binance_future": "a listen key is asked for without a time",
}


@pytest.fixture(params=ACCOUNTS, ids=[one.exchange for one in ACCOUNTS])
def made(request):
    return request.param


class Told:
    """Every event, in order."""

    def __init__(self):
        self.events = []
        for name in ("my_order", "my_trade", "my_order_batch", "health"):
            setattr(self, f"{name}_queue", self)

    def put_nowait(self, event):
        self.events.append(event)

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]


def run(account, body, channel, keys=None):
    async def main():
        async with served(account) as (server, rest_url):
            account_opens(account, server)
            stream = get_exchange_stream(
                account.exchange,
                [f"BTC/{account.quote}"],
                [channel],
                api_host=server.url,
                subscribe_args=QUICK | {"rest_host": rest_url},
                **account.keys | (keys or {}),
            )
            told = Told()
            stream.bind_observer(told)
            running = asyncio.create_task(stream.start())
            try:
                await asyncio.wait_for(body(told, server), 20)
            finally:
                await stream.stop()
                await asyncio.wait_for(running, 10)
        assert account.problems == []

    asyncio.run(main())


def account_opens(account, server):
    """Some venues log in by the address: the account sees who connects."""
    clients = server.clients

    class Clients(list):
        def append(self, client):
            super().append(client)
            account.opened(client)

    server.clients = Clients(clients)


async def listened(account, times):
    await until(lambda: len(account.listening) >= times)
    await asyncio.sleep(0.1)  # and what is asked for after a connect is answered


def test_a_fill_missed_while_away_is_found_and_each_is_told_once(made):
    account = made()

    async def body(told, server):
        await listened(account, 1)
        if account.exchange == "coinbase":
            account.tell(0)
        account.fill()
        await until(lambda: len(told.of(MyTrade)) == 1)
        account.tell(1)  # once more
        server.clients[-1].transport.disconnect(False)
        account.filled = 2  # while nobody listens
        await until(lambda: len(told.of(MyTrade)) == 2)
        await listened(account, 2)
        account.tell(2)
        await asyncio.sleep(0.1)
        assert [(one.volume, one.price) for one in told.of(MyTrade)] == [(1, 100)] * 2
        assert len({one.trade_id for one in told.of(MyTrade)}) == 2

    run(account, body, "my_trade")


def test_an_order_that_ended_while_away_is_told_and_never_opens_again(made):
    account = made()

    async def body(told, server):
        await listened(account, 1)
        account.tell(0)
        account.fill()
        await until(lambda: told.of(MyOrder) and told.of(MyOrder)[-1].filled_volume == 1)
        server.clients[-1].transport.disconnect(False)
        account.filled = 2
        await until(lambda: told.of(MyOrder)[-1].status is OrderStatus.FILLED)
        await listened(account, 2)
        account.tell(1)  # late news of the past
        account.tell(0)
        await asyncio.sleep(0.1)
        assert told.of(MyOrder)[-1].status is OrderStatus.FILLED
        volumes = [one.filled_volume for one in told.of(MyOrder)]
        assert volumes == sorted(volumes)
        statuses = [one.status for one in told.of(MyOrder)]
        assert OrderStatus.CANCELED not in statuses

    run(account, body, "my_order")


def test_a_batch_overwrites_what_is_open_after_each_connect(made):
    account = made()

    async def body(told, server):
        await until(lambda: told.of(MyOrderBatch))
        assert [one.volume for one in told.of(MyOrderBatch)[-1].orders] == [2]
        account.filled = 2
        server.clients[-1].transport.disconnect(False)
        await until(lambda: told.of(MyOrderBatch)[-1].orders == ())

    run(account, body, "my_order_batch")


def test_every_connection_proves_itself_anew(made):
    account = made()

    async def body(told, server):
        await listened(account, 1)
        server.clients[-1].transport.disconnect(False)
        await listened(account, 2)
        assert len(account.proofs) >= 2
        assert len(set(account.proofs)) == len(account.proofs)

    run(account, body, "my_order")


def test_a_login_that_expires_is_renewed_and_what_it_missed_is_found(made):
    account = made()
    if type(account).expiry is Account.expiry:
        pytest.skip("a login lasts as long as its connection")

    async def body(told, server):
        await listened(account, 1)
        server.clients[0].send(account.expiry())
        account.filled = 1
        await listened(account, 2)
        await until(lambda: len(told.of(MyTrade)) == 1)
        assert account.proofs[0] != account.proofs[-1]
        await until(lambda: server.clients[0] in server.gone)
        account.fill()
        await until(lambda: len(told.of(MyTrade)) == 2)

    run(account, body, "my_trade")


def test_a_wrong_key_is_told_and_nothing_is_served(made):
    account = made()

    async def body(told, server):
        await until(lambda: told.of(Refused))
        assert account.listening == []
        assert told.of((MyOrder, MyTrade, MyOrderBatch)) == []
        said = repr(told.events)
        for secret in (account.keys["api_secret"], account.wrong.get("api_secret", "secret")):
            assert secret not in said

    run(account, body, "my_order", made.wrong)


@pytest.mark.parametrize("skew_ms", [-300_000, 300_000])
def test_a_clock_that_is_wrong_is_corrected_or_told(made, skew_ms):
    if reason := NO_CLOCK.get(made.exchange):
        pytest.skip(reason)
    account = made(skew_ms)

    async def body(told, server):
        if reason := BY_OUR_CLOCK.get(made.exchange):
            await until(lambda: told.of(Refused))
            assert reason in told.of(Refused)[0].reason
        else:
            await until(lambda: told.of(Connected) and told.of(MyOrder))

    run(account, body, "my_order")
