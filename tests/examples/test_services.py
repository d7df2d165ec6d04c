"""The examples of services run as they are, in processes of their own, on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.exchange.binance.account import KEY, SECRET, account_pages, order, report
from tests.exchange.binance.test_private_stream import QUICK, Api, tell
from tests.exchange.kraken import frames
from tests.exchange.kraken.test_stream import answering
from tests.stream.loopback import until, venue
from tests.venue import simulated_exchange

SERVICES = Path(__file__).parents[2] / "examples" / "services"
RUN = [sys.executable, "-m", "millstream", "run"]
FEEDS_HOST = "MILLSTREAM__SERVICE_FEED__SETTING__STREAMS__0__API_HOST"

# Runs an example with its streams at another host: argv is its file and the host.
AT_ANOTHER_HOST = """
import asyncio, runpy, sys, millstream
real = millstream.get_exchange_stream
millstream.get_exchange_stream = lambda **given: real(**(given | {"api_host": sys.argv[2]}))
asyncio.run(runpy.run_path(sys.argv[1])["main"]())
"""


class Example:
    """A running example, and what it has printed so far."""

    def __init__(self, process: subprocess.Popen, output: Path, errors: Path) -> None:
        self.process, self._output, self._errors = process, output, errors

    @property
    def output(self) -> str:
        return self._output.read_text()

    @property
    def errors(self) -> str:
        return self._errors.read_text()

    def until(self, condition, most_s=60.0):
        """Wait until the condition holds of its output."""
        ends = time.monotonic() + most_s
        while not condition(self.output):
            assert self.process.poll() is None, self.errors
            assert time.monotonic() < ends, self.output[-2000:] + self.errors
            time.sleep(0.02)

    def interrupt(self) -> int:
        """Ctrl-C; the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)


@contextlib.contextmanager
def example(folder, name, command, **environment):
    output, errors = folder / f"{name}.out", folder / f"{name}.err"
    with output.open("w") as out, errors.open("w") as err:
        process = subprocess.Popen(
            command,
            stdout=out,
            stderr=err,
            env=os.environ | {"PYTHONUNBUFFERED": "1"} | environment,
        )
        try:
            yield Example(process, output, errors)
        finally:
            process.kill()
            process.wait()


@pytest.mark.parametrize("name", ["observer", "start_a_stream"])
def test_the_seeds_observers_print_what_kraken_sends(tmp_path, name):
    sent = answering(ticker=[frames.TICKER], trade=[frames.trades(1, 2)])
    command = [sys.executable, "-c", AT_ANOTHER_HOST, str(SERVICES / f"{name}.py")]

    async def scene():
        async with venue(sent) as kraken:
            with example(tmp_path, name, [*command, kraken.url]) as running:
                wanted = ["BTC/USD", " / "] + [" x "] * (name == "observer")
                await asyncio.to_thread(
                    running.until, lambda output: all(text in output for text in wanted)
                )

    asyncio.run(scene())


def test_a_stream_of_ones_own_prints_the_messages_as_they_came(tmp_path):
    with simulated_exchange("--speed", 20) as exchange:
        command = [sys.executable, str(SERVICES / "my_stream.py"), exchange["ws"]]
        with example(tmp_path, "my_stream", command) as running:
            running.until(lambda output: output.count("'s': 'BTCUSDT'") > 10)


