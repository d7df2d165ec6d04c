"""Messages to a venue, in order, each when the venue's limits allow it. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol


class Sender(Protocol):
    """What sends."""

    def send(self, message: bytes) -> None:
        """Send one message; nothing happens when the connection has ended."""


class Outbox:
    """One connection's messages; keepalives alone go past it: venues do not count them.

    wait_s: takes one message's leave, and says in how many seconds it may be sent: never before
    the message before it. call_later: the event loop's.
    """

    def __init__(
        self,
        sender: Sender,
        wait_s: Callable[[], float],
        call_later: Callable[[float, Callable[[], None]], object],
    ) -> None:
        self._sender, self._wait_s, self._call_later = sender, wait_s, call_later
        self._waiting: deque[bytes] = deque()

    def put(self, message: bytes) -> float:
        """Send it now or later, after those before it; the seconds until then."""
        wait_s = self._wait_s()
        if wait_s <= 0.0 and not self._waiting:
            self._sender.send(message)
            return 0.0
        self._waiting.append(message)
        self._call_later(wait_s, self._send)
        return wait_s

    def _send(self) -> None:
        self._sender.send(self._waiting.popleft())
