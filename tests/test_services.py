"""A process of services: what its file says, happens."""

from __future__ import annotations

import asyncio
import sys
from types import ModuleType
from typing import ClassVar

import pytest
from tests.stream.loopback import until
from tests.venue import simulated_exchange

from millstream.errors import ConfigError
from millstream.model import Exchange, Gap
from millstream.service import ServiceBase, every
from millstream.service.configuration import read_services
from millstream.services import ServiceProcess

API = {"exchange": "kraken", "api_key": "k", "api_secret": "s"}
STREAM = {
    "exchange": "binance",
    "currency_pairs": ["btc/usdt"],
    "subscribe_channels": ["ticker"],
    "api_host": "ws://127.0.0.1:1",
}


class Recorder(ServiceBase):
    """Says what happens to it, for all of its kind."""

    said: ClassVar[list[str]] = []
    made: ClassVar[list[ServiceBase]] = []

    def __init__(self):
        super().__init__()
        self.made.append(self)

    def on_setup(self):
        self.said.append(f"{self.name} set up")
        return True

    def on_stop(self):
        self.said.append(f"{self.name} stopped")


class Failing(Recorder):
    @every("50ms")
    def task_fail(self):
        self.said.append(f"{self.name} fails")
        raise ZeroDivisionError("on purpose")


class Unwilling(Recorder):
    def on_setup(self):
        self.said.append(f"{self.name} refuses")
        return False


class Done(Recorder):
    @every("10ms")
    def task_end(self):
        self.end("all is done")


class Hanging(Recorder):
    async def on_setup(self):
        self.said.append(f"{self.name} hangs")
        await asyncio.sleep(3600)
        return True


class Careless(ServiceBase):
    def __init__(self):
        """Without super().__init__()."""


class Broken(ServiceBase):
    def __init__(self):
        raise ZeroDivisionError("on purpose")


class Listener(Recorder):
    def __init__(self):
        super().__init__()
        self.trades, self.health, self.commands, self.failed = [], [], [], []

    def on_setup(self):
        if self.ipc_command:
            self.ipc_command.register_handler("note", self.note)
            self.ipc_command.register_handler("fail", self.fail)
        return super().on_setup()

    def note(self, command):
        self.commands.append(command.payload)

    def fail(self, command):
        raise ZeroDivisionError("on purpose")

    def on_trade(self, trade):
        self.trades.append(trade)

    def on_health(self, event):
        self.health.append(event)

    def on_command_failure(self, failure):
        self.failed.append(failure)


@pytest.fixture(autouse=True)
def nothing_said_yet(monkeypatch):
    monkeypatch.setattr(Recorder, "said", [])
    monkeypatch.setattr(Recorder, "made", [])
    here = ModuleType("services_of_the_tests")
    for kind in Recorder, Failing, Unwilling, Done, Hanging, Careless, Broken, Listener:
        setattr(here, kind.__name__, kind)
    monkeypatch.setitem(sys.modules, here.__name__, here)


def process(tmp_path, **services):
    values = {
        f"service.{name}": {"class_name": kind.__name__, "setting": setting}
        for name, (kind, setting) in services.items()
    }
    values |= {"modules": ["services_of_the_tests"], "ipc_root": "ipc"}
    return ServiceProcess(read_services(values, "s.json"), tmp_path, "s.json")


def run(made, condition):
    """Run until the condition holds, or to its own end."""

    async def scene():
        stop = asyncio.Event()
        running = asyncio.create_task(made.run(stop))
        waiting = asyncio.create_task(until(condition, 15))
        await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        await asyncio.wait_for(running, 15)
        if waiting.done():
            waiting.result()  # a condition that never held fails the test here
        waiting.cancel()

    asyncio.run(scene())


def test_services_start_in_the_order_of_the_file_and_stop_in_the_reverse(tmp_path):
    made = process(tmp_path, a=(Recorder, {}), b=(Recorder, {}))
    run(made, lambda: len(Recorder.said) == 2)
    assert Recorder.said == ["a set up", "b set up", "b stopped", "a stopped"]
    assert [one.state for one in made.figures()] == ["stopped", "stopped"]


