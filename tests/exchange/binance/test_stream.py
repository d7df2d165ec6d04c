"""BinanceStream against a venue on loopback that speaks its words."""

import asyncio
import json
import logging

import pytest
from tests.exchange.binance import frames
from tests.stream.loopback import drain, rest, until, venue

from millstream.errors import ConfigError, StreamError
from millstream.exchange import get_exchange_stream
from millstream.model import (
    Book,
    Channel,
    Connected,
    CurrencyPair,
    Disconnected,
    Exchange,
    Gap,
    Refused,
    Resynced,
)

QUICK = {"first_delay_s": 0.01, "longest_delay_s": 0.02, "rest_host": "http://127.0.0.1:1"}


class DataHandler:
    """The documented example of an observer, word for word but for the list."""

    def __init__(self):
        self.ticker_queue = asyncio.Queue()
        self.trade_queue = asyncio.Queue()
        self.lines = []

    async def process_tickers(self):
        while True:
            ticker = await self.ticker_queue.get()
            self.lines.append(f"Ticker: {ticker.symbol} {ticker.bidPrice} / {ticker.askPrice}")

    async def process_trades(self):
        while True:
            trade = await self.trade_queue.get()
            self.lines.append(f"Trade: {trade.symbol} {trade.price} x {trade.volume}")


class Everything:
    def __init__(self):
        for name in ("ticker", "trade", "book", "candle", "health"):
            setattr(self, f"{name}_queue", asyncio.Queue())


def answering(*sent):
    """A venue that acknowledges a subscription and then sends these frames."""

    def on_message(client, message):
        client.send(json.dumps({"result": None, "id": message["id"]}).encode(), *sent)

    return on_message


