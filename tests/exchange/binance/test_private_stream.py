"""The account's stream of spot against a venue on loopback: login, loss, reconciliation."""

import asyncio
import hashlib
import hmac
import json

import pytest
from tests.exchange.binance.account import KEY, SECRET, account_pages, order, report, trade
from tests.exchange.binance.test_auth import PEM
from tests.stream.loopback import drain, until, venue

from millstream.errors import ConfigError, StreamError
from millstream.exchange import get_exchange_stream
from millstream.model import Connected, Disconnected, OrderStatus, Refused

QUICK = {"first_delay_s": 0.01, "longest_delay_s": 0.02, "first_data_s": 0.2, "overlap_s": 0.01}


class Everything:
    def __init__(self):
        for name in ("my_order", "my_trade", "my_order_batch", "health"):
            setattr(self, f"{name}_queue", asyncio.Queue())


class Api:
    """The venue's side of its WebSocket API."""

    def __init__(self, pages):
        self.pages = pages
        self.methods = []

    def on_message(self, client, message):
        self.methods.append(message["method"])
        answer = {"id": message["id"], "status": 200, "result": {"subscriptionId": 0}}
        signed = dict(message.get("params", {}))
        signature = signed.pop("signature", "")
        text = "&".join(f"{name}={value}" for name, value in sorted(signed.items()))
        good = hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest() == signature
        late = abs(self.pages.now_ms - signed.get("timestamp", 0)) > 1000
        if message["method"] == "userDataStream.subscribe.signature" and (not good or late):
            error = {"code": -1022, "msg": "Signature for this request is not valid."}
            answer = {"id": message["id"], "status": 400, "error": error}
        client.send(json.dumps(answer).encode())


def tell(client, event):
    client.send(json.dumps({"subscriptionId": 0, "event": event}).encode())


def run(body, channel, *, secret=SECRET, skew_ms=0, prepare=None, **settings):
    async def main(pages):
        api = Api(pages)
        if prepare is not None:
            prepare(pages)
        async with venue(api.on_message) as server:
            stream = get_exchange_stream(
                "binance",
                ["eth/usdt"],
                [channel],
                KEY,
                secret,
                api_host=server.url,
                reconnect_times=settings.pop("reconnect_times", -1),
                subscribe_args=QUICK | {"rest_host": pages.url} | settings,
            )
            observer = Everything()
            stream.bind_observer(observer)
            running = asyncio.create_task(stream.start())
            try:
                await asyncio.wait_for(body(observer, server, pages, api, running), 20)
            finally:
                await stream.stop()
                await asyncio.wait({running}, timeout=10)

    with account_pages(skew_ms) as pages:
        asyncio.run(main(pages))


def reconciled(pages, page, times=1):
    return lambda: [name for _, name in pages.asked].count(page) >= times


@pytest.mark.parametrize("skew_ms", [0, 90_000, -90_000])
def test_own_orders_are_told_by_rest_and_then_by_the_stream_whatever_our_clock_says(skew_ms):
    async def body(observer, server, pages, api, running):
        first = await observer.my_order_queue.get()
        assert (first.order_id, first.status) == ("run7", OrderStatus.WORKING)
        tell(server.clients[0], report(7, "PARTIALLY_FILLED", "0.5", 1001, trade_id=3))
        second = await observer.my_order_queue.get()
        assert (second.order_id, second.status) == ("run7", OrderStatus.PARTIAL)
        assert server.clients[0].path == "/ws-api/v3"
        assert api.methods == ["userDataStream.subscribe.signature"]

    run(body, "my_order", skew_ms=skew_ms, prepare=lambda pages: pages.orders.update({7: order(7)}))


def test_an_ed25519_key_logs_the_session_on():
    async def body(observer, server, pages, api, running):
        await until(lambda: len(api.methods) == 2)
        assert api.methods == ["session.logon", "userDataStream.subscribe"]

    run(body, "my_order", secret=PEM)


def test_an_order_that_ended_while_disconnected_is_told_after_the_reconnect():
    async def body(observer, server, pages, api, running):
        await observer.my_order_queue.get()
        pages.orders[7] = order(7, "FILLED", "1.0", 2000)
        server.clients[0].transport.disconnect(False)
        told = await observer.my_order_queue.get()
        assert (told.order_id, told.status) == ("run7", OrderStatus.FILLED)
        assert ("GET", "order") in pages.asked

    run(body, "my_order", prepare=lambda pages: pages.orders.update({7: order(7)}))