def test_each_finds_its_exchanges_by_name(tmp_path):
    run(process(tmp_path, a=(Recorder, {"apis": [API]})), lambda: Recorder.said)
    (service,) = Recorder.made
    assert (service.kraken_api.exchange, service.kraken_api.api_key) == (Exchange.KRAKEN, "k")
    assert not hasattr(service, "binance_api")


def test_one_that_refuses_stops_those_that_run(tmp_path):
    made = process(tmp_path, a=(Recorder, {}), b=(Unwilling, {}), c=(Recorder, {}))
    with pytest.raises(ConfigError, match="service b: on_setup said no: it does not start"):
        run(made, lambda: False)
    assert Recorder.said == ["a set up", "b refuses", "a stopped"]


def test_a_stop_is_heard_while_a_service_sets_up(tmp_path):
    made = process(tmp_path, a=(Recorder, {}), b=(Hanging, {}))
    run(made, lambda: "b hangs" in Recorder.said)
    assert Recorder.said == ["a set up", "b hangs", "a stopped"]


def test_to_continue_is_to_count_and_go_on(tmp_path, caplog):
    made = process(tmp_path, a=(Failing, {}))
    run(made, lambda: Recorder.said.count("a fails") >= 3)
    (figures,) = made.figures()
    failed = Recorder.said.count("a fails")
    assert (figures.failures, figures.restarts, figures.ended) == (failed, 0, "")
    assert not made.failed


def test_to_stop_is_to_end_the_one_and_let_the_others_be(tmp_path, caplog):
    made = process(tmp_path, a=(Failing, {"on_error": "stop"}), b=(Recorder, {}))
    run(made, lambda: made.ended)
    assert Recorder.said == ["a set up", "b set up", "a fails", "a stopped", "b stopped"]
    assert made.ended == {"a": "task_fail failed: ZeroDivisionError: on purpose"}
    assert made.failed


def test_to_restart_is_to_begin_with_a_new_one_after_a_pause(tmp_path, caplog):
    made = process(tmp_path, a=(Failing, {"on_error": "restart", "apis": [API]}))
    run(made, lambda: Recorder.said.count("a fails") == 2)
    assert Recorder.said == ["a set up", "a fails", "a stopped"] * 2
    first, second = Recorder.made
    assert first is not second
    assert second.kraken_api.api_key == "k"
    (figures,) = made.figures()
    assert (figures.restarts, figures.failures) == (1, 2)
    assert "started anew in" in caplog.text


def test_a_restart_that_is_refused_ends_the_service(tmp_path, caplog, monkeypatch):
    made = process(tmp_path, a=(Failing, {"on_error": "restart"}), b=(Recorder, {}))
    monkeypatch.setattr(Failing, "on_setup", lambda self: "a fails" not in self.said, raising=True)
    run(made, lambda: made.ended)
    assert "on_setup said no" in made.ended["a"]
    assert made.failed


def test_a_service_that_is_done_ends_well_and_the_process_with_the_last_of_them(tmp_path):
    made = process(tmp_path, a=(Done, {"on_error": "restart"}))
    run(made, lambda: False)
    assert made.ended == {"a": "all is done"}
    assert not made.failed


def test_a_stream_that_gives_up_is_a_failure(tmp_path, caplog):
    stream = STREAM | {"reconnect_times": 0}
    made = process(tmp_path, a=(Listener, {"streams": [stream], "on_error": "stop"}))
    run(made, lambda: False)
    assert "BinanceStream failed: StreamError" in made.ended["a"]


def test_one_service_takes_a_stream_and_another_follows_it_on_the_bus(tmp_path):
    follow = {"exchange": "binance", "channel": "trade", "symbols": ["btc/usdt"]}
    with simulated_exchange("--speed", 10) as exchange:
        stream = STREAM | {"api_host": exchange["ws"], "subscribe_channels": ["trade"]}
        made = process(
            tmp_path,
            far=(Listener, {"ipc_subscribers": [follow]}),
            near=(Listener, {"streams": [stream], "ipc_publisher": ["trade"]}),
        )
        run(made, lambda: len(Recorder.made) == 2 and len(Recorder.made[0].trades) > 100)
    far, near = Recorder.made
    told = sum(event.missing for event in far.health if isinstance(event, Gap))
    assert far.trades == near.trades[told : told + len(far.trades)]