def test_the_seeds_service_hears_of_its_own_orders(tmp_path):
    where = "MILLSTREAM__SERVICE_MM_DEMO__SETTING__"
    text = (SERVICES / "mm_demo.json").read_text()
    text = text.replace("your api key", KEY).replace("your api secret", SECRET)

    async def scene(pages):
        pages.orders[7] = order(7)
        api = Api(pages)
        async with venue(api.on_message) as binance:
            values = json.loads(text)
            (stream,) = values["service.mm_demo"]["setting"]["streams"]
            stream["subscribe_args"] = QUICK | {"rest_host": pages.url}
            values["modules"] = [str(SERVICES / "mm_demo.py")]
            config = tmp_path / "mm_demo.json"
            config.write_text(json.dumps(values))
            environment = {
                f"{where}STREAMS__0__API_HOST": binance.url,
                "MILLSTREAM__IPC_ROOT": str(tmp_path / "ipc"),
            }
            with example(tmp_path, "mm_demo", [*RUN, str(config)], **environment) as running:
                await asyncio.to_thread(running.until, lambda output: "run7: working" in output)
                await until(lambda: len(binance.clients) == 2 and len(api.methods) == 2)
                for client in binance.clients:
                    tell(client, report(7, "PARTIALLY_FILLED", "0.5", 1001, trade_id=3))
                await asyncio.to_thread(
                    running.until, lambda output: "run7: partial" in output and " x 0.5" in output
                )
                assert await asyncio.to_thread(running.interrupt) == 0
                assert SECRET not in running.output + running.errors

    with account_pages() as pages:
        asyncio.run(scene(pages))


@contextlib.contextmanager
def three_processes(tmp_path):
    """The market maker's, the gateway's and the feed's, with an exchange to feed it."""
    with (
        simulated_exchange("--speed", 5) as exchange,
        contextlib.ExitStack() as running,
    ):
        yield {
            name: running.enter_context(service(tmp_path, name, **more))
            for name, more in (
                ("market_maker", {}),
                ("gateway", {}),
                ("feed", {FEEDS_HOST: exchange["ws"]}),
            )
        }


def service(tmp_path, name, called="", **environment):
    """`millstream run` of an example; its processes meet in the test's own folder."""
    root = {"MILLSTREAM__IPC_ROOT": str(tmp_path / "ipc")}
    command = [*RUN, str(SERVICES / f"{name}.json")]
    return example(tmp_path, called or name, command, **environment, **root)


def test_a_market_maker_a_gateway_and_a_feed_work_together_across_processes(tmp_path):
    with three_processes(tmp_path) as running:
        maker, gateway, feed = (running[name] for name in ("market_maker", "gateway", "feed"))
        maker.until(lambda output: output.count("placed: ") >= 3 and output.count(": working") >= 3)
        feed.until(lambda output: "Connected binance ticker" in output)
        assert maker.interrupt() == 0
        assert gateway.process.wait(60) == 0  # told to by the market maker's goodbye
        assert "mm1 says goodbye" in gateway.output
        assert feed.interrupt() == 0
        for one in running.values():
            assert "failed" not in one.errors
            assert "Traceback" not in one.errors


def test_a_feed_that_dies_and_comes_again_is_told_as_a_loss(tmp_path):
    with three_processes(tmp_path) as running:
        maker = running["market_maker"]
        maker.until(lambda output: "placed: " in output)
        running["feed"].process.kill()
        running["feed"].process.wait()
        with simulated_exchange("--speed", 5) as exchange:
            host = {FEEDS_HOST: exchange["ws"]}
            with service(tmp_path, "feed", "feed_again", **host):
                maker.until(lambda output: "the publisher was started anew" in output)
                placed = maker.output.count("placed: ")
                maker.until(lambda output: output.count("placed: ") > placed)


def test_two_feeds_are_one_too_many(tmp_path):
    with three_processes(tmp_path) as running:
        running["feed"].until(lambda output: "Connected" in output)
        second = subprocess.run(
            [*RUN, str(SERVICES / "feed.json")],
            env=os.environ | {"MILLSTREAM__IPC_ROOT": str(tmp_path / "ipc")},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert second.returncode == 2
    assert second.stderr.startswith("millstream: binance.ticker is published by another already")


def test_two_programs_of_ones_own_send_each_other_commands(tmp_path):
    root = {"XDG_RUNTIME_DIR": str(tmp_path)}
    command = [sys.executable, str(SERVICES / "ping_pong.py")]
    with (
        example(tmp_path, "a", [*command, "a", "b"], **root) as a,
        example(tmp_path, "b", [*command, "b", "a"], **root) as b,
    ):
        a.until(lambda output: "b answered a_" in output)
        b.until(lambda output: "a answered b_" in output)
