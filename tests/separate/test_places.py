"""Which robots are in which process, and where processes meet."""

import pytest
from tests.test_app import QUOTER

from millstream.config import BusSection, Config, RobotSection, StreamSection
from millstream.errors import ConfigError
from millstream.separate.places import bus_of, check_apart, config_of, process_of, processes

APART = {name: f"ipc://run/{name}" for name in ("market", "wishes", "changes")}


def config(*placed, **bus):
    robots = [
        RobotSection(
            name=name, robot="millstream.demo.quoter:Quoter", markets=["binance@btc/usdt"],
            parameters=QUOTER, process=process,
        )
        for name, process in placed
    ]  # fmt: skip
    stream = StreamSection(
        exchange="binance", currency_pairs=["btc/usdt"], subscribe_channels=["ticker"]
    )
    return Config(robots=robots, streams=[stream], bus=BusSection(**APART | bus))


def test_robots_of_one_process_are_seated_together_and_each_process_has_its_endpoints():
    told = config(
        ("a", "makers"), ("b", "takers"), ("c", "makers"),
        robo="ipc://run/robo-{process}", control="ipc://run/control-{process}",
    )  # fmt: skip
    assert processes(told) == ["makers", "takers"]
    assert [one.name for one in config_of(told, "makers").robots] == ["a", "c"]
    assert bus_of(told, "takers").robo == "ipc://run/robo-takers"
    assert "run/control-makers" in check_apart(told)


def test_without_a_process_there_is_one_and_it_is_called_robots():
    told = config(("a", ""), robo="tcp://127.0.0.1:7001")
    assert process_of(told, None) == process_of(told, "robots") == ""
    assert check_apart(told) == ["run/changes", "run/market", "run/wishes"]


@pytest.mark.parametrize(
    ("bus", "words"),
    [
        ({}, 'bus.robo: "inproc://robo" is within one process'),
        ({"robo": "tcp://127.0.0.1:*"}, "another port each time"),
        ({"robo": "ipc://run/robo"}, "write {process} into it"),
    ],
)
def test_endpoints_where_nobody_could_meet_are_one_sentence(bus, words):
    with pytest.raises(ConfigError) as caught:
        check_apart(config(("a", "x"), ("b", "y"), **bus))
    assert words in str(caught.value)


def test_a_process_that_is_not_there_is_named_with_those_that_are():
    told = config(("a", "makers"), ("b", "takers"))
    with pytest.raises(ConfigError, match=r'there are: makers, takers\. Did you mean "makers"'):
        process_of(told, "maker")
    with pytest.raises(ConfigError, match="--process is missing"):
        process_of(told, None)
