"""Whole bots: `millstream run` and a real freqtrade, each on either end."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from tests.interop.peer import Freqtrade, free_port, needs_freqtrade

pytestmark = needs_freqtrade
ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "producer_consumer"
TOKEN = "sercet_Ws_t0ken"
PAIR = "BTC/USDT"
ROWS = 40


@pytest.fixture(scope="module")
def freqtrade():
    made = Freqtrade()
    yield made
    made.close()


@contextlib.contextmanager
def bot(configuration, out, *arguments, **environment):
    """`millstream run` as a process, ended as by Ctrl-C; gives it, its figures on its output."""
    process = subprocess.Popen(
        [
            sys.executable, "-m", "millstream", "run", EXAMPLE / configuration, "--out", out,
            "--json", *arguments,
        ],
        env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def wait(condition, timeout_s=60.0):
    until = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < until
        time.sleep(0.1)
    return found


def test_a_real_consumer_follows_our_running_bot(freqtrade, tmp_path):
    candles = tmp_path / "candles"
    subprocess.run([sys.executable, EXAMPLE / "make_candles.py", candles], check=True, timeout=60)
    port = free_port()
    played = ["--data", candles, "--from", "2026-01-01T05:00", "--candle-every", "0.3"]
    at = {"MILLSTREAM__API_SERVER__LISTEN_PORT": str(port)}
    with bot("producer.json", tmp_path / "out", *played, **at):
        entry = {"name": "default", "host": "127.0.0.1", "port": port, "ws_token": TOKEN}
        section = {"enabled": True, "producers": [entry], "sleep_time": 1}
        freqtrade("follower", "consumer", external_message_consumer=section)
        try:
            rows = wait(lambda: freqtrade("follower", "get", pair=PAIR)["rows"])
            wait(lambda: freqtrade("follower", "get", pair=PAIR)["rows"] > rows + 5)
            freqtrade("follower", "dump", pair=PAIR, path=str(tmp_path / "held"))
            assert freqtrade("follower", "pairs") == [PAIR, "ETH/USDT"]
        finally:
            freqtrade("follower", "stop")
    held = pd.read_feather(tmp_path / "held")
    truth = pd.read_feather(candles / "BTC_USDT-5m.feather").iloc[: len(held)]
    assert held["date"].is_unique
    assert held["date"].tolist() == truth["date"].tolist()
    assert held["close"].tolist() == pytest.approx(truth["close"].tolist(), abs=6e-11)  # its JSON
    assert {"rsi", "tema", "bb_lowerband", "bb_middleband", "bb_upperband"} < set(held.columns)
    assert held["rsi"].iloc[20:].between(0, 100).all()


@contextlib.contextmanager
def producing(freqtrade, pairs):
    """A real producer of a flat market; gives its port. Its process has one at a time."""
    port = free_port()
    server = {
        "enabled": True, "listen_ip_address": "127.0.0.1", "listen_port": port, "username": "u",
        "password": "p", "jwt_secret_key": "x" * 40, "ws_token": TOKEN,
    }  # fmt: skip
    freqtrade("api", "producer", api_server=server)
    try:
        freqtrade("api", "pairs", pairs=pairs)
        told(freqtrade, 0, ROWS)
        yield port
    finally:
        freqtrade("api", "stop")


def told(freqtrade, first, end):
    """A frame of the real producer: a flat market, and one moment to buy at candle ROWS + 2."""
    number = list(range(first, end))
    price = [100.0 if n < ROWS + 4 else 103.0 for n in number]
    columns = {
        "open": price, "close": price, "high": [p + 0.1 for p in price],
        "low": [p - 0.1 for p in price], "volume": [50.0] * len(number),
        "rsi": [25.0 if n < ROWS + 2 else 35.0 for n in number],
        "tema": [50.0 + n / 100 for n in number], "bb_middleband": [100.0] * len(number),
    }  # fmt: skip
    freqtrade("api", "frame", pair=PAIR, first=first, end=end, changes=columns)


def test_our_running_bot_trades_the_pairs_of_a_real_producer(freqtrade, tmp_path):
    values = json.loads(re.sub(r"//.*", "", (EXAMPLE / "consumer.json").read_text()))
    values |= {"strategy_path": str(EXAMPLE), "pairlists": [{"method": "ProducerPairList"}]}
    values["exchange"]["pair_whitelist"] = []
    file = tmp_path / "following.json"
    with producing(freqtrade, ["SOL/USDT", PAIR, "SOL/EUR"]) as port:
        values["external_message_consumer"]["producers"][0]["port"] = port
        file.write_text(json.dumps(values))
        with bot(file, tmp_path / "out") as consumer:
            figures = json.loads(consumer.stdout.readline())
    assert [row["pair"] for row in figures["pairs"]] == ["SOL/USDT", PAIR]


def test_our_running_bot_trades_on_a_real_producer(freqtrade, tmp_path):
    with producing(freqtrade, [PAIR]) as port:
        at = {"MILLSTREAM__EXTERNAL_MESSAGE_CONSUMER__PRODUCERS__0__PORT": str(port)}
        with bot("consumer.json", tmp_path / "out", **at) as consumer:

            def figures():
                return json.loads(consumer.stdout.readline())

            wait(lambda: figures()["pairs"][0]["candles"] == ROWS)
            for number in range(ROWS, ROWS + 8):
                told(freqtrade, number, number + 1)
                time.sleep(0.2)
            last = wait(lambda: (now := figures())["closed_trades"] and now)
    assert last["closed_trades"] == 1
    assert last["profit"] > 2.5  # bought at 100, left at 103, with both fees
    assert [row["state"] for row in last["producers"]] == ["connected"]
    replayed = subprocess.run(
        [sys.executable, "-m", "millstream", "replay", tmp_path / "out"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "EQUAL" in replayed.stdout, replayed.stdout + replayed.stderr
