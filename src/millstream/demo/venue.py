"""The demo's exchange: the simulator in a process of its own, and what it reports."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Sequence

import msgspec

from millstream.errors import StreamError
from millstream.simulator.front import Key

READY_S = 30.0


class Ready(msgspec.Struct, frozen=True):
    """Where it listens."""

    ws: str
    rest: str
    warning: str = ""
    pairs: list[str] = []
    keys: list[Key] = []  # of those that take orders


class Progress(msgspec.Struct, frozen=True):
    """How far it has played."""

    progress: float = 0.0  # from 0 to 1, of market time
    frames: int = 0
    market_ns: int = 0


class Done(msgspec.Struct, frozen=True):
    """What it has sent in all."""

    frames: dict[str, int]  # by stream
    unsent: int = 0  # of streams that nobody subscribed to


class Failed(msgspec.Struct, frozen=True):
    """Why it could not start."""

    error: str


_KINDS: dict[str, type[Ready | Progress | Done | Failed]] = {
    "ready": Ready,
    "progress": Progress,
    "done": Done,
    "error": Failed,
}


class VenueProcess:
    """A simulated exchange on 127.0.0.1. It dies with us: its standard input closes."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "millstream.simulator", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for us; we end it when our streams have ended
        )
        self.ready: Ready | None = None
        self.progress = Progress()
        self.done: Done | None = None  # until its tape is over
        self._failed = ""
        self._first_ns = 0
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, name="venue", daemon=True)
        self._reader.start()

    def wait_ready(self) -> Ready:
        """Where it listens; raises StreamError with its own words."""
        with self._changed:
            self._changed.wait_for(lambda: self.ready is not None or self._failed, READY_S)
        if self.ready is not None:
            return self.ready
        self.close()
        raise StreamError(
            self._failed or f"the simulated exchange did not come up within {READY_S:.0f} s"
        )

    @property
    def played_ns(self) -> int:
        """Market time that was played so far."""
        return self.progress.market_ns - self._first_ns if self._first_ns else 0

    @property
    def alive(self) -> bool:
        """False once the process has ended."""
        return self._process.poll() is None

    def close(self) -> None:
        """End the process and wait for it."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(5)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._take(line)
        with self._changed:
            self._failed = self._failed or "the simulated exchange ended before it was up"
            self._changed.notify_all()

    def _take(self, line: bytes) -> None:
        try:
            said = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
            kind = next((kind for kind in _KINDS if kind in said), "")
            message = msgspec.json.decode(line, type=_KINDS[kind]) if kind else None
        except msgspec.DecodeError:
            return
        with self._changed:
            match message:
                case Ready():
                    self.ready = message
                case Progress():
                    self._first_ns = self._first_ns or message.market_ns
                    self.progress = message
                case Done():
                    self.done = message
                case Failed():
                    self._failed = message.error
                case None:
                    pass
            self._changed.notify_all()
