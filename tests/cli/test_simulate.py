"""`millstream simulate`, as a user starts it."""

import json
import signal
import subprocess
import sys
import urllib.request

import pytest
from tests.venue import trading_venue

from millstream.cli import run


def test_it_prints_where_it_is_and_ctrl_c_ends_it_clean():
    process = subprocess.Popen(
        [sys.executable, "-m", "millstream", "simulate", "--exchange", "binance,kraken"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "Ctrl-C" in line:
            break
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")
    text = "".join(lines)
    for word in ("REST", "api_key", "api_secret", "ccxt", "python-", "Millstream", "/_truth"):
        assert word in text


def test_the_truth_is_there_for_everybody_on_this_machine():
    with trading_venue("--exchange", "kraken", "--pairs", "ETH/EUR", "--accounts", 2) as venue:
        assert venue["pairs"] == ["ETH/EUR"]
        assert len(venue["keys"]) == 2
        with urllib.request.urlopen(f"{venue['rest']}/_truth", timeout=10) as answer:
            truth = json.loads(answer.read())
        assert truth["orders"] == []
        assert set(truth["balances"]) == {"account1", "account2"}


@pytest.mark.parametrize(
    "wrong",
    [
        ["--exchange", "nyse"],
        ["--exchange", ","],
        ["--pairs", "BTCUSD"],
        ["--pairs", "FOO/USD"],
        ["--port", "99999"],
        ["--faults", "lost=2"],
        ["--tape", "/nowhere.tape"],
        ["--accounts", "0"],
        ["--speed", "max"],
        ["--exchange", "binance,kraken", "--tape", "/nowhere.tape"],
    ],
)
def test_wrong_input_is_one_sentence(wrong, capsys):
    assert run(["simulate", *wrong]) == 2
    told = capsys.readouterr()
    assert told.err.startswith("millstream: ")
    assert told.err.count("\n") == 1
    assert told.out == ""
