from __future__ import annotations

import asyncio

import pytest

from millstream.errors import CallFailed, ConfigError
from millstream.model import Exchange
from millstream.orders.lines.ccxt.calls import CcxtCalls
from millstream.orders.lines.keys import Keys
from millstream.service.api import ExchangeAPI
from millstream.simulator.running import trading_exchange

API = ExchangeAPI(Exchange.KRAKEN, "the-key", "the-secret", {"passphrase": "the-word"})


@pytest.fixture(scope="module", params=["binance", "kraken"])
def venue(request):
    with trading_exchange(exchange=request.param, limits=False) as exchange:
        yield request.param, exchange


def api_at(venue, secret=""):
    name, exchange = venue
    kind = Exchange.parse(name)
    keys = Keys(exchange.key, secret or exchange.secret)
    return ExchangeAPI(
        kind, keys.key, keys.secret, calls=lambda: CcxtCalls(kind, keys, url=exchange.rest)
    )


def ran(api, story):
    async def whole():
        try:
            return await story()
        finally:
            await api.close()

    return asyncio.run(whole())


def test_it_carries_an_accounts_credentials_and_shows_them_nowhere():
    assert (API.api_key, API.api_secret) == ("the-key", "the-secret")
    assert repr(API) == "ExchangeAPI(kraken, with a key)"


def test_credentials_alone_make_no_calls():
    with pytest.raises(ConfigError, match="carries credentials only"):
        API.fetch_balance()
    assert not hasattr(API, "fetch_balance")


def test_it_places_finds_and_cancels_orders_and_tells_balances(venue):
    name, exchange = venue
    pair = "BTC/USDT" if name == "binance" else "btc/usd"
    api = api_at(venue)

    async def story():
        made = await api.place_order(pair, "buy", "0.01", "50000")
        (found,) = await api.open_orders(pair)
        assert found["id"] == made["id"]
        await api.cancel(made["id"], pair)
        assert await api.open_orders(pair) == []
        return await api.balances()

    balances = ran(api, story)
    assert balances["BTC"] > 0
    assert [one.status for one in exchange.truth().orders][-1] == "canceled"


def test_any_call_of_the_library_is_made_by_its_name(venue):
    pair = "BTC/USDT" if venue[0] == "binance" else "BTC/USD"
    api = api_at(venue)

    async def story():
        return await api.fetch_ticker(pair)

    assert ran(api, story)["symbol"] == pair


def test_a_call_there_is_not_is_told_in_a_sentence(venue):
    api = api_at(venue)

    async def story():
        with pytest.raises(ConfigError, match=r"_api.fetch_moon: there is no such call"):
            api.fetch_moon()
        assert not hasattr(api, "watch_orders")

    ran(api, story)


def test_a_refusal_is_told_as_one_and_shows_no_secret(venue):
    pair = "BTC/USDT" if venue[0] == "binance" else "BTC/USD"
    api = api_at(venue, secret="d3Jvbmc=")

    async def story():
        with pytest.raises(CallFailed) as caught:
            await api.place_order(pair, "buy", 1)
        return caught.value

    error = ran(api, story)
    assert error.refused
    assert "_api.create_order: " in str(error)
    assert venue[1].key not in str(error)
    assert "signature=" not in str(error)
