"""The examples of a fleet run as they are: in threads, in processes, and on two hosts."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tests import mongod
from tests.venue import trading_venue

from millstream.bus.keys import make_keys
from millstream.config import without_comments
from millstream.errors import StoreError
from millstream.orders.sqlite_follow import SqliteFollower
from millstream.session.proof import replay_session

FLEET = Path(__file__).parents[2] / "examples" / "fleet"
THREE = FLEET / "three_processes"
MILLSTREAM = [sys.executable, "-m", "millstream"]
PATIENCE_S = 60


def test_three_threads_feed_one_loop_that_trades_and_replays_equal(tmp_path):
    done = subprocess.run(
        [sys.executable, FLEET / "threads.py", tmp_path / "session", "3"],
        capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert replay_session(tmp_path / "session").equal


def test_three_processes_trade_on_after_one_was_killed_and_replay_equal(tmp_path):
    done = subprocess.run(
        [sys.executable, THREE / "run.py", "--out", tmp_path],
        capture_output=True, text=True, timeout=3 * PATIENCE_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'robot "second" runs' in done.stdout
    assert "the robots are killed" in done.stdout
    assert "EQUAL" in done.stdout


def test_two_lines_lead_from_one_process_on_sqlite_to_three_on_mongodb(tmp_path):
    if reason := mongod.why_not():
        pytest.skip(reason)
    apart = json.loads(without_comments((THREE / "config.json").read_text()))
    lines = {name: apart.pop(name) for name in ("bus", "order_store")}
    (tmp_path / "one.json").write_text(json.dumps(apart))
    servers, running = mongod.ReplicaSet(), []
    lines["order_store"] = servers.url("fleet")
    (tmp_path / "three.json").write_text(json.dumps(apart | lines))
    try:
        with trading_venue("--exchange", "binance") as venue:
            environment = os.environ | {"MILLSTREAM__STREAMS__0__API_HOST": venue["ws"]}
            one = [*MILLSTREAM, "run", "one.json", "--out", "one", "--seconds", "2"]
            done = subprocess.run(one, cwd=tmp_path, env=environment, capture_output=True)
            assert done.returncode == 0, done.stdout + done.stderr
            for part in ("orders", "stream", "robots"):
                # a folder each, as on hosts of their own: they share no file
                command = [*MILLSTREAM, "run", "three.json", "--out", part, "--part", part]
                running.append(
                    subprocess.Popen(
                        command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL
                    )
                )
            with servers.client() as client:
                trades = client["fleet"]["trades"]
                wait_until(
                    lambda: trades.count_documents({"name": "quoter"}) >= 2,
                    lambda: str([process.poll() for process in running]),
                )
            running[-1].send_signal(signal.SIGINT)
            assert running[-1].wait(PATIENCE_S) == 0
    finally:
        for process in running:
            process.kill()
            process.wait()
        servers.stop()
    assert replay_session(tmp_path / "one").equal
    assert replay_session(tmp_path / "robots" / "robots-1").equal


# ---- two hosts ----------------------------------------------------------------------------------


def why_no_hosts():
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "ip (iproute2) is not installed"
    return ""


def ip(*words):
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"this machine makes no network namespaces: ip {words}: {done.stderr.strip()}")


@contextmanager
def two_hosts():
    """Two network namespaces with a cable between them; their names and addresses."""
    mark = f"{os.getpid() % 100_000}"
    hosts = {f"ms{side}{mark}": f"10.77.0.{number}" for number, side in enumerate("ab", 1)}
    ends = [f"v{name}" for name in hosts]
    try:
        for name in hosts:
            ip("netns", "add", name)
        ip("link", "add", ends[0], "type", "veth", "peer", "name", ends[1])
        for (name, address), end in zip(hosts.items(), ends, strict=True):
            ip("link", "set", end, "netns", name)
            ip("-n", name, "addr", "add", f"{address}/24", "dev", end)
            ip("-n", name, "link", "set", end, "up")
            ip("-n", name, "link", "set", "lo", "up")
        yield list(hosts.items())
    finally:
        for name in hosts:
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
        subprocess.run(["ip", "link", "del", ends[0]], capture_output=True, check=False)


class Hosts:
    """The processes on both; all are gone at the end."""

    def __init__(self, place):
        self._place = place
        self._running = []

    def start(self, host, *words, output=subprocess.DEVNULL, **environment):
        process = subprocess.Popen(
            ["ip", "netns", "exec", host, *MILLSTREAM, *words],
            cwd=self._place, env=os.environ | environment, stdout=output,
        )  # fmt: skip
        self._running.append(process)
        return process

    def close(self):
        for process in self._running:
            process.kill()
            process.communicate()


def fills(place):
    with suppress(StoreError):
        record = SqliteFollower(place / "session" / "orders.sqlite")
        try:
            return len(record.trades())
        finally:
            record.close()
    return 0


def said(place, part):
    log = place / "session" / f"{part}.log"
    return log.read_text() if log.is_file() else ""


def wait_until(true, what):
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, what()
        time.sleep(0.05)


@pytest.mark.skipif(why_no_hosts() != "", reason=why_no_hosts())
def test_robots_on_another_host_trade_with_the_fleets_keys_and_not_with_others(tmp_path):
    make_keys(tmp_path / "keys")
    make_keys(tmp_path / "others")
    with two_hosts() as ((here, our_address), (there, their_address)):
        bus = {
            "robo": f"tcp://{their_address}:7001",
            "market": f"tcp://{our_address}:7002",
            "wishes": f"tcp://{our_address}:7003",
            "changes": f"tcp://{our_address}:7004",
            "keys": "keys",
        }
        config = json.loads(without_comments((THREE / "config.json").read_text()))
        config["bus"] = bus
        (tmp_path / "config.json").write_text(json.dumps(config))
        hosts = Hosts(tmp_path)
        run = ("run", "config.json", "--out", "session", "--part")
        try:
            exchange = hosts.start(here, "simulate", "--json", output=subprocess.PIPE)
            host = json.loads(exchange.stdout.readline())["ws"]
            hosts.start(here, *run, "orders")
            hosts.start(here, *run, "stream", MILLSTREAM__STREAMS__0__API_HOST=host)
            stranger = hosts.start(there, *run, "robots", MILLSTREAM__BUS__KEYS="others")
            wait_until(
                lambda: (
                    "has to be the same fleet's" in said(tmp_path, "robots")
                    and "has to be the same fleet's" in said(tmp_path, "stream")
                ),
                lambda: said(tmp_path, "robots") + said(tmp_path, "stream"),
            )
            stranger.kill()
            stranger.wait()
            assert fills(tmp_path) == 0
            robots = hosts.start(there, *run, "robots")
            wait_until(lambda: fills(tmp_path) >= 2, lambda: said(tmp_path, "robots"))
            robots.send_signal(signal.SIGINT)
            assert robots.wait(PATIENCE_S) == 0
        finally:
            hosts.close()
    assert replay_session(tmp_path / "session" / "robots-1").equal
