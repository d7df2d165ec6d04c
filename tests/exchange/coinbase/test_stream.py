"""CoinbaseStream against a venue on loopback that speaks its words."""

import asyncio
import json
import logging
import time

import pytest
from tests.exchange.coinbase import frames
from tests.exchange.coinbase.test_auth import private_key
from tests.exchange.coinbase.test_exchange_feed import ack, match, snapshot
from tests.exchange.coinbase.venue import AdvancedTrade
from tests.stream.loopback import drain, rest, until, venue

from millstream.errors import ConfigError, StreamError
from millstream.exchange import get_exchange_stream
from millstream.model import (
    Channel,
    Connected,
    CurrencyPair,
    Disconnected,
    Gap,
    MyOrderBatch,
    OrderStatus,
    Refused,
    Resynced,
)

QUICK = {
    "first_delay_s": 0.01,
    "longest_delay_s": 0.02,
    "message_pause_s": 0.001,
    "overlap_s": 0.01,
    "rest_host": "http://127.0.0.1:1",
}
SIDES = [(98, 1)], [(102, 1)]


class Everything:
    def __init__(self):
        for name in ("ticker", "trade", "book", "candle", "health"):
            setattr(self, f"{name}_queue", asyncio.Queue())
        for name in ("my_order", "my_trade", "my_order_batch"):
            setattr(self, f"{name}_queue", asyncio.Queue())


