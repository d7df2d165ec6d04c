"""StreamBase as its users meet it, against a real websocket server on loopback."""

import asyncio
import json
import logging

import msgspec
import picows
import pytest
from tests.stream.loopback import drain, until, venue

from millstream.errors import ConfigError, StreamError
from millstream.model import (
    Channel,
    Connected,
    CurrencyPair,
    Disconnected,
    Exchange,
    Gap,
    Refused,
    Stale,
    Ticker,
)
from millstream.stream.base import StreamBase
from millstream.stream.settings import StreamSettings

QUICK = StreamSettings(first_delay_s=0.01, longest_delay_s=0.02, message_pause_s=0.0)
TICKER = Ticker(1, Exchange.KRAKEN, CurrencyPair.BTC_USD, 0, 1.0, 2.0, 3.0, 4.0)


class KrakenLike(StreamBase):
    """The documented example of a subclass, word for word but for the host."""

    host = ""

    def on_ticker(self, json_msg: dict):
        ticker = json_msg  # parse
        for ob in self._observers:
            ob.ticker_queue.put_nowait(ticker)

    async def ticker_channel(self):
        async def subscribe_wrapper():
            return "your subscribe message"

        params = {
            "host": self.host,
            "channel": Channel.TICKER,
            "subscribe": subscribe_wrapper,
            "on_packet": self.on_ticker,
            "on_connected": None,
            "on_disconnected": None,
        }
        await self.run_channel(**params)


class Published(KrakenLike):
    """A subclass that lets the base do the fan-out."""

    calls: list

    def on_ticker(self, json_msg):
        self.publish(Channel.TICKER, [TICKER])

    async def trade_channel(self):
        async def subscribe():
            return [{"id": 1}, '{"id":2}', b'{"id":3}']

        await self.run_channel(
            self.host, Channel.TRADE, subscribe, self.on_ticker, self.up, self.down
        )

    async def up(self):
        self.calls.append("up")

    def down(self):
        self.calls.append("down")


class Observer:
    def __init__(self, size=0):
        self.ticker_queue = asyncio.Queue(size)
        self.health_queue = asyncio.Queue()


def make(cls, url, channels=(Channel.TICKER,), settings=QUICK, **others):
    stream = cls(Exchange.KRAKEN, [CurrencyPair.BTC_USD], channels, settings=settings, **others)
    stream.host, stream.calls = url, []
    return stream


async def stopping(stream, body):
    """Run a stream while `body` runs, then stop it."""
    running = asyncio.create_task(stream.start())
    try:
        await body
    finally:
        await stream.stop()
        await asyncio.wait_for(running, 5)


def run(test, on_message=None):
    async def main():
        async with venue(on_message) as server:
            await asyncio.wait_for(test(server), 20)

    asyncio.run(main())


def test_a_subclass_written_as_documented_sends_its_message_and_gets_json():
    async def test(server):
        stream, observer = make(KrakenLike, server.url), Observer()
        stream.bind_observer(observer)

        async def body():
            assert await observer.ticker_queue.get() == {"bid": 1.5}

        await stopping(stream, body())
        assert server.clients[0].received == ["your subscribe message"]

    run(test, lambda client, message: client.send(b'{"bid":1.5}'))


def test_an_observer_as_documented_gets_typed_events_with_both_spellings():
    async def test(server):
        stream, observer = make(Published, server.url), Observer()
        stream.bind_observer(observer)

        async def body():
            ticker = await observer.ticker_queue.get()
            assert (ticker.bidPrice, ticker.askPrice) == (1.0, 3.0)

        await stopping(stream, body())

    run(test, lambda client, message: client.send(b"{}"))


def test_each_channel_has_a_connection_of_its_own():
    async def test(server):
        stream = make(Published, server.url, [Channel.TICKER, Channel.TRADE])
        await stopping(stream, until(lambda: len(server.clients) == 2))

    run(test)


def test_messages_of_every_kind_are_sent_in_order():
    async def test(server):
        stream = make(Published, server.url, ["trade"])
        await stopping(
            stream, until(lambda: server.clients and len(server.clients[0].received) == 3)
        )
        assert [message["id"] for message in server.clients[0].received] == [1, 2, 3]

    run(test)


def test_both_callbacks_are_called_sync_or_async():
    async def test(server):
        stream = make(Published, server.url, ["trade"])
        await stopping(stream, until(lambda: stream.calls))
        assert stream.calls == ["up", "down"]

    run(test)


def test_a_lost_connection_is_made_again_subscribed_again_and_told():
    async def test(server):
        stream, observer = make(KrakenLike, server.url), Observer()
        stream.bind_observer(observer)

        async def body():
            await until(lambda: server.clients and server.clients[0].received)
            server.clients[0].transport.disconnect(False)
            await until(lambda: len(server.clients) == 2 and server.clients[1].received)

        await stopping(stream, body())
        health = drain(observer.health_queue)
        assert [type(event) for event in health] == [Connected, Disconnected] * 2
        assert [event.attempt for event in health[::2]] == [1, 2]
        assert [event.code for event in health[1::2]] == [1006, 1000]
        assert stream.statistics()[0].reconnects == 1

    run(test)


