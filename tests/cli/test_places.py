"""What a user may name where a session is meant, and how it is printed."""

from __future__ import annotations

import os
import shutil

import pytest
from tests.cli.test_cli import config_file, millstream

from millstream.cli import run


@pytest.fixture(scope="module")
def sessions(tmp_path_factory):
    """A folder with one session."""
    folder = tmp_path_factory.mktemp("sessions")
    file = config_file(tmp_path_factory.mktemp("config"))
    done = millstream("run", file, "--out", folder / "first", "--seconds", "0.2")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("command", ["replay", "orders"])
def test_a_folder_with_one_session_is_that_session(command, sessions, capfd):
    assert run([command, str(sessions)]) == 0
    assert ("EQUAL" if command == "replay" else "0 orders") in capfd.readouterr().out


@pytest.mark.parametrize("command", [["replay"], ["orders"], ["why", "a"]], ids=" ".join)
def test_a_folder_with_more_sessions_is_a_question_which_one(command, sessions, tmp_path, capfd):
    for name in ("a", "b"):
        shutil.copytree(sessions / "first", tmp_path / name)
    assert run([*command, str(tmp_path)]) == 2
    assert capfd.readouterr().err == (
        f"millstream: {tmp_path} holds 2 sessions: name one of them, like {tmp_path / 'b'}\n"
    )


def test_a_letter_that_the_terminal_does_not_have_is_no_fault(tmp_path):
    environment = os.environ | {"PYTHONIOENCODING": "latin-1"}
    done = millstream("keys", tmp_path / "\u03a9", env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert "?: keys of a fleet" in done.stdout
