"""IBStream against a small TWS on loopback, through ib_async's own client."""

import asyncio
import builtins
import logging
from decimal import Decimal

import pytest
from tests.exchange.ib import frames, tws
from tests.stream.loopback import drain, until

from millstream.errors import ConfigError, StreamError
from millstream.exchange import get_exchange_stream
from millstream.exchange.ib import wire
from millstream.model import (
    Channel,
    Connected,
    CurrencyPair,
    Disconnected,
    Gap,
    OrderStatus,
    Refused,
    Resynced,
    Stale,
)

EUR_USD = CurrencyPair.parse("eur/usd")
QUICK = {"first_delay_s": 0.01, "longest_delay_s": 0.02, "connect_timeout_s": 5.0}
QUEUES = ("ticker", "trade", "book", "candle", "my_order", "my_trade", "my_order_batch", "health")


class Everything:
    def __init__(self):
        for name in QUEUES:
            setattr(self, f"{name}_queue", asyncio.Queue())


def run(body, on_message, channels, pairs=("eur/usd",), client_id=7, args=None, **change):
    async def main():
        async with tws.tws(on_message) as server:
            for name, value in change.items():
                setattr(server, name, value)
            stream = get_exchange_stream(
                "ib",
                pairs,
                channels,
                api_host=server.url,
                api_auth_data=client_id,
                subscribe_args=QUICK | (args or {}),
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


def kinds(queue):
    return [type(event) for event in drain(queue)]


def account(client, fields):
    """An account with one order and one fill."""
    number = int(fields[0])
    if number == tws.ALL_OPEN_ORDERS:
        client.send_raw(
            frames.open_order(3, 9, reference="a1b2c3"),
            frames.status(3, 9, "Submitted", "0", "20000"),
            frames.ORDERS_END,
        )
    elif number == tws.EXECUTIONS:
        request = fields[2]
        client.send_raw(
            frames.execution("a.b.c.01", 9, request=request),
            frames.commission("a.b.c.01"),
            frames.executions_end(request),
        )


def test_tickers_come_of_market_data_and_the_session_has_our_client_id():
    def on_message(client, fields):
        if int(fields[0]) == tws.TICKER_REQUEST:
            request = fields[2]
            client.send_raw(frames.price(request, 1, "1.0912", "5"))
            client.send_raw(frames.price(request, 2, "1.0913", "6"))

    async def body(stream, observer, server):
        first = await observer.ticker_queue.get()
        second = await observer.ticker_queue.get()
        assert {first.symbol, second.symbol} == set(stream.currency_pairs)
        assert (first.bid_price, first.ask_price, first.ask_volume) == (1.0912, 1.0913, 6.0)
        assert first.received_ns > 1_700_000_000 * 10**9
        (client,) = server.clients
        assert (client.client_id, client.versions) == (7, b"v157..178")
        assert client.asked(tws.MARKET_DATA_TYPE) == [["59", "1", "1"]]
        euro, bitcoin = client.asked(tws.TICKER_REQUEST)
        assert euro[4:6] + euro[10:13] == ["EUR", "CASH", "IDEALPRO", "", "USD"]
        assert bitcoin[4:6] + bitcoin[10:13] == ["BTC", "CRYPTO", "PAXOS", "", "USD"]
        figures = stream.statistics()[0]
        assert (figures.state, figures.reconnects, figures.malformed) == ("connected", 0, 0)
        assert figures.frames >= 4
        assert kinds(observer.health_queue) == [Connected]

    run(body, on_message, ["ticker"], ["eur/usd", "btc/usd"])


def test_every_channel_shares_one_session_and_gets_its_own_events():
    def on_message(client, fields):
        account(client, fields)
        number = int(fields[0])
        if number == tws.TICKER_REQUEST:
            client.send_raw(frames.price(fields[2], 1, "1", "5"))
            client.send_raw(frames.price(fields[2], 2, "2", "5"))
        elif number == tws.TICK_BY_TICK:
            client.send_raw(frames.trade(fields[1], 1795190290, "180.1", "100"))
        elif number == tws.DEPTH:
            client.send_raw(frames.row(fields[2], 0, 0, 1, "1", "5"))
            client.send_raw(frames.row(fields[2], 0, 0, 0, "2", "5"))
        elif number == tws.HISTORY:
            client.send_raw(frames.bars(fields[1], (1795190280, 1, 2, 0.5, 1.5, 3, 1, 4)))

    async def body(stream, observer, server):
        for name in QUEUES[:-1]:
            await until(lambda name=name: getattr(observer, f"{name}_queue").qsize())
        assert len(server.clients) == 1
        assert len(drain(observer.my_trade_queue)) == 1
        (batch,) = drain(observer.my_order_batch_queue)[-1:]
        assert [order.venue_id for order in batch.orders] == ["9"]
        (client,) = server.clients
        assert client.asked(tws.HISTORY)[0][16:21] == ["1 min", "600 S", "0", "TRADES", "2"]
        assert client.asked(tws.TICK_BY_TICK)[0][14:] == ["Last", "0", "0"]
        assert client.asked(tws.DEPTH)[0][15:17] == ["10", "1"]
        assert {figures.state for figures in stream.statistics()} == {"connected"}

    args = {"contracts": {"aapl/usd": {"sec_type": "STK", "primary_exchange": "NASDAQ"}}}
    run(body, on_message, [channel.value for channel in Channel], ["aapl/usd"], args=args)


def test_a_snapshot_is_of_the_channels_own_question_and_not_the_end_of_another_list():
    lists = []

    def on_message(client, fields):
        if int(fields[0]) == tws.ALL_OPEN_ORDERS:
            lists.append(client)
            if len(lists) == 2:  # both questions are there: the first answer's end comes first
                client.send_raw(frames.ORDERS_END)
                account(client, fields)

    async def body(stream, observer, server):
        batch = await observer.my_order_batch_queue.get()
        assert [order.venue_id for order in batch.orders] == ["9"]
        assert observer.my_order_batch_queue.empty()

    run(body, on_message, ["my_order", "my_order_batch"])


def test_what_was_filled_while_we_were_away_is_learned_at_the_reconnect():
    def on_message(client, fields):
        number, first = int(fields[0]), len(client.tws.clients) == 1
        if number == tws.ALL_OPEN_ORDERS:
            if first:
                account(client, fields)
            else:
                client.send_raw(frames.ORDERS_END)
        elif number == tws.EXECUTIONS and not first:
            client.send_raw(
                frames.execution("a.01", 9, request=fields[2], shares="20000", total="20000"),
                frames.executions_end(fields[2]),
            )

    async def body(stream, observer, server):
        await until(lambda: observer.my_order_queue.qsize())
        server.clients[0].hang_up()
        order = None
        while order is None or order.status is not OrderStatus.FILLED:
            order = await observer.my_order_queue.get()
        assert order.filled_volume == 20000

    run(body, on_message, ["my_order"])


def test_own_orders_follow_the_account():
    async def body(stream, observer, server):
        await until(lambda: observer.my_order_queue.qsize() and server.clients)
        (client,) = server.clients
        client.send_raw(frames.status(3, 9, "Submitted", "5000", "15000", "1.09115"))
        client.send_raw(frames.status(3, 9, "Filled", "20000", "0", "1.0912"))
        orders = []
        while not orders or orders[-1].status is not OrderStatus.FILLED:
            orders.append(await observer.my_order_queue.get())
        last = orders[-1]
        assert (last.order_id, last.price, last.volume) == ("a1b2c3", Decimal("1.0912"), 20000)
        assert not client.asked(tws.AUTO_OPEN_ORDERS)

    run(body, account, ["my_order"])


def test_client_id_0_also_binds_the_orders_typed_in_tws():
    async def body(stream, observer, server):
        await until(lambda: observer.my_order_queue.qsize())
        assert server.clients[0].asked(tws.AUTO_OPEN_ORDERS) == [["15", "1", "1"]]

    run(body, account, ["my_order"], client_id={"client_id": 0})


def test_a_reconnect_asks_for_everything_anew_and_doubles_no_fill():
    async def body(stream, observer, server):
        await until(
            lambda: observer.my_trade_queue.qsize() and observer.my_order_batch_queue.qsize()
        )
        server.clients[0].hang_up()
        await until(lambda: len(server.clients) > 1 and observer.my_order_batch_queue.qsize() == 2)
        await until(lambda: server.clients[-1].asked(tws.EXECUTIONS))
        await until(lambda: stream.statistics()[0].state == "connected")
        await asyncio.sleep(0.05)
        assert len(drain(observer.my_trade_queue)) == 1
        told = kinds(observer.health_queue)
        assert (told.count(Connected), told.count(Disconnected)) == (4, 2)
        assert [figures.reconnects for figures in stream.statistics()] == [1, 1]

    run(body, account, ["my_trade", "my_order_batch"])


def test_data_lost_between_tws_and_ib_is_told_and_asked_for_again_in_the_same_session():
    def on_message(client, fields):
        if int(fields[0]) == tws.TICKER_REQUEST:
            client.send_raw(frames.price(fields[2], 1, "1.0912", "5"))
            client.send_raw(frames.price(fields[2], 2, "1.0913", "6"))

    async def body(stream, observer, server):
        await observer.ticker_queue.get()
        client = server.clients[0]
        client.send_raw(
            frames.error(-1, 1100, "Connectivity between IB and TWS has been lost."),
            frames.error(-1, 1101, "Connectivity restored - data lost."),
        )
        await observer.ticker_queue.get()
        health = drain(observer.health_queue)
        assert [type(event) for event in health] == [
            Connected, Stale, Gap, Disconnected, Connected
        ]  # fmt: skip
        assert (health[3].code, "1101" in health[3].reason) == (1101, True)

    run(body, on_message, ["ticker"])


def test_data_kept_between_tws_and_ib_leaves_the_ticker_alone():
    async def body(stream, observer, server):
        await until(lambda: server.clients and server.clients[0].asked(tws.TICKER_REQUEST))
        server.clients[0].send_raw(frames.error(-1, 1100, "lost"), frames.error(-1, 1102, "kept"))
        await until(lambda: observer.health_queue.qsize() == 3)
        assert kinds(observer.health_queue) == [Connected, Stale, Resynced]
        assert len(server.clients[0].asked(tws.TICKER_REQUEST)) == 1

    run(body, None, ["ticker"])


def test_a_hole_in_one_book_is_asked_for_again_and_the_connection_stays():
    def on_message(client, fields):
        if int(fields[0]) == tws.DEPTH:
            client.send_raw(frames.row(fields[2], 0, 0, 1, "1", "5"))
            client.send_raw(frames.row(fields[2], 0, 0, 0, "2", "5"))

    async def body(stream, observer, server):
        await observer.book_queue.get()
        (client,) = server.clients
        client.send_raw(frames.row(wire.request_id(Channel.BOOK, 0, 1), 5, 0, 1, "0.5", "5"))
        await observer.book_queue.get()
        assert kinds(observer.health_queue) == [Connected, Resynced, Gap, Resynced]
        assert [fields[2] for fields in client.asked(tws.CANCEL_DEPTH)] == [
            str(wire.request_id(Channel.BOOK, 0, 1))
        ]
        assert len(client.asked(tws.DEPTH)) == 2

    run(body, on_message, ["book"])


def test_a_refused_pair_is_an_event_and_a_line_in_the_log(caplog):
    def on_message(client, fields):
        if int(fields[0]) == tws.TICKER_REQUEST:
            client.send_raw(frames.error(fields[2], 200, "No security definition has been found"))

    async def body(stream, observer, server):
        await until(lambda: observer.health_queue.qsize() == 2)
        refused = drain(observer.health_queue)[1]
        assert (type(refused), refused.symbol) == (Refused, EUR_USD)

    with caplog.at_level(logging.WARNING):
        run(body, on_message, ["ticker"])
    assert "ib ticker: 1 frames were refused: No security definition" in caplog.text


def test_a_client_id_that_is_taken_is_refused_at_once_and_tried_again():
    async def body(stream, observer, server):
        refused = await observer.health_queue.get()
        assert (type(refused), "code 326" in refused.reason) == (Refused, True)
        server.taken.clear()
        while type(await observer.health_queue.get()) is not Connected:
            pass

    run(body, account, ["my_order"], taken={7})


def test_a_tws_that_falls_silent_is_left():
    async def body(stream, observer, server):
        await until(lambda: len(server.clients) >= 2)
        gone = [event for event in drain(observer.health_queue) if type(event) is Disconnected]
        assert "TWS did not answer" in gone[0].reason
        assert server.clients[0].asked(tws.CURRENT_TIME)

    args = {"ping_idle_s": 0.1, "ping_reply_s": 0.1}
    run(body, account, ["my_order"], args=args, tells_time=False)


def test_a_quiet_tws_that_tells_the_time_is_kept():
    async def body(stream, observer, server):
        await until(lambda: server.clients and len(server.clients[0].asked(tws.CURRENT_TIME)) > 3)
        assert kinds(observer.health_queue) == [Connected]

    run(body, account, ["my_order"], args={"ping_idle_s": 0.05, "ping_reply_s": 5.0})


def test_a_pair_that_falls_silent_is_told_though_tws_still_answers():
    def on_message(client, fields):
        if int(fields[0]) == tws.TICKER_REQUEST:
            client.send_raw(frames.price(fields[2], 1, "1.0912", "5"))
            client.send_raw(frames.price(fields[2], 2, "1.0913", "6"))

    async def body(stream, observer, server):
        while type(event := await observer.health_queue.get()) is not Stale:
            pass
        assert event.symbol == EUR_USD
        await until(lambda: len(server.clients[0].asked(tws.CURRENT_TIME)) > 2)
        assert stream.statistics()[0].frames == 2  # the time is not the ticker's affair
        assert [topic.state for topic in stream.topics()] == ["stale"]

    args = {"stale_s": 0.2, "ping_idle_s": 0.05, "ping_reply_s": 5.0}
    run(body, on_message, ["ticker"], args=args)


def test_reading_can_be_paused_without_losing_the_session_or_a_trade():
    def on_message(client, fields):
        if int(fields[0]) == tws.TICK_BY_TICK:
            client.send_raw(frames.trade(fields[1], 1, "180", "1"))

    async def body(stream, observer, server):
        await observer.trade_queue.get()
        stream.pause_reading()
        request = wire.request_id(Channel.TRADE, 0, 1)
        server.clients[0].send_raw(*[frames.trade(request, 2, "180", "1")] * 1000)
        await asyncio.sleep(0.3)
        assert observer.trade_queue.empty()
        stream.resume_reading()
        await until(lambda: observer.trade_queue.qsize() == 1000)
        assert kinds(observer.health_queue) == [Connected]

    args = {"contracts": {"aapl/usd": {"sec_type": "STK"}}}
    args |= {"ping_idle_s": 0.05, "ping_reply_s": 0.05}
    run(body, on_message, ["trade"], ["aapl/usd"], args=args, tells_time=True)


def test_stop_cancels_the_requests_and_says_goodbye():
    seen = []

    async def main():
        async with tws.tws() as server:
            stream = get_exchange_stream("ib", ["eur/usd"], ["ticker"], api_host=server.url)
            running = asyncio.create_task(stream.start())
            await until(lambda: server.clients and server.clients[0].asked(tws.TICKER_REQUEST))
            await stream.stop()
            await running
            await until(lambda: server.clients[0].asked(tws.CANCEL_TICKER))
            seen.append(stream.statistics()[0].state)

    asyncio.run(main())
    assert seen == ["stopped"]


def test_no_tws_at_all_is_one_sentence_after_the_attempts_allowed():
    stream = get_exchange_stream(
        "ib", ["eur/usd"], ["ticker"], api_host="tws://127.0.0.1:1", reconnect_times=0
    )
    with pytest.raises(StreamError, match=r"ib ticker: gave up.*is TWS running"):
        asyncio.run(stream.start())


def test_a_tape_decodes_to_the_same_events():
    taped = []

    class Tap:
        def frame(self, channel, raw, received_ns):
            taped.append((raw, received_ns))

        def snapshot(self, *args):
            raise AssertionError("TWS has no REST")

    def on_message(client, fields):
        if int(fields[0]) == tws.TICKER_REQUEST:
            client.send_raw(frames.price(fields[2], 1, "1.0912", "5"))
            client.send_raw(frames.price(fields[2], 2, "1.0913", "6"))

    async def body(stream, observer, server):
        stream.bind_tap(Tap())
        live = [await observer.ticker_queue.get()]
        again = stream.decoder(Channel.TICKER)
        assert [event for raw, ns in taped for event in again.feed(raw, ns)] == live

    run(body, on_message, ["ticker"])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"currency_pairs": ["aapl/usd"]}, 'no contract for "AAPL/USD".*"sec_type": "STK"'),
        ({"subscribe_channels": ["trade"]}, "no public trades"),
        ({"api_host": "ws://127.0.0.1:7497"}, "write it like"),
        ({"api_host": "tws://127.0.0.1"}, "write it like"),
        ({"api_auth_data": "seven"}, "client id"),
        ({"subscribe_args": {"market_data_type": 9}}, "market_data_type"),
        ({"subscribe_args": {"lifetime_s": 3600}}, "lifetime_s"),
        ({"subscribe_args": {"contracts": {"eur/usd": {"type": "STK"}}}}, "contracts"),
        ({"subscribe_args": {"candle_interval": "7m"}, "subscribe_channels": ["candle"]}, "7m"),
    ],
)
def test_an_impossible_setting_is_refused_before_anything_is_connected(changes, words):
    arguments = {"currency_pairs": ["eur/usd"], "subscribe_channels": ["ticker"]} | changes
    with pytest.raises(ConfigError, match=words):
        get_exchange_stream("ib", **arguments)


def test_without_ib_async_one_sentence_says_how_to_get_it(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **more):
        if name == "ib_async":
            raise ImportError(name)
        return real(name, *args, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match=r'pip install "millstream\[ib\]"'):
        get_exchange_stream("ib", ["eur/usd"], ["ticker"])
