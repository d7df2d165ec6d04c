"""KrakenStream against a venue on loopback that speaks its words, tokens by REST included."""

import asyncio
import base64
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest
from tests.exchange.kraken import frames
from tests.exchange.kraken.test_account import OPEN
from tests.exchange.kraken.test_book import ASKS, BIDS, checksum, snapshot
from tests.stream.loopback import drain, until, venue

from millstream.errors import ConfigError
from millstream.exchange import get_exchange_stream
from millstream.exchange.vanished import MOST_QUESTIONS
from millstream.model import (
    Book,
    Channel,
    Connected,
    CurrencyPair,
    Gap,
    OrderStatus,
    Refused,
    Resynced,
)

SECRET = base64.b64encode(b"a secret of some bytes").decode()
QUICK = {"first_delay_s": 0.01, "longest_delay_s": 0.02}
KEYS = {"api_key": "KEY", "api_secret": SECRET}


class Everything:
    def __init__(self):
        for name in (*(channel.value for channel in Channel), "health"):
            setattr(self, f"{name}_queue", asyncio.Queue())


@contextmanager
def tokens(answer, orders=None):
    """Kraken's REST: `answer(number)` gives the JSON of each token, `orders(ids)` of orders."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = parse_qs(body)
            assert self.headers["API-Key"] == "KEY"
            assert len(base64.b64decode(self.headers["API-Sign"])) == 64
            asked.append(int(form["nonce"][0]))
            if self.path == "/0/private/QueryOrders":
                said = orders(form["txid"][0].split(","))
            else:
                assert self.path == "/0/private/GetWebSocketsToken"
                said = answer(len(asked))
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


def token(number):
    return {"error": [], "result": {"token": f"TOKEN{number}", "expires": 900}}


def run(body, on_message, channels, pairs=("btc/usd",), keys=None, **args):
    async def main():
        async with venue(on_message) as server:
            stream = get_exchange_stream(
                "kraken",
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


def answering(**sent):
    """A venue that acknowledges each symbol and then sends the frames of the channel."""

    def on_message(client, message):
        if message["method"] != "subscribe":
            return
        channel = message["params"]["channel"]
        for symbol in message["params"].get("symbol", [""]):
            client.send(frames.acknowledgement(channel, symbol))
        client.send(frames.STATUS, frames.HEARTBEAT, *sent.get(channel, ()))

    return on_message


def test_every_public_channel_has_a_connection_and_asks_in_krakens_words():
    async def body(stream, observer, server):
        for name in ("ticker", "trade", "book", "candle"):
            await getattr(observer, f"{name}_queue").get()
        asked = {one.received[0]["params"]["channel"]: one.received[0] for one in server.clients}
        assert {client.path for client in server.clients} == {"/v2"}
        assert asked["ticker"]["params"]["event_trigger"] == "bbo"
        assert asked["trade"]["params"]["symbol"] == ["BTC/USD", "ETH/USD"]
        assert asked["book"]["params"]["depth"] == 25
        assert asked["ohlc"]["params"]["interval"] == 1

    sent = {
        "ticker": [frames.TICKER],
        "trade": [frames.trades(5)],
        "book": [snapshot()],
        "ohlc": [frames.BAR],
    }
    channels = ["ticker", "trade", "book", "candle"]
    run(body, answering(**sent), channels, ["btc/usd", "eth/usd"], book_depth=20)


def test_a_wrong_checksum_resubscribes_the_one_pair_on_the_same_connection():
    subscribed = []

    def on_message(client, message):
        pairs = message["params"]["symbol"]
        subscribed.append((message["method"], pairs))
        if message["method"] == "subscribe":
            for pair in pairs:
                client.send(snapshot(symbol=pair))

    async def body(stream, observer, server):
        await until(lambda: observer.book_queue.qsize() == 2)
        server.clients[0].send(frames.book("update", [("0.5", "1.0")], [], 1))
        await until(lambda: observer.book_queue.qsize() == 3)
        health = [(type(one), one.symbol) for one in drain(observer.health_queue)]
        btc, eth = CurrencyPair.BTC_USD, CurrencyPair.ETH_USD
        healed = [(Gap, btc), (Resynced, btc)]
        assert health == [(Connected, None), (Resynced, btc), (Resynced, eth), *healed]
        assert subscribed[1:] == [("unsubscribe", ["BTC/USD"]), ("subscribe", ["BTC/USD"])]
        assert len(server.clients) == 1
        assert all(type(book) is Book for book in drain(observer.book_queue))

    run(body, on_message, ["book"], ["btc/usd", "eth/usd"])


def test_a_book_that_never_fits_is_asked_for_again_with_a_pause():
    asked = []

    def on_message(client, message):
        asked.append(message["method"])
        client.send(frames.book("snapshot", BIDS, ASKS, checksum(BIDS, ASKS) + 1))

    async def body(stream, observer, server):
        await until(lambda: asked.count("subscribe") >= 4)
        assert observer.book_queue.empty()

    run(body, on_message, ["book"])


def test_private_channels_use_a_fresh_token_each_one_after_the_other():
    snapshot_of_one = frames.executions(1, OPEN, kind="snapshot")

    async def body(stream, observer, server):
        order = await observer.my_order_queue.get()
        batch = await observer.my_order_batch_queue.get()
        assert [one.venue_id for one in batch.orders] == [order.venue_id]
        used = {one.received[0]["params"]["token"] for one in server.clients}
        assert used == {"TOKEN1", "TOKEN2"}
        server.clients[0].transport.disconnect(False)
        await until(lambda: len(server.clients) == 3 and server.clients[2].received)
        assert server.clients[2].received[0]["params"]["token"] == "TOKEN3"
        assert nonces == sorted(set(nonces))

    with tokens(token) as (host, nonces):
        on_message = answering(executions=[snapshot_of_one])
        run(body, on_message, ["my_order", "my_order_batch"], keys=KEYS, rest_host=host)


def test_a_fill_comes_once_also_after_a_reconnect():
    async def body(stream, observer, server):
        await observer.my_trade_queue.get()
        server.clients[0].transport.disconnect(False)
        await until(lambda: len(server.clients) == 2 and server.clients[1].received)
        assert server.clients[1].received[0]["params"]["snap_trades"] is True
        await until(lambda: stream.statistics()[0].frames >= 8)
        assert observer.my_trade_queue.empty()

    with tokens(token) as (host, _):
        on_message = answering(executions=[frames.FILL])
        run(body, on_message, ["my_trade"], keys=KEYS, rest_host=host)


def test_a_wrong_key_is_an_event_with_the_venues_reason():
    async def body(stream, observer, server):
        refused = await observer.health_queue.get()
        while type(refused) is not Refused:
            refused = await observer.health_queue.get()
        assert "EAPI:Invalid key" in refused.reason
        assert SECRET not in refused.reason

    with tokens(lambda number: {"error": ["EAPI:Invalid key"]}) as (host, _):
        run(body, answering(), ["my_order"], keys=KEYS, rest_host=host)


def test_a_misspelt_pair_is_refused_by_name_while_the_others_go_on():
    def on_message(client, message):
        client.send(frames.acknowledgement("ticker", "BTC/USD"), frames.REFUSAL, frames.TICKER)

    async def body(stream, observer, server):
        await observer.ticker_queue.get()
        await until(lambda: observer.health_queue.qsize() == 2)
        refused = drain(observer.health_queue)[1]
        assert (type(refused), str(refused.symbol)) == (Refused, "XYZ/USD")

    run(body, on_message, ["ticker"], ["btc/usd", "xyz/usd"])


def test_a_private_channel_without_a_key_is_refused_before_anything_is_connected():
    with pytest.raises(ConfigError, match="api_key"):
        get_exchange_stream("kraken", ["btc/usd"], ["my_order"])


class Reconnected:
    """One open order at the first connect, none at the next: it ended in between."""

    def __init__(self):
        self.snapshots = [[OPEN], []]

    def __call__(self, client, message):
        if message["method"] == "subscribe":
            client.send(frames.acknowledgement("executions", ""))
            reports = self.snapshots.pop(0) if self.snapshots else []
            client.send(frames.executions(1, *reports, kind="snapshot"))


@pytest.mark.parametrize(
    ("status", "filled", "ended"),
    [
        ("closed", "0.00500000", OrderStatus.FILLED),
        ("canceled", "0.00200000", OrderStatus.CANCELED),
        ("expired", "0", OrderStatus.EXPIRED),
    ],
)
def test_an_order_that_ended_while_we_were_away_is_told_of_by_rest(status, filled, ended):
    asked = []

    def orders(venue_ids):
        asked.append(venue_ids)
        told = {
            "status": status,
            "vol_exec": filled,
            "price": "26500.0",
            "reason": "User requested",
        }
        if len(asked) == 1:
            told["status"] = "open"  # REST lags behind the stream
        return {"error": [], "result": dict.fromkeys(venue_ids, told)}

    async def body(stream, observer, server):
        before = await observer.my_order_queue.get()
        assert before.status is OrderStatus.WORKING
        server.clients[0].transport.disconnect(False)
        after = await observer.my_order_queue.get()
        assert (after.status, str(after.filled_volume)) == (ended, filled)
        assert (after.venue_id, after.volume, after.side) == (
            *(before.venue_id, before.volume, before.side),
        )
        assert asked == [[before.venue_id]] * 2
        assert observer.my_order_queue.empty()

    with tokens(token, orders) as (host, _):
        run(body, Reconnected(), ["my_order"], keys=KEYS, rest_host=host)


def test_an_order_that_rest_does_not_know_spoils_no_other_and_is_given_up_with_a_gap():
    other = OPEN.replace("OK4GJX-KSTLS-7DZZO5", "OTHER")
    assert other != OPEN
    asked = []

    def orders(venue_ids):
        asked.append(venue_ids)
        if "OTHER" in venue_ids:
            return {"error": ["EOrder:Unknown order"]}
        told = {"status": "canceled", "vol_exec": "0", "price": "0", "reason": None}
        return {"error": [], "result": dict.fromkeys(venue_ids, told)}

    async def body(stream, observer, server):
        one, another = [await observer.my_order_queue.get() for _ in range(2)]
        server.clients[0].transport.disconnect(False)
        ended = await observer.my_order_queue.get()
        assert (ended.venue_id, ended.status) == (one.venue_id, OrderStatus.CANCELED)
        gap = await observer.health_queue.get()
        while type(gap) is not Gap:
            gap = await observer.health_queue.get()
        assert (gap.expected, gap.symbol, gap.missing) == ("OTHER", another.symbol, 1)
        assert "order OTHER is not open any more" in gap.reason
        together, *singly = asked
        assert (sorted(together), singly[:2]) == (
            sorted([one.venue_id, "OTHER"]),
            [[name] for name in together],
        )
        assert asked.count(["OTHER"]) == MOST_QUESTIONS
        await asyncio.sleep(0.1)
        assert asked.count(["OTHER"]) == MOST_QUESTIONS

    venue = Reconnected()
    venue.snapshots = [[OPEN, other], []]
    with tokens(token, orders) as (host, _):
        run(body, venue, ["my_order"], keys=KEYS, rest_host=host)


def test_an_end_that_rest_does_not_tell_is_a_gap_until_it_does():
    answers = [{"error": ["EService:Unavailable"]}]

    def orders(venue_ids):
        told = {"status": "canceled", "vol_exec": "0", "price": "0", "reason": None}
        return answers.pop() if answers else {"error": [], "result": {venue_ids[0]: told}}

    async def body(stream, observer, server):
        await observer.my_order_queue.get()
        server.clients[0].transport.disconnect(False)
        assert (await observer.my_order_queue.get()).status is OrderStatus.CANCELED
        gaps = [one for one in drain(observer.health_queue) if type(one) is Gap]
        assert ["EService:Unavailable" in gap.reason for gap in gaps] == [True]

    with tokens(token, orders) as (host, _):
        run(body, Reconnected(), ["my_order"], keys=KEYS, rest_host=host)


def deep(text):
    """JSON that nests so deeply that reading it is a RecursionError, not a wrong JSON."""
    return b'{"more":' + b"[" * 100_000 + b"]" * 100_000 + b"," + text


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b'{"error":[],"result":{"token":1e999999}}',
        b'{"error":[],"result":{"token":"\xff"}}',
        deep(b'"error":[]}'),
    ],
)
def test_a_token_that_cannot_be_read_is_counted_and_asked_for_again(said):
    async def body(stream, observer, server):
        await observer.my_order_queue.get()
        assert stream.counts()[Channel.MY_ORDER].malformed == 1
        assert stream.counts()[Channel.MY_ORDER].samples[0].raw == b""

    with tokens(lambda number: said if number == 1 else token(number)) as (host, _):
        run(body, answering(executions=[frames.PLACED]), ["my_order"], keys=KEYS, rest_host=host)


IMPOSSIBLE = ['"1e999999"', "1e999999", '"-1e999999"', '"1e-999999"', '"NaN"', '"sNaN"', '"-1"']


@pytest.mark.parametrize("number", IMPOSSIBLE)
@pytest.mark.parametrize("field", ["vol_exec", "price"])
def test_an_impossible_number_about_an_end_is_counted_and_asked_for_again(field, number):
    told = {"status": "canceled", "vol_exec": "0", "price": "0", "reason": None}

    def orders(venue_ids):
        asked.append(venue_ids)
        whole = json.dumps({"error": [], "result": {venue_ids[0]: told}})
        if len(asked) > 1:
            return whole.encode()
        return whole.replace(f'"{field}": "0"', f'"{field}": {number}').encode()

    async def body(stream, observer, server):
        await observer.my_order_queue.get()
        server.clients[0].transport.disconnect(False)
        ended = await observer.my_order_queue.get()
        assert (ended.status, ended.filled_volume) == (OrderStatus.CANCELED, 0)
        counts = stream.counts()[Channel.MY_ORDER]
        assert (counts.malformed, len(asked)) == (1, 2)
        assert counts.accounted == counts.frames

    asked = []
    with tokens(token, orders) as (host, _):
        run(body, Reconnected(), ["my_order"], keys=KEYS, rest_host=host)


@pytest.mark.parametrize(
    "said", [b"{", b'{"result":{"OK":{"status":"\xff"}}}', deep(b'"error":[]}')]
)
def test_an_answer_about_ends_that_cannot_be_read_is_a_gap_and_asked_for_again(said):
    def orders(venue_ids):
        asked.append(venue_ids)
        told = {"status": "canceled", "vol_exec": "0", "price": "0", "reason": None}
        return said if len(asked) == 1 else {"error": [], "result": {venue_ids[0]: told}}

    async def body(stream, observer, server):
        await observer.my_order_queue.get()
        server.clients[0].transport.disconnect(False)
        assert (await observer.my_order_queue.get()).status is OrderStatus.CANCELED
        gaps = [one for one in drain(observer.health_queue) if type(one) is Gap]
        assert ["could not be reconciled" in gap.reason for gap in gaps] == [True]
        assert stream.counts()[Channel.MY_ORDER].malformed == 1

    asked = []
    with tokens(token, orders) as (host, _):
        run(body, Reconnected(), ["my_order"], keys=KEYS, rest_host=host)
