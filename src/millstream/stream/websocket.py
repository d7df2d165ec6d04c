"""One websocket connection: whole messages out by callback, each stamped once with its time.

picows does the protocol: it answers pings, pings when nothing comes, and checks frames. This page
joins fragments, names the way a connection ended, and speaks in our errors.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from time import time_ns
from typing import Any, TypeAlias

import picows

from millstream.errors import StreamError

OnFrame: TypeAlias = Callable[[bytes, int], None]  # the message, and when it was received in ns

ABNORMAL = 1006  # ended without a close frame
NO_ANSWER = "no answer to a ping"  # how the reason begins when we gave the connection up
_NO_CODE = 1005  # a close frame without a code

_TEXT, _BINARY = picows.WSMsgType.TEXT, picows.WSMsgType.BINARY
_CLOSE, _CONTINUATION = picows.WSMsgType.CLOSE, picows.WSMsgType.CONTINUATION
_log = logging.getLogger(__name__)


class Connection:
    """An open websocket. Made by `connect`."""

    def __init__(self, transport: picows.WSTransport, listener: _Listener) -> None:
        self._transport, self._listener = transport, listener
        self._end = asyncio.ensure_future(_end(transport))

    def send(self, message: bytes) -> None:
        """Send one text message; nothing happens when the connection has ended."""
        if not self._transport.is_disconnected:
            self._transport.send(_TEXT, message)

    def give_to(self, on_frame: OnFrame) -> None:
        """Messages go there from now on."""
        self._listener.on_frame = on_frame

    @property
    def is_over(self) -> bool:
        """The connection has ended."""
        return self._end.done()

    @property
    def reading_paused(self) -> bool:
        """Between `pause_reading` and `resume_reading`."""
        return self._listener.paused

    def hang_up(self) -> None:
        """End it without a word: nobody is there any more."""
        self._transport.disconnect(False)

    async def ended(self) -> tuple[int, str]:
        """Wait for the end; the websocket close code (1006: none) and the reason given."""
        return await asyncio.shield(self._end)

    async def close(self, timeout_s: float = 2.0) -> None:
        """Say goodbye, wait a moment for the answer, then hang up."""
        if self._end.done():
            return
        self._transport.send_close(picows.WSCloseCode.OK)
        self.resume_reading()  # or the answer is never seen
        try:
            async with asyncio.timeout(timeout_s):
                await self.ended()
        except TimeoutError:
            self._transport.disconnect(False)
            await self.ended()

    def pause_reading(self) -> None:
        """Read nothing more from the socket until `resume_reading`: the sender has to wait."""
        if not self._listener.paused and not self._transport.is_disconnected:
            self._listener.paused = True
            self._transport.underlying_transport.pause_reading()
            self._transport.notify_user_specific_pong_received()

    def resume_reading(self) -> None:
        """Read on."""
        if self._listener.paused and not self._transport.is_disconnected:
            self._listener.paused = False
            self._transport.underlying_transport.resume_reading()


async def _end(transport: picows.WSTransport) -> tuple[int, str]:
    try:
        await transport.wait_disconnected()
    except Exception as error:  # what picows found wrong, of whatever type
        return int(getattr(error, "code", ABNORMAL)), str(error)
    handshake: Any = transport.close_handshake
    if handshake is None:
        return ABNORMAL, "the connection was lost"
    info = handshake.recv if handshake.recv is not None else handshake.sent
    if handshake.recv is None and "not replied to ping" in (info.reason or ""):
        return ABNORMAL, NO_ANSWER  # picows says goodbye with 1001 then, to nobody
    return int(info.code) or _NO_CODE, info.reason or ""


class _Listener(picows.WSListener):
    def __init__(self, on_frame: OnFrame, max_bytes: int) -> None:
        self.on_frame = on_frame
        self._max_bytes = max_bytes
        self._fragments: list[bytes] = []
        self._size = 0
        self.paused = False
        self.transport: picows.WSTransport | None = None

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: Any, frame: Any) -> None:
        received_ns = time_ns()
        kind = frame.msg_type
        if kind == _TEXT and frame.fin and not self._fragments:
            message = frame.get_payload_as_bytes()
        elif kind in (_TEXT, _BINARY, _CONTINUATION):
            joined = self._join(transport, frame)
            if joined is None:
                return
            message = joined
        else:
            if kind == _CLOSE:
                if not transport.is_close_frame_sent:
                    transport.send_close(frame.get_close_code() or picows.WSCloseCode.OK)
                transport.disconnect()
            return
        if len(message) > self._max_bytes:
            return  # refused by picows, which yet hands it over while it waits for the goodbye
        try:
            self.on_frame(message, received_ns)
        except Exception:
            # A callback's mistake must not end the connection, and must not be silent.
            _log.exception("a frame's callback failed; the frame is lost: %r", message[:200])

    def send_user_specific_ping(self, transport: Any) -> None:
        # While reading is paused no pong can be seen, and its absence says nothing.
        if self.paused:
            loop = asyncio.get_running_loop()
            loop.call_soon(transport.notify_user_specific_pong_received)
        else:
            transport.send_ping()

    def _join(self, transport: Any, frame: Any) -> bytes | None:
        """A message in fragments is one message, received when its last fragment is; None before.

        What cannot be joined ends the connection.
        """
        if (frame.msg_type == _CONTINUATION) != bool(self._fragments):
            transport.send_close(picows.WSCloseCode.PROTOCOL_ERROR, b"fragments out of order")
            transport.disconnect()
            return None
        self._fragments.append(frame.get_payload_as_bytes())
        self._size += frame.payload_size
        if self._size > self._max_bytes:
            transport.send_close(picows.WSCloseCode.MESSAGE_TOO_BIG, b"message too big")
            transport.disconnect()
            return None
        if not frame.fin:
            return None
        message = b"".join(self._fragments)
        self._fragments, self._size = [], 0
        return message


async def connect(
    url: str,
    on_frame: OnFrame,
    *,
    timeout_s: float = 10.0,
    ping_idle_s: float = 10.0,
    ping_reply_s: float = 10.0,
    max_frame_bytes: int = 64 * 1024 * 1024,
) -> Connection:
    """An open connection; raises StreamError when there is none within `timeout_s`.

    on_frame: called with each message and its receive time, on the event loop's thread.
    """
    listener = _Listener(on_frame, max_frame_bytes)
    opening = asyncio.ensure_future(
        picows.ws_connect(
            lambda: listener,
            url,
            websocket_handshake_timeout=timeout_s,
            enable_auto_ping=True,
            auto_ping_idle_timeout=ping_idle_s,
            auto_ping_reply_timeout=ping_reply_s,
            enable_auto_pong=True,
            max_frame_size=max_frame_bytes,
            logger_name=_log.name,
        )
    )
    try:
        # picows itself hangs up on a silent handshake; our own limit is for all before it.
        async with asyncio.timeout(timeout_s + 0.5):
            transport, _ = await asyncio.shield(opening)
    except TimeoutError:
        opening.cancel()
        raise StreamError(f"cannot connect to {url}: no answer within {timeout_s:g} s.") from None
    except picows.WSInvalidStatusError as error:
        status = error.response.status if error.response is not None else "an error"
        raise StreamError(f"{url} refused the connection with HTTP status {status}.") from None
    except (OSError, picows.WSError, ValueError) as error:
        raise StreamError(f"cannot connect to {url}: {error}.") from None
    except asyncio.CancelledError:
        await _hang_up(opening)
        raise
    if listener.transport is None or transport.is_disconnected:
        raise StreamError(f"cannot connect to {url}: it hung up during the handshake.")
    return Connection(transport, listener)


async def _hang_up(opening: asyncio.Future[Any], timeout_s: float = 2.0) -> None:
    """Nobody wants it any more. A handshake ends first: cancelled, it leaves its socket open."""
    try:
        await asyncio.wait((opening,), timeout=timeout_s)
    finally:
        if not opening.done():
            opening.cancel()
        elif not opening.cancelled() and opening.exception() is None:
            transport, _ = opening.result()
            transport.disconnect(False)