def run(body, on_message, channels, pairs=("btc/usd",), keys=("", "", None), **args):
    async def main():
        async with venue(on_message) as server:
            stream = get_exchange_stream(
                "coinbase", pairs, channels, *keys, server.url, subscribe_args=QUICK | args
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


def keyed(name="organizations/o-1/apiKeys/k-1"):
    pytest.importorskip("cryptography")
    return name, private_key(), None


def kinds(queue):
    return [type(event) for event in drain(queue)]


def test_it_subscribes_every_pair_at_once_and_the_heartbeats():
    async def body(stream, observer, server):
        await until(lambda: server.clients and len(server.clients[0].received) == 2)
        assert server.clients[0].received == [
            {"type": "subscribe", "channel": "level2", "product_ids": ["BTC-USD", "ETH-USD"]},
            {"type": "subscribe", "channel": "heartbeats"},
        ]

    run(body, AdvancedTrade(), ["book"], ["btc/usd", "eth/usd"])


def test_each_channel_has_a_connection_of_its_own_and_its_events_arrive():
    sent = {
        "ticker": lambda number: frames.ticker(number, 5, 6),
        "market_trades": lambda number: frames.trades(number, 7, 8),
        "level2": lambda number: frames.book(number, "snapshot", *SIDES),
        "candles": lambda number: frames.candles(number, (600, 5)),
    }
    feed = AdvancedTrade(
        lambda message: [sent[message["channel"]]] if message["channel"] in sent else []
    )

    async def body(stream, observer, server):
        assert (await observer.ticker_queue.get()).ask_price == 6.0
        assert (await observer.trade_queue.get()).trade_id == "7"
        assert (await observer.book_queue.get()).bids == ((98.0, 1.0),)
        assert (await observer.candle_queue.get()).close == 5.0
        assert len(server.clients) == 4

    run(body, feed, ["ticker", "trade", "book", "candle"])


def test_a_lost_frame_brings_a_new_connection_and_a_new_book():
    feed = AdvancedTrade(
        lambda message: (
            [lambda number: frames.book(number, "snapshot", *SIDES)]
            if message["channel"] == "level2"
            else []
        )
    )

    async def body(stream, observer, server):
        await until(lambda: server.clients and len(server.clients[0].received) == 2)
        await until(lambda: observer.book_queue.qsize() == 1)
        feed.skip(server.clients[0])
        feed.tell(server.clients[0], lambda number: frames.book(number, "update", [(99, 1)]))
        await until(lambda: len(server.clients) == 2 and observer.book_queue.qsize() == 2)
        assert [book.bids for book in drain(observer.book_queue)] == [((98.0, 1.0),)] * 2
        await until(lambda: stream.statistics()[0].reconnects == 1)
        told = drain(observer.health_queue)
        order = [type(event) for event in told if type(event) is not Resynced]
        assert order == [Connected, Gap, Disconnected, Connected]
        (gap,) = [event for event in told if type(event) is Gap]
        assert (gap.symbol, gap.missing) == (None, 1)

    run(body, feed, ["book"])


def test_a_crossed_book_is_subscribed_anew_while_the_connection_and_the_others_go_on():
    def snapshots(message):
        products = message.get("product_ids", [])
        return [
            lambda number, product=product: frames.book(number, "snapshot", *SIDES, product=product)
            for product in products
        ]

    feed = AdvancedTrade(snapshots)

    async def body(stream, observer, server):
        await until(lambda: observer.book_queue.qsize() == 2)
        await until(lambda: len(server.clients[0].received) == 2)
        feed.tell(
            server.clients[0],
            lambda number: frames.book(number, "update", [(103, 1)]),
            lambda number: frames.book(number, "update", [(99, 1)], product="ETH-USD"),
        )
        await until(lambda: observer.book_queue.qsize() == 4)
        last = {str(book.symbol): book.bids[0] for book in drain(observer.book_queue)}
        assert last == {"BTC/USD": (98.0, 1.0), "ETH/USD": (99.0, 1.0)}
        assert [(one["type"], one["product_ids"]) for one in server.clients[0].received[2:]] == [
            ("unsubscribe", ["BTC-USD"]),
            ("subscribe", ["BTC-USD"]),
        ]
        assert len(server.clients) == 1

    run(body, feed, ["book"], ["btc/usd", "eth/usd"])


def test_trades_of_a_lost_connection_come_with_the_next_ones_snapshot():
    latest = [5]

    def snapshots(message):
        if message["channel"] != "market_trades":
            return []
        return [lambda number: frames.trades(number, *range(1, latest[0] + 1))]

    async def body(stream, observer, server):
        await until(lambda: observer.trade_queue.qsize() == 5)
        latest[0] = 9
        server.clients[0].transport.disconnect(False)
        await until(lambda: observer.trade_queue.qsize() == 9)
        ids = [int(trade.trade_id) for trade in drain(observer.trade_queue)]
        assert ids == list(range(1, 10))
        assert stream.statistics()[0].gaps == 0

    run(body, AdvancedTrade(snapshots), ["trade"])


def test_a_misspelt_pair_is_told_by_its_name():
    async def body(stream, observer, server):
        await until(lambda: Refused in [type(one) for one in observer.health_queue._queue])
        (refused,) = [one for one in drain(observer.health_queue) if type(one) is Refused]
        assert (str(refused.symbol), refused.channel) == ("XYZ/USD", Channel.TICKER)
        assert "misspelt" in refused.reason

    run(body, AdvancedTrade(), ["ticker"], ["btc/usd", "xyz/usd"])


def test_a_pair_in_usdc_is_served_by_the_one_in_usd():
    feed = AdvancedTrade(
        lambda message: (
            [lambda number: frames.ticker(number, 5, 6)] if message["channel"] == "ticker" else []
        )
    )

    async def body(stream, observer, server):
        assert (await observer.ticker_queue.get()).symbol == CurrencyPair.BTC_USDC
        await until(lambda: len(server.clients[0].received) == 2)
        await asyncio.sleep(0.02)
        assert Refused not in kinds(observer.health_queue)

    run(body, feed, ["ticker"], ["btc/usdc"])


def test_a_snapshot_of_several_megabytes_is_served():
    bids = [(50_000 - step / 100, "0.12345678") for step in range(1, 20_000)]
    asks = [(50_000 + step / 100, "0.12345678") for step in range(1, 20_000)]
    raw = frames.book(0, "snapshot", bids, asks)
    assert len(raw) > 4 * 1024 * 1024

    async def body(stream, observer, server):
        book = await observer.book_queue.get()
        assert (book.bids[0], book.asks[0]) == ((49_999.99, 0.12345678), (50_000.01, 0.12345678))
        assert stream.statistics()[0].malformed == 0

    feed = AdvancedTrade(lambda message: [lambda number: raw] * (message["channel"] == "level2"))
    run(body, feed, ["book"])


# ---- own orders ---------------------------------------------------------------------------------


def own(number, *orders, kind="snapshot"):
    return frames.user(number, kind, *orders)


def test_own_orders_come_with_a_fresh_token_for_every_message():
    feed = AdvancedTrade(
        lambda message: (
            [lambda number: own(number, frames.order())] if message["channel"] == "user" else []
        )
    )

    async def body(stream, observer, server):
        order = await observer.my_order_queue.get()
        assert (order.order_id, order.status) == ("c1", OrderStatus.WORKING)
        await until(lambda: len(server.clients[0].received) == 2)
        server.clients[0].transport.disconnect(False)
        await until(lambda: len(server.clients) == 2 and len(server.clients[1].received) == 2)
        messages = [one for client in server.clients for one in client.received]
        assert [one["channel"] for one in messages] == ["user", "heartbeats"] * 2
        assert len({one["jwt"] for one in messages}) == 4
        assert abs(feed.tokens[0]["nbf"] - time.time()) < 30
        assert len({token["nonce"] for token in feed.tokens}) == 2

    with rest(lambda path: (200, b'{"orders":[]}')) as host:
        run(body, feed, ["my_order"], keys=keyed(), rest_host=host)


def test_every_connection_brings_a_batch_of_what_is_open():
    feed = AdvancedTrade(
        lambda message: (
            [lambda number: own(number, frames.order())] if message["channel"] == "user" else []
        )
    )

    async def body(stream, observer, server):
        for _ in range(2):
            batch = await observer.my_order_batch_queue.get()
            assert type(batch) is MyOrderBatch
            assert [order.venue_id for order in batch.orders] == ["v-1"]
            server.clients[-1].transport.disconnect(False)

    run(body, feed, ["my_order_batch"], keys=keyed())


def test_a_fill_while_the_connection_was_lost_is_found_over_rest():
    asked = []
    open_orders = [[frames.order()]]

    def answers(path):
        asked.append(path)
        if len(asked) == 1:
            return 503, b""
        if "cursor" not in path and "order_ids" in path:
            return 200, b'{"orders":[],"has_next":true,"cursor":"page-2"}'
        filled = {
            "order_id": "v-1",
            "product_id": "BTC-USD",
            "status": "FILLED",
            "side": "BUY",
            "filled_size": "2",
            "filled_value": "100002",
            "total_fees": "15",
        }
        orders = [filled] if "order_ids=v-1" in path else []
        return 200, json.dumps({"orders": orders}).encode()

    feed = AdvancedTrade(
        lambda message: (
            [lambda number: own(number, *open_orders[0])] if message["channel"] == "user" else []
        )
    )

    async def body(stream, observer, server):
        await until(lambda: server.clients and len(server.clients[0].received) == 2)
        await asyncio.sleep(0.05)
        open_orders[0] = []
        server.clients[0].transport.disconnect(False)
        fill = await observer.my_trade_queue.get()
        assert (fill.trade_id, fill.volume, fill.price) == ("v-1:2", 2, 50001)
        assert fill.synthetic
        await until(lambda: len(asked) == 4)
        paths = [path.partition("?") for path in asked]
        assert {path[0] for path in paths} == {"/api/v3/brokerage/orders/historical/batch"}
        assert [path[2] for path in paths] == [
            "order_ids=v-1",  # refused with 503
            "order_ids=v-1",
            "order_ids=v-1&cursor=page-2",
            "start_date=2026-08-12T19%3A27%3A48.5Z",
        ]

    with rest(answers) as host:
        run(body, feed, ["my_trade"], keys=keyed(), rest_host=host)


def test_a_key_that_is_not_taken_is_told_and_not_shown(caplog):
    async def body(stream, observer, server):
        await until(lambda: Refused in [type(one) for one in observer.health_queue._queue])
        (refused, *_) = [one for one in drain(observer.health_queue) if type(one) is Refused]
        assert refused.channel is Channel.MY_ORDER
        assert "does not take the key: authentication failure; check" in refused.reason
        await until(lambda: len(server.clients) > 2)  # each time with a new token
        assert len({token["nonce"] for token in feed.tokens}) > 1

    feed = AdvancedTrade()
    with caplog.at_level(logging.DEBUG):
        run(body, feed, ["my_order"], keys=keyed("revoked"))
    assert "authentication failure" in caplog.text
    assert private_key().splitlines()[1] not in caplog.text


def test_a_stream_that_may_not_reconnect_gives_up_with_the_venues_reason():
    async def main():
        async with venue(AdvancedTrade()) as server:
            stream = get_exchange_stream(
                "coinbase", [], ["my_order"], *keyed("revoked"), server.url, 0, QUICK
            )
            with pytest.raises(StreamError, match="does not take the key: authentication failure"):
                await asyncio.wait_for(stream.start(), 10)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("keys", "words"),
    [(("", "", None), "api_key and api_secret"), (("name", "", None), "api_secret")],
)
def test_own_orders_without_a_key_are_refused_before_anything_is_connected(keys, words):
    with pytest.raises(ConfigError, match=words):
        get_exchange_stream("coinbase", ["btc/usd"], ["my_order"], *keys)


