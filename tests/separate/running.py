"""Parts as real processes: started, told, killed, and what they left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from millstream.bus.door_zmq import ask, doors
from millstream.errors import MillstreamError
from millstream.journal import Journal, Kind
from millstream.model import Control, ControlAnswer
from millstream.model.codec import decode_events, decode_outputs, encode_events
from millstream.orders.sqlite_follow import SqliteFollower

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60
QUOTER = {"volume": "0.002", "tick": "0.01", "most_position": "0.05", "away_bps": 0.2}
ETH = {"robot_type": "quoter", "markets": ("binance@eth/usdt",)}


def robot(name, process="", **parameters):
    return {
        "name": name,
        "process": process,
        "robot": "millstream.demo.quoter:Quoter",
        "markets": ["binance@btc/usdt"],
        "parameters": QUOTER | parameters,
    }


def configuration(ws, *robots, **changes):
    hole = "-{process}" if len({one["process"] for one in robots}) > 1 else ""
    ends = {"robo": f"robo{hole}", "market": "market", "wishes": "wishes", "changes": "changes"}
    return {
        "robots": list(robots),
        "streams": [
            {
                "exchange": "binance", "currency_pairs": ["btc/usdt"],
                "subscribe_channels": ["ticker", "trade"], "api_host": ws,
            }
        ],
        "bus": {name: f"ipc://run/{end}" for name, end in ends.items()},
        "paper": {"latency_ms": 1},
    } | changes  # fmt: skip


class Fleet:
    """The parts of one session, by name; robots processes by theirs."""

    def __init__(self, place, config, *, url=""):
        self.place, self.out = place, place / "out"
        self._url = url
        self._running = {}
        self.configure(config)

    def configure(self, config):
        (self.place / "config.json").write_text(json.dumps(config))

    def start(self, *names):
        for name in names:
            known = name in ("stream", "orders", "robots")
            part = ["--part", name] if known else ["--part", "robots", "--process", name]
            with (self.place / f"{name}.said").open("ab") as said:
                self._running[name] = subprocess.Popen(
                    [
                        sys.executable, "-m", "millstream", "run", "config.json",
                        "--out", "out", *part,
                    ],
                    cwd=self.place, stdout=said, stderr=said,
                    env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
                )  # fmt: skip

    def kill(self, name):
        process = self._running.pop(name)
        assert process.poll() is None, f"{name} ended by itself: {self.said(name)}"
        process.kill()
        process.wait()

    def stop(self, *names):
        for name in names:
            process = self._running.pop(name)
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE_S) == 0, self.said(name)

    def close(self):
        for process in self._running.values():
            process.kill()
            process.wait()

    def said(self, name):
        return (self.place / f"{name}.said").read_text()

    def log(self, name):
        file = self.out / f"{name}.log"
        return file.read_text() if file.exists() else ""

    def tell(
        self, command, name="", parameters=None, *, process=None, why="", patience_s=20, **more
    ):
        """A command by the door, as `millstream control` sends it; its answer."""
        request = f"r{time.monotonic_ns()}"
        told = Control(1, name, command, parameters or {}, "ann", why, request, **more)
        until(lambda: (process or "") in doors(self.out) or (not process and doors(self.out)))
        raw = ask(self.out, request, encode_events([told]), patience_s, process)
        (output,) = decode_outputs(raw)
        assert isinstance(output.body, ControlAnswer)
        return output.body

    def store(self, question, otherwise=None):
        """What the order store says, read beside the process that owns it."""
        with suppress(MillstreamError):
            if self._url:
                from millstream.orders.mongo.follow import MongoFollower

                record = MongoFollower(self._url)
            else:
                record = SqliteFollower(self.out / "orders.sqlite")
            try:
                return question(record)
            finally:
                record.close()
        return otherwise

    def orders(self, name):
        return self.store(lambda record: record.orders(name), [])

    def saved(self):
        return {one.name: one for one in self.store(lambda record: record.saved_robots(), [])}

    def events(self, folder):
        """Every event in a journal."""
        journal = Journal.open(self.out / folder / "journal")
        return [
            event
            for block in journal.blocks()
            if block.kind is Kind.EVENTS
            for event in decode_events(block.body)
        ]


def until(true, what="it did not come about"):
    deadline = time.monotonic() + PATIENCE_S
    while not (found := true()):
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
    return found
