"""A strategy that goes on from a checkpoint answers as one that saw everything, byte for byte."""

import numpy as np
import pytest
from tests.strategy import test_seeds
from tests.strategy.market import CANDLES, FIVE, Path, Run, drawn, recorded, write

from millstream.errors import RobotError
from millstream.model import (
    Book,
    Checkpoint,
    Control,
    FrameUpdate,
    PlaceOrder,
    PublishFrame,
    Whitelist,
)
from millstream.model.codec import encode_outputs
from millstream.robot import seat
from millstream.strategy.kept import values_of

EXAMPLES = Path(__file__).parents[2] / "examples" / "strategies"
# It looks at all there is to look at, and keeps something in every place that there is.
CURIOUS = """
from collections import deque
import pandas as pd
counted = {}
calls = 0

class Base(IStrategy):
    seen: dict = {}

class S(Base):
    timeframe = "5m"
    minimal_roi = {"0": 0.03, "60": 0.01}
    stoploss = -0.02
    trailing_stop = True
    startup_candle_count = 20
    use_custom_stoploss = True
    threshold = IntParameter(10, 90, default=45)
    turns = 0

    def bot_start(self, **kwargs):
        self.last = deque(maxlen=3)
        self.tags = set()
        self.mean = None
        self.at = None
        self.tables = {}

    def bot_loop_start(self, current_time, **kwargs):
        type(self).turns += 1
        self.at = current_time
        if self.turns == 9:
            self.threshold.value = 55

    @informative("15m")
    def populate_indicators_15m(self, dataframe, metadata):
        dataframe["rsi"] = ta.RSI(dataframe, 7)
        return dataframe

    def populate_indicators(self, dataframe, metadata):
        global calls
        calls += 1
        pair = metadata["pair"]
        counted[pair] = counted.get(pair, 0) + 1
        dataframe["rsi"] = ta.RSI(dataframe, 7)
        dataframe["ema"] = dataframe["close"].ewm(span=9).mean()
        before, when = self.dp.get_analyzed_dataframe(pair, self.timeframe)
        dataframe["before"] = before["ema"].iloc[-1] if len(before) else 0.0
        theirs, told = self.dp.get_producer_df(pair)
        dataframe["theirs"] = theirs["close"].iloc[-1] if len(theirs) else float("nan")
        dataframe["other"] = self.dp.ticker("LTC/BTC").get("bid", 0.0)
        bids = self.dp.orderbook("ETH/BTC", 1)["bids"]
        dataframe["bid"] = bids[0][1] if bids else 0.0
        dataframe["first"] = float(self.dp.current_whitelist()[0] == "LTC/BTC")
        self.dp.get_producer_df(pair, "1h")  # which is said once
        dataframe["free"] = self.wallets.get_free("BTC")
        dataframe["calls"] = calls + counted[pair] + self.turns
        self.tables[pair] = dataframe.tail(3)
        self.mean = dataframe["close"].mean()
        self.seen[pair] = (when, told)
        self.last.append(self.mean)
        self.dp.send_msg(f"{pair} has {len(self.dp.current_whitelist())}")
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe.loc[
            dataframe["rsi"] < self.threshold.value, ["enter_long", "enter_tag"]
        ] = (1, f"rsi {len(self.tags)}")
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        dataframe.loc[dataframe["rsi"] > 70, "exit_long"] = 1
        return dataframe

    def custom_stoploss(self, pair, trade, current_time, current_rate, current_profit, **kwargs):
        frame, _ = self.dp.get_analyzed_dataframe(pair, self.timeframe)
        cached = self.tables[pair]["ema"].iloc[-2]
        quote = self.dp.ticker(pair).get("bid", 0.0)
        return -0.01 - abs(frame["ema"].iloc[-1] / cached - 1) - (quote % 1) / 100

    def confirm_trade_entry(self, pair, *args, **kwargs):
        self.tags.add(f"{pair} {len(self.last)}")
        return sum(self.last) > 0
"""


@pytest.fixture(autouse=True, scope="module")
def every_checkpoint_is_packed():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seat, "BYTES_AN_EVENT", 10**9)
        yield


def frame_of(candle, body):
    return FrameUpdate(
        candle.open_ns + FIVE, "default", body.pair, body.timeframe, body.candle_type,
        body.analyzed_ns, 0, body.replace, body.rows,
    )  # fmt: skip


@pytest.fixture(scope="module")
def curious(tmp_path_factory):
    """Two pairs, frames of a producer, commands."""
    lists = [{"method": "StaticPairList"}, {"method": "ProducerPairList"}]
    told = {
        "producers": ("default",), "candles_held": 60, "max_open_trades": 2,
        "pair_lists": lists, "static_pairs": ["LTC/BTC"],
    }  # fmt: skip
    file = write(tmp_path_factory.mktemp("curious"), CURIOUS)
    run = Run(file, pairs=("ETH/BTC", "LTC/BTC"), **told)
    producer = Run(EXAMPLES / "producer_strategy.py", "ProducerStrategy", candles_held=60)
    series = drawn(70, seed=3), drawn(70, seed=4)
    for market, candles in enumerate(series):
        run.history(candles[:30], market)
    producer.history(series[0][:40])
    run.give(Whitelist(series[0][30].open_ns, "default", ("ETH/BTC",)))
    at, told = run.markets[0], 0
    book = Book(series[0][30].open_ns, at.exchange, at.symbol, 0, ((9.0, 7.0),), ((10.0, 1.0),), 1)
    run.give(book)
    for number in range(30, 70):
        for market, candles in enumerate(series):
            run.candle(candles[number], market)
        run.tick(series[0][number].open_ns + FIVE + 1)
        if number >= 40:
            producer.candle(series[0][number])
            bodies = producer.bodies(PublishFrame)
            for body in bodies[told:]:
                run.give(frame_of(series[0][number], body))
            told = len(bodies)
        if number == 50:
            run.give(
                Control(series[0][number].open_ns + FIVE + 2, "s", "stopentry", {}, "ann", "", "")
            )
        if number == 53:
            run.give(
                Control(series[0][number].open_ns + FIVE + 2, "s", "resume", {}, "ann", "", "")
            )
    return run