def test_the_close_code_and_reason_of_the_venue_are_told():
    async def test(server):
        stream, observer = make(KrakenLike, server.url), Observer()
        stream.bind_observer(observer)

        async def body():
            await until(lambda: server.clients)
            server.clients[0].transport.send_close(picows_code(1008), b"too many messages")
            await until(lambda: len(server.clients) == 2)

        await stopping(stream, body())
        told = [event for event in drain(observer.health_queue) if type(event) is Disconnected]
        assert (told[0].code, told[0].reason) == (1008, "too many messages")

    run(test)


def picows_code(code):
    return picows.WSCloseCode(code)


def test_stop_says_goodbye_and_start_returns():
    async def test(server):
        stream = make(KrakenLike, server.url)
        await stopping(stream, until(lambda: server.clients))
        await until(lambda: server.gone)
        assert server.clients[0].close_code == 1000
        assert stream.statistics()[0].state == "stopped"

    run(test)


def test_a_stopped_stream_starts_again():
    async def test(server):
        stream = make(KrakenLike, server.url)
        await stopping(stream, until(lambda: len(server.clients) == 1))
        await stopping(stream, until(lambda: len(server.clients) == 2))

    run(test)


def test_stop_interrupts_the_wait_for_the_next_attempt():
    async def test(server):
        patient = StreamSettings(first_delay_s=1000.0, longest_delay_s=1000.0)
        stream = make(KrakenLike, "ws://127.0.0.1:1", settings=patient)
        await stopping(stream, until(lambda: stream.statistics()[0].state == "waiting"))

    run(test)


def test_a_cancelled_start_closes_its_connections():
    async def test(server):
        stream = make(KrakenLike, server.url)
        running = asyncio.create_task(stream.start())
        await until(lambda: server.clients)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await until(lambda: server.gone)

    run(test)


@pytest.mark.parametrize(("times", "attempts"), [(0, 1), (2, 3)])
def test_a_stream_gives_up_after_the_agreed_number_of_failures(times, attempts):
    async def test(server):
        stream = make(KrakenLike, "ws://127.0.0.1:1", reconnect_times=times)
        with pytest.raises(StreamError, match="gave up"):
            await stream.start()
        assert stream.statistics()[0].reconnects == attempts - 1

    run(test)


def test_a_full_queue_harms_nobody_else_and_is_told_as_a_gap():
    async def test(server):
        stream = make(Published, server.url)
        slow, quick = Observer(size=1), Observer()
        stream.bind_observer(slow)
        stream.bind_observer(quick)

        async def body():
            await until(lambda: quick.ticker_queue.qsize() == 50)

        await stopping(stream, body())
        assert slow.ticker_queue.qsize() == 1
        gaps = [event for event in drain(slow.health_queue) if type(event) is Gap]
        assert gaps[0].missing == 1
        assert not [event for event in drain(quick.health_queue) if type(event) is Gap]
        assert stream.statistics()[0].dropped == 49

    run(test, lambda client, message: client.send(*[b"{}"] * 50))


def test_an_observer_that_raises_harms_nobody_else(caplog):
    class Broken:
        def __init__(self):
            self.ticker_queue = self

        def put_nowait(self, event):
            raise ZeroDivisionError("mine")

    async def test(server):
        stream, quick = make(Published, server.url), Observer()
        stream.bind_observer(Broken())
        stream.bind_observer(quick)
        await stopping(stream, until(lambda: quick.ticker_queue.qsize() == 50))
        assert stream.statistics()[0].dropped == 50

    with caplog.at_level(logging.WARNING):
        run(test, lambda client, message: client.send(*[b"{}"] * 50))
    assert len([record for record in caplog.records if "ZeroDivisionError" in record.message]) == 1


def test_a_failing_packet_callback_does_not_end_the_connection(caplog):
    async def test(server):
        stream = make(KrakenLike, server.url)
        stream.bind_observer(object())  # has no ticker_queue: the documented on_ticker raises
        await stopping(stream, until(lambda: stream.statistics()[0].frames == 2))
        assert len(server.clients) == 1

    run(test, lambda client, message: client.send(b"{}", b"{}"))
    assert "AttributeError" in caplog.text


@pytest.mark.parametrize("frame", [b"{", b"\xff\xfe", b"[" * 100_000, b""])
def test_a_frame_that_is_not_json_is_counted_and_the_next_one_arrives(frame):
    async def test(server):
        stream, observer = make(KrakenLike, server.url), Observer()
        stream.bind_observer(observer)

        async def body():
            assert await observer.ticker_queue.get() == {"ok": True}

        await stopping(stream, body())
        assert stream.statistics()[0].malformed == 1

    run(test, lambda client, message: client.send(frame, b'{"ok":true}'))


