"""A channel's seat in a TWS session, kept: sit down, subscribe, watch, and again.

The same states, backoff, health events and figures as a websocket's supervisor; only what a
connection is differs.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, Protocol

from millstream.exchange.ib.session import LOST, Seat, SessionRefused, TwsSession
from millstream.model import Channel, Connected, Disconnected, Refused
from millstream.stream.supervisor import Stream, Supervisor


class SeatedStream(Stream, Protocol):
    """What a seat is for."""

    def frame(self, channel: Channel, seat: Seat, raw: bytes, received_ns: int) -> None:
        """Take a frame."""

    def ask(self, channel: Channel, seat: Seat) -> None:
        """Ask for everything the channel carries."""

    def leave(self, channel: Channel, seat: Seat) -> None:
        """Ask for no more of it."""


class SeatSupervisor(Supervisor):
    """Keeps one channel seated."""

    def __init__(
        self, stream: SeatedStream, channel: Channel, reconnect_times: int, session: TwsSession
    ) -> None:
        super().__init__(stream, channel, reconnect_times)
        self._seated, self._session = stream, session
        self._seat: Seat | None = None

    def pause_reading(self) -> None:
        """Read nothing more until `resume_reading`."""
        self._session.pause(True)

    def resume_reading(self) -> None:
        """Read on."""
        self._session.pause(False)

    async def _connect(self, *_: Any, **__: Any) -> tuple[float, str]:
        """Sit, ask, stay until the end; how long it lasted in s, and why it ended."""
        stream, channel = self._seated, self._channel
        try:
            seat = await self._session.seat(channel, self._edge(self._receive))
        except SessionRefused as error:
            self._health(Refused, None, str(error))
            raise
        self._seat = seat
        began_ns = time.monotonic_ns()
        self.heard = False
        if stream.reading_paused:
            seat.pause_reading()
        watcher = asyncio.create_task(self._watch())
        code, reason = LOST, "subscribing failed"
        try:
            stream.ask(channel, seat)
            self.state = "connected"
            self._health(Connected, None, self.attempts)
            code, reason = await seat.ended()
        except asyncio.CancelledError:
            code, reason = 1000, "stopped"
            raise
        finally:
            watcher.cancel()
            stream.leave(channel, seat)
            await seat.close()
            self._seat = None
            self._health(Disconnected, None, code, reason)
        lived_s = (time.monotonic_ns() - began_ns) / 1e9
        return lived_s, f"the session ended with code {code} {reason}".rstrip()

    def _receive(self, raw: bytes, received_ns: int) -> None:
        if self._seat is not None:
            self._seated.frame(self._channel, self._seat, raw, received_ns)
