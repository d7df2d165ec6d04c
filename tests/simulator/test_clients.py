"""ccxt on both venues and python-binance: they trade on the simulator, only the URL changed."""

import asyncio

import ccxt
import pytest
from tests.simulator.clients import ccxt_client, told

from millstream.simulator.running import trading_exchange

PAIRS = {"binance": "BTC/USDT", "kraken": "BTC/USD"}


@pytest.fixture(params=["binance", "kraken"])
def exchange(request):
    with trading_exchange(exchange=request.param) as running:
        running.name, running.pair = request.param, PAIRS[request.param]
        yield running


def run(exchange, story, **options):
    async def tell():
        async with ccxt_client(exchange, exchange.name, **options) as client:
            return await story(client, exchange.pair)

    return asyncio.run(tell())


def test_ccxt_places_and_cancels_orders_and_finds_them_again(exchange):
    async def story(client, pair):
        ticker = await client.fetch_ticker(pair)
        low, high = round(ticker["bid"] * 0.9, 2), round(ticker["ask"] * 1.1, 2)
        mine = {"clientOrderId": "robot-1"}
        resting = await client.create_order(pair, "limit", "buy", 0.01, low, mine)
        posted = await client.create_order(pair, "limit", "sell", 0.01, high, {"postOnly": True})
        found = await client.fetch_open_orders(pair)
        assert {one["id"] for one in found} == {resting["id"], posted["id"]}
        assert "robot-1" in {one["clientOrderId"] for one in found}
        assert {one["price"] for one in found} == {low, high}
        await client.cancel_order(resting["id"], pair)
        await client.cancel_all_orders(pair)
        assert await client.fetch_open_orders(pair) == []
        assert (await client.fetch_order(resting["id"], pair))["status"] == "canceled"

    run(exchange, story)
    assert [one.status for one in exchange.truth().orders] == ["canceled", "canceled"]


def test_ccxt_trades_and_its_fills_and_balances_are_the_truth(exchange):
    async def story(client, pair):
        base, quote = pair.split("/")
        before = await client.fetch_balance()
        order = await client.create_order(pair, "market", "buy", 0.5)
        fills = await client.fetch_my_trades(pair)
        after = await client.fetch_balance()
        closed = await client.fetch_closed_orders(pair)
        assert [one["id"] for one in closed] == [order["id"]]
        assert closed[0]["filled"] == 0.5
        cost = sum(one["cost"] for one in fills)
        fee = sum(one["fee"]["cost"] for one in fills)
        in_base = fills[0]["fee"]["currency"] == base
        gained = after[base]["free"] - before[base]["free"]
        assert gained == pytest.approx(0.5 - fee if in_base else 0.5)
        paid = before[quote]["free"] - after[quote]["free"]
        assert paid == pytest.approx(cost if in_base else cost + fee)
        return fills

    fills = run(exchange, story)
    true = exchange.truth().fills
    assert sorted(one["amount"] for one in fills) == sorted(float(one.volume) for one in true)
    assert sum(one["fee"]["cost"] for one in fills) == pytest.approx(
        float(sum(one.fee for one in true)), rel=1e-4
    )


def test_ccxt_understands_each_refusal(exchange):
    async def story(client, pair):
        low = round((await client.fetch_ticker(pair))["bid"] * 0.9, 2)
        with pytest.raises(ccxt.InsufficientFunds):
            await client.create_order(pair, "limit", "buy", 1_000, low)
        with pytest.raises(ccxt.ExchangeError, match=r"immediately match|Post only"):
            await client.create_order(pair, "limit", "sell", 0.01, low, {"postOnly": True})
        with pytest.raises((ccxt.OrderNotFound, ccxt.InvalidOrder)):
            await client.cancel_order("O00000-00000-99999Z" if client.id == "kraken" else "9", pair)
        client.secret = exchange.secret[:-6] + "AAAAA="
        with pytest.raises(ccxt.ExchangeError, match=r"[Ss]ignature"):
            await client.fetch_balance()

    run(exchange, story)
    assert exchange.truth().orders == []


def test_ccxt_pro_watches_orders_from_new_to_done(exchange):
    async def story(client, pair):
        low = round((await client.fetch_ticker(pair))["bid"] * 0.9, 2)

        async def place():
            placed.append(await client.create_order(pair, "limit", "buy", 0.01, low))

        async def cancel():
            await client.cancel_order(placed[0]["id"], pair)

        async def statuses():  # as of now: ccxt changes what it gave
            return [one["status"] for one in await client.watch_orders()]

        placed = []
        assert "open" in await told(client, "orders", statuses, place, len)
        seen = await told(client, "orders", statuses, cancel, lambda seen: "canceled" in seen)
        assert "canceled" in seen

        async def trade():
            await client.create_order(pair, "market", "buy", 0.01)

        fills = await told(client, "myTrades", lambda: client.watch_my_trades(pair), trade, len)
        assert sum(one["amount"] for one in fills) <= 0.01 + 1e-9

    run(exchange, story)


def test_ccxt_pro_watches_the_market(exchange):
    async def story(client, pair):
        for _ in range(8):
            book = await client.watch_order_book(pair)
            assert book["bids"][0][0] < book["asks"][0][0]
        assert (await client.watch_trades(pair))[0]["amount"] > 0
        assert (await client.watch_ticker(pair))["last"] > 0

    run(exchange, story)


def test_ccxt_amends_an_order(exchange):
    async def story(client, pair):
        low = round((await client.fetch_ticker(pair))["bid"] * 0.9, 2)
        order = await client.create_order(pair, "limit", "buy", 0.01, low)
        await client.edit_order(order["id"], pair, "limit", "buy", 0.02, low - 10)
        (found,) = await client.fetch_open_orders(pair)
        assert (found["amount"], found["price"]) == (0.02, pytest.approx(low - 10))

    run(exchange, story)


def test_ccxt_places_and_cancels_over_the_websocket(exchange):
    async def story(client, pair):
        low = round((await client.fetch_ticker(pair))["bid"] * 0.9, 2)
        order = await client.create_order_ws(pair, "limit", "buy", 0.01, low)
        assert [one["id"] for one in await client.fetch_open_orders(pair)] == [order["id"]]
        await client.cancel_order_ws(order["id"], pair if client.id == "binance" else None)
        assert await client.fetch_open_orders(pair) == []

    run(exchange, story)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # python-binance's own
def test_python_binance_trades():
    from binance.client import Client

    with trading_exchange() as exchange:
        here = type("Here", (Client,), {"API_URL": f"{exchange.rest}/api"})
        client = here(exchange.key, exchange.secret)
        try:
            assert client.get_symbol_info("BTCUSDT")["status"] == "TRADING"
            order = client.order_limit_buy(symbol="BTCUSDT", quantity="0.01", price="50000.00")
            assert len(client.get_open_orders(symbol="BTCUSDT")) == 1
            sold = client.order_market_sell(symbol="BTCUSDT", quoteOrderQty="1000")
            assert sold["status"] == "FILLED"
            gone = client.cancel_order(symbol="BTCUSDT", orderId=order["orderId"])
            assert gone["status"] == "CANCELED"
            assert len(client.get_all_orders(symbol="BTCUSDT")) == 2
            assert len(client.get_my_trades(symbol="BTCUSDT")) == len(sold["fills"])
            assert client.get_klines(symbol="BTCUSDT", interval="1m")
            assert client.get_account()["canTrade"]
        finally:
            client.close_connection()
            client.loop.close()  # it made one, and leaves it open
            asyncio.set_event_loop(None)
        true = exchange.truth()
        assert [one.status for one in true.orders] == ["canceled", "filled"]
