"""`millstream run` with a file of services, as a user meets it."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time

import pytest

SERVICES = """
import logging, time
from millstream import ServiceBase, every

class Beating(ServiceBase):
    @every("20ms")
    def task_beat(self):
        print("beat", flush=True)
    def on_stop(self):
        print("goodbye", flush=True)

class Failing(ServiceBase):
    @every("20ms")
    def task_fail(self):
        raise ZeroDivisionError("on purpose")

class Blocked(ServiceBase):
    @every("20ms")
    def task_block(self):
        print("blocked", flush=True)
        time.sleep(60)
"""


def files(tmp_path, class_name="Beating", **setting):
    (tmp_path / "mine.py").write_text(SERVICES)
    path = tmp_path / "services.json"
    path.write_text(
        json.dumps(
            {"ipc_root": "ipc", "service.mine": {"class_name": class_name, "setting": setting}}
        )
    )
    return path


def command(*arguments):
    return [sys.executable, "-m", "millstream", "run", *map(str, arguments)]


def done(*arguments):
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, timeout=60, check=False
    )


@contextlib.contextmanager
def started(*arguments):
    """A running one that has printed its first line."""
    process = subprocess.Popen(
        command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline()
        yield process
        process.wait(30)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_order_and_well(tmp_path, number):
    with started(files(tmp_path)) as process:
        process.send_signal(number)
        output, errors = process.communicate(timeout=30)
    assert process.returncode == 0
    assert output.endswith("goodbye\n")
    assert errors.splitlines()[-1].startswith("mine: stopped, on_stop 1, task_beat ")


def test_a_second_signal_ends_even_what_hangs(tmp_path):
    with started(files(tmp_path, "Blocked")) as process:
        for _ in range(2):
            process.send_signal(signal.SIGINT)
            time.sleep(0.3)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors.splitlines()[-1] == "millstream: interrupted"
    assert "Traceback" not in errors


def test_it_ends_when_the_time_is_over_and_says_how_it_stands_for_programs(tmp_path):
    ended = done(files(tmp_path), "--seconds", "2.5", "--json")
    assert ended.returncode == 0
    rows = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("[")]
    assert [row["state"] for (row,) in rows] == ["running", "stopped"]
    assert 1 < rows[0][0]["handled"]["task_beat"] < rows[1][0]["handled"]["task_beat"]


def test_a_failing_callback_is_one_line_with_its_place_and_the_whole_is_in_the_log(tmp_path):
    log = tmp_path / "log.txt"
    ended = done(files(tmp_path, "Failing"), "--seconds", "1", "--log", log)
    assert ended.returncode == 0
    assert "Traceback" not in ended.stderr
    assert (
        "service mine: task_fail failed: ZeroDivisionError: on purpose (mine.py, line 15)"
        in ended.stderr
    )
    assert "failures, on_error continue" in ended.stderr
    assert "Traceback" in log.read_text()


def test_a_service_that_ended_because_it_failed_is_an_exit_code(tmp_path):
    ended = done(files(tmp_path, "Failing", on_error="stop"))
    assert ended.returncode == 1
    assert (
        "mine: stopped (task_fail failed: ZeroDivisionError: on purpose)"
        in ended.stderr.splitlines()[-1]
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--seconds", "0"], "--seconds takes a number above 0"),
        (["--out", "folder"], "--out: "),
        (["--log", "no/such/folder/log"], "--log no/such/folder/log: cannot be written"),
    ],
)
def test_a_wrong_option_is_one_sentence(tmp_path, arguments, sentence):
    ended = done(files(tmp_path), *arguments)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"millstream: {sentence}")
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("class_name", "setting", "sentence"),
    [
        ("Beeting", {}, 'service.mine.class_name: no Python file in '),
        ("Beating", {"speed": 1}, 'service.mine.setting: there is no key "speed"'),
        (
            "Beating",
            {"streams": [{"exchange": "binanse", "currency_pairs": [], "subscribe_channels": []}]},
            'service.mine.setting.streams[0].exchange: "binanse" is not a known exchange',
        ),
    ],
)  # fmt: skip
def test_a_wrong_file_is_one_sentence_with_the_path_of_the_key(
    tmp_path, class_name, setting, sentence
):
    path = files(tmp_path, class_name, **setting)
    ended = done(path)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"millstream: {path}: {sentence}")
    assert len(ended.stderr.splitlines()) == 1
