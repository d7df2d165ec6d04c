"""A seat in a TWS session as a link: what the supervisor opens, watches and closes for a channel.

States, backoff, health events and figures are those of every other venue; only what a connection
is differs.
"""

from __future__ import annotations

import time
from typing import Protocol

from millstream.errors import StreamError
from millstream.exchange.ib.session import Seat, TwsSession
from millstream.model import Channel
from millstream.stream.link import Link, Plan
from millstream.stream.supervisor import Stream, Supervisor
from millstream.stream.websocket import OnFrame


class SeatedStream(Stream, Protocol):
    """What a seat is for."""

    def ask(self, channel: Channel, seat: Seat) -> None:
        """Ask for everything the channel carries."""

    def look(self, channel: Channel, seat: Seat) -> None:
        """Do what the decoder wants after a frame."""

    def leave(self, channel: Channel, seat: Seat) -> None:
        """Ask for no more of it."""


class SeatSupervisor(Supervisor):
    """Keeps one channel seated."""

    def __init__(
        self, stream: SeatedStream, channel: Channel, reconnect_times: int, session: TwsSession
    ) -> None:
        super().__init__(stream, channel, reconnect_times)
        self._seated, self._session = stream, session

    def _new_link(self, plan: Plan) -> Link:
        return SeatLink(plan, self._seated, self._channel, self._session)


class SeatLink(Link):
    """One channel's seat, from sitting down to leaving."""

    def __init__(
        self, plan: Plan, stream: SeatedStream, channel: Channel, session: TwsSession
    ) -> None:
        super().__init__(plan, stream.settings, stream.limits, stream.allowed)
        self._stream, self._channel, self._session = stream, channel, session
        self._seat: Seat | None = None

    async def open(self, receive: OnFrame, paused: bool = False) -> None:
        """Sit down and ask; frames go to `receive`. Raises StreamError."""
        seat = self._seat = await self._session.seat(self._channel)
        self.give_to(receive)
        self.began_ns = time.time_ns()
        if paused:
            self._session.pause(True)
        self._stream.ask(self._channel, seat)

    def give_to(self, receive: OnFrame) -> None:
        """Frames go there from now on."""
        if (seat := self._seat) is None:
            return
        stream, channel = self._stream, self._channel

        def on_frame(raw: bytes, received_ns: int) -> None:
            receive(raw, received_ns)
            stream.look(channel, seat)

        seat.on_frame = on_frame

    async def ended(self) -> tuple[int, str]:
        """Wait for the end; a code and the reason."""
        if self._seat is None:
            raise StreamError("the seat was never taken.")
        return await self._seat.ended()

    @property
    def is_over(self) -> bool:
        """The seat was left, or never taken."""
        return self._seat is None or self._seat.is_over

    async def close(self) -> None:
        """Cancel what was asked for, and leave."""
        if (seat := self._seat) is not None:
            self._stream.leave(self._channel, seat)
            seat.close()

    def pause_reading(self) -> None:
        """Read nothing more, for any channel of the session."""
        self._session.pause(True)

    def resume_reading(self) -> None:
        """Read on."""
        self._session.pause(False)
