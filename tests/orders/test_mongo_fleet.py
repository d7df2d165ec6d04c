"""Robots in two processes on MongoDB, commanded from `control` by plain pymongo."""

import pytest
from tests import mongod
from tests.separate.running import QUOTER, Fleet, configuration, robot, until
from tests.venue import trading_venue


def test_a_fleet_is_commanded_from_the_store_while_its_processes_die(tmp_path):
    if reason := mongod.why_not():
        pytest.skip(reason)
    servers = mongod.ReplicaSet()
    fleet = None
    try:
        with (
            trading_venue("--exchange", "binance", "--speed", 5) as venue,
            servers.client() as client,
        ):
            url, control = servers.url("fleet"), client.fleet.control
            robots = robot("a1", "ann"), robot("b1", "bob")
            fleet = Fleet(tmp_path, configuration(venue["ws"], *robots, order_store=url), url=url)
            fleet.start("orders", "stream", "ann", "bob")
            until(lambda: fleet.orders("a1") and fleet.orders("b1"))

            def ask(command, name="", answers=1, **more):
                asked = {"name": name, "command": command, "from": "ann", "why": "a test", **more}
                key = control.insert_one(asked).inserted_id
                found = until(lambda: (control.find_one({"_id": key}) or {}).get("answers"))
                until(lambda: len(control.find_one({"_id": key})["answers"]) == answers)
                found = control.find_one({"_id": key})["answers"]
                return {one["process"]: (one["accepted"], one["standing"]) for one in found}

            assert ask("pause", "b1") == {"bob": (True, "paused")}
            assert ask("pause", "a1") == {"ann": (True, "paused")}
            both = {"ann": (True, ""), "bob": (True, "")}
            assert ask("resume", answers=2) == both
            new = {"type": "quoter", "markets": ["binance@btc/usdt"], "parameters": QUOTER}
            assert ask("add", "b2", process="bob", **new) == {"bob": (True, "running")}
            assert ask("add", "a2", **new) == {"ann": (True, "running")}

            fleet.kill("bob")
            key = control.insert_one({"name": "b2", "command": "pause", "from": "ann"}).inserted_id
            until(lambda: control.find_one({"_id": key, "answers.process": "ann"}))
            fleet.start("bob")
            until(lambda: ask("save", "b2") == {"bob": (True, "running")})
            assert len(control.find_one({"_id": key})["answers"]) == 1
            fleet.stop("ann", "bob", "stream", "orders")
    finally:
        if fleet is not None:
            fleet.close()
        servers.stop()
