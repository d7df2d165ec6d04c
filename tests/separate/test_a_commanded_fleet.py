"""Robots in processes of their own are commanded, killed and started again like those of one."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests import mongod
from tests.separate.running import ETH, QUOTER, Fleet, configuration, robot, until
from tests.venue import trading_venue

from millstream.session.proof import replay_session


@pytest.fixture(scope="module")
def exchange():
    with trading_venue("--exchange", "binance", "--speed", 5) as venue:
        yield venue["ws"]


@pytest.fixture(params=["sqlite", "mongodb"])
def order_store(request):
    """What the configuration says of the order store, beside nothing."""
    if request.param == "sqlite":
        yield ""
        return
    if reason := mongod.why_not():
        pytest.skip(reason)
    servers = mongod.ReplicaSet()
    yield servers.url("fleet")
    servers.stop()


@pytest.fixture
def fleets(tmp_path):
    """Makes fleets; all of their processes are gone at the end."""
    made = []

    def make(config, url=""):
        made.append(Fleet(tmp_path, config | ({"order_store": url} if url else {}), url=url))
        return made[-1]

    yield make
    for fleet in made:
        fleet.close()


def test_a_robot_is_added_tuned_paused_saved_and_returns_whatever_is_killed(
    fleets, exchange, order_store
):
    fleet = fleets(configuration(exchange, robot("quoter")), order_store)
    fleet.start("orders", "stream", "robots")
    until(lambda: fleet.orders("quoter"))

    answer = fleet.tell("add", "second", QUOTER | {"volume": "0.01"}, why="more", **ETH)
    assert (answer.accepted, answer.standing) == (True, "running"), answer.reason
    assert fleet.saved()["second"].why == "more"  # before the asker heard of it
    until(lambda: fleet.orders("second"), "no stream carries eth/usdt")

    fleet.kill("stream")
    assert fleet.tell("parameters", "second", {"volume": "0.02"}).accepted
    fleet.start("stream")
    tuned = Decimal("0.02")
    until(lambda: any(one.volume == tuned for one in fleet.orders("second")), "not carried again")

    fleet.kill("robots")
    fleet.start("robots")
    known = len(fleet.orders("second"))
    until(lambda: len(fleet.orders("second")) > known, "it does not go on")
    assert fleet.tell("pause", "second").standing == "paused"

    fleet.kill("orders")
    saved = fleet.tell("save", "second")
    assert saved.accepted
    assert saved.reason.endswith("this is kept in the order store once they are back")
    fleet.start("orders")
    until(lambda: fleet.saved()["second"].standing == "paused", "it was not saved")
    assert fleet.saved()["second"].parameters["volume"] == "0.02"

    assert fleet.tell("add", "third", QUOTER, **ETH).accepted
    assert fleet.tell("remove", "third").accepted
    assert set(fleet.saved()) == {"second"}

    fleet.stop("robots")
    fleet.start("robots")
    assert fleet.tell("pause", "quoter").accepted
    assert not (refused := fleet.tell("pause", "second")).accepted
    assert 'robot "second" is paused' in refused.reason
    fleet.stop("robots", "stream", "orders")
    assert fleet.commands("robots-1") == [
        ("add", "second"), ("parameters", "second"), ("pause", "second"), ("save", "second"),
        ("add", "third"), ("remove", "third"),
    ]  # fmt: skip
    for folder in ("robots-1", "robots-2"):
        proof = replay_session(fleet.out / folder)
        assert proof.equal, proof.first_difference
