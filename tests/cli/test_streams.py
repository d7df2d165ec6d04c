"""`millstream streams` against the simulated exchange, each in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.venue import simulated_exchange

from millstream.cli.streams import load_streams


def streams(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "millstream", "streams", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def config(tmp_path, place, wrap=lambda streams: {"streams": streams}):
    section = {
        "exchange": "binance",
        "currency_pairs": ["btc/usdt"],
        "subscribe_channels": ["ticker", "trade"],
        "api_host": place["ws"],
        "subscribe_args": {"rest_host": place["rest"], "stale_s": 30.5},
    }
    path = tmp_path / "config.json"
    path.write_text("// my streams\n" + json.dumps(wrap([section])))
    return path


@pytest.mark.parametrize(
    "wrap",
    [
        lambda streams: {"streams": streams, "robots": []},
        lambda streams: {"service.mm": {"class_name": "X", "setting": {"streams": streams}}},
    ],
)
def test_each_subscription_is_told_as_json(tmp_path, wrap):
    with simulated_exchange() as place:
        done = streams("--config", config(tmp_path, place, wrap), "--seconds", 3, "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout.splitlines()[-1])
    assert [(row["channel"], row["pair"], row["state"]) for row in rows] == [
        ("ticker", "BTC/USDT", "live"),
        ("trade", "BTC/USDT", "live"),
    ]
    assert all(row["rate"] > 0 and row["gaps"] == 0 for row in rows)


def test_without_a_terminal_there_are_lines_and_what_is_not_live_is_the_exit_code(tmp_path):
    nobody = {"ws": "ws://127.0.0.1:1", "rest": "http://127.0.0.1:1"}
    done = streams("--config", config(tmp_path, nobody), "--seconds", 1, "--metrics", 0)
    assert done.returncode == 1
    assert "binance ticker BTC/USDT: waiting, age -" in done.stdout
    assert "metrics: http://127.0.0.1:" in done.stderr


def test_the_streams_of_a_service_log_in_with_its_apis():
    path = Path(__file__).parents[2] / "examples" / "services" / "mm_demo.json"
    (section,) = load_streams(path)
    assert (section.api_key, section.api_secret) == ("your api key", "your api secret")
    assert section.api_host == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{}", "has no streams"),
        ('{"streams": [{"exchange": "binance"}]}', '"currency_pairs" is missing'),
        ('{"service.a": {"setting": {"apis": 1, "streams": [2]}}}', "has no streams"),
        ('{"streams": [{"exchnge": "x"}]}', 'Did you mean "exchange"'),
    ],
)
def test_a_wrong_configuration_is_one_sentence(tmp_path, text, words):
    path = tmp_path / "config.json"
    path.write_text(text)
    done = streams("--config", path)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
