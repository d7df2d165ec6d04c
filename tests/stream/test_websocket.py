"""One connection against a real server: messages, fragments, sizes, pings and ways to end."""

import asyncio
import base64
import contextlib
import hashlib
import logging
import re
import time

import picows
import pytest
from tests.stream.loopback import until, venue

from millstream.errors import StreamError
from millstream.stream.websocket import connect

TEXT, CONTINUATION = picows.WSMsgType.TEXT, picows.WSMsgType.CONTINUATION
PROTOCOL = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # of RFC 6455, for the proof of a handshake
BINARY, PING = picows.WSMsgType.BINARY, picows.WSMsgType.PING


def run(test, **options):
    async def main():
        async with venue() as server:
            frames = []
            connection = await connect(
                server.url, lambda raw, ns: frames.append((raw, ns)), **options
            )
            await until(lambda: server.clients)
            try:
                await asyncio.wait_for(test(connection, server.clients[0], frames), 20)
            finally:
                await connection.close()

    asyncio.run(main())


def test_messages_arrive_whole_in_order_and_stamped_once():
    async def test(connection, client, frames):
        before_ns = time.time_ns()
        client.send(b"one", b"two")
        await until(lambda: len(frames) == 2)
        assert [raw for raw, _ in frames] == [b"one", b"two"]
        assert before_ns <= frames[0][1] <= frames[1][1] <= time.time_ns()

    run(test)


def test_a_message_in_fragments_arrives_as_one():
    async def test(connection, client, frames):
        client.transport.send(TEXT, b"a", fin=False)
        client.transport.send(CONTINUATION, b"b", fin=False)
        client.transport.send(PING, b"in between")
        client.transport.send(CONTINUATION, b"c", fin=True)
        client.send(b"next")
        await until(lambda: len(frames) == 2)
        assert [raw for raw, _ in frames] == [b"abc", b"next"]

    run(test)


def test_a_binary_message_arrives_too():
    async def test(connection, client, frames):
        client.transport.send(BINARY, b"\x00\xff")
        await until(lambda: frames)
        assert frames[0][0] == b"\x00\xff"

    run(test)


def test_a_large_message_arrives():
    async def test(connection, client, frames):
        client.send(b"x" * 20_000_000)
        await until(lambda: frames)
        assert len(frames[0][0]) == 20_000_000

    run(test)


def test_a_message_above_the_limit_ends_the_connection_with_1009():
    async def test(connection, client, frames):
        client.send(b"x" * 1001)
        code, _ = await connection.ended()
        assert (code, frames) == (1009, [])

    run(test, max_frame_bytes=1000)


def test_fragments_above_the_limit_end_the_connection_with_1009():
    async def test(connection, client, frames):
        client.transport.send(TEXT, b"x" * 600, fin=False)
        client.transport.send(CONTINUATION, b"x" * 600, fin=True)
        code, _ = await connection.ended()
        assert (code, frames) == (1009, [])

    run(test, max_frame_bytes=1000)


def test_a_continuation_of_nothing_ends_the_connection_with_1002():
    async def test(connection, client, frames):
        client.transport.send(CONTINUATION, b"x")
        code, _ = await connection.ended()
        assert code == 1002

    run(test)


@pytest.mark.parametrize("code", [1001, 1012, 4001])
def test_the_venues_close_code_and_reason_are_told(code):
    async def test(connection, client, frames):
        client.transport.send(picows.WSMsgType.CLOSE, code.to_bytes(2, "big") + b"why")
        assert await connection.ended() == (code, "why")

    run(test)


def test_a_close_frame_without_a_code_is_1005():
    async def test(connection, client, frames):
        client.transport.send(picows.WSMsgType.CLOSE, b"")
        assert await connection.ended() == (1005, "")

    run(test)


def test_a_lost_connection_is_1006():
    async def test(connection, client, frames):
        client.transport.disconnect(False)
        assert (await connection.ended())[0] == 1006

    run(test)


def test_a_venue_that_answers_no_ping_is_given_up():
    async def test(connection, client, frames):
        client.transport.underlying_transport.pause_reading()  # as if its host had died
        await connection.ended()

    run(test, ping_idle_s=0.05, ping_reply_s=0.05)


def test_a_quiet_venue_that_answers_pings_is_kept():
    async def test(connection, client, frames):
        await asyncio.sleep(0.5)
        client.send(b"still here")
        await until(lambda: frames)

    run(test, ping_idle_s=0.05, ping_reply_s=0.05)


def test_a_paused_connection_is_not_mistaken_for_a_dead_one():
    async def test(connection, client, frames):
        connection.pause_reading()
        client.send(b"waiting")
        await asyncio.sleep(0.5)
        assert frames == []
        connection.resume_reading()
        await until(lambda: frames)

    run(test, ping_idle_s=0.05, ping_reply_s=0.05)


def test_a_callback_that_raises_does_not_end_the_connection(caplog):
    async def main():
        async with venue() as server:
            seen = []

            def on_frame(raw, received_ns):
                seen.append(raw)
                raise ZeroDivisionError

            connection = await connect(server.url, on_frame)
            await until(lambda: server.clients)
            server.clients[0].send(b"one", b"two")
            await until(lambda: len(seen) == 2)
            await connection.close()

    with caplog.at_level(logging.ERROR):
        asyncio.run(main())
    assert "ZeroDivisionError" in caplog.text


def connecting(url, **options):
    async def main():
        await connect(url, lambda raw, ns: None, **options)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ws://127.0.0.1:1", "cannot connect to ws://127.0.0.1:1"),
        ("http://127.0.0.1:1", "cannot connect"),
        ("your api host", "cannot connect"),
        ("ws://no.such.host.invalid:1", "cannot connect"),
    ],
)
def test_an_address_that_does_not_answer_is_one_clear_error(url, words):
    with pytest.raises(StreamError, match=words):
        connecting(url)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", "503"),
        (b"not http at all\r\n\r\n", "cannot connect"),
        (b"", "cannot connect"),
    ],
)
def test_a_server_that_refuses_is_one_clear_error(answer, words):
    async def main():
        async def serve(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(StreamError, match=words):
                await connect(f"ws://127.0.0.1:{port}", lambda raw, ns: None)

    asyncio.run(main())


def test_a_server_that_says_nothing_is_given_up_in_time():
    async def main():
        async def serve(reader, writer):
            await reader.read()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(StreamError, match=r"no answer within 0.1 s|cannot connect"):
                await connect(f"ws://127.0.0.1:{port}", lambda raw, ns: None, timeout_s=0.1)

    asyncio.run(main())


def test_who_gives_up_in_the_middle_of_the_handshake_leaves_no_connection():
    asked, given_up, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def answer(reader, writer):
        request = await reader.readuntil(b"\r\n\r\n")
        key = re.search(rb"(?i)sec-websocket-key: (\S+)", request)[1]
        proof = base64.b64encode(hashlib.sha1(key + PROTOCOL).digest())
        asked.set()
        await given_up.wait()
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + proof + b"\r\n\r\n"
        )
        with contextlib.suppress(OSError):
            await reader.read()  # to the end
        writer.close()
        ended.set()

    async def main():
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        connecting = asyncio.create_task(connect(url, lambda raw, ns: None, ping_idle_s=600))
        await asked.wait()
        connecting.cancel()
        given_up.set()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        async with asyncio.timeout(30):
            await ended.wait()
        server.close()

    asyncio.run(main())
