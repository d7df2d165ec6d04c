"""`StreamBase`: one coroutine and one connection per channel, events to any number of observers.

A subclass writes `async def <channel>_channel(self)` for each channel it offers, and calls
`run_channel` in it. Everything else is here: connecting, subscribing, reconnecting with a growing
pause, watching for silence, counting, and stopping.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import random
import time
from abc import ABC
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

import msgspec

from millstream.errors import ConfigError, StreamError
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
from millstream.stream.outlet import Outlets
from millstream.stream.seldom import Seldom
from millstream.stream.settings import ChannelStatistics, StreamSettings
from millstream.stream.websocket import Connection, OnFrame

Message: TypeAlias = "str | bytes | dict[str, Any] | Sequence[str | bytes | dict[str, Any]] | None"
Subscribe: TypeAlias = Callable[[], Awaitable[Message]]
Callback: TypeAlias = Callable[[], object]  # may be async
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


class Link:
    """One channel's connection and its figures."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.state = "idle"
        self.connection: Connection | None = None
        self.heard = False  # anything since the last connect
        self.attempts = 0
        self.frames = 0
        self.events = 0
        self.malformed = 0
        self.last_received_ns = 0


class StreamBase(ABC):  # noqa: B024 - a subclass writes the channels it has, whichever they are
    """A venue's live stream.

    reconnect_times: -1 for ever, 0 never, n at most n times in a row; then `start` raises.
    subscribe_args: whatever the subclass makes of it.
    """

    def __init__(
        self,
        exchange: Exchange | str,
        currency_pairs: Iterable[CurrencyPair | str],
        subscribe_channels: Iterable[Channel | str],
        api_key: str = "",
        api_secret: str = "",
        api_auth_data: object = None,
        api_host: str = "",
        reconnect_times: int = -1,
        subscribe_args: Any = None,
        *,
        settings: StreamSettings | None = None,
    ) -> None:
        self.exchange = exchange if isinstance(exchange, Exchange) else Exchange.parse(exchange)
        self.currency_pairs = [
            CurrencyPair.parse(pair) if isinstance(pair, str) else pair for pair in currency_pairs
        ]
        self.subscribe_channels = list(dict.fromkeys(map(Channel.parse, subscribe_channels)))
        self.api_host = api_host
        self.subscribe_args = subscribe_args
        self.settings = settings if settings is not None else StreamSettings()
        self._api_key, self._api_secret, self._api_auth_data = api_key, api_secret, api_auth_data
        self._reconnect_times = _whole_number(reconnect_times)
        self._observers: list[Any] = []
        self._taps: list[Tap] = []
        self._outlets = Outlets(self.exchange)
        self._links = {channel: Link(channel) for channel in self.subscribe_channels}
        self._running = False
        self._stop, self._done = asyncio.Event(), asyncio.Event()
        self._reading_paused = False
        for channel in self.subscribe_channels:
            self._channel_method(channel)

    # ---- what a user calls ----------------------------------------------------------------------

    def bind_observer(self, observer: Any) -> None:
        """Give an observer the events of every channel it has a `<channel>_queue` for."""
        self._observers.append(observer)
        self._outlets.bind(observer)

    def bind_tap(self, tap: Tap) -> None:
        """Give a tap every frame before it is decoded."""
        self._taps.append(tap)

    async def start(self) -> None:
        """Run every channel until `stop`. Raises StreamError when a channel gives up."""
        if self._running:
            raise StreamError("this stream is running; stop it before you start it again.")
        self._running = True
        self._stop, self._done = asyncio.Event(), asyncio.Event()
        tasks = [
            asyncio.create_task(self._channel_method(channel)(), name=f"{self.exchange}.{channel}")
            for channel in self.subscribe_channels
        ]
        try:
            if tasks:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            self._running = False
            self._done.set()
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def stop(self) -> None:
        """Say goodbye on every connection and let `start` return. Harmless when not running."""
        if self._running:
            self._stop.set()
            await self._done.wait()

    def pause_reading(self) -> None:
        """Read nothing more from any connection: the venue has to wait. For a local venue."""
        self._reading_paused = True
        for link in self._links.values():
            if link.connection is not None:
                link.connection.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        self._reading_paused = False
        for link in self._links.values():
            if link.connection is not None:
                link.connection.resume_reading()

    def statistics(self) -> list[ChannelStatistics]:
        """The figures of every channel, at any time."""
        return [self._statistics(link) for link in self._links.values()]

    def _statistics(self, link: Link) -> ChannelStatistics:
        return ChannelStatistics(
            channel=link.channel,
            state=link.state,
            frames=link.frames,
            events=link.events,
            malformed=link.malformed,
            reconnects=max(0, link.attempts - 1),
            dropped=self._outlets.dropped.get(link.channel, 0),
            last_received_ns=link.last_received_ns,
        )

    # ---- what a subclass calls ------------------------------------------------------------------

    async def run_channel(
        self,
        host: str,
        channel: Channel,
        subscribe: Subscribe | None = None,
        on_packet: Callable[[Any], object] | None = None,
        on_connected: Callback | None = None,
        on_disconnected: Callback | None = None,
        *,
        on_frame: OnFrame | None = None,
    ) -> None:
        """Keep one channel connected and subscribed until the stream is stopped.

        host: the websocket address, "wss://...".
        subscribe: gives the message (or messages) to send after each connect.
        on_packet: gets each message as parsed JSON.
        on_frame: instead of on_packet, gets the raw bytes and their receive time in ns.
        on_connected, on_disconnected: called after the subscription was sent, and at the end of
        each connection; may be async.
        Raises StreamError when `reconnect_times` failures came in a row.
        """
        link = self._links[channel]
        receive = self._receiver(link, on_packet, on_frame)
        settings = self.settings
        backoff = Backoff(
            self._reconnect_times,
            settings.first_delay_s,
            settings.longest_delay_s,
            settings.healthy_s,
        )
        while not self._stop.is_set():
            link.state, link.attempts = "connecting", link.attempts + 1
            lived_s = 0.0
            try:
                connecting = self._connection(
                    link, host, receive, subscribe, on_connected, on_disconnected
                )
                ended = await self._unless_stopped(connecting)
                if ended is None:
                    break
                lived_s, reason = ended
            except StreamError as error:
                reason = str(error)
            link.state = "waiting"
            delay_s = backoff.ended(lived_s, random.random())
            if delay_s is None:
                link.state = "stopped"
                raise StreamError(
                    f"{self.exchange} {channel}: gave up after {backoff.failures} failures in a "
                    f"row ({reason}); raise reconnect_times to try longer."
                )
            _log.warning("%s %s: %s; again in %.1f s", self.exchange, channel, reason, delay_s)
            await self._unless_stopped(asyncio.sleep(delay_s))
        link.state = "stopped"

    def publish(self, channel: Channel, events: Sequence[Event]) -> None:
        """Give events to every observer that has a queue for them."""
        self._links[channel].events += len(events)
        self._outlets.publish(channel, events)

    def unheard(self, channel: Channel) -> list[CurrencyPair | None]:
        """Whose data has not begun since the last connect; None: of no pair at all."""
        return [] if self._links[channel].heard else [None]

    # ---- one connection -------------------------------------------------------------------------

    async def _connection(
        self,
        link: Link,
        host: str,
        receive: OnFrame,
        subscribe: Subscribe | None,
        on_connected: Callback | None,
        on_disconnected: Callback | None,
    ) -> tuple[float, str]:
        """Connect, subscribe, stay until the end; how long it lived in s, and why it ended."""
        settings = self.settings
        connection = await websocket.connect(
            host,
            receive,
            timeout_s=settings.connect_timeout_s,
            ping_idle_s=settings.ping_idle_s,
            ping_reply_s=settings.ping_reply_s,
            max_frame_bytes=settings.max_frame_bytes,
        )
        began_ns = time.monotonic_ns()
        link.connection, link.heard = connection, False
        if self._reading_paused:
            connection.pause_reading()
        watcher = asyncio.create_task(self._watch(link))
        code, reason = websocket.ABNORMAL, "subscribing failed"
        try:
            await self._send(connection, await subscribe() if subscribe is not None else None)
            link.state = "connected"
            self._health(Connected, link, None, link.attempts)
            await _call(on_connected)
            code, reason = await connection.ended()
        except asyncio.CancelledError:
            code, reason = 1000, "stopped"
            raise
        finally:
            watcher.cancel()
            await connection.close()
            link.connection = None
            self._health(Disconnected, link, None, code, reason)
            await _call(on_disconnected)
        lived_s = (time.monotonic_ns() - began_ns) / 1e9
        return lived_s, f"the connection ended with code {code} {reason}".rstrip()

    async def _send(self, connection: Connection, message: Message) -> None:
        if message is None:
            return
        messages = [message] if isinstance(message, (str, bytes, dict)) else message
        for number, one in enumerate(messages):
            if number:
                await asyncio.sleep(self.settings.message_pause_s)
            if isinstance(one, str):
                connection.send(one.encode())
            else:
                connection.send(one if isinstance(one, bytes) else msgspec.json.encode(one))

    def _receiver(
        self, link: Link, on_packet: Callable[[Any], object] | None, on_frame: OnFrame | None
    ) -> OnFrame:
        """What the socket calls with each message."""
        handle = on_frame if on_frame is not None else _parsed(link, on_packet)
        channel, taps, failures = link.channel, self._taps, Seldom()

        def receive(raw: bytes, received_ns: int) -> None:
            link.frames += 1
            link.heard = True
            link.last_received_ns = received_ns
            try:
                for tap in taps:
                    tap.frame(channel, raw, received_ns)
                handle(raw, received_ns)
            except Exception:  # the edge: somebody's callback must not end the connection
                count = failures.count(received_ns)
                if count:
                    text = "%s %s: %d frames were lost in a callback; the last: %r"
                    _log.exception(text, self.exchange, channel, count, raw[:200])

        return receive

    async def _watch(self, link: Link) -> None:
        """Tell of subscriptions without data, and of silence."""
        settings, warned, connected_ns = self.settings, False, time.time_ns()
        silent_since_ns, told = connected_ns, False
        while True:
            await asyncio.sleep(min(settings.first_data_s, settings.stale_s) / 4)
            now_ns = time.time_ns()
            if self._reading_paused:
                continue
            if not warned and now_ns - connected_ns >= settings.first_data_s * 1e9:
                warned = True
                self._warn_unheard(link)
            last_ns = max(link.last_received_ns, connected_ns)
            if last_ns != silent_since_ns:
                silent_since_ns, told = last_ns, False
            if not told and now_ns - last_ns >= settings.stale_s * 1e9:
                told = True
                self._health(Stale, link, None, now_ns - last_ns, "nothing was received")

    def _warn_unheard(self, link: Link) -> None:
        pairs = self.unheard(link.channel)
        reason = f"no data within {self.settings.first_data_s:g} s: a quiet market, or a wrong name"
        for pair in pairs:
            self._health(Refused, link, pair, reason)
        if pairs:
            names = ", ".join(str(pair) for pair in pairs if pair is not None) or "any pair"
            _log.warning("%s %s: %s: %s", self.exchange, link.channel, names, reason)

    def _health(
        self, kind: Callable[..., Event], link: Link, pair: CurrencyPair | None, *details: Any
    ) -> None:
        event = kind(time.time_ns(), self.exchange, link.channel, pair, *details)
        self.publish(link.channel, [event])

    async def _unless_stopped(self, work: Coroutine[Any, Any, T]) -> T | None:
        """The result of `work`, or None when the stream was stopped meanwhile."""
        task, stop = asyncio.create_task(work), asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait((task, stop), return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped = not task.done()
            stop.cancel()
            task.cancel()
            await asyncio.wait((task,))
        return None if stopped or task.cancelled() else task.result()

    def _channel_method(self, channel: Channel) -> Callable[[], Coroutine[Any, Any, None]]:
        method = getattr(self, f"{channel}_channel", None)
        if method is None:
            offered = [one.value for one in Channel if hasattr(self, f"{one}_channel")]
            raise ConfigError(
                f'{type(self).__name__} does not carry the channel "{channel}" in this release; '
                f"offered: {', '.join(offered) or 'none'}."
            )
        return method  # type: ignore[no-any-return]


def _parsed(link: Link, on_packet: Callable[[Any], object] | None) -> OnFrame:
    """A receiver of raw frames that hands on parsed JSON."""
    if on_packet is None:
        raise ConfigError(f"run_channel of {link.channel} needs on_packet or on_frame.")
    decode, complaints = msgspec.json.Decoder().decode, Seldom()

    def handle(raw: bytes, received_ns: int) -> None:
        try:
            packet = decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            link.malformed += 1
            if count := complaints.count(received_ns):
                text = "%s: %d frames are not JSON (%s); the last: %r"
                _log.warning(text, link.channel, count, error, raw[:200])
            return
        on_packet(packet)

    return handle


async def _call(callback: Callback | None) -> None:
    if callback is not None:
        result = callback()
        if inspect.isawaitable(result):
            await result


def _whole_number(times: object) -> int:
    try:
        return int(str(times))
    except ValueError:
        raise ConfigError(
            f"reconnect_times is {times!r}; write -1 (for ever), 0 (never) or a number."
        ) from None
