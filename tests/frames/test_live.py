"""Producer and consumer over a real websocket, on both wires."""

from __future__ import annotations

import asyncio

import pandas as pd
import pytest
from tests.frames.live import PAIR, Followed, publish, serving, until
from tests.frames.sample import frame

from millstream.frames.producer import Producer
from millstream.model.frames import FrameUpdate, PublishWhitelist

WIRES = pytest.mark.parametrize("fast", [True, False], ids=["millstream", "freqtrade"])


def same(held, produced, exact):
    produced = produced.reset_index(drop=True)
    if exact:
        pd.testing.assert_frame_equal(held, produced)
    else:  # ten digits behind the point
        pd.testing.assert_frame_equal(held, produced, rtol=0, atol=6e-11)


@WIRES
def test_a_follower_holds_what_was_produced(fast):
    async def story():
        async with serving() as server:
            server.publish(PublishWhitelist((PAIR,)))
            server.publish(publish(frame(0, 300), replace=True))
            async with Followed(server.port, entry={"fast": fast}) as followed:
                await until(lambda: len(followed.frame()) == 300)
                same(followed.frame(), frame(0, 300), fast)
                assert followed.held.pairs("p") == [PAIR]
                server.publish(publish(frame(300, 301)))
                server.publish(publish(frame(300, 301).assign(close=3.0), at=2_000))
                await until(lambda: len(followed.frame()) == 301)
                await until(lambda: followed.frame()["close"].iloc[-1] == 3.0)
                server.publish(publish(frame(301, 420)))
                await until(lambda: len(followed.frame()) == 420)
                changed = frame(300, 301).assign(close=3.0)
                produced = pd.concat([frame(0, 300), changed, frame(301, 420)])
                same(followed.frame(), produced, fast)
                server.publish(PublishWhitelist(()))
                await until(lambda: followed.held.pairs("p") == [])
                figures = followed.client.figures()[0]
                assert figures.connected
                assert figures.wire == ("millstream" if fast else "freqtrade")
                assert (figures.frames, figures.rows, figures.malformed) == (1, 420, 0)

    asyncio.run(story())


@WIRES
@pytest.mark.parametrize("missed", [1, 3, 150])
def test_a_follower_that_was_away_gets_what_it_missed(fast, missed):
    async def story():
        async with serving() as server:
            port = server.port
            server.publish(PublishWhitelist((PAIR,)))
            server.publish(publish(frame(0, 300), replace=True))
            async with Followed(port, entry={"fast": fast}) as followed:
                await until(lambda: len(followed.frame()) == 300)
                followed.client._tasks[0].cancel()  # the line is cut
                await until(lambda: not server.figures())
                for row in range(300, 300 + missed):
                    server.publish(publish(frame(row, row + 1)))
                await followed.client.stop()
                await followed.client.start()
                await until(lambda: len(followed.frame()) == 300 + missed)
                same(followed.frame(), frame(0, 300 + missed), fast)
                if fast:  # exactly the rows it lacked
                    last = [e for e in followed.events if isinstance(e, FrameUpdate)][-1]
                    assert not last.replace
                    assert len(last.rows) < 200 + missed * 60

    asyncio.run(story())


def test_a_lost_update_is_asked_for_and_told_as_gap_and_repaired():
    async def story():
        async with serving() as server:
            server.publish(PublishWhitelist((PAIR,)))
            server.publish(publish(frame(0, 300), replace=True))
            async with Followed(server.port, entry={"fast": False}) as followed:
                await until(lambda: len(followed.frame()) == 300)
                for lost in (3, 150):
                    last = len(followed.frame())
                    follower = next(iter(server.producer.followers))
                    server.producer.leave(follower)  # it is told nothing for a while
                    for row in range(last, last + lost):
                        server.publish(publish(frame(row, row + 1)))
                    server.producer._followers.add(follower)
                    server.publish(publish(frame(last + lost, last + lost + 1)))
                    want = last + lost + 1
                    await until(lambda want=want: len(followed.frame()) == want)
                    same(followed.frame(), frame(0, want), False)
                assert followed.states() == ["connected", "gap", "repaired", "gap", "repaired"]

    asyncio.run(story())


def test_columns_are_left_out_for_who_wants_few():
    async def story():
        async with serving() as server:
            server.publish(PublishWhitelist((PAIR,)))
            server.publish(publish(frame(0, 300), replace=True))
            for fast in (True, False):
                entry = {"fast": fast, "columns": ["rsi", "no such"]}
                async with Followed(server.port, entry=entry) as followed:
                    await until(lambda f=followed: len(f.frame()) == 300)
                    assert list(followed.frame().columns) == ["date", "rsi"]

    asyncio.run(story())


