"""A socket in an event loop: each message that comes is given to a function."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import zmq

MOST_AT_ONCE = 256  # messages, before others of the loop have their turn


class Readable:
    """Reads a socket whenever it has something. Belongs to the running event loop."""

    def __init__(self, socket: zmq.Socket[bytes], on_message: Callable[[bytes], None]) -> None:
        self._socket, self._on_message = socket, on_message
        self._loop = asyncio.get_running_loop()
        self._descriptor = socket.fileno()
        self._loop.add_reader(self._descriptor, self.drain)
        self._closed = False
        self._loop.call_soon(self.drain)

    def drain(self) -> None:
        """Read what there is. The descriptor tells of a change once: never stop before empty."""
        for _ in range(MOST_AT_ONCE):
            if self._closed:
                return
            try:
                message = self._socket.recv(zmq.NOBLOCK)
            except zmq.Again:
                return
            self._on_message(message)
        self._loop.call_soon(self.drain)

    def check(self) -> None:
        """Call after a send or a subscription: it may have taken the descriptor's signal."""
        events = self._socket.getsockopt(zmq.EVENTS)
        if isinstance(events, int) and events & zmq.POLLIN:
            self.drain()

    def close(self) -> None:
        """Read no more, and close the socket."""
        if not self._closed:
            self._closed = True
            self._loop.remove_reader(self._descriptor)
            self._socket.close(linger=200)
