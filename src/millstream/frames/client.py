"""Live connections to producers, freqtrade's or ours: one each, kept for as long as wanted."""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias
from urllib.parse import quote

import msgspec
import picows

from millstream.errors import BadMessage, ConfigError
from millstream.frames.consumer import Outcome, ProducerFigures, ProducerFollower
from millstream.frames.fast_wire import SUBPROTOCOL
from millstream.frames.freqtrade_wire import PATH
from millstream.frames.settings import ConsumerSection, ProducerEntry
from millstream.model.events import Event
from millstream.model.frames import FrameUpdate, ProducerState, Whitelist

Publish: TypeAlias = Callable[[Sequence[Event]], None]

CONNECT_S: Final = 10.0
LOOK_EVERY_S: Final = 1.0  # whether a frame has become too old
ABNORMAL: Final = 1006
TOO_BIG: Final = 1009
_TEXT, _BINARY = picows.WSMsgType.TEXT, picows.WSMsgType.BINARY
_CLOSE, _CONTINUATION = picows.WSMsgType.CLOSE, picows.WSMsgType.CONTINUATION
_log = logging.getLogger(__name__)
# What picows says of a handshake holds the token: it goes nowhere.
_silent = logging.getLogger(f"{__name__}.handshake")
_silent.propagate = False
_silent.addHandler(logging.NullHandler())


