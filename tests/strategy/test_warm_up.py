"""The past, told to robots: whenever it can be had, and whichever comes first."""

import asyncio
import time

import pytest
from tests.strategy.market import FIVE, Run, drawn, write
from tests.strategy.test_feed import BTC, NOW_S, serve
from tests.strategy.test_robot import SIMPLE

from millstream.errors import ConfigError
from millstream.model import Candle, Channel, Connected, Exchange, PublishFrame
from millstream.strategy.feed import history_of
from millstream.strategy.warm_up import WarmUp


class Heard:
    def __init__(self):
        self.histories, self.candle_queue = [], self

    def put_nowait(self, history):
        self.histories.append(history)


def connected(channel=Channel.CANDLE):
    return Connected(1, Exchange.BINANCE, channel, None, 1)


def test_a_venue_that_fails_is_asked_again_and_after_each_connection(monkeypatch):
    monkeypatch.setattr(time, "time_ns", lambda: NOW_S * 10**9)
    heard, asked = Heard(), []

    async def sometimes(reader, writer):
        asked.append(1)
        if len(asked) == 1:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            writer.close()
        else:
            await serve(reader, writer)

    async def until(condition):
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.01)

    async def run():
        server = await asyncio.start_server(sometimes, "127.0.0.1", 0)
        host = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        warm_up = WarmUp(Exchange.BINANCE, [BTC], "5m", 50, host=host, retry_s=0.05)
        warm_up.bind_observer(heard)
        async with server:
            running = asyncio.create_task(warm_up.start())
            warm_up.health_queue.put_nowait(connected(Channel.TRADE))
            await asyncio.sleep(0.05)
            assert not asked  # that is not the channel of its candles
            warm_up.health_queue.put_nowait(connected())
            await until(lambda: warm_up.failure)
            assert "503" in warm_up.failure
            await until(lambda: heard.histories)
            assert warm_up.failure == ""
            await asyncio.sleep(0.15)
            assert len(heard.histories) == 1
            warm_up.health_queue.put_nowait(connected())  # it had been away
            await until(lambda: len(heard.histories) == 2)
            await warm_up.stop()
            await asyncio.wait_for(running, 5)

    asyncio.run(run())
    assert len(heard.histories[0].open_ns) == 50


def test_a_venue_without_a_past_is_refused_at_once():
    with pytest.raises(ConfigError, match="--data DIR"):
        WarmUp(Exchange.IB, [BTC], "5m", 50)


@pytest.mark.parametrize("live_first", [True, False])
def test_it_is_the_same_whichever_comes_first_the_past_or_a_live_candle(tmp_path, live_first):
    run = Run(write(tmp_path, SIMPLE))
    candles, market = drawn(120), run.markets[0]
    past = history_of(market.exchange, market.symbol, "5m", candles[:118], 1)

    def live(candle):
        end = candle.open_ns + FIVE
        run.give(
            Candle(
                end,
                market.exchange,
                market.symbol,
                end,
                "5m",
                candle.open_ns,
                end,
                candle.open,
                candle.high,
                candle.low,
                candle.close,
                candle.volume,
                1,
                True,
            )
        )

    if live_first:
        live(candles[117])  # it is in the past too
        live(candles[118])
        run.give(past)
    else:
        run.give(past)
        live(candles[118])
    live(candles[119])
    frame = run.robot.strategy.dp.ohlcv("ETH/BTC")
    assert run.failure == ""
    assert frame["close"].tolist() == [candle.close for candle in candles]
    assert frame["date"].is_monotonic_increasing
    assert len(run.bodies(PublishFrame)) >= 2
    assert run.failure == ""