def test_a_subscription_without_data_is_told():
    async def test(server):
        impatient = StreamSettings(first_data_s=0.05, stale_s=60.0)
        stream, observer = make(KrakenLike, server.url, settings=impatient), Observer()
        stream.bind_observer(observer)
        await stopping(stream, until(lambda: observer.health_queue.qsize() == 2))
        told = drain(observer.health_queue)[1]
        assert type(told) is Refused
        assert "no data within 0.05 s" in told.reason

    run(test)


def test_silence_is_told_once():
    async def test(server):
        impatient = StreamSettings(first_data_s=60.0, stale_s=0.05)
        stream, observer = make(KrakenLike, server.url, settings=impatient), Observer()
        stream.bind_observer(observer)

        async def body():
            await until(lambda: observer.health_queue.qsize() == 2)
            await asyncio.sleep(0.2)

        await stopping(stream, body())
        assert [type(event) for event in drain(observer.health_queue)] == [
            Connected,
            Stale,
            Disconnected,
        ]

    run(test, lambda client, message: client.send(b"{}"))


def test_a_venue_without_a_sign_of_life_is_stale_then_left_then_connected_anew():
    async def test(server):
        silent = await picows.ws_create_server(
            lambda request: picows.WSListener(), "127.0.0.1", 0, enable_auto_pong=False
        )
        url = f"ws://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
        settings = msgspec.structs.replace(QUICK, ping_idle_s=0.1, ping_reply_s=0.1)
        stream, observer = make(KrakenLike, url, settings=settings), Observer()
        stream.bind_observer(observer)
        try:
            await stopping(stream, until(lambda: observer.health_queue.qsize() >= 4))
        finally:
            silent.close()
        health = drain(observer.health_queue)
        assert [type(event) for event in health[:4]] == [Connected, Stale, Disconnected, Connected]
        assert "no sign of life" in health[1].reason

    run(test)


def test_nothing_is_read_while_reading_is_paused():
    async def test(server):
        stream, observer = make(Published, server.url), Observer()
        stream.bind_observer(observer)

        async def body():
            await until(lambda: server.clients and server.clients[0].received)
            stream.pause_reading()
            server.clients[0].send(*[b"{}"] * 10)
            await asyncio.sleep(0.1)
            assert observer.ticker_queue.empty()
            stream.resume_reading()
            await until(lambda: observer.ticker_queue.qsize() == 10)

        await stopping(stream, body())

    run(test)


def test_a_tap_gets_every_frame_as_it_came():
    class Recorder:
        def __init__(self):
            self.frames = []

        def frame(self, channel, raw, received_ns):
            self.frames.append((channel, raw, received_ns > 0))

    async def test(server):
        stream, tap = make(Published, server.url), Recorder()
        stream.bind_tap(tap)
        await stopping(stream, until(lambda: len(tap.frames) == 2))
        assert tap.frames == [
            (Channel.TICKER, b"{}", True),
            (Channel.TICKER, b'{"x":"\xff"}', True),
        ]

    run(test, lambda client, message: client.send(b"{}", b'{"x":"\xff"}'))


def test_statistics_count_frames_and_events():
    async def test(server):
        stream = make(Published, server.url)
        await stopping(stream, until(lambda: stream.statistics()[0].frames == 3))
        figures = stream.statistics()[0]
        assert (figures.channel, figures.frames, figures.events) == (Channel.TICKER, 3, 5)
        assert figures.last_received_ns > 0  # 3 tickers, Connected and Disconnected

    run(test, lambda client, message: client.send(b"{}", b"{}", b"{}"))


def test_a_channel_without_a_method_is_refused_at_once():
    with pytest.raises(ConfigError, match=r'channel "book".*offered: ticker'):
        make(KrakenLike, "", ["book"])


def test_a_reconnect_policy_that_is_no_number_is_refused_at_once():
    with pytest.raises(ConfigError, match="your reconnect policy"):
        make(KrakenLike, "", reconnect_times="your reconnect policy")


def test_a_running_stream_is_not_started_twice():
    async def test(server):
        stream = make(KrakenLike, server.url)

        async def body():
            await until(lambda: server.clients)
            with pytest.raises(StreamError, match="running"):
                await stream.start()

        await stopping(stream, body())

    run(test)


def test_packets_are_parsed_json_documents():
    async def test(server):
        stream, observer = make(KrakenLike, server.url), Observer()
        stream.bind_observer(observer)

        async def body():
            await until(lambda: observer.ticker_queue.qsize() == 2)

        await stopping(stream, body())
        assert drain(observer.ticker_queue) == [json.loads('{"a":[1,2.5,null]}'), [1]]

    run(test, lambda client, message: client.send(b'{"a":[1,2.5,null]}', b"[1]"))
