"""A context of sockets that can be forgotten."""

from __future__ import annotations

import warnings

import zmq


class Context(zmq.Context[zmq.Socket[bytes]]):
    """Is ended by who made it: `term` or `destroy`.

    pyzmq's own is also ended when it is collected as garbage, and then waits for its sockets. Those
    that are garbage too are closed later, by the same thread: it would wait for ever, in whatever
    it was just about. Here it is only told; what it holds goes with the process.
    """

    def __del__(self) -> None:
        if not self.closed:
            warnings.warn("a context of sockets was never ended", ResourceWarning, stacklevel=2)
