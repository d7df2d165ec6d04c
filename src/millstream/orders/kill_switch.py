"""The kill switch: a file beside the order store, so that it outlives every process.

Whoever can write the file can stop trading: `millstream kill`, a signal, HTTP, a lost heartbeat, or
a person with a shell (`touch`). Only a person resumes. The thread of the orders looks at it in each
turn, so a robot that hangs is not asked.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec

from millstream.errors import StoreError
from millstream.orders.risk import RiskState

__all__ = ["Brake", "Heartbeat", "KillSwitch"]

_log = logging.getLogger(__name__)
_LOCK_PATIENCE_S: Final = 0.2  # a process that was stopped may hold it: a kill waits for nobody
_RANKS: Final = {RiskState.ACTIVE: 0, RiskState.REDUCING: 1, RiskState.HALTED: 2}


class Brake(msgspec.Struct, frozen=True):
    """What may leave, and by whose word."""

    state: RiskState = RiskState.ACTIVE
    who: str = ""
    why: str = ""
    at_ns: int = 0

    def __str__(self) -> str:
        if self.state is RiskState.ACTIVE and not self.who:  # nobody signs a release
            return str(self.state)
        return f"{self.state} by {self.who or 'somebody'}: {self.why or 'no reason given'}"


_FREE: Final = Brake()


class Heartbeat:
    """A clock that remembers when it was asked last: who asks in each turn shows that it lives."""

    def __init__(self, longest_ns: int) -> None:
        """longest_ns: a silence that is longer is no life; 0: never mind."""
        self._longest_ns = longest_ns
        self._last_ns = 0  # 0: nobody is expected to ask

    def clock_ns(self) -> int:
        """The time, in nanoseconds."""
        self._last_ns = time.time_ns()
        return self._last_ns

    def stop(self) -> None:
        """Nobody is expected to ask any more."""
        self._longest_ns = 0

    def lost(self, now_ns: int) -> str:
        """Why this is no life any more; "" while it is."""
        if now_ns < self._last_ns:  # the clock was set back: silence counts from here
            self._last_ns = now_ns
        silent_ns = now_ns - self._last_ns
        if not self._longest_ns or not self._last_ns or silent_ns <= self._longest_ns:
            return ""
        return f"the robots have not turned for {silent_ns / 1e9:.1f} s"


class KillSwitch:
    """Sets, reads and releases the brake of one order store.

    path: the store's file; the brake lies beside it as NAME.halt. files: others that halt, too, as
    soon as they exist. heartbeat: halts when it is lost.
    """

    def __init__(
        self, path: Path, files: Sequence[Path] = (), heartbeat: Heartbeat | None = None
    ) -> None:
        self._file = path.with_name(path.name + ".halt")
        self._files = tuple(files)
        self._heartbeat = heartbeat
        # A stamp of the file and what it says, in one: several threads read and write it.
        self._known: tuple[tuple[int, int, int] | None, Brake] = None, _FREE
        self._unwritten = _FREE  # said here, and the file does not have it
        self._setting = threading.RLock()  # a signal may come while this thread sets

    def look(self, now_ns: int) -> Brake:
        """The brake as it stands; a lost heartbeat, or a file that appeared, is written down.

        What cannot be written holds all the same: who asks here has orders to cancel.
        """
        brake = self.read()
        if brake.state is RiskState.HALTED:
            return brake
        lost = self._heartbeat.lost(now_ns) if self._heartbeat is not None else ""
        if lost:
            return self._halt("the heartbeat", lost, now_ns)
        for file in self._files:
            if file.exists():
                return self._halt("a file", f"{file} is there", now_ns)
        return brake

    def read(self) -> Brake:
        """The brake as its file has it; a file that cannot be understood halts."""
        written, unwritten = self._written(), self._unwritten
        return unwritten if _RANKS[unwritten.state] > _RANKS[written.state] else written

    def set(self, state: RiskState, who: str, why: str, now_ns: int) -> Brake:
        """Brake from now on, durably; a brake is never loosened by this. Returns what holds.

        Raises StoreError when it cannot be written; it holds for this process even then.
        """
        with self._setting, _alone_in(self._file.parent):
            before = self.read()
            if _RANKS[state] <= _RANKS[before.state]:
                return before
            self._unwritten = brake = Brake(state, who, why, now_ns)
            self._write(brake)
            self._unwritten = _FREE
        return brake

    def release(self) -> Brake:
        """Let orders out again; returns the brake that held. A person's word, never a program's."""
        brake = self.read()
        self._unwritten = _FREE
        with suppress(FileNotFoundError):
            self._file.unlink()
        return brake

    def _halt(self, who: str, why: str, now_ns: int) -> Brake:
        try:
            return self.set(RiskState.HALTED, who, why, now_ns)
        except StoreError as error:
            _log.error("%s", error)
            return self.read()

    def _written(self) -> Brake:
        try:
            found = os.stat(self._file)
        except FileNotFoundError:
            self._known = None, _FREE
            return _FREE
        except OSError as error:
            return Brake(RiskState.HALTED, "the file", f"{self._file}: {error.strerror}")
        stamp = (found.st_ino, found.st_mtime_ns, found.st_size)
        known, brake = self._known
        if stamp != known:
            brake = _parsed(self._file)
            self._known = stamp, brake
        return brake

    def _write(self, brake: Brake) -> None:
        temporary = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        try:
            with temporary.open("wb") as file:
                file.write(msgspec.json.encode(brake) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self._file)
            folder = os.open(self._file.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise StoreError(
                f"kill switch {self._file}: it cannot be written ({error.strerror}); stop the "
                "session's process, then make room or check the permissions"
            ) from error


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Between a look and a write no other process writes: a reduce must not overwrite a halt."""
    try:
        held = os.open(folder, os.O_RDONLY)
    except OSError:  # to write there fails, too, and says why
        yield
        return
    try:
        until_s = time.monotonic() + _LOCK_PATIENCE_S
        while not _locked(held) and time.monotonic() < until_s:
            time.sleep(0.001)
        yield
    finally:
        os.close(held)


def _locked(held: int) -> bool:
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _parsed(file: Path) -> Brake:
    try:
        text = file.read_text()
        if not text.strip():
            return Brake(RiskState.HALTED, "a person", f"{file.name} was touched")
        return msgspec.convert(json.loads(text), Brake)
    except (OSError, ValueError) as error:
        return Brake(RiskState.HALTED, "the file", f"{file.name} cannot be read: {error}")
