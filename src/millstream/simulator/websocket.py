"""One client's websocket: what it is sent, what it says, how far it has read."""

from __future__ import annotations

import asyncio
from typing import Protocol

import picows

from millstream.simulator.binance import streams as binance

_HIGH_WATER = 512 * 1024  # bytes a client may leave unread before playing waits
_AHEAD = 1  # batches a connection may be sent before the client answered for them
_IN_STEP_S = 10.0  # a client that stops answering is not waited for any longer than this
_FIRST_PONG_S = 1.0  # nor than this, when it never answered
_PONG_NS = 60_000_000_000  # without an answer for so long: closed
MAX_REQUEST = 64 * 1024  # bytes a client may say at once


class Exchange(Protocol):
    """What a connection needs of the exchange it belongs to."""

    def joined(self, connection: Connection) -> None:
        """A connection is open."""

    def left(self, connection: Connection) -> None:
        """A connection is closed."""

    def subscriptions_changed(self) -> None:
        """Somebody subscribed or unsubscribed."""


class Connection(picows.WSListener):
    """One client's websocket."""

    def __init__(self, session: binance.Session, exchange: Exchange) -> None:
        super().__init__()
        self.session = session
        self.outbox: list[bytes] = []
        self.writable = asyncio.Event()
        self.writable.set()
        self._exchange = exchange
        self._transport: picows.WSTransport | None = None
        self._unanswered_ns = 0  # since when pings go unanswered; 0: they do not
        self._pings = self._pongs = 0  # the number of the last ping, of the last one answered
        self._sent_since_ping = False
        self._answers = True
        self._in_step = asyncio.Event()
        self._in_step.set()
        self._parts: list[bytes] = []  # of a message in several frames

    @property
    def unsent_bytes(self) -> int:
        """What the client's socket has not taken yet."""
        if self._transport is None or self._transport.is_disconnected:
            return 0
        return int(self._transport.underlying_transport.get_write_buffer_size())

    def flush(self) -> None:
        """Write what is waiting in the outbox, in one piece."""
        if self.outbox and self._transport is not None:
            # The frames' headers are ours (a server masks nothing), so that many frames cost one
            # call to the system; answers and pings by picows keep their place among them.
            data = b"".join(self.outbox)
            self.outbox.clear()
            self._sent_since_ping = True
            if not self._transport.is_disconnected:
                self._transport.underlying_transport.write(data)

    def leave(self) -> None:
        """Close, as a venue does that goes away."""
        if self._transport is not None:
            self._transport.send_close(picows.WSCloseCode.GOING_AWAY)
            self._transport.disconnect(False)

    def ping(self, now_ns: int) -> None:
        """Send a ping; close when none was answered for a minute."""
        if self._transport is None:
            return
        self._unanswered_ns = self._unanswered_ns or now_ns
        if now_ns - self._unanswered_ns >= _PONG_NS:
            self._transport.disconnect(False)
        else:
            self._send_ping()

    async def keep_in_step(self) -> None:
        """Wait until the client has read all but the last batches sent to it."""
        if not (self._sent_since_ping and self._answers):
            return
        self._send_ping()
        if not self._in_step.is_set():
            try:
                async with asyncio.timeout(_IN_STEP_S if self._pongs else _FIRST_PONG_S):
                    await self._in_step.wait()
            except TimeoutError:
                self._answers = False

    def _send_ping(self) -> None:
        if self._transport is None or self._transport.is_disconnected:
            return
        self._sent_since_ping = False
        self._pings += 1
        if self._pings - self._pongs > _AHEAD:
            self._in_step.clear()
        self._transport.send_ping(b"%d" % self._pings)

    def _received_pong(self, payload: bytes) -> None:
        self._unanswered_ns = 0
        if payload.isdigit() and self._pongs < (number := int(payload[:18])) <= self._pings:
            self._pongs = number
            self._answers = True
            if self._pings - self._pongs <= _AHEAD:
                self._in_step.set()

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        """The client is in: its URL may name streams already."""
        self._transport = transport
        transport.underlying_transport.set_write_buffer_limits(high=_HIGH_WATER)
        self._exchange.joined(self)

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        """A request, an answer to a ping, or the end."""
        kind = frame.msg_type
        if kind == picows.WSMsgType.PONG:
            self._received_pong(frame.get_payload_as_bytes())
            return
        if kind == picows.WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
            return
        if kind not in (
            picows.WSMsgType.TEXT,
            picows.WSMsgType.BINARY,
            picows.WSMsgType.CONTINUATION,
        ):
            return
        self._parts.append(frame.get_payload_as_bytes())
        if sum(map(len, self._parts)) > MAX_REQUEST:
            transport.send_close(picows.WSCloseCode.MESSAGE_TOO_BIG)
            transport.disconnect()
        elif frame.fin:
            text = b"".join(self._parts)
            self._parts.clear()
            self.flush()  # what was due before the answer goes before it
            for reply in self.session.receive(text):
                transport.send(picows.WSMsgType.TEXT, reply)
            self._exchange.subscriptions_changed()

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        """The client is gone; whoever waits for it waits no more."""
        self.writable.set()
        self._in_step.set()
        self.outbox.clear()
        self._exchange.left(self)

    def pause_writing(self) -> None:
        """The client reads too slowly."""
        self.writable.clear()

    def resume_writing(self) -> None:
        """It has caught up."""
        self.writable.set()


def text_header(size: int) -> bytes:
    """The head of an unmasked text frame (RFC 6455, 5.2)."""
    if size < 126:
        return bytes((0x81, size))
    if size < 65_536:
        return b"\x81\x7e" + size.to_bytes(2, "big")
    return b"\x81\x7f" + size.to_bytes(8, "big")


SMALL_HEADERS = [text_header(size) for size in range(1_024)]  # most frames are this small
