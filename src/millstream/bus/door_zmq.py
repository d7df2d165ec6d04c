"""A session's door: whoever may write in its folder can ask it something, and is answered.

A socket in the session's own folder, so that the folder's permissions say who may come in. Robots
in several processes have a door each, all in the folder that they share.
"""

from __future__ import annotations

import hashlib
import os
import socket
from contextlib import suppress
from pathlib import Path

import zmq

from millstream.bus.addresses import LONGEST_PATH, default_root, prepare_root
from millstream.bus.context import Context
from millstream.errors import ConfigError, did_you_mean

__all__ = ["Door", "ask", "door_file", "doors"]

_NAME = "control"
_ENDING = ".ipc"
ONLY = ""  # the process of a session's only door


def door_file(directory: Path, process: str = ONLY) -> Path:
    """Where a door of a session's folder is. process: whose, where there are several."""
    name = f"{_NAME}-{process}" if process else _NAME
    return directory.resolve() / f"{name}{_ENDING}"


def doors(directory: Path) -> dict[str, Path]:
    """The open doors of a session's folder by process; "" is the only one's.

    A killed process leaves its door behind: where nobody listens, there is none.
    """
    found = {}
    for file in sorted(directory.glob(f"{_NAME}*{_ENDING}")):
        process = file.name.removeprefix(_NAME).removesuffix(_ENDING)
        if (not process or process.startswith("-")) and _somebody_listens(file):
            found[process.removeprefix("-")] = file
    return found


class Door:
    """The session's side. Belongs to one thread, once it is open."""

    def __init__(self, directory: Path, process: str = ONLY) -> None:
        self._file = door_file(directory, process)
        self._context = Context()
        self._socket = self._context.socket(zmq.ROUTER)
        try:
            self._place = _place_for(self._file)
            self._socket.bind(f"ipc://{self._place}")  # in place of what a killed process left
            os.chmod(self._place, 0o600)
        except (zmq.ZMQError, OSError) as error:
            self.close()
            raise ConfigError(f"cannot open the door {self._file}: {error}") from None

    def receive(self, timeout_ms: int) -> bytes | None:
        """What somebody asks; None when nobody does for `timeout_ms`."""
        if not self._socket.poll(timeout_ms):
            return None
        parts = self._socket.recv_multipart()
        return parts[-1]

    def answer(self, request: str, body: bytes) -> None:
        """Answer a request; who does not wait any more misses it."""
        with suppress(zmq.ZMQError):
            self._socket.send_multipart([request.encode(), body], zmq.NOBLOCK)

    def close(self) -> None:
        """Close it, and take it away."""
        self._socket.close(linger=500)
        self._context.term()
        for file in (self._file.resolve(), self._file):
            with suppress(OSError):
                file.unlink()


def ask(
    directory: Path, request: str, body: bytes, timeout_s: float, process: str | None = None
) -> bytes:
    """A session's answer. process: whose, where robots are in several; None: the only one's.

    Raises ConfigError when there is no answer, or no such door.
    """
    file = _chosen(directory, process)
    with Context() as context, context.socket(zmq.DEALER) as dealer:
        dealer.linger = 0
        dealer.identity = request.encode()  # the answer finds its way by it
        dealer.connect(f"ipc://{file.resolve()}")
        dealer.send(body)
        if not dealer.poll(int(timeout_s * 1_000)):
            raise ConfigError(
                f"the session in {directory} does not answer within {timeout_s:g} s; "
                "its process may have ended, or its robots hang"
            )
        return dealer.recv()


def _chosen(directory: Path, process: str | None) -> Path:
    found = doors(directory)
    if not found:
        raise ConfigError(f"no session runs in {directory}: start it, or name its folder")
    names = ", ".join(name or "robots" for name in found)
    if process is None:
        if len(found) > 1:
            raise ConfigError(
                f"the robots of {directory} are in several processes: {names}; say which by "
                "--process"
            )
        return next(iter(found.values()))
    wanted = ONLY if process == "robots" and process not in found else process
    if wanted not in found:
        near = did_you_mean(process, [name for name in found if name])
        raise ConfigError(
            f'no process "{process}" of robots runs in {directory}; there are: {names}.{near}'
        )
    return found[wanted]


def _place_for(file: Path) -> Path:
    """Where the socket is: the file itself.

    The system cannot name a socket in a long path: then it lies in the user's own runtime folder,
    and the file points there.
    """
    if len(os.fsencode(file)) <= LONGEST_PATH:
        return file
    digest = hashlib.blake2b(os.fsencode(file), digest_size=8).hexdigest()
    place = prepare_root(default_root()) / f"session-{digest}.ipc"
    file.unlink(missing_ok=True)
    file.symlink_to(place)
    return place


def _somebody_listens(file: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(os.fspath(file.resolve()))
        except (TimeoutError, BlockingIOError):
            return True  # it is there, and busy
        except OSError:
            return False
    return True
