"""`millstream producers`: whom a bot follows and who follows it, over real sockets."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import pytest
from tests.frames.live import PAIR, TOKEN, Followed, publish, serving, until
from tests.interop.candles import candles
from tests.interop.peer import free_port

from millstream.cli import run
from millstream.model import PublishWhitelist


def producers(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "millstream", "producers", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def write(tmp_path, **sections):
    path = tmp_path / "bot.json"
    path.write_text("// a bot\n" + json.dumps({"strategy": "S"} | sections))
    return path


def following(port, token=TOKEN):
    return {
        "enabled": True,
        "sleep_time": 1,
        "producers": [{"name": "default", "host": "127.0.0.1", "port": port, "ws_token": token}],
    }


def shown(tmp_path, serve=True, token=TOKEN, arguments=()):
    """What is shown of a producer with one frame of 50 rows, and one follower."""

    async def story():
        async with serving() as server:
            server.publish(PublishWhitelist((PAIR,)))
            server.publish(publish(candles(0, 50), replace=True))
            own = {
                "enabled": True, "listen_port": server.port, "ws_token": token,
            }  # fmt: skip
            sections = {"external_message_consumer": following(server.port, token)}
            if serve:
                sections["api_server"] = own
            async with Followed(server.port) as followed:
                await until(lambda: len(followed.frame()) == 50)
                path = write(tmp_path, **sections)
                return await asyncio.to_thread(
                    producers, "--config", path, "--seconds", 3, *arguments
                )

    return asyncio.run(story())


def test_producers_frames_and_followers_are_told_as_json(tmp_path):
    done = shown(tmp_path, arguments=["--json"])
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    row = told["producers"][0]
    assert (row["producer"], row["state"], row["wire"]) == ("default", "connected", "millstream")
    assert [(frame["pair"], frame["rows"]) for frame in row["frames"]] == [(PAIR, 50)]
    assert (row["gaps"], row["repairs"], row["malformed"], row["connections"]) == (0, 0, 0, 1)
    assert row["bytes"] > 1_000
    assert told["api_server"] == "running"
    assert [(frame["pair"], frame["rows"]) for frame in told["frames"]] == [(PAIR, 50)]
    assert len(told["followers"]) == 2  # the other one, and we
    assert all(one["bytes"] > 1_000 for one in told["followers"])
    assert TOKEN not in done.stdout + done.stderr


def test_without_a_terminal_there_are_lines(tmp_path):
    done = shown(tmp_path, serve=False)
    assert done.returncode == 0
    assert "producer default: connected, millstream wire, 1 frames" in done.stdout
    assert f"  {PAIR} 5m spot: 50 rows, age " in done.stdout
    assert "own frames" not in done.stdout


def test_who_is_not_there_or_refuses_is_the_exit_code(tmp_path):
    refused = shown(tmp_path, token="another-token-than-that")
    assert refused.returncode == 1
    assert "producer default: refused" in refused.stdout
    assert "another-token-than-that" not in refused.stdout + refused.stderr
    path = write(tmp_path, external_message_consumer=following(free_port()))
    nobody = producers("--config", path, "--seconds", 1)
    assert nobody.returncode == 1
    assert "producer default: disconnected (cannot connect to ws://127.0.0.1" in nobody.stdout


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({}, "neither follows nor serves"),
        ({"external_message_consumer": {"enabled": True, "producer": []}}, "did you mean"),
    ],
)
def test_wrong_input_is_one_sentence(tmp_path, capsys, sections, said):
    assert run(["producers", "--config", str(write(tmp_path, **sections))]) == 2
    error = capsys.readouterr().err
    assert said in error.lower()
    assert error.count("\n") == 1