class FrameClient:
    """Follows every producer of a configuration.

    publish: called on the event loop's thread with what was learned: `FrameUpdate`, `Whitelist`
    and `ProducerState` events, in their order.
    """

    def __init__(self, section: ConsumerSection, publish: Publish) -> None:
        self._section, self._publish = section, publish
        self.followers = [ProducerFollower(entry, section) for entry in section.producers]
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to follow; it does not wait for the producers to be there."""
        if not self._section.enabled or self._tasks:
            return
        for follower in self.followers:
            context = _tls(follower.entry)
            self._tasks.append(asyncio.create_task(self._follow(follower, context)))
        self._tasks.append(asyncio.create_task(self._watch_age()))

    async def stop(self) -> None:
        """Say goodbye to every producer."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    def figures(self) -> list[ProducerFigures]:
        """Every producer as it stands."""
        return [follower.figures for follower in self.followers]

    def as_one(self, updates: Sequence[FrameUpdate]) -> FrameUpdate:
        """One update in the place of several of one frame. On the event loop's thread."""
        name = updates[-1].producer
        held = next(follower.held for follower in self.followers if follower.entry.name == name)
        return held.as_one(updates)

    async def _watch_age(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            for follower in self.followers:
                if events := follower.due(time.time_ns()):
                    self._publish(events)

    async def _follow(self, follower: ProducerFollower, context: ssl.SSLContext | None) -> None:
        name = follower.entry.name
        while True:
            try:
                code, reason = await self._one_connection(follower, context)
            except Exception as error:  # a mistake of ours: it must neither pass unseen nor end us
                _log.exception("producer %s", name)
                code, reason = ABNORMAL, f"a mistake of Millstream: {type(error).__name__}"
            self._publish(follower.disconnected(code, reason, time.time_ns()))
            pause_s = follower.pause_s(random.random())
            _log.info("producer %s: %s; next attempt in %.1f s", name, reason, pause_s)
            await asyncio.sleep(pause_s)

    async def _one_connection(
        self, follower: ProducerFollower, context: ssl.SSLContext | None
    ) -> tuple[int, str]:
        """Connect, follow to the end; the close code or HTTP status, and the reason."""
        entry = follower.entry
        scheme = "wss" if entry.secure else "ws"
        host = f"[{entry.host}]" if ":" in entry.host else entry.host
        url = f"{scheme}://{host}:{entry.port}{PATH}?token={quote(entry.ws_token, safe='')}"
        headers = [("Sec-WebSocket-Protocol", SUBPROTOCOL)] if entry.fast else []
        where = f"{scheme}://{host}:{entry.port}"
        listener = _Listener(follower, self._publish, self._section.message_bytes)
        reply_s = max(0.1, float(self._section.ping_timeout))
        try:
            async with asyncio.timeout(CONNECT_S + 0.5):
                transport, _ = await picows.ws_connect(
                    lambda: listener,
                    url,
                    ssl_context=context,
                    extra_headers=headers,
                    websocket_handshake_timeout=CONNECT_S,
                    enable_auto_ping=True,
                    # picows takes no shorter silence than it waits for an answer.
                    auto_ping_idle_timeout=max(reply_s, float(self._section.wait_timeout)),
                    auto_ping_reply_timeout=reply_s,
                    enable_auto_pong=True,
                    max_frame_size=self._section.message_bytes,
                    logger_name=_silent,
                )
        except picows.WSInvalidStatusError as error:
            status = int(error.response.status) if error.response is not None else 0
            return status, f"{where} refused us with HTTP status {status}; see ws_token"
        except TimeoutError:
            return ABNORMAL, f"{where} did not answer within {CONNECT_S:g} s"
        except (OSError, picows.WSError, ValueError) as error:
            hidden = str(error).replace(quote(entry.ws_token, safe=""), "…")
            return ABNORMAL, f"cannot connect to {where}: {hidden.replace(entry.ws_token, '…')}"
        try:
            await transport.wait_disconnected()
        except asyncio.CancelledError:
            if not transport.is_disconnected:
                transport.send_close(picows.WSCloseCode.OK)
                transport.disconnect()
            raise
        except Exception as error:  # what picows found wrong, of whatever type
            return int(getattr(error, "code", ABNORMAL)), str(error)
        return listener.reason or _end(transport)


async def pairs_of(section: ConsumerSection, name: str, within_s: float) -> tuple[str, ...]:
    """The pairs that a producer of the section has now; waits until it is there and has some.

    Raises ConfigError, with why it had none, when the time is over.
    """
    pairs: asyncio.Future[tuple[str, ...]] = asyncio.get_running_loop().create_future()
    reason = "it has none yet"

    def take(events: Sequence[Event]) -> None:
        nonlocal reason
        for event in events:
            if isinstance(event, Whitelist) and event.pairs and not pairs.done():
                pairs.set_result(event.pairs)
            elif isinstance(event, ProducerState) and not event.pair and event.reason:
                reason = event.reason

    entries = [entry for entry in section.producers if entry.name == name]
    few = msgspec.structs.replace(section, producers=entries, initial_candle_limit=1, sleep_time=1)
    client = FrameClient(few, take)
    await client.start()
    try:
        async with asyncio.timeout(within_s):
            return await pairs
    except TimeoutError:
        raise ConfigError(
            f'producer "{name}" told no pairs within {within_s:g} s: {reason}; start it first'
        ) from None
    finally:
        await client.stop()


def _end(transport: Any) -> tuple[int, str]:
    handshake = transport.close_handshake
    info = None
    if handshake is not None:
        info = handshake.recv if handshake.recv is not None else handshake.sent
    if info is None:
        return ABNORMAL, "the connection was lost"
    return int(info.code) or 1005, info.reason or f"it ended with code {int(info.code)}"


def _tls(entry: ProducerEntry) -> ssl.SSLContext | None:
    """What to trust; raises ConfigError where the file cannot be used."""
    if not entry.secure:
        return None
    try:
        return ssl.create_default_context(cafile=entry.certificate_file or None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f'external_message_consumer.producers: "{entry.name}": certificate_file '
            f"{entry.certificate_file} cannot be used: {error}"
        ) from None


class _Listener(picows.WSListener):
    """Joins fragments and hands whole messages to the follower."""

    def __init__(self, follower: ProducerFollower, publish: Publish, max_bytes: int) -> None:
        self._follower, self._publish, self._max_bytes = follower, publish, max_bytes
        self._fragments: list[bytes] = []
        self._size = 0
        self._kind = _TEXT
        self.reason: tuple[int, str] | None = None  # why we ended it

    def on_ws_connected(self, transport: Any) -> None:
        agreed = transport.response.headers.get("Sec-WebSocket-Protocol", "")
        fast = agreed == SUBPROTOCOL
        self._kind = _BINARY if fast else _TEXT
        self._do(transport, self._follower.connected(fast, time.time_ns()))

    def on_ws_frame(self, transport: Any, frame: Any) -> None:
        received_ns = time.time_ns()
        kind = frame.msg_type
        if kind == _CLOSE:
            if not transport.is_close_frame_sent:
                transport.send_close(frame.get_close_code() or picows.WSCloseCode.OK)
            transport.disconnect()
        elif kind in (_TEXT, _BINARY, _CONTINUATION) and self.reason is None:
            if frame.fin and not self._fragments:
                self._message(transport, frame.get_payload_as_bytes(), received_ns)
                return
            self._fragments.append(frame.get_payload_as_bytes())
            self._size += len(self._fragments[-1])
            if self._size > self._max_bytes:
                self._leave(transport, TOO_BIG, "a message is larger than message_size_limit")
            elif frame.fin:
                message = b"".join(self._fragments)
                self._fragments, self._size = [], 0
                self._message(transport, message, received_ns)

    def _message(self, transport: Any, message: bytes, received_ns: int) -> None:
        if len(message) > self._max_bytes:
            self._leave(transport, TOO_BIG, "a message is larger than message_size_limit")
            return
        try:
            self._do(transport, self._follower.receive(message, received_ns))
        except BadMessage as error:
            # freqtrade hangs up too when it cannot read a frame; a later one may be readable.
            _log.warning("producer %s: %s", self._follower.entry.name, error)
            if self._kind == _BINARY:
                self._leave(transport, 1002, f"it sent what cannot be read: {error}")

    def _do(self, transport: Any, outcome: Outcome) -> None:
        for request in outcome.requests:
            transport.send(self._kind, request)
        if outcome.events:
            try:
                self._publish(outcome.events)
            except Exception:
                # Its mistake must not end the connection, and must not be silent.
                _log.exception("what a producer told was not taken")

    def _leave(self, transport: Any, code: int, reason: str) -> None:
        self.reason = (code, reason)
        transport.send_close(code, b"")
        transport.disconnect()
