"""One line of a robot changes: the first event at which it answers otherwise is named exactly."""

from __future__ import annotations

import re
from random import Random

import pytest

from millstream.journal import Journal, JournalWriter, Manifest, replay
from millstream.model import CurrencyPair, Exchange, Ticker
from millstream.model.codec import encode_events, encode_outputs
from millstream.robot import Market, RobotGroup, RobotSetup

SOURCE = """
from decimal import Decimal
import msgspec
from millstream import Robot, Side
class State(msgspec.Struct):
    high: float = 0.0
    seen: int = 1
    held: int = 0
class Mutant(Robot):
    State = State
    def on_start(self):
        self.every("5s")
    def on_ticker(self, ticker):
        state = self.state
        state.seen += 1
        state.high = max(state.high * 0.999, ticker.bid_price)
        if state.seen % 7 == 3:
            self.log.info(f"high {state.high + 2}")
        if ticker.ask_price < state.high - 4 and state.held < 6:
            state.held += 1
            return self.limit(Side.BUY, Decimal(str(ticker.ask_price)), Decimal(3))
        if ticker.bid_price > state.high - 1 and state.held > 0:
            state.held -= 1
            return self.limit(Side.SELL, Decimal(str(ticker.bid_price)), Decimal(3))
"""
LINES = [number for number, line in enumerate(SOURCE.splitlines()) if re.search(r"\d", line)]


def group(source):
    names = {"__name__": "mutant"}
    exec(compile(source, "mutant.py", "exec"), names)
    robots = RobotGroup("run001", 1, 32)
    robot = names["Mutant"]
    markets = (Market.parse("binance@btc/usdt"),)
    robots.add(RobotSetup("one", robot, markets, robot.Parameters()))
    return robots


def mutated(random):
    """The source with one number of one line changed."""
    lines = SOURCE.splitlines()
    number = random.choice(LINES)
    found = random.choice(list(re.finditer(r"\d+(\.\d+)?", lines[number])))
    other = str(float(found[0]) + 0.5) if "." in found[0] else str(int(found[0]) + 1)
    lines[number] = lines[number][: found.start()] + other + lines[number][found.end() :]
    return "\n".join(lines), lines[number]


@pytest.mark.parametrize("count", [10, pytest.param(50, marks=pytest.mark.soak)])
def test_the_first_difference_of_a_changed_line_is_named_exactly(tmp_path, count):
    market, price = Random(7), 100.0
    tickers = []
    for number in range(1, 400):
        price += market.randint(-3, 3)
        tickers.append(
            Ticker(number, Exchange.BINANCE, CurrencyPair.BTC_USDT, 0, price, 1.0, price + 1, 1.0)
        )
    manifest = Manifest(
        run_id="run001", started_ns=0, seed=1, millstream_version="", python_version="",
        platform="",
    )  # fmt: skip
    writer, robots = JournalWriter(tmp_path / "j", manifest), group(SOURCE)
    recorded = []
    for ticker in tickers:
        first = writer.append_events(encode_events([ticker]), 1)
        recorded.append(robots.handle(first, ticker))
        writer.append_outputs(recorded[-1])
    writer.close("")
    differed = 0
    for seed in range(count):
        source, line = mutated(Random(seed))
        mutant = group(source)
        truth = next(
            (
                sequence
                for sequence, ticker in enumerate(tickers, 1)
                if encode_outputs(mutant.handle(sequence, ticker))
                != encode_outputs(recorded[sequence - 1])
            ),
            None,
        )
        found = replay(Journal.open(tmp_path / "j"), group(source)).first_difference
        assert (found and found.sequence) == truth, (seed, line, found)
        differed += truth is not None
    assert differed > count / 2
