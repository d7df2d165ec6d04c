from __future__ import annotations

import asyncio

import pytest
import zmq
from tests.stream.loopback import until

from millstream.errors import ConfigError, UnknownName
from millstream.ipc import CommandTimedOut, IPCCommandSystem, IPCPublisher, IPCSubscriber
from millstream.model import Channel, CurrencyPair, Exchange, Side, Timer

BTC, ETH = CurrencyPair.BTC_USDT, CurrencyPair.ETH_USDT


class Handler:
    def __init__(self):
        self.ticker_queue, self.trade_queue = asyncio.Queue(), asyncio.Queue()
        self.health_queue = asyncio.Queue()


def run(scene):
    context = zmq.Context()
    try:
        asyncio.run(asyncio.wait_for(scene(context), 20))
    finally:
        context.destroy(linger=0)


def test_an_observer_gets_of_other_processes_what_it_has_queues_for(tmp_path):
    async def scene(context):
        publisher = IPCPublisher(context, tmp_path)
        follower = IPCSubscriber(
            [("binance", "ticker", ["btc/usdt"]), ("binance", "trade", "")], context, tmp_path
        )
        handler = Handler()
        follower.bind_observer(handler)
        running = asyncio.create_task(follower.start())
        publisher.open(Exchange.BINANCE, Channel.TICKER)
        publisher.open(Exchange.BINANCE, Channel.TRADE)
        await until(lambda: handler.health_queue.qsize() == 2)  # both links are up
        await publisher.send_ticker(Exchange.BINANCE, BTC, 2.0, 20.0, 1.0, 10.0)
        await publisher.send_ticker(Exchange.BINANCE, ETH, 2.0, 20.0, 1.0, 10.0)
        await publisher.send_trade(Exchange.BINANCE, ETH, 1.5, 3.0, Side.SELL)
        ticker, trade = await handler.ticker_queue.get(), await handler.trade_queue.get()
        assert (ticker.symbol, ticker.bid_price, ticker.ask_volume) == (BTC, 1.0, 20.0)
        assert (trade.symbol, trade.volume, trade.side) == (ETH, 3.0, Side.SELL)
        assert handler.ticker_queue.empty()  # nobody asked for the other pair
        assert publisher.published == 3
        await follower.stop()
        await running
        publisher.close()

    run(scene)


def test_what_belongs_to_no_channel_is_refused(tmp_path):
    async def scene(context):
        with pytest.raises(ConfigError, match="a Timer is of no exchange's channel"):
            IPCPublisher(context, tmp_path).publish(Timer(1, "beat", 1, 1))

    run(scene)


def test_a_name_we_have_not_is_told():
    with pytest.raises(UnknownName, match="binanse"):
        IPCSubscriber([("binanse", "ticker", "")])


def test_commands_that_have_come_are_handled_before_a_process_leaves(tmp_path):
    handled = []

    async def scene(context):
        one = IPCCommandSystem("one", context, tmp_path)
        two = IPCCommandSystem("two", context, tmp_path)

        async def slow(command):
            await asyncio.sleep(0.05)
            handled.append(command.payload["number"])

        two.register_handler("slow", slow)
        await two.connect_to_process("one")
        await one.start()
        await two.start()
        await until(lambda: one.listeners == ["two"])
        for number in range(5):
            await one.send_command("two", "slow", {"number": number})
        await until(lambda: handled)
        await two.stop()
        await one.stop()

    run(scene)
    assert handled == [0, 1, 2, 3, 4]


def test_a_command_still_open_when_its_sender_leaves_is_told_as_lost(tmp_path):
    lost = []

    async def scene(context):
        lonely = IPCCommandSystem("lonely", context, tmp_path, on_failure=lost.append)
        await lonely.start()
        await lonely.send_command("nobody", "ping")
        await lonely.stop()

    run(scene)
    (failure,) = lost
    assert isinstance(failure, CommandTimedOut)
    assert "lonely stopped before it was acknowledged" in failure.reason
