"""Which pairs a strategy trades: its own, or those of a producer, as freqtrade chooses them."""

import asyncio
import copy

import pytest
from tests.frames.live import TOKEN, publish, serving
from tests.frames.sample import frame
from tests.strategy.market import Run, drawn, write
from tests.strategy.test_configuration import GOOD
from tests.strategy.test_robot import SIMPLE

from millstream.errors import ConfigError
from millstream.frames.client import pairs_of
from millstream.frames.settings import ConsumerSection, ProducerEntry
from millstream.model import LogLine, PlaceOrder, PublishWhitelist, Whitelist
from millstream.strategy.configuration import parse_strategy_config
from millstream.strategy.pair_lists import PairList, whitelist

FOLLOWING = {"method": "ProducerPairList", "number_assets": 2, "producer_name": "p"}
PRODUCER = {"name": "p", "host": "127.0.0.1", "ws_token": "a-token-to-follow"}


@pytest.fixture
def folder(tmp_path):
    write(tmp_path, "class S(IStrategy):\n    startup_candle_count = 30\n")
    return tmp_path


def told(*lists, **changes):
    follow = {"enabled": True, "producers": [PRODUCER]}
    values = copy.deepcopy(GOOD) | {"pairlists": list(lists), "external_message_consumer": follow}
    return values | changes


def session(folder, *lists, pairs=(), **changes):
    asked = []

    def ask(section, name):
        asked.append(name)
        return pairs

    made = parse_strategy_config(told(*lists, **changes), "c", folder, ask)
    assert set(asked) <= {"p"}
    return made


def test_every_pair_of_the_producer_that_can_be_traded_is_carried(folder):
    """More than are traded at first: the producer may change its mind."""
    pairs = ("SOL/USDT", "BNB/USDT", "SOL/EUR", "SOL/USDT:USDT", "nonsense", "ADA/USDT", "XRP/USDT")
    made = session(folder, FOLLOWING, pairs=pairs)
    assert made.pairs == ("SOL/USDT", "ADA/USDT", "XRP/USDT")  # BNB is on the blacklist
    assert made.config.streams[0].currency_pairs == list(made.pairs)


def test_a_producers_pairs_may_come_behind_ones_own(folder):
    made = session(folder, {"method": "StaticPairList"}, FOLLOWING, pairs=("ADA/USDT", "ETH/USDT"))
    assert made.pairs == ("BTC/USDT", "ETH/USDT", "ADA/USDT")


@pytest.mark.parametrize(
    ("lists", "changes", "words"),
    [
        ([FOLLOWING], {"external_message_consumer": {}}, "requires external_message_consumer"),
        ([FOLLOWING | {"producer_name": "q"}], {}, '"q" is not a producer'),
        ([FOLLOWING | {"number_asset": 2}], {}, "number_asset"),
        ([FOLLOWING | {"number_assets": -1}], {}, "0 for every pair"),
        ([FOLLOWING], {}, "none of the producer's pairs can be traded here: A/B"),
        (["VolumePairList"], {}, "only StaticPairList and ProducerPairList"),
    ],
)
def test_what_is_wrong_in_a_list_is_said_in_one_sentence(folder, lists, changes, words):
    with pytest.raises(ConfigError) as raised:
        session(folder, *lists, pairs=("A/B",), **changes)
    assert words in str(raised.value)


def robot(tmp_path):
    lists = [PairList("ProducerPairList", 1, "p")]
    pairs = ("ETH/BTC", "ADA/BTC")
    return Run(
        write(tmp_path, SIMPLE), pairs=pairs, producers=("p",), pair_lists=lists, stake_amount=10.0
    )


def entered(run, market):
    orders = run.bodies(PlaceOrder)
    return any(order.symbol == run.markets[market].symbol for order in orders)


def test_only_what_the_producer_trades_now_is_entered(tmp_path):
    run = robot(tmp_path)
    run.give(Whitelist(1, "p", ("ADA/BTC", "ETH/BTC", "SOL/BTC")))  # one is wanted
    assert run.robot.strategy.dp.current_whitelist() == ["ADA/BTC"]
    candles = drawn(120)
    for market in (0, 1):
        run.history(candles[:60], market)
    for candle in candles[60:]:
        run.candle(candle, 0)
    assert not run.failure
    assert not entered(run, 0)
    for candle in candles[60:]:
        run.candle(candle, 1)
    assert entered(run, 1)
    assert run.again() == run.outputs


def test_a_changed_list_is_told_on_and_an_empty_one_enters_nothing(tmp_path):
    run = robot(tmp_path)
    run.give(Whitelist(1, "p", ("ETH/BTC",)))
    run.give(Whitelist(2, "q", ("ADA/BTC",)))  # another producer's
    assert run.robot.strategy.dp.current_whitelist() == ["ETH/BTC"]
    run.give(Whitelist(3, "p", ()))
    run.give(Whitelist(4, "p", ("SOL/BTC",)))
    told = [list(body.pairs) for body in run.bodies(PublishWhitelist)]
    assert told == [["ETH/BTC", "ADA/BTC"], ["ETH/BTC"], []]
    said = [line.text for line in run.bodies(LogLine)]
    assert any("SOL/BTC" in text and "started anew" in text for text in said)


def test_a_producer_is_asked_for_its_pairs_and_waited_for():
    async def story():
        async with serving() as server:
            entry = ProducerEntry(name="p", host="127.0.0.1", port=server.port, ws_token=TOKEN)
            section = ConsumerSection(enabled=True, producers=[entry])
            server.publish(publish(frame(0, 3), replace=True))
            asking = asyncio.create_task(pairs_of(section, "p", 5))
            await asyncio.sleep(0.1)
            server.publish(PublishWhitelist(("A/B", "C/D")))
            assert await asking == ("A/B", "C/D")
            server.publish(PublishWhitelist(()))
            with pytest.raises(ConfigError, match=r'producer "p" told no pairs within 0\.2 s'):
                await pairs_of(section, "p", 0.2)

    asyncio.run(story())


def test_the_static_list_alone_asks_nobody():
    static = ["A/B", "C/D", "A/B"]
    assert whitelist([PairList()], static, lambda name: 1 / 0) == ["A/B", "C/D"]