def run(body, on_message, channels, pairs=("btc/usdt",), **args):
    async def main():
        async with venue(on_message) as server:
            stream = get_exchange_stream(
                "binance", pairs, channels, api_host=server.url, subscribe_args=QUICK | args
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


def test_the_documented_example_receives_tickers_and_trades():
    def on_message(client, message):
        is_ticker = "bookTicker" in message["params"][0]
        client.send(frames.ACK, frames.TICKER if is_ticker else frames.TRADE)

    async def main():
        async with venue(on_message) as server:
            stream = get_exchange_stream(
                exchange=Exchange.BINANCE,
                currency_pairs=[CurrencyPair.BTC_USDT, CurrencyPair.ETH_USDT],
                subscribe_channels=[Channel.TICKER, Channel.TRADE],
                api_key="",
                api_secret="",
                api_host=server.url,
                subscribe_args={},
            )
            handler = DataHandler()
            stream.bind_observer(handler)
            everything = asyncio.gather(
                stream.start(),
                handler.process_tickers(),
                handler.process_trades(),
            )
            await until(lambda: len(handler.lines) == 2)
            everything.cancel()
            with pytest.raises(asyncio.CancelledError):
                await everything
            assert sorted(handler.lines) == [
                "Ticker: BTC/USDT 61837.63 / 61837.64",
                "Trade: BTC/USDT 61837.63 x 0.02",
            ]

    asyncio.run(main())


def test_it_subscribes_every_pair_with_one_message_on_the_combined_path():
    async def body(stream, observer, server):
        await until(lambda: server.clients and server.clients[0].received)
        assert server.clients[0].path == "/stream"
        (message,) = server.clients[0].received
        assert message["method"] == "SUBSCRIBE"
        assert message["params"] == ["btcusdt@kline_5m", "ethusdt@kline_5m"]

    run(body, answering(), ["candle"], ["btc/usdt", "eth/usdt"], candle_interval="5m")


def test_a_book_is_synced_over_rest_and_served():
    asked = []

    def answers(path):
        asked.append(path)
        return 200, frames.snapshot(5)

    async def body(stream, observer, server):
        await until(lambda: observer.book_queue.qsize() == 2)
        books = drain(observer.book_queue)
        assert [book.update_id for book in books] == [6, 7]
        kinds = [type(event) for event in drain(observer.health_queue)]
        assert kinds == [Connected, Resynced]
        assert asked == ["/api/v3/depth?symbol=BTCUSDT&limit=100"]

    sent = [frames.diff(4, 6, [(98, 1)]), frames.diff(7, 7)]
    with rest(answers) as host:
        run(body, answering(*sent), ["book"], rest_host=host, snapshot_limit=100)


def test_a_snapshot_that_fails_or_is_too_old_is_fetched_again():
    answers = [(503, b""), (200, b"<html>"), (200, frames.snapshot(2)), (200, frames.snapshot(5))]

    async def body(stream, observer, server):
        assert (await observer.book_queue.get()).update_id == 6
        assert stream.statistics()[0].snapshots == 1

    with rest(lambda path: answers.pop(0)) as host:
        run(body, answering(frames.diff(4, 6)), ["book"], rest_host=host)


def test_a_hole_is_told_and_healed_while_the_connection_stays():
    answers = [(200, frames.snapshot(5)), (200, frames.snapshot(20))]

    async def body(stream, observer, server):
        await until(lambda: observer.book_queue.qsize() == 1)
        server.clients[0].send(frames.diff(20, 21))
        await until(lambda: observer.book_queue.qsize() == 2)
        kinds = [type(event) for event in drain(observer.health_queue)]
        assert kinds == [Connected, Resynced, Gap, Resynced]
        assert len(server.clients) == 1
        assert stream.statistics()[0].gaps == 1

    with rest(lambda path: answers.pop(0)) as host:
        run(body, answering(frames.diff(6, 6)), ["book"], rest_host=host)


def test_a_reconnect_subscribes_and_syncs_anew():
    async def body(stream, observer, server):
        await until(lambda: observer.book_queue.qsize() == 1)
        server.clients[0].transport.disconnect(False)
        await until(lambda: observer.book_queue.qsize() == 2)
        kinds = [type(event) for event in drain(observer.health_queue)]
        assert kinds == [Connected, Resynced, Disconnected, Connected, Resynced]

    with rest(lambda path: (200, frames.snapshot(5))) as host:
        run(body, answering(frames.diff(6, 6)), ["book"], rest_host=host)


def test_a_tap_gets_frames_and_snapshots_and_they_decode_to_the_same_events():
    taped = []

    class Tap:
        def frame(self, channel, raw, received_ns):
            taped.append((raw, received_ns))

        def snapshot(self, channel, pair, path, raw, received_ns):
            assert path == "/api/v3/depth?symbol=BTCUSDT&limit=5000"
            taped.append((raw, received_ns))

    async def body(stream, observer, server):
        stream.bind_tap(Tap())
        server.clients or await until(lambda: server.clients)
        await until(lambda: observer.book_queue.qsize() == 2)
        live = drain(observer.book_queue)
        again = stream.decoder(Channel.BOOK)
        replayed = [event for raw, ns in taped for event in again.feed(raw, ns)]
        assert [event for event in replayed if type(event) is Book] == live

    with rest(lambda path: (200, frames.snapshot(5))) as host:
        sent = [frames.diff(6, 6), frames.diff(7, 7)]
        run(body, answering(*sent), ["book"], rest_host=host)


def test_a_refused_subscription_is_an_event_and_a_line_in_the_log(caplog):
    async def body(stream, observer, server):
        await until(lambda: observer.health_queue.qsize() == 2)
        refused = drain(observer.health_queue)[1]
        assert type(refused) is Refused
        assert (refused.channel, refused.reason) == (
            Channel.TRADE,
            "Invalid request: invalid stream (code 2)",
        )

    with caplog.at_level(logging.WARNING):
        run(body, lambda client, message: client.send(frames.REFUSAL), ["trade"])
    assert "binance trade: 1 frames were refused: Invalid request" in caplog.text


def test_a_pair_that_never_sends_is_told_by_its_name():
    async def body(stream, observer, server):
        await until(lambda: observer.health_queue.qsize() == 2)
        refused = drain(observer.health_queue)[1]
        assert (type(refused), refused.symbol) == (Refused, CurrencyPair.parse("xyz/usdt"))

    sent = [frames.TICKER]
    run(body, answering(*sent), ["ticker"], ["btc/usdt", "xyz/usdt"], first_data_s=0.1)


@pytest.mark.parametrize("bad", [b"{", b"\xff", b"[" * 100_000, frames.TRADE[:-9]])
def test_a_malformed_frame_is_counted_logged_and_nothing_else(bad, caplog):
    async def body(stream, observer, server):
        await observer.trade_queue.get()
        figures = stream.statistics()[0]
        assert (figures.malformed, figures.reconnects) == (1, 0)

    with caplog.at_level(logging.WARNING):
        run(body, answering(bad, frames.TRADE), ["trade"])
    assert "1 frames were not understood" in caplog.text


def test_every_event_of_a_burst_arrives_in_order():
    async def body(stream, observer, server):
        await until(lambda: observer.trade_queue.qsize() == 5000)
        ids = [int(trade.trade_id) for trade in drain(observer.trade_queue)]
        assert ids == list(range(5000))
        assert stream.statistics()[0].gaps == 0

    run(body, answering(*map(frames.trade, range(5000))), ["trade"])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"subscribe_channels": ["my_order"]}, "api_key and api_secret"),
        ({"subscribe_args": {"book_dept": 5}}, "book_dept.*accepted: .*book_depth"),
        ({"subscribe_args": {"book_depth": "five"}}, "book_depth"),
        ({"subscribe_args": {"candle_interval": "7m"}, "subscribe_channels": ["candle"]}, "7m"),
        ({"subscribe_args": "subscribe args"}, "subscribe_args"),
        ({"currency_pairs": ["btcusdt"]}, "not a currency pair"),
    ],
)
def test_an_impossible_setting_is_refused_before_anything_is_connected(changes, words):
    arguments = {"currency_pairs": ["btc/usdt"], "subscribe_channels": ["ticker"]} | changes
    with pytest.raises(ConfigError, match=words):
        get_exchange_stream("binance", **arguments)


def test_reconnect_times_is_passed_on():
    stream = get_exchange_stream(
        "binance", ["btc/usdt"], ["ticker"], api_host="ws://127.0.0.1:1", reconnect_times=0
    )
    with pytest.raises(StreamError, match="binance ticker: gave up"):
        asyncio.run(stream.start())
