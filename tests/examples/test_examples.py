"""The examples run, and the README shows them as they are."""

from __future__ import annotations

import json
import subprocess
import sys
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


def test_the_stream_example_prints_what_the_exchange_sends(tmp_path):
    venue = subprocess.Popen(
        [sys.executable, "-m", "millstream.simulator", "--market-seconds", "20", "--speed", "20"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    ready = json.loads(venue.stdout.readline())
    program = (
        "import asyncio, functools, runpy, sys, millstream\n"
        "millstream.get_exchange_stream = functools.partial(\n"
        "    millstream.get_exchange_stream, api_host=sys.argv[2])\n"
        "main = runpy.run_path(sys.argv[1])['main']\n"
        "try: asyncio.run(asyncio.wait_for(main(), 3))\n"
        "except TimeoutError: pass\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(EXAMPLES / "print_tickers.py"), ready["ws"]],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    venue.communicate()
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert any(line.startswith("BTC/USDT") and " / " in line for line in lines)
    assert any(line.startswith("ETH/USDT") and " x " in line for line in lines)
