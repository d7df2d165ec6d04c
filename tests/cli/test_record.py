"""Record a market, then play what was recorded."""

from __future__ import annotations

import json
import resource

import pytest
from tests.cli.test_cli import millstream
from tests.venue import simulated_exchange

from millstream.cli import run


def record(exchange, out, *arguments, **settings):
    hosts = ["--host", exchange["ws"], "--rest-host", exchange["rest"]]
    return millstream("record", out, *hosts, *arguments, **settings)


def test_what_was_recorded_plays_and_replays(tmp_path):
    tape = tmp_path / "market.tape.gz"
    with simulated_exchange("--speed", 20) as exchange:
        pairs = "btc/usdt,eth/usdt"
        done = record(exchange, tape, "--seconds", 3, "--pairs", pairs, "--json")
    recorded = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert recorded["frames"] > 1_000
    assert set(recorded["channels"]) == {"ticker", "trade", "book", "candle"}
    done = millstream("demo", "--tape", tape, "--speed", "max", "--json", "--out", tmp_path / "out")
    report = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert report["replay"]["equal"]
    assert (report["malformed"], report["gaps"]) == (0, 0)
    assert report["events"]["Book"] > 0
    assert report["snapshots"] == 2
    # the tape holds the answers to our subscriptions too, which are nobody's frames to play
    assert report["frames"] >= recorded["frames"] - 10


def test_a_recording_without_a_frame_says_so(tmp_path):
    nowhere = {"ws": "ws://127.0.0.1:1", "rest": "http://127.0.0.1:1"}
    done = record(nowhere, tmp_path / "tape", "--seconds", 0.5)
    assert done.returncode == 1
    assert "0 frames" in done.stdout


def test_a_tape_is_not_written_over(tmp_path):
    (tmp_path / "tape").write_text("mine")
    done = millstream("record", tmp_path / "tape", "--seconds", 1)
    assert done.returncode == 2
    assert "is there already; choose another name" in done.stderr


@pytest.mark.parametrize(
    ("option", "address"),
    [("--host", "wz://x"), ("--host", "127.0.0.1:9100"), ("--rest-host", "ws://127.0.0.1:1")],
)
def test_a_host_that_is_no_address_is_refused_at_once(option, address, tmp_path, capsys):
    assert run(["record", str(tmp_path / "tape"), option, address, "--seconds", "1"]) == 2
    assert f'millstream: {option}: "{address}" is not an address' in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_ends_a_recording_with_one_sentence(tmp_path):
    tape, most = tmp_path / "tape", 20_000
    with simulated_exchange("--speed", 20) as exchange:
        done = record(
            exchange, tape, "--seconds", 60,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)),
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == f"millstream: {tape} cannot be written: File too large\n"
    assert tape.stat().st_size == most  # what came until then is kept
