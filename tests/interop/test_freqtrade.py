"""A real freqtrade on either end of the wire: what is held is what was produced."""

from __future__ import annotations

import asyncio

import pandas as pd
import pytest
from tests.frames.live import TOKEN, Followed, publish, serving, until
from tests.interop.candles import candles
from tests.interop.peer import Freqtrade, free_port, needs_freqtrade

from millstream.model.frames import PublishWhitelist

pytestmark = needs_freqtrade
ONE, TWO = "BTC/USDT", "ETH/USDT"


@pytest.fixture(scope="module")
def freqtrade():
    made = Freqtrade()
    yield made
    made.close()


@pytest.fixture(scope="module")
def producer(freqtrade):
    """A real producer, on its port; a process can hold only one."""
    port = free_port()
    server = {
        "enabled": True,
        "listen_ip_address": "127.0.0.1",
        "listen_port": port,
        "username": "u",
        "password": "p",
        "jwt_secret_key": "x" * 40,
        "ws_token": TOKEN,
    }
    freqtrade("api", "producer", api_server=server)
    return port


def same(held, produced):
    """Equal but for the eleventh digit behind the point, and no date twice."""
    assert held["date"].is_unique
    assert list(held.columns) == list(produced.columns)
    for name in produced.columns:
        if name == "date":
            assert (held[name].astype("int64") // 10**0).is_monotonic_increasing
            assert list(held[name]) == list(produced[name])
        elif produced[name].dtype.kind in "if":
            got, want = held[name].astype("float64"), produced[name].astype("float64")
            assert (got.isna() == want.isna()).all(), name
            assert ((got - want).abs().fillna(0) <= 6e-11).all(), name
        else:
            got, want = ([None if pd.isna(v) else v for v in x[name]] for x in (held, produced))
            assert got == want, name


def test_we_follow_a_real_producer(freqtrade, producer):
    def tell(pair, first, end, **more):
        freqtrade("api", "frame", pair=pair, first=first, end=end, **more)

    async def story():
        freqtrade("api", "pairs", pairs=[ONE, TWO])
        tell(ONE, 0, 998)
        tell(TWO, 0, 40)  # fewer than a freqtrade would hold
        async with Followed(producer, sleep_time=1) as followed:
            await until(lambda: len(followed.frame(ONE)) == 998)
            await until(lambda: len(followed.frame(TWO)) == 40)
            assert followed.held.pairs("p") == [ONE, TWO]
            assert followed.client.figures()[0].wire == "freqtrade"
            tell(ONE, 998, 999)  # a tick
            tell(ONE, 998, 999, changes={"close": 7.0})  # the candle again
            await until(lambda: followed.frame(ONE)["close"].iloc[-1] == 7.0)
            last = candles(998, 999).assign(close=7.0)
            produced = pd.concat([candles(0, 998), last], ignore_index=True)
            same(followed.frame(ONE), produced)
            at = 999
            for gap in (3, 150):
                tell(ONE, at, at + gap, emit=False)
                tell(ONE, at + gap, at + gap + 1)
                at += gap + 1
                await until(lambda at=at: len(followed.frame(ONE)) == at)
                produced = pd.concat([candles(0, 998), last, candles(999, at)], ignore_index=True)
                same(followed.frame(ONE), produced)
            tell(TWO, 40, 41)
            await until(lambda: len(followed.frame(TWO)) == 41)
            same(followed.frame(TWO), candles(0, 41))
            for pairs in ([TWO], [], [ONE, TWO]):
                freqtrade("api", "pairs", pairs=pairs)
                await until(lambda pairs=pairs: followed.held.pairs("p") == pairs)
            assert followed.states() == ["connected", "gap", "repaired", "gap", "repaired"]
            assert followed.client.figures()[0].malformed == 0

            # Away for a while, and back.
            await followed.client.stop()
            tell(ONE, at, at + 60)
            await followed.client.start()
            await until(lambda: len(followed.frame(ONE)) == at + 60)

    asyncio.run(story())


def test_a_wrong_token_is_refused_by_a_real_producer_and_told(freqtrade, producer):
    async def story():
        entry = {"port": producer}
        async with Followed(1, entry={}) as followed:
            await followed.client.stop()
            followed.client.followers[0].entry = type(followed.client.followers[0].entry)(
                name="p", host="127.0.0.1", ws_token="wrong", **entry
            )
            await followed.client.start()
            await until(lambda: "refused" in followed.states())
            shown = str(followed.events)
            assert "403" in shown
            assert "wrong" not in shown

    asyncio.run(story())


def consumer(freqtrade, name, *ports, **section):
    producers = [
        {
            "name": "default" if not number else f"p{number}",
            "host": "127.0.0.1",
            "port": port,
            "ws_token": TOKEN,
        }
        for number, port in enumerate(ports)
    ]
    section = {"enabled": True, "producers": producers, "sleep_time": 1} | section
    freqtrade(name, "consumer", external_message_consumer=section)


async def held_by(freqtrade, name, condition, pair=ONE, producer="default"):
    """Wait until a real consumer holds what the condition says."""
    async with asyncio.timeout(20):
        while not condition(
            await asyncio.to_thread(freqtrade, name, "get", pair=pair, producer=producer)
        ):
            await asyncio.sleep(0.05)


async def dumped(freqtrade, name, path, pair=ONE, producer="default"):
    await asyncio.to_thread(freqtrade, name, "dump", pair=pair, path=str(path), producer=producer)
    return pd.read_feather(path)


def test_a_real_consumer_follows_us(freqtrade, tmp_path):
    async def story():
        async with serving() as server, serving() as second:
            server.publish(PublishWhitelist((ONE,)))
            server.publish(publish(candles(0, 998), replace=True))
            second.publish(PublishWhitelist((ONE, TWO)))
            second.publish(publish(candles(0, 300, seed=5), replace=True, pair=TWO))
            consumer(freqtrade, "follower", server.port, second.port)
            try:
                await held_by(freqtrade, "follower", lambda got: got["rows"] == 998)
                two = {"pair": TWO, "producer": "p1"}
                await held_by(freqtrade, "follower", lambda got: got["rows"] == 300, **two)
                await asyncio.sleep(1.2)  # it loses what it asks for in its first 1.5 s
                last = candles(998, 999)
                server.publish(publish(last))
                server.publish(publish(last.assign(close=7.0)))
                await held_by(freqtrade, "follower", lambda got: got.get("close") == 7.0)
                last = last.assign(close=7.0)
                at = 999
                for gap in (3, 150):
                    for follower in server.producer.followers:
                        server.producer.leave(follower)  # told nothing for a while
                        server.publish(publish(candles(at, at + gap)))
                        server.producer._followers.add(follower)
                    server.publish(publish(candles(at + gap, at + gap + 1)))
                    at += gap + 1
                    await held_by(freqtrade, "follower", lambda got, at=at: got["rows"] == at)
                produced = pd.concat([candles(0, 998), last, candles(999, at)], ignore_index=True)
                same(await dumped(freqtrade, "follower", tmp_path / "one"), produced)
                same(
                    await dumped(freqtrade, "follower", tmp_path / "two", **two),
                    candles(0, 300, seed=5),
                )
                server.publish(PublishWhitelist((TWO, ONE)))
                async with asyncio.timeout(10):
                    while await asyncio.to_thread(freqtrade, "follower", "pairs") != [TWO, ONE]:
                        await asyncio.sleep(0.05)

                # The producer is gone for a while.
                port = server.port
                await server.stop()
                async with serving(listen_port=port) as again:
                    again.publish(PublishWhitelist((ONE,)))
                    again.publish(publish(candles(0, 1_200), replace=True))
                    await held_by(freqtrade, "follower", lambda got: got["rows"] == 1_200)
                    same(await dumped(freqtrade, "follower", tmp_path / "one"), candles(0, 1_200))
            finally:
                await asyncio.to_thread(freqtrade, "follower", "stop")

    asyncio.run(story())


def test_a_real_consumer_takes_our_signals_out(freqtrade, tmp_path):
    async def story():
        async with serving() as server:
            server.publish(PublishWhitelist((ONE,)))
            server.publish(publish(candles(0, 200), replace=True))
            consumer(freqtrade, "quiet", server.port, remove_entry_exit_signals=True)
            try:
                await held_by(freqtrade, "quiet", lambda got: got["rows"] == 200)
                theirs = await dumped(freqtrade, "quiet", tmp_path / "quiet")
            finally:
                await asyncio.to_thread(freqtrade, "quiet", "stop")
            # Ours takes them out in the same way.
            options = {"remove_entry_exit_signals": True, "entry": {"fast": False}}
            async with Followed(server.port, **options) as followed:
                await until(lambda: len(followed.frame(ONE)) == 200)
                same(followed.frame(ONE), theirs)

    asyncio.run(story())
