"""KrakenFutureStream against a venue on loopback that speaks its words, challenge included."""

import asyncio
import base64
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.exchange.kraken_future import frames
from tests.stream.loopback import drain, until, venue

from millstream.errors import ConfigError
from millstream.exchange import get_exchange_stream
from millstream.exchange.credentials import Credentials
from millstream.exchange.kraken_future import auth
from millstream.exchange.vanished import MOST_QUESTIONS
from millstream.model import (
    Channel,
    Connected,
    CurrencyPair,
    Gap,
    OrderStatus,
    Refused,
    Resynced,
)

SECRET = base64.b64encode(b"a secret of some bytes").decode()
KEYS = {"api_key": "KEY", "api_secret": SECRET}
QUICK = {"first_delay_s": 0.01, "longest_delay_s": 0.02, "message_pause_s": 0.01}
DATA = {
    "ticker": [frames.TICKER.replace(b"PF_ETHUSD", b"PF_XBTUSD")],
    "trade": [frames.trade_snapshot(5, 6)],
    "book": [frames.book_snapshot(10, [(99, 1)], [(101, 2)])],
    "open_orders": [frames.order_snapshot(frames.an_order(304.0, 0.0))],
    "fills": [frames.REBATE],
}


class Everything:
    def __init__(self):
        for name in (*(channel.value for channel in Channel), "health"):
            setattr(self, f"{name}_queue", asyncio.Queue())


class FuturesVenue:
    """A challenge of its own for each connection, and only what was signed with it."""

    def __init__(self):
        self.challenges = {}

    def __call__(self, client, message):
        if message["event"] == "challenge":
            known = message["api_key"] == "KEY"
            challenge = self.challenges[client] = f"challenge {len(self.challenges)}"
            event = "challenge" if known else "alert"
            said = {"event": event, "message": challenge if known else "Invalid API key"}
            client.send(frames.INFO, json.dumps(said).encode())
        elif message["event"] == "subscribe":
            products, feed = message.get("product_ids"), message["feed"]
            if products is None:
                proof = auth.proof(Credentials("KEY", SECRET), self.challenges[client])
                assert {name: message[name] for name in proof} == proof
            for product in products or [""]:
                client.send(frames.acknowledgement(feed, product))
            client.send(*DATA[feed])


def run(body, on_message, channels, pairs=("btc/usd",), keys=None, **args):
    async def main():
        async with venue(on_message) as server:
            stream = get_exchange_stream(
                "kraken_future",
                pairs,
                channels,
                api_host=server.url,
                subscribe_args=QUICK | args,
                **(keys or {}),
            )
            observer = Everything()
            stream.bind_observer(observer)
            running = asyncio.create_task(stream.start())
            try:
                await asyncio.wait_for(body(stream, observer, server), 20)
            finally:
                await stream.stop()
                await asyncio.wait_for(running, 10)

    asyncio.run(main())


def test_every_channel_has_a_connection_and_its_own_signed_challenge():
    channels = [channel for channel in Channel if channel is not Channel.CANDLE]
    futures = FuturesVenue()

    async def body(stream, observer, server):
        for channel in channels:
            await getattr(observer, f"{channel}_queue").get()
        assert len(server.clients) == len(channels)
        assert {client.path for client in server.clients} == {"/ws/v1"}
        assert len(futures.challenges) == 3

    run(body, futures, channels, keys=KEYS)


def test_a_reconnect_signs_a_new_challenge_and_tells_no_fill_twice():
    futures = FuturesVenue()

    async def body(stream, observer, server):
        await observer.my_trade_queue.get()
        server.clients[0].transport.disconnect(False)
        await until(lambda: len(futures.challenges) == 2)
        await until(lambda: stream.statistics()[0].frames >= 6)
        assert observer.my_trade_queue.empty()

    run(body, futures, ["my_trade"], keys=KEYS)


def test_a_hole_resubscribes_the_one_product_on_the_same_connection():
    async def body(stream, observer, server):
        await until(lambda: observer.book_queue.qsize() == 1)
        server.clients[0].send(frames.level(15, "buy", 98, 1))
        await until(lambda: observer.book_queue.qsize() == 2)
        health = [(type(one), one.symbol) for one in drain(observer.health_queue)]
        btc = CurrencyPair.BTC_USD
        assert health == [(Connected, None), (Resynced, btc), (Gap, btc), (Resynced, btc)]
        asked = [(one["event"], one["product_ids"]) for one in server.clients[0].received]
        assert asked[1:] == [("unsubscribe", ["PF_XBTUSD"]), ("subscribe", ["PF_XBTUSD"])]

    run(body, FuturesVenue(), ["book"])


def test_a_wrong_key_is_an_event_with_the_venues_reason():
    async def body(stream, observer, server):
        refused = await observer.health_queue.get()
        while type(refused) is not Refused:
            refused = await observer.health_queue.get()
        assert "Invalid API key" in refused.reason

    run(body, FuturesVenue(), ["my_order"], keys=KEYS | {"api_key": "WRONG"})


def test_candles_are_not_offered_by_the_venue():
    with pytest.raises(ConfigError, match="candle"):
        get_exchange_stream("kraken_future", ["btc/usd"], ["candle"])


def test_a_private_channel_without_a_key_is_refused_before_anything_is_connected():
    with pytest.raises(ConfigError, match="api_key"):
        get_exchange_stream("kraken_future", ["btc/usd"], ["my_trade"])


