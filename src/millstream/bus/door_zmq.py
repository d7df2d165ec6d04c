"""A session's door: whoever may write in its folder can ask it something, and is answered.

A socket in the session's own folder, so that the folder's permissions say who may come in.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

import zmq

from millstream.bus.addresses import LONGEST_PATH, default_root, prepare_root
from millstream.errors import ConfigError

__all__ = ["Door", "ask", "door_file"]

_NAME = "control.ipc"


def door_file(directory: Path) -> Path:
    """Where the door of a session's folder is.

    The system cannot name a socket in a long path: then it lies in the user's own runtime folder.
    """
    path = directory.resolve() / _NAME
    if len(os.fsencode(path)) <= LONGEST_PATH:
        return path
    digest = hashlib.blake2b(os.fsencode(path), digest_size=8).hexdigest()
    return prepare_root(default_root()) / f"session-{digest}.ipc"


class Door:
    """The session's side. Belongs to one thread, once it is open."""

    def __init__(self, directory: Path) -> None:
        self._file = door_file(directory)
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        try:
            self._socket.bind(f"ipc://{self._file}")
            os.chmod(self._file, 0o600)
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
        with suppress(OSError):
            self._file.unlink()


def ask(directory: Path, request: str, body: bytes, timeout_s: float) -> bytes:
    """A session's answer. Raises ConfigError when there is none."""
    file = door_file(directory)
    if not file.exists():
        raise ConfigError(f"no session runs in {directory}: start it, or name its folder")
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.linger = 0
        socket.identity = request.encode()  # the answer finds its way by it
        socket.connect(f"ipc://{file}")
        socket.send(body)
        if not socket.poll(int(timeout_s * 1_000)):
            raise ConfigError(
                f"the session in {directory} does not answer within {timeout_s:g} s; "
                "its process may have ended, or its robots hang"
            )
        return socket.recv()
