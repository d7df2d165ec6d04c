"""A session's door: found in its folder, whoever died there before, and answered."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from millstream.bus.door_zmq import Door, ask, doors
from millstream.errors import ConfigError


def answered(door, answer=b"yes"):
    """A thread that answers the next one who asks."""

    def run():
        body = door.receive(10_000)
        if body is not None:
            door.answer(body.decode(), answer)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def left_behind(folder):
    """The door of a process that was killed."""
    code = "import os, sys; from pathlib import Path; from millstream.bus.door_zmq import Door\n"
    code += "Door(Path(sys.argv[1])); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", code, str(folder)], check=False)
    assert (folder / "control.ipc").exists()


@pytest.fixture(params=["short", "longer than a socket's name may be"])
def folder(request, tmp_path):
    made = tmp_path / (request.param if request.param == "short" else "long" * 30)
    made.mkdir()
    return made


def test_who_asks_is_answered_and_a_closed_door_is_gone(folder):
    door = Door(folder)
    thread = answered(door)
    assert ask(folder, "r1", b"r1", 10) == b"yes"
    thread.join()
    door.close()
    assert list(folder.iterdir()) == []


def test_a_door_that_a_killed_process_left_is_no_session_and_no_obstacle(tmp_path):
    left_behind(tmp_path)
    assert doors(tmp_path) == {}
    with pytest.raises(ConfigError, match="no session runs in"):
        ask(tmp_path, "r1", b"r1", 10)
    door = Door(tmp_path)
    thread = answered(door)
    assert ask(tmp_path, "r1", b"r1", 10) == b"yes"
    thread.join()
    door.close()


def test_of_several_processes_one_is_named(folder):
    alice, bob = Door(folder, "alice"), Door(folder, "bob")
    thread = answered(bob)
    assert ask(folder, "r1", b"r1", 10, "bob") == b"yes"
    thread.join()
    with pytest.raises(ConfigError, match="in several processes: alice, bob; say which"):
        ask(folder, "r1", b"r1", 10)
    with pytest.raises(ConfigError, match=r'there are: alice, bob. Did you mean "alice"'):
        ask(folder, "r1", b"r1", 10, "alize")
    bob.close()
    thread = answered(alice)
    assert ask(folder, "r1", b"r1", 10) == b"yes"  # the only one that is left
    thread.join()
    alice.close()


def test_the_only_one_may_be_named_robots(tmp_path):
    door = Door(tmp_path)
    thread = answered(door)
    assert ask(tmp_path, "r1", b"r1", 10, "robots") == b"yes"
    thread.join()
    door.close()


def test_who_is_not_answered_hears_so_in_time(tmp_path):
    door = Door(tmp_path)
    with pytest.raises(ConfigError, match="does not answer within"):
        ask(tmp_path, "r1", b"r1", 0.1)
    door.close()