@WIRES
def test_signals_are_taken_out_where_the_consumer_says_so(fast):
    async def story():
        async with serving() as server:
            server.publish(PublishWhitelist((PAIR,)))
            server.publish(publish(frame(0, 300, enter_tag="why"), replace=True))
            options = {"entry": {"fast": fast}, "remove_entry_exit_signals": True}
            async with Followed(server.port, **options) as followed:
                await until(lambda: len(followed.frame()) == 300)
                got = followed.frame()
                names = ["enter_long", "enter_tag", "exit_long", "enter_short"]
                assert list(got.columns[5:]) == [*names, "exit_short", "exit_tag"]
                assert (got[["enter_long", "exit_long", "enter_short"]] == 0).all().all()
                assert got["enter_tag"].isna().all()
                server.publish(publish(frame(300, 301, enter_tag="why")))
                await until(lambda: len(followed.frame()) == 301)

    asyncio.run(story())


def test_a_frame_that_gets_too_old_is_no_frame_until_it_is_told_again():
    async def story():
        async with serving() as server:
            server.publish(PublishWhitelist((PAIR,)))
            server.publish(publish(frame(0, 3), replace=True))
            async with Followed(server.port, entry={"max_age": "300ms"}) as followed:
                await until(lambda: len(followed.frame()) == 3)
                await until(lambda: "stale" in followed.states())
                assert followed.frame().empty
                server.publish(publish(frame(3, 4)))
                await until(lambda: len(followed.frame()) == 4)
                assert followed.states() == ["connected", "stale", "fresh"]

    asyncio.run(story())


def test_a_producer_that_begins_anew_replaces_what_is_held():
    async def story():
        async with serving() as server:
            port = server.port
            server.publish(PublishWhitelist((PAIR,)))
            server.publish(publish(frame(0, 300), replace=True))
            async with Followed(port) as followed:
                await until(lambda: len(followed.frame()) == 300)
                await server.stop()
                await until(lambda: "disconnected" in followed.states())
                async with serving(listen_port=port) as second:
                    second.publish(PublishWhitelist((PAIR,)))
                    second.publish(publish(frame(100, 350), replace=True))
                    await until(lambda: len(followed.frame()) == 250)
                    same(followed.frame(), frame(100, 350), True)

    asyncio.run(story())


def test_a_chain_of_bots_tells_the_same_frame():
    async def story():
        async with serving() as first, serving() as second:

            def relay(events):
                for event in events:
                    if isinstance(event, FrameUpdate):
                        second.producer.relay(event)

            middle = Followed(first.port)
            middle.client._publish = relay
            first.publish(PublishWhitelist((PAIR,)))
            first.publish(publish(frame(0, 300), replace=True, at=77_000))
            async with middle, Followed(second.port) as last:
                await until(lambda: len(last.frame()) == 300)
                first.publish(publish(frame(300, 301), at=78_000))
                await until(lambda: len(last.frame()) == 301)
                same(last.frame(), frame(0, 301), True)
                assert last.held.status("p", PAIR, "5m", "spot").analyzed_ns == 78_000

    asyncio.run(story())


def test_several_producers_are_followed_at_once():
    async def story():
        async with serving() as one, serving() as two:
            for number, server in enumerate((one, two)):
                server.publish(PublishWhitelist((PAIR,)))
                server.publish(publish(frame(0, 100 + number), replace=True))
            async with Followed(one.port, two.port) as followed:
                await until(lambda: len(followed.frame(producer="p1")) == 101)
                await until(lambda: len(followed.frame(producer="p")) == 100)

    asyncio.run(story())


def test_a_full_queue_keeps_the_latest_update_of_each_frame():
    producer = Producer("run")
    follower = producer.join("f", False, lambda: None)
    follower.receive('{"type":"subscribe","data":["analyzed_df"]}')
    producer.publish(publish(frame(0, 200), replace=True))
    for row in range(200, 2_300):
        producer.publish(publish(frame(row, row + 1)))
    assert follower.figures.queued <= 2_000
    assert follower.figures.conflated == 2_000
    sent = [follower.take() for _ in range(follower.figures.queued)]
    assert '\\"index\\":[2299]' in sent[-1]
