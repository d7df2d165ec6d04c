"""BinanceFutureStream against a venue on loopback: paths, books, listen keys, own orders."""

import asyncio
import json

import pytest
from tests.exchange.binance import frames
from tests.exchange.binance.account import KEY, SECRET, account_pages, order, report, trade
from tests.stream.loopback import drain, rest, until, venue

from millstream.errors import ConfigError, StreamError
from millstream.exchange import get_exchange_stream
from millstream.model import Connected, Gap, OrderStatus, Refused, Resynced, Ticker, Trade

QUICK = {"first_delay_s": 0.01, "longest_delay_s": 0.02, "first_data_s": 0.2, "overlap_s": 0.01}


class Everything:
    def __init__(self):
        channels = ("ticker", "trade", "book", "candle", "my_order", "my_trade", "my_order_batch")
        for name in (*channels, "health"):
            setattr(self, f"{name}_queue", asyncio.Queue())


def run(body, channels, on_message=None, *, rest_host="http://127.0.0.1:1", secret=SECRET, **more):
    async def main():
        async with venue(on_message) as server:
            stream = get_exchange_stream(
                "binance_future",
                more.pop("pairs", ["btc/usdt"]),
                channels,
                more.pop("key", KEY),
                secret,
                api_host=server.url,
                reconnect_times=more.pop("reconnect_times", -1),
                subscribe_args=QUICK | {"rest_host": rest_host} | more,
            )
            observer = Everything()
            stream.bind_observer(observer)
            running = asyncio.create_task(stream.start())
            try:
                await asyncio.wait_for(body(observer, server, running), 20)
            finally:
                await stream.stop()
                await asyncio.wait({running}, timeout=10)

    asyncio.run(main())


def run_private(body, channel, *, key=KEY, **more):
    with account_pages() as pages:

        async def with_pages(observer, server, running):
            await body(observer, server, pages, running)

        run(with_pages, [channel], rest_host=pages.url, pairs=["eth/usdt"], key=key, **more)


def update(*fields):
    said = report(*fields)
    more = {"ap": "2500.0", "ot": "LIMIT"}
    inner = {name: said[name] for name in said if name not in ("e", "E", "Z", "C", "r")} | more
    return json.dumps({"e": "ORDER_TRADE_UPDATE", "E": 1, "T": said["T"], "o": inner}).encode()


def test_each_channel_is_on_its_own_path_since_the_hosts_were_split():
    sent = {"bookTicker": frames.FUTURES_TICKER, "trade": frames.FUTURES_TRADE}

    def on_message(client, message):
        client.send(json.dumps({"result": None, "id": message["id"]}).encode())
        client.send(*[sent[k] for k in sent if message["params"][0].endswith(k)])

    async def body(observer, server, running):
        assert type(await observer.ticker_queue.get()) is Ticker
        assert type(await observer.trade_queue.get()) is Trade
        await until(lambda: sum(len(client.received) for client in server.clients) == 4)
        paths = {client.received[0]["params"][0]: client.path for client in server.clients}
        assert paths == {
            "btcusdt@bookTicker": "/public/stream",
            "btcusdt@trade": "/public/stream",
            "btcusdt@depth@100ms": "/public/stream",
            "btcusdt@kline_1m": "/market/stream",
        }

    run(body, ["ticker", "trade", "book", "candle"], on_message)


def diff(previous, first, last):
    return frames.diff(first, last, T=1, pu=previous)


def test_a_book_is_synced_over_rest_and_a_hole_is_healed_while_the_connection_stays():
    asked, numbers = [], [5, 20]

    def answers(path):
        asked.append(path)
        return 200, json.dumps(json.loads(frames.snapshot(numbers.pop(0))) | {"T": 1}).encode()

    def on_message(client, message):
        client.send(diff(3, 4, 6), diff(6, 7, 8))

    async def body(observer, server, running):
        await until(lambda: observer.book_queue.qsize() == 2)
        server.clients[0].send(diff(19, 21, 22))
        await until(lambda: observer.book_queue.qsize() == 3)
        assert [book.update_id for book in drain(observer.book_queue)] == [6, 8, 22]
        kinds = [type(event) for event in drain(observer.health_queue)]
        assert kinds == [Connected, Resynced, Gap, Resynced]
        assert asked == ["/fapi/v1/depth?symbol=BTCUSDT&limit=1000"] * 2
        assert len(server.clients) == 1

    with rest(answers) as host:
        run(body, ["book"], on_message, rest_host=host)


