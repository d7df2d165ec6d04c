"""A session with everything in it replays the same wherever its journal is taken."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from random import Random
from urllib.parse import urlsplit

import msgspec
import pytest
from tests.frames.live import TOKEN, publish, serving
from tests.frames.sample import frame
from tests.session.test_fleet import NEW, of, tell, until
from tests.test_app import QUOTER, config, events, exchange  # noqa: F401

from millstream.app import Session
from millstream.config import RobotSection
from millstream.frames.settings import ConsumerSection, ProducerEntry
from millstream.model import Connected, Control, Disconnected, FrameUpdate, MyTrade

READER = """
import msgspec
from millstream import Robot
class Seen(msgspec.Struct):
    frames: int = 0
class Reader(Robot):
    State = Seen
    def on_frame(self, update):
        self.state.frames += 1
        self.log.info(f"{update.producer} {update.pair} {len(update.rows)} {self.random.random()}")
"""


class Relay:
    """Stands between a session and its exchange; `cut` drops every connection."""

    def __init__(self, url):
        self._to = ("127.0.0.1", urlsplit(url).port)
        self._ends = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = url.replace(str(self._to[1]), str(self._listener.getsockname()[1]))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._to)
                self._ends += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    @staticmethod
    def _carry(one, other):
        with contextlib.suppress(OSError):
            while data := one.recv(65_536):
                other.sendall(data)
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self):
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self):
        self._listener.close()
        self.cut()
        for end in self._ends:
            end.close()


class Producer(threading.Thread):
    """Another bot: a row of its dataframe ten times a second."""

    def __init__(self):
        super().__init__(daemon=True)
        self.port = 0
        self.ending = threading.Event()

    def run(self):
        asyncio.run(self._serve())

    async def _serve(self):
        async with serving() as server:
            server.publish(publish(frame(0, 50), replace=True))
            self.port = server.port
            for row in range(50, 10_000):
                if self.ending.is_set():
                    return
                server.publish(publish(frame(row, row + 1)))
                await asyncio.sleep(0.1)


@pytest.mark.parametrize("count", [4, pytest.param(20, marks=pytest.mark.soak)])
def test_a_session_full_of_everything_replays_the_same_anywhere(exchange, tmp_path, count):  # noqa: F811
    place = tmp_path / "out"
    record(exchange, place, tmp_path / "reader.py")
    seen = events(place)
    kinds = Counter(type(event) for event in seen)
    assert min(kinds[kind] for kind in (Disconnected, FrameUpdate, MyTrade)) > 2, kinds
    assert kinds[Connected] > 3
    commands = {event.command for event in seen if isinstance(event, Control)}
    assert commands >= {"add", "parameters", "pause", "remove", "resume"}

    shutil.copytree(place / "journal", tmp_path / "alone")
    random = Random(count)
    for number in range(count):
        folder = tmp_path / f"elsewhere{number}"
        folder.mkdir()
        environment = os.environ | {
            "PYTHONHASHSEED": str(random.randrange(2**32)),
            "TZ": random.choice(["Asia/Tokyo", "America/New_York", "UTC", "Asia/Kolkata"]),
            "LC_ALL": random.choice(["C", "C.UTF-8", "POSIX"]),
        }
        done = subprocess.run(
            [sys.executable, "-m", "millstream", "replay", "--json", str(tmp_path / "alone")],
            cwd=folder, env=environment, capture_output=True, check=False,
        )  # fmt: skip
        proof = msgspec.json.decode(done.stdout)
        assert (done.returncode, proof["equal"], proof["notes"]) == (0, True, []), proof
        assert proof["orders"] > 3


def record(exchange, place, reader):  # noqa: F811
    """Four robots, commands, another bot's frames, and a line that is cut three times."""
    reader.write_text(READER)
    relay, producer = Relay(exchange["ws"]), Producer()
    producer.start()
    assert until(lambda: producer.port)
    entry = ProducerEntry(name="other", host="127.0.0.1", port=producer.port, ws_token=TOKEN)
    plain = config(exchange | {"ws": relay.url})
    robot = RobotSection(name="reader", robot=f"{reader}:Reader", markets=["binance@btc/usdt"])
    made = Session(
        msgspec.structs.replace(
            plain,
            robots=[*plain.robots, robot],
            external_message_consumer=ConsumerSection(enabled=True, producers=[entry]),
        ),
        place,
    )
    made.start()
    for name in ("second", "third"):
        assert tell(place, "add", name, QUOTER, **NEW).accepted
    assert until(lambda: of(made, "third"))
    commands = [
        ("parameters", "second", {"away_bps": 2}),
        ("pause", "quoter", {}),
        ("remove", "third", {}),
        ("resume", "quoter", {}),
    ]
    for number, (command, name, parameters) in enumerate(commands):
        assert tell(place, command, name, parameters).accepted
        if number:
            relay.cut()
            time.sleep(1)
    assert until(lambda: len(made.store.trades()) > 2)
    made.stop("enough")
    made.close()
    assert made.failure() == ""
    producer.ending.set()
    producer.join(10)
    relay.close()
