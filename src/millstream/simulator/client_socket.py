"""One client's websocket to a trading venue: carries texts to its session, and frames back."""

from __future__ import annotations

import asyncio
from typing import Protocol

import picows

from millstream.simulator.faults import FaultPlan
from millstream.simulator.front import Session
from millstream.simulator.websocket import MAX_REQUEST, text_header

_MOST_UNREAD = 16 * 1024 * 1024  # bytes; who reads slower is cut off, as venues do


class Hub(Protocol):
    """What a connection needs of its exchange."""

    plan: FaultPlan

    def joined(self, client: ClientSocket) -> None:
        """It is open."""

    def left(self, client: ClientSocket) -> None:
        """It is closed."""

    def heard(self, client: ClientSocket, text: bytes) -> None:
        """It said something."""


class ClientSocket(picows.WSListener):
    """Carries one session."""

    def __init__(self, session: Session, hub: Hub) -> None:
        super().__init__()
        self.session = session
        self._hub = hub
        self._transport: picows.WSTransport | None = None
        self._parts: list[bytes] = []
        self.tasks: set[asyncio.Task[None]] = set()

    def flush(self) -> None:
        """Send what is waiting: answers and the market first, then the account's frames."""
        session, transport = self.session, self._transport
        frames, session.outbox = session.outbox, []
        private, session.private = session.private, []
        if transport is None or transport.is_disconnected:
            return
        data = b"".join([text_header(len(frame)) + frame for frame in frames])
        told = self._hub.plan.arrange(private, lambda one: one[1]) if private else []
        for frame, _ in told:
            if self._hub.plan.cuts():
                half = (text_header(len(frame)) + frame)[: len(frame) // 2]
                transport.underlying_transport.write(data + half)
                transport.disconnect(True)  # what is written leaves first
                return
            data += text_header(len(frame)) + frame
        if data:
            transport.underlying_transport.write(data)
            if transport.underlying_transport.get_write_buffer_size() > _MOST_UNREAD:
                self.drop()

    def drop(self) -> None:
        """End without a word."""
        if self._transport is not None:
            self._transport.underlying_transport.abort()

    def leave(self) -> None:
        """Close, as a venue does that goes away."""
        if self._transport is not None and not self._transport.is_disconnected:
            self._transport.send_close(picows.WSCloseCode.GOING_AWAY)
            self._transport.disconnect(False)

    def ping(self) -> None:
        """Binance pings every 20 seconds."""
        if self._transport is not None and not self._transport.is_disconnected:
            self._transport.send_ping()

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        """The client is in."""
        self._transport = transport
        self._hub.joined(self)

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        """A text, a ping, or the end."""
        kind = frame.msg_type
        if kind == picows.WSMsgType.PING:
            transport.send_pong(frame.get_payload_as_bytes())
        elif kind == picows.WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
        elif kind in (
            picows.WSMsgType.TEXT,
            picows.WSMsgType.BINARY,
            picows.WSMsgType.CONTINUATION,
        ):
            self._parts.append(frame.get_payload_as_bytes())
            if sum(map(len, self._parts)) > MAX_REQUEST:
                transport.send_close(picows.WSCloseCode.MESSAGE_TOO_BIG)
                transport.disconnect()
            elif frame.fin:
                text = b"".join(self._parts)
                self._parts.clear()
                self._hub.heard(self, text)

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        """The client is gone."""
        for task in list(self.tasks):
            task.cancel()
        self._hub.left(self)