@contextmanager
def history(*pages):
    """Kraken Futures' history of orders, page by page; the last one again and again."""
    asked, left = [], list(pages)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            path, _, query = self.path.partition("?")
            assert path == "/api/history/v2/orders"
            wanted = auth.headers(Credentials("KEY", SECRET), path, query)
            assert {name: self.headers[name] for name in wanted} == wanted
            asked.append(query)
            said = left.pop(0) if len(left) > 1 else left[0]
            said = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def page(*events, token=""):
    elements = [{"uid": "e", "timestamp": "1707258274849", "event": event} for event in events]
    return {"elements": elements, "len": len(elements), "continuationToken": token}


def past(quantity, filled, uid="59302619"):
    return {"uid": uid, "tradeable": "PF_XBTUSD", "quantity": quantity, "filled": filled}


PLACED = {"OrderPlaced": {"order": past("304", "0"), "reason": "new_user_order"}}
CANCELLED = {"OrderCancelled": {"order": past("204", "100"), "reason": "cancelled_by_user"}}
FILLED = {
    "OrderUpdated": {
        "newOrder": past("0", "304"),
        "oldOrder": past("304", "0"),
        "reason": "full_fill",
    }
}
OTHERS = {"OrderCancelled": {"order": past("1", "0", "another"), "reason": "cancelled_by_user"}}


def test_an_order_that_the_history_does_not_have_is_given_up_with_a_gap():
    async def body(stream, observer, server):
        before = await observer.my_order_queue.get()
        DATA["open_orders"] = [frames.order_snapshot()]
        server.clients[0].transport.disconnect(False)
        gap = await observer.health_queue.get()
        while type(gap) is not Gap:
            gap = await observer.health_queue.get()
        assert (gap.expected, gap.symbol) == (before.venue_id, before.symbol)
        assert "did not say how it ended" in gap.reason
        await asyncio.sleep(0.1)
        assert len(asked) == MOST_QUESTIONS

    kept = DATA["open_orders"]
    try:
        with history(page(OTHERS)) as (host, asked):
            run(body, FuturesVenue(), ["my_order"], keys=KEYS, rest_host=host)
    finally:
        DATA["open_orders"] = kept


@pytest.mark.parametrize(
    ("pages", "ended", "filled", "asked_for"),
    [
        ([page(OTHERS, CANCELLED, PLACED)], OrderStatus.CANCELED, "100", [""]),
        ([page(FILLED, PLACED)], OrderStatus.FILLED, "304", [""]),
        (
            *([page(OTHERS, token="T1"), page(FILLED)], OrderStatus.FILLED, "304"),
            ["", "continuation_token=T1"],
        ),
        ([page(PLACED), page(CANCELLED)], OrderStatus.CANCELED, "100", ["", ""]),  # it lags
    ],
)
def test_an_order_that_ended_while_we_were_away_is_told_of_by_the_history(
    pages, ended, filled, asked_for
):
    futures = FuturesVenue()

    async def body(stream, observer, server):
        before = await observer.my_order_queue.get()
        assert before.status is OrderStatus.WORKING
        DATA["open_orders"] = [frames.order_snapshot()]
        server.clients[0].transport.disconnect(False)
        after = await observer.my_order_queue.get()
        assert (after.status, str(after.filled_volume)) == (ended, filled)
        assert (after.venue_id, after.volume, after.side) == (
            *(before.venue_id, before.volume, before.side),
        )
        assert asked == asked_for
        assert observer.my_order_queue.empty()

    kept = DATA["open_orders"]
    try:
        with history(*pages) as (host, asked):
            run(body, futures, ["my_order"], keys=KEYS, rest_host=host)
    finally:
        DATA["open_orders"] = kept


CANCEL = json.dumps(page(CANCELLED)).encode()
DEEP = b'{"more":' + b"[" * 100_000 + b"]" * 100_000 + b',"elements":[]}'


@pytest.mark.parametrize(
    ("said", "gaps"),
    [
        *((CANCEL.replace(b'"100"', number), 0) for number in (b'"1e999999"', b"1e999999")),
        *((CANCEL.replace(b'"100"', number), 0) for number in (b'"NaN"', b'"sNaN"', b'"-1"')),
        *((CANCEL.replace(b'"204"', number), 0) for number in (b'"1e-999999"', b'"-Infinity"')),
        (CANCEL.replace(b'"100"', b'"a number"'), 1),
        (CANCEL[:-1], 1),
        (DEEP, 1),
    ],
)
def test_a_history_with_something_impossible_is_counted_and_asked_for_again(said, gaps):
    async def body(stream, observer, server):
        await observer.my_order_queue.get()
        DATA["open_orders"] = [frames.order_snapshot()]
        server.clients[0].transport.disconnect(False)
        ended = await observer.my_order_queue.get()
        assert (ended.status, ended.filled_volume) == (OrderStatus.CANCELED, 100)
        told = [one for one in drain(observer.health_queue) if type(one) is Gap]
        assert (len(told), len(asked)) == (gaps, 2)
        counts = stream.counts()[Channel.MY_ORDER]
        assert counts.malformed == 1
        assert counts.accounted == counts.frames

    kept = DATA["open_orders"]
    try:
        with history(said, page(CANCELLED)) as (host, asked):
            run(body, FuturesVenue(), ["my_order"], keys=KEYS, rest_host=host)
    finally:
        DATA["open_orders"] = kept


def test_a_challenge_that_cannot_be_read_is_passed_over():
    class Strange(FuturesVenue):
        def __call__(self, client, message):
            if message["event"] == "challenge":
                client.send(DEEP, b"\xff", b'{"event":1e999999}')
            super().__call__(client, message)

    async def body(stream, observer, server):
        await observer.my_order_queue.get()
        assert len(server.clients) == 1

    run(body, Strange(), ["my_order"], keys=KEYS)
