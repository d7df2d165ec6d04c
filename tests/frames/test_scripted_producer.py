"""What our consumer says to freqtrade's producer and makes of it, message by message: the producer
is a script that says what freqtrade was seen to say, and what a broken one might.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from tests.frames.live import PAIR, Followed, publish, serving, until
from tests.frames.sample import frame
from websockets.asyncio.server import serve
from websockets.frames import Opcode

from millstream.frames.columns import from_frame
from millstream.frames.freqtrade_wire import CANDLE_TYPES, MESSAGE_TYPES, Frame, frame_message
from millstream.frames.held import HeldFrames
from millstream.model.frames import FrameUpdate, PublishWhitelist
from millstream.strategy.provider import DataProvider, RunMode


class Scripted:
    """A producer of a few lines: what it was asked, and what it says when it is told to."""

    def __init__(self):
        self.asked = []
        self.paths = []
        self.websocket = None

    async def __call__(self, websocket):
        self.websocket = websocket
        self.paths.append(websocket.request.path)
        async for message in websocket:
            self.asked.append(message)

    async def say(self, message, **more):
        if isinstance(message, Frame):
            message = frame_message(message, 0).decode()
        await self.websocket.send(message if isinstance(message, str | bytes) else
                                  json.dumps(message | more))  # fmt: skip


def rows(first, end, pair=PAIR, timeframe="5m", kind="spot", **changes):
    table = from_frame(frame(first, end, **changes))
    return Frame(pair, timeframe, kind, 1_770_000_000_000_000_000, table)


@asynccontextmanager
async def scripted(entry=None, **section):
    producer = Scripted()
    async with serve(producer, "127.0.0.1", 0, compression=None, close_timeout=0.1) as server:
        port = server.sockets[0].getsockname()[1]
        async with Followed(port, entry={"fast": False} | (entry or {}), **section) as followed:
            await until(lambda: len(producer.asked) >= 3)
            yield producer, followed


def run(story, **options):
    async def whole():
        async with scripted(**options) as (producer, followed):
            await story(producer, followed)

    asyncio.run(whole())


def test_it_says_what_freqtrades_consumer_says_and_in_its_order():
    async def story(producer, followed):
        assert [json.loads(one) for one in producer.asked] == [
            {"type": "subscribe", "data": ["whitelist", "analyzed_df"]},
            {"type": "whitelist"},
            {"type": "analyzed_df", "data": {"limit": 1500, "pair": None}},
        ]
        assert all(isinstance(one, str) for one in producer.asked)  # it hangs up on binary ones

    run(story)


def test_a_token_with_signs_of_its_own_arrives_as_it_is():
    async def story(producer, followed):
        assert producer.paths == ["/api/v1/message/ws?token=a%26b%23c%2Bd%25e%20f"]

    run(story, entry={"ws_token": "a&b#c+d%e f"})


def test_json_in_a_binary_message_is_read_too():
    async def story(producer, followed):
        await producer.say(b'{"type":"whitelist","data":["A/B"]}')
        await until(lambda: followed.held.pairs("p") == ["A/B"])

    run(story)


def test_every_type_of_message_is_known_and_none_of_them_says_a_frame():
    async def story(producer, followed):
        for kind in sorted(MESSAGE_TYPES - {"whitelist", "analyzed_df"}):
            await producer.say({"type": kind, "status": "x", "data": [PAIR, "5m", "spot"]})
        await producer.say({"type": "whitelist", "data": [PAIR]})
        await until(lambda: followed.held.pairs("p") == [PAIR])
        assert followed.client.figures()[0].malformed == 0
        assert followed.client.figures()[0].frames == 0

    run(story)


def test_what_cannot_be_read_is_counted_and_the_connection_kept():
    async def story(producer, followed):
        await producer.say({"type": "whitelist", "data": ["A/B"]})
        for wrong in ("{", "[]", "", '{"type":"new_fashion","data":1}', '{"type":"whitelist"}'):
            await producer.say(wrong)
        await producer.say(rows(0, 3, kind="cash"))
        await producer.say(rows(0, 3))
        await until(lambda: len(followed.frame()) == 3)
        assert followed.client.figures()[0].malformed == 6
        assert followed.client.figures()[0].connections == 1
        assert followed.held.pairs("p") == ["A/B"]

    run(story)


def test_frames_of_every_type_of_candles_are_held_each_under_its_own_key():
    async def story(producer, followed):
        for number, kind in enumerate(sorted(CANDLE_TYPES)):
            await producer.say(rows(0, 3 + number, kind=kind))
        await until(lambda: followed.client.figures()[0].frames == len(CANDLE_TYPES))
        for number, kind in enumerate(sorted(CANDLE_TYPES)):
            assert len(followed.held.get("p", PAIR, "5m", kind)[0]) == 3 + number

    run(story)


def test_an_empty_frame_says_nothing():
    async def story(producer, followed):
        await producer.say(rows(0, 3))
        await producer.say(rows(3, 3))
        empty = {"__type__": "dataframe", "__value__": '{"columns":[],"index":[],"data":[]}'}
        data = {"key": [PAIR, "5m", "spot"], "df": empty, "la": "1970-01-01T00:00:00+00:00"}
        await producer.say({"type": "analyzed_df", "data": data})
        await producer.say({"type": "whitelist", "data": [PAIR]})
        await until(lambda: followed.held.pairs("p") == [PAIR])
        assert len(followed.frame()) == 3

    run(story)


def test_a_hundred_rows_are_the_whole_frame_and_ninety_nine_are_not():
    async def story(producer, followed):
        await producer.say(rows(0, 300))
        await until(lambda: len(followed.frame()) == 300)
        await producer.say(rows(201, 300))
        await producer.say(rows(300, 301))
        await until(lambda: len(followed.frame()) == 301)
        await producer.say(rows(100, 200))
        await until(lambda: len(followed.frame()) == 100)

    run(story)


def test_a_frame_of_fewer_than_a_hundred_rows_is_held_and_asked_for_once():
    async def story(producer, followed):
        before = len(producer.asked)
        for number in range(5):
            await producer.say(rows(number, number + 1))
        await until(lambda: len(followed.frame()) == 5)
        await asyncio.sleep(0.1)
        assert len(producer.asked) == before + 1

    run(story)


def test_a_candle_between_two_others_of_the_grid_is_appended():
    async def story(producer, followed):
        await producer.say(rows(0, 3))
        half = frame(3, 4)
        half["date"] -= frame(0, 2)["date"].diff().iloc[1] / 2
        await producer.say(Frame(PAIR, "5m", "spot", 1, from_frame(half)))
        await until(lambda: len(followed.frame()) == 4)
        assert followed.frame()["date"].is_monotonic_increasing

    run(story)


def test_a_producer_that_is_silent_but_there_is_kept():
    async def story(producer, followed):
        pings = []
        answer = producer.websocket.protocol.recv_frame

        def hear(message):
            pings.append(message.opcode)
            answer(message)

        producer.websocket.protocol.recv_frame = hear
        await until(lambda: pings.count(Opcode.PING) == 2)
        await producer.say(rows(0, 3))
        await until(lambda: len(followed.frame()) == 3)
        assert followed.states() == ["connected"]

    run(story, wait_timeout=0, ping_timeout=1)  # a wait that is shorter is as long


def test_a_producer_that_answers_no_ping_is_left_and_its_frames_are_kept():
    async def story(producer, followed):
        await producer.say(rows(0, 3))
        await until(lambda: len(followed.frame()) == 3)
        producer.websocket.transport.pause_reading()  # nothing of what it gets is read any more
        await until(lambda: "disconnected" in followed.states())
        assert len(followed.frame()) == 3
        await until(lambda: followed.states().count("connected") == 2)

    run(story, wait_timeout=0, ping_timeout=0)


def test_pairs_that_did_not_change_are_told_once():
    async def story():
        async with serving() as server:
            server.publish(PublishWhitelist((PAIR,)))
            async with Followed(server.port, entry={"fast": False}) as followed:
                await until(lambda: followed.held.pairs("p") == [PAIR])
                for pairs in ((PAIR,), (PAIR,), ("A/B",)):
                    server.publish(PublishWhitelist(pairs))
                await until(lambda: followed.held.pairs("p") == ["A/B"])
                assert sum(type(event).__name__ == "Whitelist" for event in followed.events) == 2

    asyncio.run(story())


@pytest.mark.parametrize("fast", [True, False], ids=["millstream", "freqtrade"])
def test_a_strategy_of_another_timeframe_is_told_once_which_frames_there_are(fast):
    async def story():
        async with serving() as server:
            server.publish(PublishWhitelist((PAIR,)))
            server.publish(publish(frame(0, 3), replace=True))
            async with Followed(server.port, entry={"fast": fast}) as followed:
                await until(lambda: len(followed.frame()) == 3)
                said = []
                held = HeldFrames()
                for event in followed.events:  # as a robot gets them
                    if isinstance(event, FrameUpdate):
                        held.apply(event)
                dp = DataProvider("1h", "spot", "USDT", ["p"], RunMode.DRY_RUN, held, said.append)
                for _ in range(3):
                    got, when = dp.get_producer_df(PAIR, producer_name="p")
                    assert got.empty
                    assert when.value == 0
                assert said == [f'producer "p" has no 1h spot frame of {PAIR}; it has: 5m spot']
                assert len(dp.get_producer_df(PAIR, "5m", producer_name="p")[0]) == 3

    asyncio.run(story())


def test_one_text_of_a_row_is_made_for_all_who_get_it():
    async def story():
        async with serving() as server:
            server.publish(PublishWhitelist((PAIR,)))
            server.publish(publish(frame(0, 3), replace=True))
            own = server.producer.frames[(PAIR, "5m", "spot")]
            assert own.text_update() is own.text_update()
            assert own.fast_update(()) is own.fast_update(())
            assert own.text_limit(2) is own.text_limit(2)

    asyncio.run(story())
