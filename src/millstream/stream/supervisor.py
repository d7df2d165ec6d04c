"""One channel's connection, kept alive: connect, subscribe, watch, and connect again.

state         what ends it
idle          run
connecting    open and subscribed -> connected; refused, timed out -> waiting
connected     the venue or the network ends it -> waiting
waiting       the pause is over -> connecting; too many failures in a row -> stopped
any           stop -> stopped
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

import msgspec

from millstream.errors import StreamError
from millstream.model import (
    Channel,
    Connected,
    CurrencyPair,
    Disconnected,
    Event,
    Exchange,
    Refused,
    Stale,
)
from millstream.stream import websocket
from millstream.stream.backoff import Backoff
from millstream.stream.seldom import Seldom
from millstream.stream.settings import StreamSettings
from millstream.stream.websocket import Connection, OnFrame

Message: TypeAlias = "str | bytes | dict[str, Any] | Sequence[str | bytes | dict[str, Any]] | None"
Subscribe: TypeAlias = Callable[[], Awaitable[Message]]
Callback: TypeAlias = Callable[[], object]  # may be async
OnPacket: TypeAlias = Callable[[Any], object]
T = TypeVar("T")

_log = logging.getLogger(__name__)


class Tap(Protocol):
    """Somebody who wants the raw frames too: a tape recorder."""

    def frame(self, channel: Channel, raw: bytes, received_ns: int) -> None:
        """A frame, before it is decoded."""

    def snapshot(
        self, channel: Channel, pair: CurrencyPair, path: str, raw: bytes, received_ns: int
    ) -> None:
        """A REST answer that the channel needed; `path` is what was asked for."""


class Stream(Protocol):
    """What a supervisor needs of the stream it works for."""

    exchange: Exchange
    settings: StreamSettings
    taps: list[Tap]
    reading_paused: bool

    def publish(self, channel: Channel, events: Sequence[Event]) -> None:
        """Give events to the observers."""

    def unheard(self, channel: Channel) -> list[CurrencyPair | None]:
        """Whose data has not begun since the last connect."""


class Supervisor:
    """Keeps one channel connected, and counts."""

    def __init__(self, stream: Stream, channel: Channel, reconnect_times: int) -> None:
        self._stream, self._channel = stream, channel
        self._reconnect_times = reconnect_times
        self._connection: Connection | None = None
        self._stop = asyncio.Event()
        self.state = "idle"
        self.heard = False  # anything since the last connect
        self.attempts = 0
        self.frames = 0
        self.malformed = 0  # frames that are not JSON, where JSON was wanted
        self.last_received_ns = 0

    async def run(
        self,
        stop: asyncio.Event,
        host: str,
        subscribe: Subscribe | None,
        receive: OnFrame,
        on_connected: Callback | None,
        on_disconnected: Callback | None,
    ) -> None:
        """Keep connected until `stop` is set; raises StreamError when it gives up."""
        self._stop = stop
        settings, name = self._stream.settings, f"{self._stream.exchange} {self._channel}"
        backoff = Backoff(
            self._reconnect_times,
            settings.first_delay_s,
            settings.longest_delay_s,
            settings.healthy_s,
        )
        while not stop.is_set():
            self.state, self.attempts = "connecting", self.attempts + 1
            lived_s = 0.0
            try:
                ended = await self._unless_stopped(
                    self._connect(host, subscribe, receive, on_connected, on_disconnected)
                )
                if ended is None:
                    break
                lived_s, reason = ended
            except StreamError as error:
                reason = str(error)
            self.state = "waiting"
            delay_s = backoff.ended(lived_s, random.random())
            if delay_s is None:
                self.state = "stopped"
                raise StreamError(
                    f"{name}: gave up after {backoff.failures} failures in a "
                    f"row ({reason}); raise reconnect_times to try longer."
                )
            _log.warning("%s: %s; again in %.1f s", name, reason, delay_s)
            await self._unless_stopped(asyncio.sleep(delay_s))
        self.state = "stopped"

    def pause_reading(self) -> None:
        """Read nothing more until `resume_reading`."""
        if self._connection is not None:
            self._connection.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        if self._connection is not None:
            self._connection.resume_reading()

    async def _connect(
        self,
        host: str,
        subscribe: Subscribe | None,
        receive: OnFrame,
        on_connected: Callback | None,
        on_disconnected: Callback | None,
    ) -> tuple[float, str]:
        """Connect, subscribe, stay until the end; how long it lived in s, and why it ended."""
        settings = self._stream.settings
        connection = await websocket.connect(
            host,
            self._edge(receive),
            timeout_s=settings.connect_timeout_s,
            ping_idle_s=settings.ping_idle_s,
            ping_reply_s=settings.ping_reply_s,
            max_frame_bytes=settings.max_frame_bytes,
        )
        began_ns = time.monotonic_ns()
        self._connection, self.heard = connection, False
        if self._stream.reading_paused:
            connection.pause_reading()
        watcher = asyncio.create_task(self._watch())
        code, reason = websocket.ABNORMAL, "subscribing failed"
        try:
            await self._send(connection, await subscribe() if subscribe is not None else None)
            self.state = "connected"
            self._health(Connected, None, self.attempts)
            await _call(on_connected)
            code, reason = await connection.ended()
        except asyncio.CancelledError:
            code, reason = 1000, "stopped"
            raise
        finally:
            watcher.cancel()
            await connection.close()
            self._connection = None
            self._health(Disconnected, None, code, reason)
            await _call(on_disconnected)
        lived_s = (time.monotonic_ns() - began_ns) / 1e9
        return lived_s, f"the connection ended with code {code} {reason}".rstrip()

    async def _send(self, connection: Connection, message: Message) -> None:
        if message is None:
            return
        messages = [message] if isinstance(message, (str, bytes, dict)) else message
        for number, one in enumerate(messages):
            if number:
                await asyncio.sleep(self._stream.settings.message_pause_s)
            if isinstance(one, str):
                connection.send(one.encode())
            else:
                connection.send(one if isinstance(one, bytes) else msgspec.json.encode(one))

    def _edge(self, receive: OnFrame) -> OnFrame:
        """What the socket calls: counts, feeds the taps, and lets no callback's error through."""
        stream, channel, taps, failures = self._stream, self._channel, self._stream.taps, Seldom()

        def on_frame(raw: bytes, received_ns: int) -> None:
            self.frames += 1
            self.heard = True
            self.last_received_ns = received_ns
            try:
                for tap in taps:
                    tap.frame(channel, raw, received_ns)
                receive(raw, received_ns)
            except Exception:  # somebody else's code must not end the connection
                if count := failures.count(received_ns):
                    text = "%s %s: %d frames were lost in a callback; the last: %r"
                    _log.exception(text, stream.exchange, channel, count, raw[:200])

        return on_frame

    def parsed(self, on_packet: OnPacket) -> OnFrame:
        """A receiver of raw frames that hands on parsed JSON and counts what is none."""
        decode, complaints = msgspec.json.Decoder().decode, Seldom()

        def receive(raw: bytes, received_ns: int) -> None:
            try:
                packet = decode(raw)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                self.malformed += 1
                if count := complaints.count(received_ns):
                    text = "%s: %d frames are not JSON (%s); the last: %r"
                    _log.warning(text, self._channel, count, error, raw[:200])
                return
            on_packet(packet)

        return receive

    async def _watch(self) -> None:
        """Tell of subscriptions without data, and of silence."""
        settings, warned, connected_ns = self._stream.settings, False, time.time_ns()
        silent_since_ns, told = connected_ns, False
        while True:
            await asyncio.sleep(min(settings.first_data_s, settings.stale_s) / 4)
            now_ns = time.time_ns()
            if self._stream.reading_paused:
                continue
            if not warned and now_ns - connected_ns >= settings.first_data_s * 1e9:
                warned = True
                self._warn_unheard()
            last_ns = max(self.last_received_ns, connected_ns)
            if last_ns != silent_since_ns:
                silent_since_ns, told = last_ns, False
            if not told and now_ns - last_ns >= settings.stale_s * 1e9:
                told = True
                self._health(Stale, None, now_ns - last_ns, "nothing was received")

    def _warn_unheard(self) -> None:
        pairs = self._stream.unheard(self._channel)
        waited_s = self._stream.settings.first_data_s
        reason = f"no data within {waited_s:g} s: a quiet market, or a wrong name"
        for pair in pairs:
            self._health(Refused, pair, reason)
        if pairs:
            names = ", ".join(str(pair) for pair in pairs if pair is not None) or "any pair"
            _log.warning("%s %s: %s: %s", self._stream.exchange, self._channel, names, reason)

    def _health(self, kind: Callable[..., Event], pair: CurrencyPair | None, *details: Any) -> None:
        event = kind(time.time_ns(), self._stream.exchange, self._channel, pair, *details)
        self._stream.publish(self._channel, [event])

    async def _unless_stopped(self, work: Coroutine[Any, Any, T]) -> T | None:
        """The result of `work`, or None when the stream was stopped meanwhile."""
        task, stop = asyncio.create_task(work), asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait((task, stop), return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped = not task.done()
            stop.cancel()
            while not task.done():  # a coroutine may swallow one cancellation
                task.cancel()
                await asyncio.wait((task,), timeout=5.0)
        return None if stopped or task.cancelled() else task.result()


async def _call(callback: Callback | None) -> None:
    if callback is not None:
        result = callback()
        if inspect.isawaitable(result):
            await result
