"""freqtrade's protocol behaviour by behaviour, over a raw socket."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import urllib.error
import urllib.request
from contextlib import AsyncExitStack

import jwt
import pytest
import websockets
from tests.frames.live import PAIR, READ_ONLY, TOKEN, publish, serving, until
from tests.frames.raw import PATH, answer, ask, raw
from tests.frames.sample import START, frame

from millstream.errors import StreamError
from millstream.model.frames import PublishWhitelist

NOBODY = "nobody-knows-this-token"


def signed(kind="access", seconds=900, key="x" * 40, **claims):
    whole = {"identity": {"u": "user"}, "exp": 2**31 + seconds, "type": kind} | claims
    return jwt.encode(whole, key, algorithm="HS256")


def run(story, **changes):
    async def whole():
        async with serving(**changes) as server:
            server.publish(PublishWhitelist((PAIR, "ETH/USDT")))
            server.publish(publish(frame(0, 300), replace=True, at=1_700_000_000_123_456_789))
            await story(server)

    asyncio.run(whole())


@pytest.mark.parametrize(
    ("token", "status"),
    [
        (TOKEN, 101),
        (READ_ONLY, 101),
        (signed(), 101),
        (signed("refresh"), 403),
        (signed(exp=1), 403),
        (signed(key="y" * 40), 403),
        (signed(identity={}), 403),
        (NOBODY, 403),
        ("", 403),
    ],
)
def test_tokens_are_accepted_or_refused_before_anything_else(token, status):
    async def story(server):
        told = b""
        try:
            async with raw(server.port, token):
                got = 101
        except websockets.InvalidStatus as error:
            got = error.response.status_code
            told = error.response.body
        assert got == status
        assert not told

    run(story)


def test_a_bearer_token_in_a_header_is_accepted_too():
    async def story(server):
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with raw(server.port, "", additional_headers=headers) as websocket:
            await ask(websocket, type="whitelist")
            assert (await answer(websocket))["data"] == [PAIR, "ETH/USDT"]

    run(story)


def test_one_of_a_list_of_tokens_is_enough():
    async def story(server):
        async with raw(server.port, "second"):
            pass

    run(story, ws_token=["first", "second"])


def test_compression_is_not_agreed_upon():
    async def story(server):
        async with raw(server.port, compression="deflate") as websocket:
            assert "Sec-WebSocket-Extensions" not in websocket.response.headers

    run(story)


def test_a_page_of_another_origin_is_refused():
    async def story(server):
        for origin, allowed in (("https://evil.example", False), ("https://desk.example", True)):
            try:
                async with raw(server.port, origin=origin):
                    entered = True
            except websockets.InvalidStatus:
                entered = False
            assert entered is allowed

    run(story, CORS_origins=["https://desk.example"])


def test_pairs_are_told_without_a_subscription_and_frames_in_their_order():
    async def story(server):
        async with raw(server.port) as websocket:
            await ask(websocket, type="whitelist", data="ignored", more=1)
            assert await answer(websocket) == {"type": "whitelist", "data": [PAIR, "ETH/USDT"]}
            await ask(websocket, type="analyzed_df", data={"limit": 2, "pair": None})
            first, second = await answer(websocket), await answer(websocket)
            assert first["data"]["key"] == [PAIR, "5m", "spot"]
            assert first["data"]["la"] == "2023-11-14T22:13:20.123456+00:00"
            inner = json.loads(first["data"]["df"]["__value__"])
            assert inner["index"] == [298, 299]
            start_ms = int(START.timestamp() * 1000)
            assert inner["data"][1][0] == start_ms + 299 * 300_000
            assert second["data"]["df"]["__value__"] == '{"columns":[],"index":[],"data":[]}'
            assert second["data"]["la"] == "1970-01-01T00:00:00+00:00"

    run(story)


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        (None, 300),
        ({}, 300),
        ({"pair": PAIR}, 300),
        ({"limit": 0, "pair": PAIR}, 300),
        ({"limit": 2.7, "pair": PAIR}, 2),
        ({"limit": True, "pair": PAIR}, 1),
        ({"limit": -290, "pair": PAIR}, 10),
        ({"limit": 9999, "pair": PAIR}, 300),
    ],
)
def test_limits_are_read_as_freqtrade_reads_them(data, rows):
    async def story(server):
        async with raw(server.port) as websocket:
            await ask(websocket, type="analyzed_df", data=data)
            got = await answer(websocket)
            assert len(json.loads(got["data"]["df"]["__value__"])["data"]) == rows

    run(story)


@pytest.mark.parametrize(
    "message",
    [
        "",
        "{",
        "[]",
        '"text"',
        '{"type":"analyzed_df","data":[1]}',
        '{"type":"analyzed_df","data":"x"}',
        '{"type":"analyzed_df","data":{"limit":"3"}}',
        '{"type":"analyzed_df","data":{"limit":null}}',
        '{"type":"subscribe","data":5}',
        b'{"type":"whitelist"}',
    ],
)
def test_what_freqtrade_hangs_up_on_ends_the_connection(message):
    async def story(server):
        async with raw(server.port) as websocket:
            await websocket.send(message)
            with pytest.raises(websockets.ConnectionClosed):
                await websocket.recv()
            assert websocket.close_code == 1000

    run(story)


def test_an_unknown_request_is_answered_and_the_connection_kept():
    async def story(server):
        async with raw(server.port) as websocket:
            for request, told in (({"type": "nope"}, "nope"), ({"data": 1}, "None")):
                await ask(websocket, **request)
                want = {"type": "exception", "data": f"Invalid request type: {told}"}
                assert await answer(websocket) == want

    run(story)


def test_only_what_was_subscribed_is_sent_and_a_wrong_subscription_changes_nothing():
    async def story(server):
        async with raw(server.port) as websocket:
            for data in (["new_candle", "analyzed_df"], ["analyzed_df", "nope"], [], "whitelist"):
                await ask(websocket, type="subscribe", data=data)
            await ask(websocket, type="whitelist")
            await answer(websocket)
            server.publish(PublishWhitelist(("X/Y",)))  # not subscribed
            server.publish(publish(frame(300, 301)))
            got = await answer(websocket)
            assert got["type"] == "analyzed_df"
            assert json.loads(got["data"]["df"]["__value__"])["index"] == [300]
            want = {"type": "new_candle", "data": [PAIR, "5m", "spot"]}
            assert await answer(websocket) == want
            server.publish(publish(frame(300, 301).assign(close=1.0)))  # no new candle
            await ask(websocket, type="subscribe", data={"whitelist": 1})
            assert (await answer(websocket))["type"] == "analyzed_df"
            await ask(websocket, type="whitelist")
            assert (await answer(websocket))["data"] == ["X/Y"]
            server.publish(PublishWhitelist(("Z/Y",)))
            assert await answer(websocket) == {"type": "whitelist", "data": ["Z/Y"]}

    run(story)


def test_the_end_of_the_server_is_told():
    async def story(server):
        async with raw(server.port) as websocket:
            await server.stop()
            with pytest.raises(websockets.ConnectionClosed):
                await websocket.recv()
            assert websocket.close_code == 1012

    run(story)


def test_a_message_of_the_limit_is_read_and_one_byte_more_is_not():
    async def story(server):
        async with raw(server.port) as websocket:
            begin = '{"type":"whitelist","data":"'
            fits = begin + "x" * ((1 << 20) - len(begin) - 2) + '"}'
            await websocket.send(fits)
            assert (await answer(websocket))["type"] == "whitelist"
            await websocket.send(fits + " ")
            with pytest.raises(websockets.ConnectionClosed):
                await websocket.recv()
            assert websocket.close_code == 1009

    run(story, message_size_limit=1)


def test_an_address_that_is_taken_is_told_in_one_sentence():
    async def story(server):
        with pytest.raises(StreamError, match=r"cannot listen on 127.0.0.1:\d+: Address already"):
            async with serving(listen_port=server.port):
                pass

    run(story)


# ---- REST ---------------------------------------------------------------------------------------


def call(port, path, method="GET", authorization=None):
    request = urllib.request.Request(f"http://127.0.0.1:{port}/api/v1/{path}", method=method)
    if authorization:
        request.add_header("Authorization", authorization)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


BASIC = "Basic " + base64.b64encode(b"user:password").decode()


def test_the_rest_calls_of_a_consumers_user():
    async def story(server):
        async def get(path, authorization=BASIC, method="GET"):
            return await asyncio.to_thread(call, server.port, path, method, authorization)

        assert await get("ping", None) == (200, {"status": "pong"})
        assert await get("whitelist", None) == (401, {"detail": "Unauthorized"})
        status, tokens = await get("token/login", method="POST")
        assert status == 200
        access = f"Bearer {tokens['access_token']}"
        assert (await get("whitelist", access))[1]["whitelist"] == [PAIR, "ETH/USDT"]
        refresh = f"Bearer {tokens['refresh_token']}"
        assert (await get("whitelist", refresh))[0] == 401
        assert set((await get("token/refresh", refresh, "POST"))[1]) == {"access_token"}
        assert (await get("token/refresh", access, "POST"))[0] == 401
        assert (await get("version"))[1] == {"version": "millstream 0"}
        shown = (await get("show_config"))[1]
        assert shown["strategy"] == "S"
        assert TOKEN not in str(shown)
        candles = (await get("pair_candles?pair=BTC/USDT&timeframe=5m&limit=10"))[1]
        assert candles["length"] == 10
        assert candles["timeframe_ms"] == 300_000
        assert candles["columns"][0] == "date"
        assert candles["columns"][-1] == "__date_ts"
        assert candles["data"][0][0] == "2026-01-02T00:10:00Z"
        assert candles["enter_long_signals"] == 1
        assert (await get("health"))[1]["last_process_ts"] == 1_700_000_000

    run(story)


def test_a_token_to_read_only_does_not_see_the_configuration():
    async def story(server):
        async def get(path):
            return await asyncio.to_thread(call, server.port, path, "GET", f"Bearer {READ_ONLY}")

        assert (await get("whitelist"))[0] == 200
        assert (await get("show_config"))[0] == 403

    run(story)


# ---- what it must survive -----------------------------------------------------------------------


def guess_tokens(count, caplog, capfd):
    """Guesses, and an honest consumer meanwhile. Returns the statuses the guesses got."""

    async def story(server):
        statuses = []
        async with raw(server.port) as honest:

            async def guess(number):
                try:
                    async with raw(
                        server.port, f"guess-{number}-guess", local_addr=("127.0.0.2", 0)
                    ):
                        statuses.append(101)
                except websockets.InvalidStatus as error:
                    statuses.append(error.response.status_code)

            for first in range(0, count, 20):
                await asyncio.gather(*(guess(n) for n in range(first, min(first + 20, count))))
            await ask(honest, type="whitelist")
            assert (await answer(honest))["type"] == "whitelist"
            # And honest newcomers come in, from the address of the guesses too.
            for address in ("127.0.0.1", "127.0.0.2"):
                for token in (TOKEN, signed()):
                    async with raw(server.port, token, local_addr=(address, 0)):
                        pass
        return statuses

    got = []

    async def whole(server):
        got.extend(await story(server))

    with caplog.at_level(logging.DEBUG, logger="uvicorn"):
        logging.getLogger("websockets.server").setLevel(logging.DEBUG)
        run(whole, verbosity="info")
        logging.getLogger("websockets.server").setLevel(logging.NOTSET)
    printed = capfd.readouterr()
    said = "\n".join(
        record.getMessage() for record in caplog.records if "client" not in record.name
    )
    for secret in (TOKEN, "-guess"):
        assert secret not in said + printed.out + printed.err
    assert "ERROR" not in {record.levelname for record in caplog.records}  # nothing went wrong here
    return got


def check_guesses(statuses, count):
    assert len(statuses) == count
    assert set(statuses) == {403, 429}
    assert statuses.count(403) <= 12


def test_guessed_tokens_are_refused_and_slowed_down_and_in_no_output(caplog, capfd):
    check_guesses(guess_tokens(300, caplog, capfd), 300)


def test_a_short_token_is_not_told_right_from_wrong_while_its_address_is_slowed_down():
    async def story(server):
        statuses = []
        for token in ["wrong"] * 20 + ["short", "wrong"]:
            try:
                async with raw(server.port, token):
                    statuses.append(101)
            except websockets.InvalidStatus as error:
                statuses.append(error.response.status_code)
        assert statuses[:10] == [403] * 10
        assert statuses[-3:] == [429] * 3
        async with raw(server.port, "short", local_addr=("127.0.0.2", 0)):
            pass  # another address is not slowed down

    run(story, ws_token=["short", TOKEN])


def test_a_connected_consumer_does_not_open_its_address_to_guesses():
    async def story(server):
        async with raw(server.port):
            statuses = []
            for number in range(20):
                with pytest.raises(websockets.InvalidStatus) as refused:
                    async with raw(server.port, f"wrong-{number}"):
                        pass
                statuses.append(refused.value.response.status_code)
        assert statuses[-1] == 429

    run(story)


@pytest.mark.soak
def test_two_thousand_guesses_change_nothing(caplog, capfd):
    check_guesses(guess_tokens(2_000, caplog, capfd), 2_000)


def one_stopped_among(count, updates):
    async def story(server):
        async with AsyncExitStack() as stack, raw(server.port, max_queue=1) as stopped:
            await ask(stopped, type="subscribe", data=["analyzed_df"])
            stopped.transport.pause_reading()
            others = [await stack.enter_async_context(raw(server.port)) for _ in range(count - 1)]
            for other in others:
                await ask(other, type="subscribe", data=["analyzed_df"])
            await until(lambda: all(f._types for f in server.producer.followers))
            wide = {f"c{n}": 0.123456789 for n in range(400)}
            update = publish(frame(300, 301, **wide))
            worst = 0
            for _ in range(updates):
                server.publish(update)
                await asyncio.gather(*(answer(other) for other in others))
                worst = max(worst, *(figures.queued for figures in server.figures()))
            assert worst <= 2_000
            left = len(server.figures()) == count - 1  # it answered no ping, or took nothing
            assert left or (worst > 0 and len(server.figures()) == count)
            stopped.transport.abort()

    run(story)


def test_a_consumer_that_stopped_reading_keeps_nobody_waiting():
    one_stopped_among(5, 600)


@pytest.mark.soak
def test_one_stopped_consumer_among_a_hundred():
    one_stopped_among(100, 600)


def test_the_path_is_freqtrades():
    assert PATH == "/api/v1/message/ws"
