"""`millstream run` for a freqtrade configuration: what it takes, and its words to wrong input."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tests.strategy.market import write
from tests.strategy.test_played_sessions import RESTLESS, folder_of_candles

from millstream.cli import run

ROOT = Path(__file__).parents[2]


@pytest.fixture
def bot(tmp_path):
    """Writes a configuration; gives its path and a folder of candles."""
    write(tmp_path, RESTLESS)
    folder = folder_of_candles(tmp_path, 60)

    def made(**changes):
        values = {
            "strategy": "S", "stake_currency": "USDT", "stake_amount": 100, "max_open_trades": 2,
            "exchange": {"name": "binance", "pair_whitelist": ["BTC/USDT", "ETH/USDT"]},
        }  # fmt: skip
        path = tmp_path / "bot.json"
        path.write_text("// a bot\n" + json.dumps(values | changes))
        return str(path)

    made.data = str(folder)
    made.out = str(tmp_path / "out")
    return made


def test_a_folder_is_played_to_its_end_and_told_as_json(bot):
    done = subprocess.run(
        [
            sys.executable, "-m", "millstream", "run", bot(), "--data", bot.data,
            "--from", "2026-01-01 03:20", "--candle-every", "0", "--out", bot.out, "--json",
        ],
        capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert [pair["last_candle"] for pair in told["pairs"]] == ["2026-01-01 04:55"] * 2
    assert [pair["candles"] for pair in told["pairs"]] == [60, 60]
    assert told["orders"] > 0
    assert "the journal: " in done.stderr
    replayed = subprocess.run(
        [sys.executable, "-m", "millstream", "replay", bot.out], capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert "EQUAL" in replayed.stdout


WRONG = [
    ({"strategy": "Nobody"}, [], 'has a class "Nobody"; set "strategy_path"'),
    ({"dry_run": False}, [], "needs exchange.key and exchange.secret and available_capital"),
    ({"exchange": {"name": "binance", "pair_whitelist": ["XRP/USDT"]}}, ["--data", "{data}"],
     "there is no file XRP_USDT-5m.feather"),
    ({}, ["--data", "{data}", "--from", "2030-01-01"], "choose an earlier date"),
    ({}, ["--data", "{data}", "--from", "soon"], '"soon" is not a date'),
    ({}, ["--data", "nowhere"], "there is no such folder"),
    ({}, ["--data", "{data}", "--candle-every", "-1"], "--candle-every takes seconds"),
    ({}, ["--from", "2026-01-01"], "--from and --candle-every go with --data"),
    ({}, ["--log", "x"], "--log is for services"),
    ({}, ["--seconds", "0"], "--seconds takes a number above 0"),
    ({"api_server": {"enabled": True, "ws_token": 5}}, [], "ws_token"),
    ({"external_message_consumer": {"enabled": True, "producers": [
        {"name": "a", "host": "127.0.0.1", "ws_token": ["x"]}]}}, [], "ws_token"),
    ({"external_message_consumer": {"enabled": True}}, [], "producers"),
    ({"candles_from_producer": "default"}, [], "is not a producer of external_message_consumer"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "arguments", "said"), WRONG)
def test_wrong_input_is_one_sentence(bot, capsys, changes, arguments, said):
    given = [argument.format(data=bot.data) for argument in arguments]
    assert run(["run", bot(**changes), "--out", bot.out, *given]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert "Traceback" not in error


def test_a_port_that_is_taken_is_said(bot):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = {
            "enabled": True, "listen_port": taken.getsockname()[1], "ws_token": "t" * 20,
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "millstream", "run", bot(api_server=server), "--data", bot.data,
             "--candle-every", "1", "--out", bot.out],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert "cannot listen on 127.0.0.1" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_strategy_that_raises_ends_the_run(bot, tmp_path):
    path = bot()
    broken = RESTLESS.replace('dataframe["close"] <', 'dataframe["nonsense"] <')
    write(tmp_path, broken)
    done = subprocess.run(
        [sys.executable, "-m", "millstream", "run", path, "--data", bot.data, "--candle-every", "1",
         "--out", bot.out],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "strategy S failed: KeyError: 'nonsense'" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_candle_option_without_a_strategy_is_refused(tmp_path, capsys):
    path = tmp_path / "robots.json"
    path.write_text('{"robots": [], "streams": []}')
    assert run(["run", str(path), "--data", str(tmp_path)]) == 2
    assert "are for strategies" in capsys.readouterr().err
