"""A word with the venue before anything is subscribed: a login, a challenge and its answer."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import msgspec

from millstream.errors import LoginRefused, StreamError
from millstream.stream.outbox import Outbox
from millstream.stream.websocket import Connection, OnFrame

__all__ = ["Keepalive", "LoginRefused", "Prepare", "Talk"]


class Keepalive(msgspec.Struct, frozen=True):
    """A text that keeps a connection open, where the venue does not ping.

    answer: a frame equal to it is eaten before the decoder; b"": there is none.
    """

    message: bytes
    every_s: float
    answer: bytes = b""


class Talk:
    """Question and answer on a connection that is not subscribed yet.

    Frames that nobody waits for are kept, in order, for whoever comes after.
    """

    def __init__(self) -> None:
        self._connection: Connection | None = None
        self._outbox: Outbox | None = None
        self._frames: deque[tuple[bytes, int]] = deque()
        self._came = asyncio.Event()
        self._ended = False

    def on_frame(self, raw: bytes, received_ns: int) -> None:
        """A frame came."""
        self._frames.append((raw, received_ns))
        self._came.set()

    def open(self, connection: Connection, outbox: Outbox) -> None:
        """Over this connection the talk goes, as fast as its outbox lets it."""
        self._connection, self._outbox = connection, outbox

    def ended(self) -> None:
        """The connection ended: nobody answers any more."""
        self._ended = True
        self._came.set()

    @property
    def is_over(self) -> bool:
        """The connection has ended: nothing can be sent any more."""
        return self._connection is not None and self._connection.is_over

    def send(self, message: dict[str, Any] | str | bytes) -> None:
        """Send one message; a dict as JSON."""
        assert self._outbox is not None
        self._outbox.put(encoded(message))

    async def receive(self, wanted: Callable[[bytes], bool], timeout_s: float = 10.0) -> bytes:
        """The first frame that `wanted` says yes to; raises StreamError when none comes in time."""
        unwanted = 0
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    while unwanted < len(self._frames):
                        raw = self._frames[unwanted][0]
                        if wanted(raw):
                            del self._frames[unwanted]
                            return raw
                        unwanted += 1
                    if self._ended:
                        raise StreamError("the connection ended before the venue had answered.")
                    self._came.clear()
                    await self._came.wait()
        except TimeoutError:
            raise StreamError(f"no answer from the venue within {timeout_s:g} s.") from None

    def pass_on(self, receive: OnFrame) -> None:
        """Hand over what nobody waited for."""
        while self._frames:
            receive(*self._frames.popleft())


Prepare: TypeAlias = Callable[[Talk], Awaitable[None]]


def encoded(message: dict[str, Any] | str | bytes) -> bytes:
    """A message as it is sent."""
    if isinstance(message, str):
        return message.encode()
    return message if isinstance(message, bytes) else msgspec.json.encode(message)
