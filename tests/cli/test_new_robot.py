"""`millstream new-robot`: what it makes runs, replays and is tested as it is."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
from time import monotonic, sleep

import pytest

from millstream.cli import run
from millstream.settings import parse_values
from millstream.simulator.running import trading_exchange
from millstream.strategy.configuration import parse_strategy_config


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_its_tests(name, monkeypatch):
    """As pytest would, which takes seconds to begin."""
    monkeypatch.syspath_prepend(".")
    tests = vars(importlib.import_module(f"test_{name}"))
    names = [test for test in tests if test.startswith("test_")]
    assert names
    for test in names:
        tests[test]()


def made(folder, name, capsys, *kind):
    """The folder of a new robot, by its name in the present one."""
    assert run(["new-robot", name, *kind]) == 0
    said = capsys.readouterr().out
    for command in ("python -m pytest", "millstream run bot.json", "millstream replay sessions"):
        assert command in said
    files = sorted(file.name for file in (folder / name).iterdir())
    assert files == sorted([f"{name}.py", f"test_{name}.py", "bot.json"])
    return folder / name


def run_until_it_has_heard(folder, exchange, events=20):
    """`millstream run bot.json`, ended by Ctrl-C once its journal has grown; returns its folder."""
    hosts = {
        "MILLSTREAM__STREAMS__0__API_HOST": exchange.ws,
        "MILLSTREAM__STREAMS__0__SUBSCRIBE_ARGS__REST_HOST": exchange.rest,
    }
    command = [sys.executable, "-m", "millstream", "run", "bot.json", "--out", "first"]
    journal, end = folder / "first" / "journal" / "000001.journal", monotonic() + 60
    with subprocess.Popen(
        command, cwd=folder, env=os.environ | hosts, stderr=subprocess.PIPE, stdout=subprocess.PIPE
    ) as session:
        try:
            while not (journal.exists() and journal.stat().st_size > 4_000 + events * 60):
                assert session.poll() is None, session.communicate()
                assert monotonic() < end
                sleep(0.05)
            session.send_signal(signal.SIGINT)
            session.communicate(timeout=60)
        finally:
            session.kill()  # else leaving this block would wait for it
    return folder / "first"


def test_its_tests_pass_and_it_runs_on_a_simulated_exchange_and_replays_equal(
    here, capsys, monkeypatch
):
    folder = made(here, "dip_buyer", capsys)
    monkeypatch.chdir(folder)
    run_its_tests("dip_buyer", monkeypatch)
    written = (folder / "bot.json").read_text()  # as `millstream simulate --port 9100` says
    assert '"ws://127.0.0.1:9101"' in written
    assert '"http://127.0.0.1:9100"' in written
    with trading_exchange(exchange="binance", seed=1) as exchange:
        session = run_until_it_has_heard(folder, exchange)
    assert run(["replay", str(session), "--json"]) == 0
    proof = json.loads(capsys.readouterr().out)
    assert proof["equal"]
    assert proof["events"] > 3


def test_the_tests_of_a_new_strategy_pass_and_its_configuration_is_read(here, capsys, monkeypatch):
    folder = made(here, "rsi_back", capsys, "--strategy")
    monkeypatch.chdir(folder)
    run_its_tests("rsi_back", monkeypatch)
    values = parse_values((folder / "bot.json").read_text(), "bot.json", {})
    told = parse_strategy_config(values, "bot.json", folder)
    [robot] = told.config.robots
    assert robot.parameters["strategy"] == "RsiBack"
    assert told.config.streams[0].api_host == "ws://127.0.0.1:9101"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("my-bot", '"my-bot" is no name for a module'),
        ("class", '"class" is no name for a module'),
        ("1a", "is no name for a module"),
        ("_a", "is no name for a module"),
        ("../a", "is no name for a module"),
        ("", "is no name for a module"),
        ("random", '"random" would hide the module of that name'),
        ("msgspec", '"msgspec" would hide the module of that name'),
        ("robot", '"robot" would make a class Robot, which there is'),
        ("memory", '"memory" would make a class Memory, which there is'),
        ("ENDED", '"ENDED" would make a class ENDED, which there is'),
        ("SETTINGS", '"SETTINGS" would make a class SETTINGS, which there is'),
    ],
)
def test_a_name_that_will_not_do_is_one_sentence_and_makes_nothing(here, capsys, name, sentence):
    assert run(["new-robot", name]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("what", ["folder", "file", "dangling"])
def test_nothing_is_written_over(here, capsys, what):
    place = here / "dip_buyer"
    if what == "folder":
        place.mkdir()
    elif what == "file":
        place.write_text("mine")
    else:
        place.symlink_to(here / "nowhere")
    assert run(["new-robot", "dip_buyer"]) == 2
    assert '"dip_buyer" is here already' in capsys.readouterr().err
    assert [file.name for file in here.rglob("*")] == ["dip_buyer"]
    assert what != "file" or place.read_text() == "mine"