def test_commands_go_between_services_and_failures_come_back(tmp_path, caplog):
    made = process(
        tmp_path,
        a=(Listener, {"ipc_command_publisher": "a", "ipc_command_subscribers": ["b"]}),
        b=(Listener, {"ipc_command_publisher": "b", "ipc_command_subscribers": ["a"]}),
    )

    async def scene():
        stop = asyncio.Event()
        running = asyncio.create_task(made.run(stop))
        await until(lambda: len(Recorder.said) == 2)
        a, b = Recorder.made
        await until(lambda: a.ipc_command.listeners == ["b"])
        await a.ipc_command.send_command("b", "note", {"x": 1})
        await a.ipc_command.broadcast("note", {"x": 2})
        await a.ipc_command.send_command("b", "fail")
        await a.ipc_command.send_command("b", "dance")
        await until(lambda: a.failed and b.failures.total)
        stop.set()
        await running
        return a, b

    a, b = asyncio.run(asyncio.wait_for(scene(), 20))
    assert b.commands == [{"x": 1}, {"x": 2}]
    assert 'no handler for "dance" there' in a.failed[0].reason
    assert 'the handler of "fail" failed: ZeroDivisionError' in caplog.text


@pytest.mark.parametrize(
    ("services", "sentence"),
    [
        (
            {"a": (Recorder, {"streams": [STREAM | {"exchange": "kraken_future",
             "subscribe_channels": ["candle"]}]})},
            "s.json: service.a.setting.streams[0]: KrakenFutureStream does not carry the channel",
        ),
        (
            {"a": (Recorder, {"streams": [STREAM], "ipc_publisher": True}),
             "b": (Recorder, {"streams": [STREAM], "ipc_publisher": True})},
            "s.json: service.b: binance.ticker is published by service.a already",
        ),
        (
            {"a": (Recorder, {"ipc_command_publisher": "x"}),
             "b": (Recorder, {"ipc_command_publisher": "x"})},
            's.json: service.b: commands of "x" is published by service.a already',
        ),
        (
            {"a": (Recorder, {"streams": [STREAM | {"subscribe_args": {"depth": 3}}]})},
            "s.json: service.a.setting.streams[0]: subscribe_args: ",
        ),
    ],
)  # fmt: skip
def test_what_cannot_run_is_told_before_anything_starts(tmp_path, services, sentence):
    with pytest.raises(ConfigError) as caught:
        process(tmp_path, **services)
    assert str(caught.value).startswith(sentence)
    assert Recorder.said == []


def test_two_processes_cannot_publish_at_one_address(tmp_path):
    first = process(tmp_path, a=(Recorder, {"ipc_command_publisher": "x"}))
    second = process(tmp_path, b=(Recorder, {"ipc_command_publisher": "x"}))

    async def scene():
        stop = asyncio.Event()
        running = asyncio.create_task(first.run(stop))
        await until(lambda: Recorder.made and Recorder.made[0].state == "running")
        with pytest.raises(ConfigError, match=r'commands of "x" is published by another already'):
            await second.run(asyncio.Event())
        stop.set()
        await running

    asyncio.run(asyncio.wait_for(scene(), 20))


def test_what_the_setting_does_not_give_is_told_where_it_is_used(tmp_path):
    run(process(tmp_path, a=(Recorder, {})), lambda: Recorder.said)
    (service,) = Recorder.made
    assert not service.ipc_command
    with pytest.raises(ConfigError, match=r"no name to be addressed by; .* ipc_command_publisher"):
        service.ipc_command.register_handler("note", print)
    with pytest.raises(AttributeError, match=r'no kraken_api; add {"exchange": "kraken", ...} to'):
        print(service.kraken_api)


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (Careless, r"Careless.__init__ has to call super\(\).__init__\(\)"),
        (Broken, r"service a: Broken\(\) failed: ZeroDivisionError: on purpose"),
    ],
)
def test_a_class_that_cannot_be_made_is_told(tmp_path, kind, sentence):
    with pytest.raises(ConfigError, match=sentence):
        run(process(tmp_path, a=(kind, {})), lambda: False)
