import pytest
from tests.strategy.market import CANDLES, FIVE, Path, Run, recorded

from millstream.model import FrameUpdate, PlaceOrder, PublishFrame
from millstream.robot.load import check_robot
from millstream.strategy.robot import StrategyRobot

EXAMPLES = Path(__file__).parents[2] / "examples" / "strategies"


@pytest.mark.skipif(not CANDLES.exists(), reason="the candles are not here")
def test_the_example_consumer_buys_what_the_example_producer_buys():
    producer = Run(EXAMPLES / "producer_strategy.py", "ProducerStrategy")
    consumer = Run(EXAMPLES / "consumer_strategy.py", "ConsumerStrategy", producers=("default",))
    candles = recorded(count=220)
    producer.history(candles[:120])
    consumer.history(candles[:120])
    told = 0
    for candle in candles[120:]:
        producer.candle(candle)
        consumer.candle(candle)
        frames = producer.bodies(PublishFrame)
        for frame in frames[told:]:
            consumer.give(
                FrameUpdate(
                    candle.open_ns + FIVE, "default", frame.pair, frame.timeframe,
                    frame.candle_type, frame.analyzed_ns, 0, frame.replace, frame.rows,
                )
            )  # fmt: skip
        told = len(frames)
    assert (producer.failure, consumer.failure) == ("", "")
    bought = [run.bodies(PlaceOrder)[0] for run in (producer, consumer)]
    assert (bought[0].price, bought[0].side) == (bought[1].price, bought[1].side)


@pytest.mark.parametrize("name", ["producer", "consumer"])
def test_the_examples_ask_the_world_nothing(name):
    file = str(EXAMPLES / f"{name}_strategy.py")
    told = StrategyRobot.Parameters(strategy="", strategy_file=file, stake_currency="BTC")
    check_robot(StrategyRobot, told)