def test_a_key_of_the_wrong_kind_is_refused_before_anything_is_connected():
    pytest.importorskip("cryptography")
    with pytest.raises(ConfigError, match="ECDSA"):
        get_exchange_stream("coinbase", ["btc/usd"], ["my_order"], "name", "a secret")


# ---- the Exchange feed --------------------------------------------------------------------------


def exchange(*sent):
    """The Exchange feed: one message subscribes, one acknowledges."""

    def on_message(client, message):
        name, beat = message["channels"]
        assert beat == "heartbeat"
        products = message["product_ids"]
        client.send(*sent, ack(**{name: products, beat: products}))

    return on_message


def test_the_exchange_feed_is_chosen_by_a_setting():
    async def body(stream, observer, server):
        assert (await observer.trade_queue.get()).trade_id == "5"
        (message,) = server.clients[0].received
        assert message == {
            "type": "subscribe",
            "product_ids": ["BAND-GBP"],
            "channels": ["matches", "heartbeat"],
        }

    run(body, exchange(match(5)), ["trade"], ["band/gbp"], feed="exchange")


def test_the_public_book_of_the_exchange_feed_needs_no_login():
    async def body(stream, observer, server):
        assert (await observer.book_queue.get()).bids == ((14.7, 1.0),)
        (message,) = server.clients[0].received
        assert message["channels"] == ["level2_batch", "heartbeat"]
        assert "signature" not in message

    sent = snapshot([["14.7", "1"]], [["14.8", "1"]])
    run(body, exchange(sent), ["book"], ["band/gbp"], feed="exchange")


def test_the_full_book_of_the_exchange_feed_comes_with_a_login():
    async def body(stream, observer, server):
        await observer.book_queue.get()
        (message,) = server.clients[0].received
        assert message["channels"] == ["level2", "heartbeat"]
        assert (message["key"], message["passphrase"]) == ("key-1", "phrase-1")
        assert abs(int(message["timestamp"]) - time.time()) < 30
        assert len(message["signature"]) == 44

    run(
        body,
        exchange(snapshot([["14.7", "1"]], [["14.8", "1"]])),
        ["book"],
        ["band/gbp"],
        ("key-1", "c2VjcmV0", "phrase-1"),
        feed="exchange",
        book_channel="level2",
    )


def test_the_full_book_without_a_login_is_refused_before_anything_is_connected():
    with pytest.raises(ConfigError, match="passphrase"):
        get_exchange_stream(
            "coinbase",
            ["btc/usd"],
            ["book"],
            "key",
            "c2VjcmV0",
            subscribe_args={"feed": "exchange", "book_channel": "level2"},
        )
