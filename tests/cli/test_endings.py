"""How commands end: by Ctrl-C at any moment, at a pipe that is closed, on a full disk."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest
from tests.cli.test_cli import config_file, millstream

COMMAND = [sys.executable, "-m", "millstream"]
INTERRUPTED_HERE = """
import os, signal
os.kill(os.getpid(), signal.SIGINT)
raise SystemExit("Ctrl-C was not heard")
"""


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    folder = tmp_path_factory.mktemp("session")
    done = millstream("run", config_file(folder), "--out", folder / "out", "--seconds", "0.2")
    assert done.returncode == 0, done.stderr
    return folder / "out"


def unread(*arguments):
    """A command whose output nobody reads: (exit code, its words on the error stream)."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
    )  # fmt: skip
    os.close(writing)
    return done.returncode, done.stderr


@pytest.mark.parametrize("module", ["click", "msgspec", "apsw"])
def test_ctrl_c_while_python_imports_a_command_shows_no_traceback(module, session, tmp_path):
    (tmp_path / f"{module}.py").write_text(INTERRUPTED_HERE)
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = millstream("orders", session, env=environment)
    assert done.returncode in (-signal.SIGINT, 130)
    assert done.stderr.strip() in ("", "millstream: interrupted")


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["new-config"], ["orders", "-"], ["replay", "-"],
     ["kill", "-", "--status"], ["simulate"]],
    ids=" ".join,
)  # fmt: skip
def test_a_pipe_that_nobody_reads_ends_a_command_without_a_word(arguments, session):
    words = (session if word == "-" else word for word in arguments)
    assert unread(*words) == (128 + signal.SIGPIPE, "")


def test_a_session_whose_pipe_nobody_reads_ends_in_good_order(tmp_path):
    out = tmp_path / "out"
    assert unread("run", config_file(tmp_path), "--out", out) == (128 + signal.SIGPIPE, "")
    replayed = millstream("replay", out)
    assert "EQUAL" in replayed.stdout
    assert "not closed" not in replayed.stdout


SERVICE = """
from pathlib import Path
from millstream import ServiceBase

class Noting(ServiceBase):
    def on_stop(self):
        Path(__file__).with_name("stopped").touch()
"""


def test_services_whose_pipe_nobody_reads_end_in_good_order(tmp_path):
    (tmp_path / "mine.py").write_text(SERVICE)
    file = tmp_path / "services.json"
    file.write_text('{"service.mine": {"class_name": "mine:Noting"}}')
    code, complaints = unread("run", file, "--json")
    assert code == 128 + signal.SIGPIPE, complaints
    assert (tmp_path / "stopped").exists()


def test_an_output_on_a_full_disk_is_one_sentence():
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*COMMAND, "new-config"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 2
    assert done.stderr == (
        "millstream: cannot write: No space left on device; make room, then begin again\n"
    )


def running(tmp_path):
    """A session that has begun."""
    out = tmp_path / "out"
    process = subprocess.Popen(
        [*COMMAND, "run", str(config_file(tmp_path)), "--out", str(out)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline()  # how it stands, or why nothing comes
    return process, out


def test_a_terminal_that_is_closed_ends_a_session_in_good_order(tmp_path):
    process, out = running(tmp_path)
    process.send_signal(signal.SIGHUP)
    told, complaints = process.communicate(timeout=60)
    assert (process.returncode, complaints) == (0, "")
    assert str(out) in told
    assert "EQUAL" in millstream("replay", out).stdout


PROGRAM = """
import signal
from millstream.cli.ending import end_as_by_ctrl_c
end_as_by_ctrl_c()
try:
    signal.raise_signal(signal.{})
except KeyboardInterrupt:
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.raise_signal(number)
    print("in good order", flush=True)
    signal.raise_signal(signal.SIGINT)
    print("never")
"""


@pytest.mark.parametrize("first", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_an_end_in_good_order_is_cut_short_only_by_a_second_ctrl_c_after_a_warning(first):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(first)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (-signal.SIGINT, "in good order\n")
    assert done.stderr.strip() == (
        "millstream: ending in good order; Ctrl-C once more ends it at once"
    )


def test_a_robot_that_failed_is_told_at_the_end_of_its_session(tmp_path):
    (tmp_path / "bad.py").write_text(
        "from millstream import Robot\n\n\nclass Bad(Robot):\n"
        "    def on_start(self):\n        1 / 0\n"
    )
    file = config_file(tmp_path, "robots", 0, "robot", f"{tmp_path}/bad.py:Bad")
    settings = json.loads(file.read_text())
    settings["robots"][0]["parameters"] = {}
    file.write_text(json.dumps(settings))
    done = millstream("run", file, "--out", tmp_path / "out", "--seconds", "0.5")
    assert done.returncode == 1
    assert 'millstream: robot "q" failed: ZeroDivisionError: division by zero' in done.stderr
    assert "in bad.py:6 Bad.on_start" in (tmp_path / "out" / "log.txt").read_text()
