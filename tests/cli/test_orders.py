"""`millstream orders` and `millstream kill`, on a store that another process owns."""

import json
import os
import signal
import subprocess
import sys
import time

import msgspec
import pytest
from tests.orders.sample import filled, order, report
from tests.venue import simulated_exchange

from millstream.cli import run
from millstream.errors import StoreError
from millstream.orders import RiskState
from millstream.orders.kill_switch import KillSwitch
from millstream.orders.sqlite import SqliteStore
from millstream.orders.sqlite_follow import SqliteFollower
from millstream.session.gateways import store_file


@pytest.fixture
def store(tmp_path):
    kept = SqliteStore(tmp_path / "orders.sqlite")
    kept.insert([order("a1"), order("b1", robot="other", price=None)])
    kept.apply([report("a1"), filled("a1")], 2)
    yield kept
    kept.close()


def lines(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_orders_are_shown_while_their_owner_has_them_open(store, tmp_path, capsys):
    assert run(["orders", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert "2 orders" in text
    assert "binance@BTC/USDT" in text
    assert "partial" in text


def test_json_has_every_field_by_name_and_words_for_numbers(store, tmp_path, capsys):
    assert run(["orders", str(tmp_path / "orders.sqlite"), "--json", "--robot", "quoter"]) == 0
    (one,) = lines(capsys)
    assert (one["order_id"], one["status"], one["filled_volume"]) == ("a1", "partial", "0.4")
    assert (one["symbol"], one["side"]) == ("BTC/USDT", "buy")


def test_open_leaves_out_what_ended(store, tmp_path, capsys):
    store.apply([filled("b1", "t9", volume="1")], 3)
    run(["orders", str(tmp_path), "--json", "--open"])
    assert [one["order_id"] for one in lines(capsys)] == ["a1"]


def test_following_gives_each_change_as_it_comes(store, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "millstream", "orders", str(tmp_path), "--follow", "--json"],
        stdout=subprocess.PIPE,
        text=True,
    )
    for _ in range(2):
        process.stdout.readline()
    store.apply([filled("a1", "t2", volume="0.6")], 3)
    fill, one = json.loads(process.stdout.readline()), json.loads(process.stdout.readline())
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert (fill["trade_id"], fill["liquidity"]) == ("t2", "maker")
    assert one["status"] == "filled"
    assert process.returncode == 0


def test_a_folder_without_a_store_is_one_sentence(tmp_path, capsys):
    assert run(["orders", str(tmp_path)]) == 2
    assert "there is no orders.sqlite in it" in capsys.readouterr().err


def test_a_kill_is_durable_and_only_a_person_resumes(store, tmp_path, capsys):
    switch = KillSwitch(tmp_path / "orders.sqlite")
    assert run(["kill", str(tmp_path), "--status"]) == 0
    assert run(["kill", str(tmp_path), "--reduce", "--why", "news"]) == 0
    assert switch.look(1).state is RiskState.REDUCING
    assert run(["kill", str(tmp_path), "--why", "runaway"]) == 0
    assert (switch.look(2).state, switch.look(2).why) == (RiskState.HALTED, "runaway")
    assert run(["kill", str(tmp_path), "--resume"]) == 0
    assert switch.look(3).state is RiskState.ACTIVE
    text = capsys.readouterr().out
    assert text.startswith("active\ntrading is reducing by")
    assert run(["kill", str(tmp_path), "--resume", "--reduce"]) == 2


@pytest.mark.parametrize("options", [[], ["--resume"], ["--status"]])
def test_a_mistyped_session_is_refused_and_nobody_believes_it_stopped(options, tmp_path, capsys):
    assert run(["kill", str(tmp_path / "sesion"), *options]) == 2
    assert "nothing was stopped" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [[], ["--resume"], ["--status"]])
@pytest.mark.parametrize("content", [b"", b"{}", b"SQLite format 3\0" + bytes(100)])
def test_a_file_that_is_no_order_store_is_refused_too(content, options, tmp_path, capsys):
    (tmp_path / "bot.json").write_bytes(content)
    assert run(["kill", str(tmp_path / "bot.json"), *options]) == 2
    assert "nothing was stopped" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["bot.json"]


def test_an_order_store_is_stopped_by_its_file(store, tmp_path):
    assert run(["kill", str(tmp_path / "orders.sqlite")]) == 0
    assert KillSwitch(tmp_path / "orders.sqlite").look(1).state is RiskState.HALTED


def test_a_session_with_its_orders_on_a_server_is_stopped_by_its_folder(tmp_path):
    (tmp_path / "journal").mkdir()
    assert run(["kill", str(tmp_path)]) == 0
    assert KillSwitch(store_file("mongodb://h/d", tmp_path)).look(1).state is RiskState.HALTED


def test_a_folder_that_was_used_with_a_file_and_with_a_server_is_stopped_for_both(
    store, tmp_path, capsys
):
    on_server = store_file("mongodb://h/d", tmp_path)
    on_server.touch()  # as whoever runs the orders leaves it
    switches = [KillSwitch(tmp_path / "orders.sqlite"), KillSwitch(on_server)]
    assert run(["kill", str(tmp_path), "--why", "news"]) == 0
    assert [switch.look(1).state for switch in switches] == [RiskState.HALTED] * 2
    assert run(["kill", str(tmp_path), "--status"]) == 0
    assert capsys.readouterr().out.count("news") == 2
    assert run(["kill", str(tmp_path), "--resume"]) == 0
    assert [switch.look(2).state for switch in switches] == [RiskState.ACTIVE] * 2


def test_a_signal_halts_a_running_session(tmp_path):
    with simulated_exchange("--speed", 20) as exchange:
        config = {
            "robots": [
                {
                    "name": "quoter",
                    "robot": "millstream.demo.quoter:Quoter",
                    "markets": ["binance@btc/usdt"],
                    "parameters": {"volume": "0.002", "tick": "0.01", "most_position": "0.008"},
                }
            ],
            "streams": [
                {
                    "exchange": "binance",
                    "currency_pairs": ["btc/usdt"],
                    "subscribe_channels": ["ticker", "trade", "book"],
                    "api_host": exchange["ws"],
                    "subscribe_args": {"rest_host": exchange["rest"]},
                }
            ],
        }
        (tmp_path / "bot.json").write_bytes(msgspec.json.encode(config))
        out = tmp_path / "session"
        session = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "millstream",
                "run",
                str(tmp_path / "bot.json"),
                "--out",
                str(out),
            ],
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 60
        while not (out / "orders.sqlite").exists() or not _orders(out):
            assert time.monotonic() < deadline
            assert session.poll() is None
            time.sleep(0.05)
        os.kill(session.pid, signal.SIGUSR1)
        while _orders(out, open_only=True) or not (out / "orders.sqlite.halt").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        session.send_signal(signal.SIGINT)
        session.wait(30)
    assert KillSwitch(out / "orders.sqlite").read().who == "a signal"


def _orders(out, open_only=False):
    try:
        follower = SqliteFollower(out / "orders.sqlite")
    except StoreError:  # its owner is about to write the first page
        return []
    try:
        return follower.orders(open_only=open_only)
    finally:
        follower.close()


@pytest.mark.parametrize("columns", [20, 40, 80, 240])
def test_an_order_id_is_shown_whole_at_any_width_and_its_status_from_40_columns(
    store, tmp_path, columns
):
    ids = [f"run0010000000{number:02}001" for number in range(3)]
    store.insert([order(one, robot="quoter-btc") for one in ids])
    show = f"{sys.executable} -m millstream orders {tmp_path}"
    done = subprocess.run(
        ["script", "-qec", f"stty cols {columns}; env -u COLUMNS {show}", "/dev/null"],
        capture_output=True, text=True, timeout=60, check=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    rows = done.stdout.splitlines()
    for one in ids:
        (row,) = [row for row in rows if one in row]
        assert columns < 40 or "intent" in row
        assert columns < 40 or len(row) <= columns
