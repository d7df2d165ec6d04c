"""Logins, keepalives and addresses that are asked for, against a real server on loopback."""

import asyncio

import pytest
from tests.stream.loopback import drain, until, venue

from millstream.errors import LoginRefused, StreamError
from millstream.model import Channel, Connected, CurrencyPair, Exchange, Refused
from millstream.stream.base import StreamBase
from millstream.stream.settings import StreamSettings
from millstream.stream.talk import Keepalive

QUICK = StreamSettings(
    first_delay_s=0.01, longest_delay_s=0.02, message_pause_s=0.0, ping_reply_s=0.1
)


class Health:
    def __init__(self):
        self.health_queue = asyncio.Queue()


class Stream(StreamBase):
    """Whatever `run_channel` is given, the test says."""

    def __init__(self, host, reconnect_times=-1, **plan):
        super().__init__(
            *(Exchange.OKX, [CurrencyPair.BTC_USDT], [Channel.TICKER]),
            reconnect_times=reconnect_times,
            settings=QUICK,
        )
        self.host, self.plan, self.frames = host, plan, []

    async def ticker_channel(self):
        async def subscribe():
            return {"op": "subscribe"}

        await self.run_channel(
            self.host,
            Channel.TICKER,
            subscribe,
            on_frame=lambda raw, received_ns: self.frames.append(raw),
            **self.plan,
        )


def run(body, on_message=None, **arguments):
    async def main():
        async with venue(on_message) as server:
            stream, health = Stream(arguments.pop("host", server.url), **arguments), Health()
            stream.bind_observer(health)
            running = asyncio.create_task(stream.start())
            try:
                await asyncio.wait_for(body(stream, server, health.health_queue), 20)
            finally:
                await stream.stop()
                await asyncio.gather(running, return_exceptions=True)

    asyncio.run(main())


async def login(talk):
    talk.send({"op": "login"})
    if await talk.receive(lambda raw: b"login" in raw) != b'{"login":"ok"}':
        raise LoginRefused("Invalid sign (code 60007)")


def test_the_login_is_answered_before_anything_is_subscribed():
    def on_message(client, message):
        if message["op"] == "login":
            client.send(b'{"hello":1}', b'{"login":"ok"}')
        else:
            client.send(b'{"data":1}')

    async def body(stream, server, health):
        await until(lambda: len(stream.frames) == 2)
        assert [message["op"] for message in server.clients[0].received] == ["login", "subscribe"]
        assert stream.frames == [b'{"hello":1}', b'{"data":1}']  # but not the login's answer

    run(body, on_message, prepare=login)


def test_a_refused_login_is_an_event_with_the_reason_and_is_tried_again():
    async def body(stream, server, health):
        await until(lambda: len(server.clients) == 3)
        told = [event for event in drain(health) if type(event) is not Connected]
        refused = [event for event in told if type(event) is Refused]
        assert refused[0].reason == "Invalid sign (code 60007)"
        assert all(len(client.received) <= 1 for client in server.clients)  # none subscribed

    run(body, lambda client, message: client.send(b'{"login":"no"}'), prepare=login)


def test_a_refused_login_counts_as_a_failure():
    async def body(stream, server, health):
        await until(lambda: stream.statistics()[0].state == "stopped")
        assert len(server.clients) == 2

    run(
        body,
        lambda client, message: client.send(b'{"login":"no"}'),
        prepare=login,
        reconnect_times=1,
    )


@pytest.mark.parametrize("hang_up", [True, False])
def test_a_login_that_is_never_answered_ends_the_attempt(hang_up):
    async def impatient(talk):
        await talk.receive(lambda raw: True, timeout_s=0.05)

    def on_message(client, message):
        raise AssertionError("nothing was sent")

    async def body(stream, server, health):
        await until(lambda: server.clients)
        if hang_up:
            server.clients[0].transport.disconnect(False)
        await until(lambda: len(server.clients) == 2)

    run(body, on_message, prepare=impatient)


def test_the_address_is_asked_for_at_each_connect():
    asked = []

    async def body(stream, server, health):
        async def host():
            asked.append(1)
            return f"{server.url}/private?token={len(asked)}"

        other = Stream(host)
        running = asyncio.create_task(other.start())
        await until(lambda: any("token=1" in client.path for client in server.clients))
        await until(lambda: other.statistics()[0].state == "connected")
        next(c for c in server.clients if "token=1" in c.path).transport.disconnect(False)
        await until(lambda: any("token=2" in client.path for client in server.clients))
        await other.stop()
        await running

    run(body)


def test_a_text_ping_is_sent_and_its_answer_is_eaten():
    def on_message(client, message):
        client.send(b"pong" if message == "ping" else b'{"data":1}')

    async def body(stream, server, health):
        await until(lambda: server.clients and server.clients[0].received.count("ping") == 3)
        assert stream.frames == [b'{"data":1}']
        assert len(server.clients) == 1

    run(body, on_message, keepalive=Keepalive(b"ping", 0.02, b"pong"))


def test_a_venue_that_stops_answering_pings_is_left():
    async def body(stream, server, health):
        await until(lambda: len(server.clients) == 2)
        reasons = [getattr(event, "reason", "") for event in drain(health)]
        assert "no answer to a ping within 0.1 s" in reasons

    run(body, lambda client, message: None, keepalive=Keepalive(b"ping", 0.02, b"pong"))


def test_a_failing_address_is_a_failure_like_any_other():
    async def host():
        raise StreamError("no token today.")

    async def body(stream, server, health):
        await until(lambda: stream.statistics()[0].state == "stopped")
        assert server.clients == []

    run(body, host=host, reconnect_times=2)
