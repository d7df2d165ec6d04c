"""How much one turn of the event loop may send: its other tasks wait for no more than that.

A producer's loop also reads the exchanges. A hundred followers with a message each, at 30 µs
apiece, would hold up a quote for 3 ms in every turn, for as long as a burst lasts.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

MESSAGES_A_TURN: Final = 16  # half a millisecond


class Turns:
    """Hands out leave to send, first come first served, so many times in a turn of the loop."""

    def __init__(self, most: int = MESSAGES_A_TURN) -> None:
        self._most = self._left = most
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_due = False

    async def mine(self) -> None:
        """Wait for leave to send one message. Nobody waits for one whose reader is slow."""
        if self._left and not self._waiting:
            self._take()
            return
        leave = asyncio.get_running_loop().create_future()
        self._waiting.append(leave)
        await leave

    def _take(self) -> None:
        self._left -= 1
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        """The loop has begun another turn."""
        self._is_due, self._left = False, self._most
        while self._left and self._waiting:
            leave = self._waiting.popleft()
            if not leave.done():  # it may have gone away meanwhile
                self._take()
                leave.set_result(None)
