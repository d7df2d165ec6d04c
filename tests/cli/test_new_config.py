"""A configuration to begin with, for a simulated exchange."""

from __future__ import annotations

from millstream.cli import run
from millstream.config import parse_config


def test_a_new_config_for_a_simulator_asks_nobody_else(capfd):
    assert run(["new-config", "--simulator", "9311"]) == 0
    (stream,) = parse_config(capfd.readouterr().out, "bot.json", {}).streams
    assert stream.api_host == "ws://127.0.0.1:9312"
    assert stream.subscribe_args == {"rest_host": "http://127.0.0.1:9311"}
