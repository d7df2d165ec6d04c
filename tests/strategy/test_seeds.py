"""The two strategies of the producer/consumer pages, word for word: only imports are changed."""

import re

import pytest
from tests.strategy.market import CANDLES, FIVE, SEEDS, Run, recorded, write

from millstream.frames.held import HeldFrames
from millstream.model import FrameUpdate, PlaceOrder, PublishFrame, Side

PAGES = {"000": "*000_*.txt", "001": "*001_*.txt"}
pytestmark = pytest.mark.skipif(
    not (SEEDS.exists() and CANDLES.exists()), reason="the pages and candles are not here"
)
# What the pages leave out as "#...": the same for both.
REST = """
    timeframe = "5m"
    minimal_roi = {"0": 0.02, "120": 0.005}
    stoploss = -0.05
    buy_rsi = IntParameter(10, 60, default=30)
    def populate_exit_trend(self, dataframe, metadata):
        dataframe.loc[qtpylib.crossed_above(dataframe[self.EXIT], 70), "exit_long"] = 1
        return dataframe
"""


def strategies(page):
    """(name, text) of each strategy on a page."""
    text = next(SEEDS.glob(PAGES[page])).read_text()
    for block in re.findall(r"```py(?:thon)?\n(.*?)```", text, re.DOTALL):
        name = re.match(r"class (\w+)\(IStrategy\)", block)[1]
        column = "rsi_default" if name.startswith("Consumer") else "rsi"
        yield name, block.replace("    #...\n", f'    EXIT = "{column}"{REST}', 1)


def run_both(tmp_path, page, candles):
    producer, consumer = (
        Run(write(tmp_path, text, f"{name}_{page}.py".lower()), name, producers=("default",))
        for name, text in strategies(page)
    )
    told, held = 0, HeldFrames()
    for run in (producer, consumer):
        run.history(candles[:150])
    for candle in candles[150:]:
        producer.candle(candle)
        frames = producer.bodies(PublishFrame)
        consumer.candle(candle)
        for frame in frames[told:]:
            update = FrameUpdate(
                candle.open_ns + FIVE, "default", frame.pair, frame.timeframe,
                frame.candle_type, frame.analyzed_ns, 0, frame.replace, frame.rows,
            )  # fmt: skip
            consumer.give(update)
            held.apply(update)
        told = len(frames)
    return producer, consumer


@pytest.mark.parametrize("page", sorted(PAGES))
def test_the_consumer_trades_on_the_producers_indicators(tmp_path, page):
    candles = recorded(count=270)
    producer, consumer = run_both(tmp_path, page, candles)
    assert (producer.failure, consumer.failure) == ("", "")
    own = producer.robot.strategy.dp.get_analyzed_dataframe("ETH/BTC")[0]
    seen = consumer.robot.strategy.dp.get_analyzed_dataframe("ETH/BTC")[0]
    for column in ("rsi", "tema", "bb_middleband"):
        assert seen[f"{column}_default"].tolist()[-100:] == own[column].tolist()[-100:]
    bought = [
        [order for order in run.bodies(PlaceOrder) if order.side is Side.BUY]
        for run in (producer, consumer)
    ]
    assert bought[0]
    assert [order.price for order in bought[1]] == [order.price for order in bought[0]]
    assert consumer.again() == consumer.outputs
    assert producer.again() == producer.outputs
