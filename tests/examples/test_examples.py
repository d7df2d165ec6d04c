"""The examples run, and the README shows them as they are."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

from millstream import CurrencyPair, Exchange, Market, OrderType, PlaceOrder, Side, Ticker
from millstream.robot import RobotGroup, RobotSetup
from millstream.robot.load import check_robot, load_robot

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


def test_the_readme_shows_the_examples_as_they_are():
    readme = (ROOT / "README.md").read_text()
    for path in sorted(EXAMPLES.glob("*.py")):
        text = path.read_text().partition('\n\nif __name__ == "__main__":')[0]
        assert text.strip() in readme, path.name


def test_the_dipper_buys_the_dip_once():
    robot = load_robot(f"{EXAMPLES}/dipper.py:Dipper")
    check_robot(robot)
    robots = RobotGroup("run001", 1)
    market = Market(Exchange.BINANCE, CurrencyPair.BTC_USDT)
    robots.add(RobotSetup("dipper", robot, (market,), robot.Parameters()))
    answers = []
    for sequence, price in enumerate([100.0, 101.0, 100.95, 100.8, 100.7], 1):
        ticker = Ticker(1, market.exchange, market.symbol, 0, price, 1.0, price + 0.01, 1.0)
        answers += robots.handle(sequence, ticker)
    (output,) = answers
    assert output.cause == 4
    assert output.body == PlaceOrder(
        market.exchange, market.symbol, Side.BUY, OrderType.LIMIT, Decimal("0.001"),
        Decimal("100.81"), order_id="run001000000004001",
    )  # fmt: skip


def test_the_stream_example_prints_what_the_exchange_sends():
    with running("millstream.simulator", "--market-seconds", "3600", "--speed", "20") as venue:
        ready = json.loads(venue.stdout.readline())
        program = (
            "import asyncio, functools, runpy, sys, millstream\n"
            "millstream.get_exchange_stream = functools.partial(\n"
            "    millstream.get_exchange_stream, api_host=sys.argv[2])\n"
            "main = runpy.run_path(sys.argv[1])['main']\n"
            "asyncio.run(asyncio.wait_for(main(), 60))\n"
        )
        example = str(EXAMPLES / "print_tickers.py")
        with running_code(program, example, ready["ws"]) as printing:
            wanted = {("BTC/USDT", "/"), ("ETH/USDT", "x")}
            for line in printing.stdout:
                pair, _, middle, _ = line.split()
                wanted.discard((pair, middle))
                if not wanted:
                    break
    assert not wanted


def running(module, *arguments):
    return ended(["-m", module, *arguments], stderr=subprocess.DEVNULL)


def running_code(code, *arguments):
    return ended(["-u", "-c", code, *arguments])


@contextmanager
def ended(arguments, stderr=None):
    process = subprocess.Popen(
        [sys.executable, *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
