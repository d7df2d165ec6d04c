"""The command line as a user meets it: a process, its words, its exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from millstream.cli import COMMANDS


def millstream(*arguments, **settings):
    return subprocess.run(
        [sys.executable, "-m", "millstream", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **settings,
    )


def refusal(*arguments):
    """The one sentence of a command that was refused."""
    done = millstream(*arguments)
    assert done.returncode == 2, done
    assert "Traceback" not in done.stderr + done.stdout
    lines = [
        line for line in done.stderr.splitlines() if line and not line.startswith(("Usage", "Try"))
    ]
    assert len(lines) == 1, done.stderr
    return lines[0]


ROOT = Path(__file__).parents[2]
CONFIG = {
    "robots": [
        {
            "name": "q",
            "robot": "millstream.demo.quoter:Quoter",
            "markets": ["binance@btc/usdt"],
            "parameters": {"volume": "1", "tick": "1", "most_position": "1"},
        }
    ],
    "streams": [
        {
            "exchange": "binance",
            "currency_pairs": ["btc/usdt"],
            "subscribe_channels": ["ticker"],
            "api_host": "ws://127.0.0.1:1",
        }
    ],
}


def config_file(tmp_path, *path_and_value):
    config = json.loads(json.dumps(CONFIG))
    if path_and_value:
        *path, last, value = path_and_value
        place = config
        for step in path:
            place = place[step]
        place[last] = value
    file = tmp_path / "bot.json"
    file.write_text(json.dumps(config))
    return file


def test_help_names_every_command():
    done = millstream("--help")
    assert done.returncode == 0
    for name in COMMANDS:
        assert f"  {name} " in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name):
    done = millstream(name, "--help")
    assert done.returncode == 0
    assert "Usage: millstream" in done.stdout


def test_a_wrong_command_is_one_sentence():
    assert "No such command 'dmo'" in refusal("dmo")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["demo", "--tape", "/no/such.tape"], "there is no tape at /no/such.tape"),
        (["demo", "--speed", "fast"], "speed"),
        (["demo", "--seconds", "-1"], "--seconds takes a number above 0"),
        (["demo", "--seconds", "x"], "'x' is not a valid float"),
        (["replay", "/no/such/journal"], "/no/such/journal"),
        (["record", "--exchange", "binanc", "x"], '"binanc" is not a known exchange'),
        (["record", "--exchange", "kraken", "--channels", "my_order", "x"], "api_key"),
        (["record", "--pairs", "btcusdt", "x"], '"btcusdt" is not a currency pair'),
        (["record", "--channels", "tickers", "x"], '"tickers" is not a known channel'),
        (["record", "--seconds", "0", "x"], "--seconds takes a number above 0"),
        (["run", "/no/such.json"], "/no/such.json: there is no such file"),
        (["run", "x.json", "--seconds", "-1"], "--seconds takes a number above 0"),
        (["run", "x.json", "--seconds", "nan"], "--seconds takes a number above 0"),
        (["record", "--seconds", "nan", "x"], "--seconds takes a number above 0"),
    ],
)
def test_wrong_input_is_one_sentence_and_exit_code_2(arguments, sentence, tmp_path):
    if "demo" in arguments:
        arguments = [*arguments, "--out", tmp_path / "out"]
    assert sentence in refusal(*arguments)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("robots", 0, "robot", "no.such:Robot"), 'cannot import robot "no.such:Robot"'),
        (("robots", 0, "robot", "quoter"), '"quoter" is not a robot class; write "package'),
        (("robots", 0, "parameters", {"volume": "-1", "tick": "1", "most_position": "1"}),
         "volume takes a number above 0"),
        (("robots", 0, "markets", ["binance@eth/usdt"]), 'no stream carries "binance@eth/usdt"'),
        (("robots", 0, "markets", ["btc/usdt"]), "write exchange@pair"),
        (("robots", 0, "parameters", {"volum": 1}), 'no key "volum". Did you mean "volume"?'),
        (("streams", 0, "exchange", "binanc"), 'Did you mean "binance"?'),
        (("streams", 0, "currency_pairs", ["btc"]), '"btc" is not a currency pair'),
        (("streams", 0, "subscribe_channels", ["tick"]), '"tick" is not a known channel'),
        (("streams", 0, "subscribe_args", {"speed": 1}), "subscribe_args"),
        (("order_store", "postgres:x"), 'order_store: "postgres:x" is not "sqlite:FILE"'),
        (("seeed", 1), 'there is no key "seeed". Did you mean "seed"?'),
        (("bus", {"robo": "tcp://0.0.0.0:5555"}), "the bus listens on this machine only"),
    ],
)  # fmt: skip
def test_a_wrong_configuration_is_one_sentence_and_exit_code_2(tmp_path, change, sentence):
    said = refusal("run", config_file(tmp_path, *change), "--out", tmp_path / "out")
    assert sentence in said


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    assert "write" in refusal("demo", "--out", tmp_path / "file" / "out")


@pytest.mark.parametrize(
    "command",
    [["run", "-"], ["replay", "-"], ["orders", "-"], ["why", "a", "-"], ["control", "-", "pause"],
     ["kill", "-"], ["diff", "-", "-"], ["analyze", "-", "--to", "a.sqlite"],
     ["demo", "--tape", "-"], ["keys", "-"]],
    ids=lambda command: command[0],
)  # fmt: skip
def test_a_path_that_no_system_takes_is_one_sentence(command, tmp_path):
    path = str(tmp_path / ("x" * 300))
    said = refusal(*(path if word == "-" else word for word in command))
    assert "name too long" in said.lower()
    assert "fault" not in said


def test_who_closed_our_output_is_not_told_of_a_fault(tmp_path):
    closed = ["sh", "-c", '"$@" <&- >&- 2>&-', "sh", sys.executable, "-m", "millstream"]
    session = ["run", config_file(tmp_path), "--out", tmp_path / "out", "--seconds", "0.2"]
    assert subprocess.run([*closed, *session], timeout=60, check=False).returncode == 0


def test_a_folder_that_holds_a_session_is_not_written_over(tmp_path):
    file = config_file(tmp_path)
    assert millstream("run", file, "--out", tmp_path / "out", "--seconds", "0.2").returncode == 0
    assert "holds a journal already" in refusal("run", file, "--out", tmp_path / "out")


def test_a_new_config_runs_as_it_is_printed(tmp_path):
    printed = millstream("new-config")
    file = tmp_path / "bot.json"
    file.write_text(printed.stdout)
    environment = {"MILLSTREAM__STREAMS__0__API_HOST": "ws://127.0.0.1:1", "PATH": ""}
    done = millstream("run", file, "--out", tmp_path / "out", "--seconds", "0.5", env=environment)
    assert done.returncode == 0, done.stderr
    assert millstream("replay", tmp_path / "out").returncode == 0


def test_a_new_config_names_a_robot_of_ones_own(tmp_path):
    printed = millstream("new-config", "--robot", f"{ROOT}/examples/dipper.py:Dipper")
    (tmp_path / "bot.json").write_text(printed.stdout)
    environment = {"MILLSTREAM__STREAMS__0__API_HOST": "ws://127.0.0.1:1", "PATH": ""}
    out = tmp_path / "out"
    done = millstream(
        "run", tmp_path / "bot.json", "--out", out, "--seconds", "0.5", env=environment
    )
    assert done.returncode == 0, done.stderr
    assert "cannot import robot" in refusal("new-config", "--robot", "nowhere.py:Dipper")


def test_the_schema_is_json():
    schema = json.loads(millstream("new-config", "--schema").stdout)
    assert "robots" in schema["$defs"]["Config"]["properties"]


def test_a_secret_never_reaches_what_a_session_writes(tmp_path):
    file = config_file(tmp_path, "streams", 0, "api_secret", "Hush-Hush-42")
    done = millstream("run", file, "--out", tmp_path / "out", "--seconds", "0.5")
    assert done.returncode == 0, done.stderr
    written = b"".join(p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file())
    assert b"Hush-Hush-42" not in written
    assert "Hush-Hush-42" not in done.stdout + done.stderr
    assert written