def test_an_order_that_rest_does_not_find_stays_as_it_was_and_the_others_are_told():
    async def body(observer, server, pages, api, running):
        await observer.my_order_queue.get()
        pages.orders = {9: order(9)}
        server.clients[0].transport.disconnect(False)
        assert (await observer.my_order_queue.get()).order_id == "run9"
        await until(lambda: [name for _, name in pages.asked].count("order") == 1)
        assert observer.my_order_queue.empty()

    run(body, "my_order", prepare=lambda pages: pages.orders.update({7: order(7)}))


def test_fills_missed_while_disconnected_come_once_each_with_our_ids():
    async def body(observer, server, pages, api, running):
        await until(reconciled(pages, "myTrades"))
        tell(server.clients[0], report(7, "PARTIALLY_FILLED", "0.5", pages.now_ms, trade_id=3))
        first = await observer.my_trade_queue.get()
        pages.orders.update({7: order(7, "FILLED", "1.0"), 8: order(8, "PARTIALLY_FILLED", "0.5")})
        pages.trades += [trade(n, 7 if n < 5 else 8, pages.now_ms) for n in (3, 4, 5)]
        server.clients[0].transport.disconnect(False)
        later = [await observer.my_trade_queue.get() for _ in range(2)]
        assert [one.trade_id for one in (first, *later)] == ["3", "4", "5"]
        assert [one.order_id for one in (first, *later)] == ["run7", "run7", "run8"]
        await until(lambda: len(server.clients) == 2)
        tell(server.clients[1], report(8, "FILLED", "1.0", pages.now_ms, trade_id=5))
        tell(server.clients[1], report(8, "FILLED", "1.0", pages.now_ms, trade_id=6))
        assert (await observer.my_trade_queue.get()).trade_id == "6"

    run(body, "my_trade")


def test_more_fills_than_a_page_holds_all_come():
    async def body(observer, server, pages, api, running):
        await until(lambda: observer.my_trade_queue.qsize() == 2_500)
        ids = [int(one.trade_id) for one in drain(observer.my_trade_queue)]
        assert ids == list(range(1, 2_501))

    def prepare(pages):
        pages.orders[7] = order(7)
        pages.trades += [trade(number, 7, 5_000) for number in range(1, 2_501)]

    run(body, "my_trade", prepare=prepare, trades_since_ms=1)


def test_a_batch_comes_after_each_connect():
    async def body(observer, server, pages, api, running):
        batch = await observer.my_order_batch_queue.get()
        assert [one.order_id for one in batch.orders] == ["run7"]
        pages.orders = {7: order(7, "CANCELED"), 9: order(9)}
        server.clients[0].transport.disconnect(False)
        batch = await observer.my_order_batch_queue.get()
        assert [one.order_id for one in batch.orders] == ["run9"]

    run(body, "my_order_batch", prepare=lambda pages: pages.orders.update({7: order(7)}))


@pytest.mark.parametrize("end", ["eventStreamTerminated", "serverShutdown"])
def test_a_subscription_that_the_venue_ends_is_taken_up_by_another_connection(end):
    async def body(observer, server, pages, api, running):
        await until(reconciled(pages, "openOrders"))
        tell(server.clients[0], {"e": end, "E": 1})
        await until(reconciled(pages, "openOrders", 2))
        tell(server.clients[1], report(7))
        assert (await observer.my_order_queue.get()).order_id == "run7"
        await until(lambda: server.gone)
        assert server.gone == [server.clients[0]]

    run(body, "my_order")


def test_a_wrong_key_is_told_and_given_up_in_one_sentence():
    async def body(observer, server, pages, api, running):
        await asyncio.wait({running})
        with pytest.raises(StreamError, match=r"Signature for this request is not valid"):
            running.result()
        events = drain(observer.health_queue)
        assert any(type(event) is Refused for event in events)
        assert not any(type(event) is Connected for event in events)
        assert "wrong-secret" not in repr(events)

    run(body, "my_order", secret="wrong-secret", reconnect_times=1)


def test_a_channel_of_the_account_without_keys_is_one_sentence():
    with pytest.raises(ConfigError, match="api_key and api_secret"):
        get_exchange_stream("binance", ["eth/usdt"], ["my_trade"])


def test_a_disconnect_is_an_event():
    async def body(observer, server, pages, api, running):
        await until(reconciled(pages, "openOrders"))
        server.clients[0].transport.disconnect(False)
        await until(reconciled(pages, "openOrders", 2))
        kinds = [type(event) for event in drain(observer.health_queue)]
        assert kinds[:3] == [Connected, Disconnected, Connected]

    run(body, "my_order")