def checkpoints(run):
    return [output for output in run.outputs if isinstance(output.body, Checkpoint)]


def gone_on(run, made):
    """What a fresh robot answers to the events after a checkpoint, from that alone."""
    group = run._seat()
    group.restore("s", made.body)
    return [
        output
        for sequence, event in enumerate(run.events[made.cause :], made.cause + 1)
        for output in group.handle(sequence, event)
    ]


def answers_after(run, made):
    return [output for output in run.outputs if output.cause > made.cause]


def check(run, *cuts):
    """cuts: the parts of its checkpoints that come before."""
    assert run.failure == ""
    assert run.bodies(PlaceOrder)
    found = checkpoints(run)
    assert [made.body.lacking for made in found] == [""] * len(found)
    for cut in cuts:
        made = found[int(cut * len(found))]
        assert encode_outputs(gone_on(run, made)) == encode_outputs(answers_after(run, made))


def test_a_strategy_that_looks_at_everything_goes_on(curious):
    assert encode_outputs(curious.again()) == encode_outputs(curious.outputs)
    check(curious, 0.1, 0.6, 0.9)


@pytest.mark.skipif(not CANDLES.exists(), reason="the candles are not here")
@pytest.mark.parametrize("page", sorted(test_seeds.PAGES))
def test_the_strategies_of_the_pages_go_on(tmp_path, page):
    for run in test_seeds.run_both(tmp_path, page, recorded(count=200)):
        check(run, 0.6)


@pytest.mark.skipif(not CANDLES.exists(), reason="the candles are not here")
def test_the_example_strategies_go_on():
    producer = Run(EXAMPLES / "producer_strategy.py", "ProducerStrategy", candles_held=60)
    consumer = Run(EXAMPLES / "consumer_strategy.py", "ConsumerStrategy", producers=("default",))
    candles, told = recorded(count=160), 0
    for run in (producer, consumer):
        run.history(candles[:120])
    for candle in candles[120:]:
        producer.candle(candle)
        consumer.candle(candle)
        bodies = producer.bodies(PublishFrame)
        for body in bodies[told:]:
            consumer.give(frame_of(candle, body))
        told = len(bodies)
    check(producer, 0.6)
    check(consumer, 0.6)


SHADOWED = """
class S(IStrategy):
    timeframe = "5m"
    minimal_roi = {"0": 0.03}
    stoploss = -0.3
    startup_candle_count = 5
    turns = 0

    def populate_indicators(self, dataframe, metadata):
        type(self).turns += 1
        dataframe["turns"] = self.turns
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe.loc[dataframe["close"] > 0, "enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        return dataframe

class S(S):
    stoploss = -0.02
    minimal_roi = {"0": 0.01}
    turns = 100
"""


def test_a_strategy_in_the_name_of_its_base_goes_on(tmp_path):
    run = Run(write(tmp_path, SHADOWED), candles_held=60)
    candles = drawn(60, seed=3)
    run.history(candles[:20])
    for candle in candles[20:]:
        run.candle(candle)
    check(run, 0.1, 0.6)


def test_an_array_that_looks_into_another_comes_back_looking_into_it():
    whole = np.zeros((2, 3))
    kept = {"whole": whole, "row": whole[1], "turned": whole.T[::-1], "shown": np.ones(2)}
    kept["shown"].flags.writeable = False
    kept |= {"none": np.array([]), "one": np.array(5.0)}
    values = values_of(None)
    found = values.unpack(values.pack(kept))
    assert values.pack(found) == values.pack(kept)
    for each in (kept, found):
        each["whole"][1, 2], each["row"][0] = 7.0, 8.0
    for name, array in kept.items():
        assert found[name].tolist() == array.tolist()
        assert found[name].flags.writeable is array.flags.writeable


# ---- each part is needed ------------------------------------------------------------------------

PARTS = [
    ("authored", "self", "tables"), ("authored", "self", "last"), ("authored", "self", "tags"),
    ("authored", "parameters", "threshold"), ("authored", "class", "S"),
    ("authored", "class", "Base"), ("authored", "module", "strategy_under_test"),
    ("shown", "provider", "rings"), ("shown", "provider", "analyzed"),
    ("shown", "provider", "tickers"), ("shown", "provider", "_said"), ("shown", "held", "_frames"),
    ("shown", "held", "_pairs"), ("shown", "wallets", "_free"), ("told",), ("slower",),
]  # fmt: skip


class Forgetful:
    """A robot's outside, one part of it as it is before the first event."""

    def __init__(self, robot, path):
        self.put, self.path = robot._put_outside, path
        self.fresh = robot._outside()

    def __call__(self, kept):
        inner, fresh = kept, self.fresh
        for name in self.path[:-1]:
            inner, fresh = inner[name], fresh[name]
        inner[self.path[-1]] = fresh[self.path[-1]]
        self.put(kept)


@pytest.mark.parametrize("path", PARTS, ids="-".join)
def test_no_part_can_be_forgotten(curious, path):
    made = checkpoints(curious)[len(checkpoints(curious)) // 2]
    group = curious._seat()
    robot = group.seats[0].robot
    robot._put_outside = Forgetful(robot, path)
    with pytest.raises(RobotError):
        group.restore("s", made.body)
