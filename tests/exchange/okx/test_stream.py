"""OkxStream and OkxSwapStream against a venue on loopback that speaks their words."""

import asyncio
import json
from decimal import Decimal

import pytest
from tests.exchange.okx import frames
from tests.stream.loopback import drain, rest, until, venue

from millstream.errors import ConfigError
from millstream.exchange import get_exchange_stream
from millstream.model import (
    Book,
    CurrencyPair,
    Gap,
    MyOrder,
    MyOrderBatch,
    MyTrade,
    OrderStatus,
    Refused,
    Resynced,
    Ticker,
    Trade,
)

BTC = CurrencyPair.BTC_USDT
KEYS = {"api_key": "key-1", "api_secret": "secret-2", "api_auth_data": "phrase 3"}
QUICK = {
    "first_delay_s": 0.01,
    "longest_delay_s": 0.02,
    "message_pause_s": 0.0,
    "overlap_s": 0.05,
}


class Everything:
    def __init__(self):
        for name in ("ticker", "trade", "book", "health", "my_order", "my_trade", "my_order_batch"):
            setattr(self, f"{name}_queue", asyncio.Queue())


class Okx:
    """Acknowledges, logs in, answers pings; `sent` are a channel's first frames."""

    def __init__(self, passphrase="phrase 3", **sent):
        self.sent, self.passphrase = sent, passphrase
        self.logged_in = []

    def __call__(self, client, message):
        if message == "ping":
            client.send(b"pong")
        elif message["op"] == "login":
            self._login(client, message["args"][0])
        elif message["op"] == "subscribe":
            for argument in message["args"]:
                self._subscribe(client, argument)

    def _login(self, client, argument):
        if argument["passphrase"] == self.passphrase:
            self.logged_in.append(client)
            client.send(b'{"event":"login","code":"0","msg":"","connId":"a4"}')
        else:
            client.send(b'{"event":"error","code":"60024","msg":"Wrong passphrase","connId":"a4"}')

    def _subscribe(self, client, argument):
        channel = argument["channel"]
        if channel == "orders" and client not in self.logged_in:
            client.send(b'{"event":"error","code":"60011","msg":"Please log in","connId":"a4"}')
        elif argument.get("instId", "").startswith("BTC-USTD"):
            client.send(frames.UNKNOWN)
        else:
            client.send(json.dumps({"event": "subscribe", "arg": argument}).encode())
            client.send(*self.sent.get(channel, ()))


def run(
    body, speaks, channels, answers=None, exchange="okx", pairs=("btc/usdt",), keys=KEYS, **args
):
    async def main(rest_host):
        async with venue(speaks) as server:
            settings = QUICK | {"rest_host": rest_host} | args
            stream = get_exchange_stream(
                exchange, pairs, channels, api_host=server.url, subscribe_args=settings, **keys
            )
            observer = Everything()
            stream.bind_observer(observer)
            running = asyncio.create_task(stream.start())
            try:
                await asyncio.wait_for(body(stream, observer, server), 20)
            finally:
                await stream.stop()
                await asyncio.wait_for(running, 10)

    with rest(answers or (lambda path: (404, b""))) as host:
        asyncio.run(main(host))


async def first(queue, kind):
    while True:
        event = await asyncio.wait_for(queue.get(), 10)
        if isinstance(event, kind):
            return event


def test_tickers_and_trades_come_by_the_public_connection():
    async def body(stream, observer, server):
        assert isinstance(await first(observer.ticker_queue, Ticker), Ticker)
        assert (await first(observer.trade_queue, Trade)).trade_id == "674510826"
        assert {client.path for client in server.clients} == {"/ws/v5/public"}

    run(body, Okx(tickers=[frames.TICKER], trades=[frames.TRADE]), ["ticker", "trade"])


def test_each_trade_on_its_own_comes_by_the_business_connection():
    async def body(stream, observer, server):
        await first(observer.trade_queue, Trade)
        assert server.clients[0].path == "/ws/v5/business"

    raw = frames.TRADE.replace(b'"trades"', b'"trades-all"')
    run(body, Okx(**{"trades-all": [raw]}), ["trade"], trade_channel="trades-all")


def test_a_text_ping_keeps_the_connection_and_its_answer_is_eaten():
    async def body(stream, observer, server):
        await until(lambda: server.clients and server.clients[0].received.count("ping") >= 2)
        assert stream.counts()["ticker"].reasons.get("an answer to a ping") is None

    run(body, Okx(), ["ticker"], ping_every_s=0.02, ping_reply_s=0.02)


def test_a_misspelt_pair_is_refused_by_name_and_the_others_go_on():
    async def body(stream, observer, server):
        refusal = await first(observer.health_queue, Refused)
        assert str(refusal.symbol) == "BTC/USTD"
        assert (await first(observer.ticker_queue, Ticker)).symbol == BTC

    run(body, Okx(tickers=[frames.TICKER]), ["ticker"], pairs=["btc/ustd", "btc/usdt"])