def test_own_orders_come_over_a_listen_key_and_rest():
    async def body(observer, server, pages, running):
        await until(lambda: ("GET", "openOrders") in pages.asked)
        assert server.clients[0].path == "/private/ws?listenKey=key1&events=ORDER_TRADE_UPDATE"
        server.clients[0].send(update(7, "PARTIALLY_FILLED", "0.5", 1001, 3))
        told = await observer.my_order_queue.get()
        assert (told.order_id, told.status) == ("run7", OrderStatus.PARTIAL)

    run_private(body, "my_order")


def test_fills_missed_while_disconnected_come_once_each():
    async def body(observer, server, pages, running):
        await until(lambda: ("GET", "userTrades") in pages.asked)
        server.clients[0].send(update(7, "PARTIALLY_FILLED", "0.5", pages.now_ms, 3))
        first = await observer.my_trade_queue.get()
        pages.orders[7] = order(7, "FILLED", "1.0")
        pages.trades += [trade(number, 7, pages.now_ms) for number in (3, 4)]
        server.clients[0].transport.disconnect(False)
        second = await observer.my_trade_queue.get()
        assert [first.trade_id, second.trade_id] == ["3", "4"]
        assert second.order_id == "run7"
        assert server.clients[1].path == "/private/ws?listenKey=key2&events=ORDER_TRADE_UPDATE"

    run_private(body, "my_trade")


def test_a_batch_comes_after_each_connect():
    async def body(observer, server, pages, running):
        assert (await observer.my_order_batch_queue.get()).orders == ()
        pages.orders[7] = order(7)
        server.clients[0].transport.disconnect(False)
        batch = await observer.my_order_batch_queue.get()
        assert [one.order_id for one in batch.orders] == ["run7"]

    run_private(body, "my_order_batch")


def test_early_notices_of_fills_are_subscribed_when_they_are_wanted():
    async def body(observer, server, pages, running):
        await until(lambda: server.clients)
        assert server.clients[0].path.endswith("&events=ORDER_TRADE_UPDATE/TRADE_LITE")

    run_private(body, "my_trade", early_fills=True)


def test_a_listen_key_is_renewed_while_it_lasts():
    async def body(observer, server, pages, running):
        await until(lambda: pages.asked.count(("PUT", "listenKey")) >= 3)
        assert (len(server.clients), pages.keys_made) == (1, 1)

    run_private(body, "my_order", listen_key_s=0.05)


def test_a_renewal_that_fails_connects_with_a_new_key():
    async def body(observer, server, pages, running):
        await until(lambda: len(server.clients) == 1)
        pages.refuses_renewal = True
        await until(lambda: len(server.clients) == 2)
        pages.refuses_renewal = False
        await until(lambda: server.gone)
        assert "listenKey=key2" in server.clients[1].path
        server.clients[-1].send(update(7))
        assert (await observer.my_order_queue.get()).order_id == "run7"

    run_private(body, "my_order", listen_key_s=0.3)


def test_an_expired_listen_key_connects_with_a_new_one():
    async def body(observer, server, pages, running):
        await until(lambda: pages.asked.count(("GET", "openOrders")) == 1)
        server.clients[0].send(b'{"e":"listenKeyExpired","E":1,"listenKey":"key1"}')
        await until(lambda: server.gone)
        assert "listenKey=key2" in server.clients[1].path
        await until(lambda: pages.asked.count(("GET", "openOrders")) == 2)

    run_private(body, "my_order")


def test_a_wrong_key_is_told_and_given_up():
    async def body(observer, server, pages, running):
        await asyncio.wait({running})
        with pytest.raises(StreamError, match="Invalid API-key"):
            running.result()
        assert any(type(event) is Refused for event in drain(observer.health_queue))
        assert server.clients == []

    run_private(body, "my_order", key="wrong", reconnect_times=1)


@pytest.mark.parametrize("channel", ["my_order", "my_trade", "my_order_batch"])
def test_a_channel_of_the_account_without_keys_is_one_sentence(channel):
    with pytest.raises(ConfigError, match="api_key and api_secret"):
        get_exchange_stream("binance_future", ["btc/usdt"], [channel])
