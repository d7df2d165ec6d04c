from __future__ import annotations

import asyncio
import time

import pytest
from tests.venue import simulated_exchange

from millstream.errors import ConfigError
from millstream.exchange import get_exchange_stream
from millstream.model import CurrencyPair, Exchange, Side, Trade
from millstream.service.base import ServiceBase
from millstream.service.timers import every


def trade(number):
    pair = CurrencyPair.BTC_USDT
    return Trade(number, Exchange.BINANCE, pair, 0, 1.0, 1.0, Side.BUY, str(number))


class Source:
    """Gives what it is told to its observers, then waits to be stopped."""

    def __init__(self, *events):
        self.events, self.observers, self.stopped = events, [], asyncio.Event()

    def bind_observer(self, observer):
        self.observers.append(observer)

    async def start(self):
        for event in self.events:
            for observer in self.observers:
                observer.trade_queue.put_nowait(event)
        await self.stopped.wait()

    async def stop(self):
        self.stopped.set()


class Seen(ServiceBase):
    def __init__(self):
        super().__init__()
        self.trades, self.said = [], []

    def on_setup(self):
        self.said.append("set up")
        return True

    async def on_trade(self, trade):
        self.trades.append(trade.received_ns)
        if trade.received_ns == 2:
            raise ZeroDivisionError("on purpose")

    @every("20ms")
    def task_beat(self):
        self.said.append("beat")

    def on_stop(self):
        self.said.append("stopped")


def run(service, source, until, most_s=60.0):
    async def scene():
        service.connect([], [source()])
        await service.start()
        ends = time.monotonic() + most_s
        while not until() and time.monotonic() < ends:
            await asyncio.sleep(0.005)
        await service.stop()

    asyncio.run(scene())


def test_it_sets_up_hears_beats_and_stops_in_that_order():
    service = Seen()
    run(service, lambda: Source(trade(1), trade(3)), lambda: "beat" in service.said)
    assert service.trades == [1, 3]
    assert (service.said[0], service.said[-1]) == ("set up", "stopped")
    assert service.state == "stopped"


def test_a_failing_callback_is_counted_with_its_event_and_the_others_go_on(caplog):
    service = Seen()
    events = [trade(number) for number in (1, 2, 3)]
    run(service, lambda: Source(*events), lambda: len(service.trades) == 3)
    assert service.trades == [1, 2, 3]
    assert service.failures.total == 1
    assert "on_trade failed: ZeroDivisionError: on purpose" in caplog.text
    assert "received_ns=2" in caplog.text


def test_a_policy_of_stop_ends_the_service_with_the_reason():
    service = Seen()
    service.on_error = "stop"

    async def scene():
        service.connect([], [Source(trade(2))])
        await service.start()
        reason = await asyncio.wait_for(service.ended(), 5)
        await service.stop()
        return reason

    assert asyncio.run(scene()) == "on_trade failed: ZeroDivisionError: on purpose"


def test_a_service_that_says_no_does_not_start():
    class Unwilling(ServiceBase):
        def on_setup(self):
            return False

    service = Unwilling()
    service.name = "shy"
    with pytest.raises(ConfigError, match="service shy: on_setup said no"):
        asyncio.run(service.start())


def test_a_timer_without_an_interval_is_refused():
    class Timeless(ServiceBase):
        def task_beat(self):
            """Never."""

    with pytest.raises(ConfigError, match="has no interval"):
        asyncio.run(Timeless().start())


def test_it_hears_a_real_stream():
    heard = {"ticker": 0, "trade": 0}

    class Market(ServiceBase):
        def on_ticker(self, ticker):
            heard["ticker"] += 1

        async def on_trade(self, trade):
            heard["trade"] += 1

    with simulated_exchange("--speed", 20) as exchange:
        run(
            Market(),
            lambda: get_exchange_stream(
                "binance", ["btc/usdt"], ["ticker", "trade"], api_host=exchange["ws"]
            ),
            lambda: min(heard.values()) > 50,
        )
    assert min(heard.values()) > 50


def test_a_callback_that_waits_is_let_finish_at_the_stop():
    finished = []

    class Slow(ServiceBase):
        async def on_trade(self, trade):
            finished.append("began")
            await asyncio.sleep(0.1)
            finished.append("ended")

    run(Slow(), lambda: Source(trade(1), trade(2)), lambda: finished)
    assert finished == ["began", "ended"] * 2


def test_a_stop_that_was_given_up_goes_on_and_can_be_waited_for_again():
    service = Seen()

    async def scene():
        service.connect([], [Source()])
        await service.start()
        first = asyncio.create_task(service.stop())
        await asyncio.sleep(0)
        first.cancel()
        await service.stop()

    asyncio.run(scene())
    assert service.said == ["set up", "stopped"]
    assert service.state == "stopped"


def test_a_farewell_command_still_leaves():
    class Commands:
        def __init__(self):
            self.open, self.sent = False, []

        async def start(self):
            self.open = True

        async def stop(self):
            self.open = False

        async def broadcast(self, command_type):
            assert self.open
            self.sent.append(command_type)

    class Polite(ServiceBase):
        async def on_stop(self):
            await self.ipc_command.broadcast("goodbye")

    service = Polite()
    service.ipc_command = Commands()
    run(service, Source, lambda: service.state == "running")
    assert service.ipc_command.sent == ["goodbye"]
    assert not service.ipc_command.open