def test_a_gap_subscribes_its_pair_anew_on_the_same_connection():
    async def body(stream, observer, server):
        await first(observer.book_queue, Book)
        server.clients[0].send(frames.book(7, 8, [("99", "5")]))
        assert (await first(observer.health_queue, Gap)).symbol == BTC
        assert (await first(observer.health_queue, Resynced)).symbol == BTC
        operations = [m["op"] for m in server.clients[0].received if isinstance(m, dict)]
        assert operations == ["subscribe", "unsubscribe", "subscribe"]
        assert len(server.clients) == 1

    # The first Resynced is of the first book; the one awaited comes after the Gap.
    run(body, Okx(books=[frames.whole(3)]), ["book"])


def test_a_swaps_contracts_are_asked_for_before_it_is_subscribed():
    async def body(stream, observer, server):
        ticker = await first(observer.ticker_queue, Ticker)
        assert ticker.bid_volume == pytest.approx(7.793)

    asked = []
    run(
        body,
        Okx(tickers=[frames.SWAP_TICKER]),
        ["ticker"],
        lambda path: (asked.append(path), (200, frames.INSTRUMENTS))[1],
        exchange="okx_swap",
    )
    assert asked == ["/api/v5/public/instruments?instType=SWAP"]


@pytest.mark.parametrize(
    ("exchange", "frame"), [("okx", frames.TICKER), ("okx_swap", frames.SWAP_TICKER)]
)
def test_the_notice_of_an_upgrade_opens_another_connection_before_the_old_one_closes(
    exchange, frame
):
    async def body(stream, observer, server):
        await first(observer.ticker_queue, Ticker)
        server.clients[0].send(frames.NOTICE)
        await until(lambda: len(server.clients) == 2)
        await until(lambda: len(server.gone) == 1)
        assert server.gone[0] is server.clients[0]
        drain(observer.ticker_queue)
        server.clients[1].send(frame)
        await first(observer.ticker_queue, Ticker)

    answers = lambda path: (200, frames.INSTRUMENTS)  # noqa: E731
    run(body, Okx(tickers=[frame]), ["ticker"], answers, exchange=exchange)


def account(path):
    """What REST says of the account."""
    page, _, query = path.partition("?")
    data = []
    if page == "/api/v5/trade/orders-pending":
        data = [frames.order(ordId="2", clOrdId="two", uTime="5000")]
    elif page == "/api/v5/trade/order" and "ordId=1" in query:
        data = [frames.order(state="canceled", uTime="6000")]
    elif page == "/api/v5/trade/fills-history":
        data = [
            {
                "instId": "BTC-USDT",
                "tradeId": "77",
                "ordId": "2",
                "clOrdId": "two",
                "side": "buy",
                "fillPx": "100.5",
                "fillSz": "0.5",
                "fee": "-0.01",
                "feeCcy": "USDT",
                "execType": "T",
                "ts": "5500",
                "billId": "1",
            }
        ]
    return 200, json.dumps({"code": "0", "msg": "", "data": data}).encode()


def test_own_orders_come_after_a_login_and_what_was_missed_is_asked_for():
    async def body(stream, observer, server):
        assert (await first(observer.my_order_queue, MyOrder)).venue_id in ("1", "2")
        await until(lambda: server.clients[0].received[-1]["op"] == "subscribe")
        server.clients[0].send(frames.orders(frames.order(ordId="1", uTime="4000")))
        while (await first(observer.my_order_queue, MyOrder)).venue_id != "1":
            pass
        server.clients[0].transport.disconnect(False)
        cancelled = await first(observer.my_order_queue, MyOrder)
        assert (cancelled.venue_id, cancelled.status) == ("1", OrderStatus.CANCELED)
        assert server.clients[0].path == "/ws/v5/private"
        assert server.clients[0].received[1]["args"] == [{"channel": "orders", "instType": "SPOT"}]

    run(body, Okx(), ["my_order"], account)


def test_a_batch_of_open_orders_comes_after_each_connect():
    async def body(stream, observer, server):
        for _ in range(2):
            batch = await first(observer.my_order_batch_queue, MyOrderBatch)
            assert [order.order_id for order in batch.orders] == ["two"]
            server.clients[-1].transport.disconnect(False)

    run(body, Okx(), ["my_order_batch"], account)


def test_a_fill_missed_is_asked_for_and_given_once():
    async def body(stream, observer, server):
        fill = await first(observer.my_trade_queue, MyTrade)
        assert (fill.trade_id, fill.fee) == ("77", Decimal("0.01"))
        server.clients[0].transport.disconnect(False)
        await until(lambda: len(server.clients) == 2 and len(server.clients[1].received) == 2)
        again = frames.order(ordId="2", tradeId="77", fillSz="0.5", fillPx="100.5", accFillSz="0.5")
        new = frames.order(ordId="2", tradeId="78", fillSz="0.5", fillPx="100.5", accFillSz="1")
        server.clients[1].send(frames.orders(again), frames.orders(new))
        assert (await first(observer.my_trade_queue, MyTrade)).trade_id == "78"

    run(body, Okx(), ["my_trade"], account)


def test_a_wrong_passphrase_is_refused_in_the_venues_words():
    async def body(stream, observer, server):
        assert "Wrong passphrase" in (await first(observer.health_queue, Refused)).reason

    run(body, Okx(passphrase="another"), ["my_order"], account)


def test_a_private_channel_without_keys_is_one_sentence():
    with pytest.raises(ConfigError, match="api_key and api_secret"):
        get_exchange_stream("okx", ["btc/usdt"], ["my_order"])
