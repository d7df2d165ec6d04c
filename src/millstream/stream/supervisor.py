"""One channel's connection, kept alive: connect, watch, replace, and connect again.

state         what ends it
idle          run
connecting    open and subscribed -> connected; refused, timed out -> waiting
connected     the venue or the network ends it -> waiting; replaced -> connected
waiting       the pause is over -> connecting; too many failures in a row -> stopped
any           stop -> stopped
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol, TypeVar

from millstream.errors import LoginRefused, StreamError
from millstream.model import (
    Channel,
    Connected,
    CurrencyPair,
    Disconnected,
    Event,
    Exchange,
    Gap,
    Refused,
    Stale,
)
from millstream.stream import websocket
from millstream.stream.backoff import Backoff, delay_s
from millstream.stream.limits import HostLimits, Limits
from millstream.stream.link import Callback, Link, Plan
from millstream.stream.receiver import Receiver
from millstream.stream.replacement import Replacement
from millstream.stream.seldom import Seldom
from millstream.stream.settings import StreamSettings
from millstream.stream.watch import Watch
from millstream.stream.websocket import OnFrame

T = TypeVar("T")

LOOK_EVERY_S = 0.25  # at the age of data, at the wish for a replacement

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
    limits: Limits
    allowed: HostLimits
    taps: list[Tap]
    reading_paused: bool

    def publish(self, channel: Channel, events: Sequence[Event]) -> None:
        """Give events to the observers."""


class Supervisor:
    """Keeps one channel connected, and counts."""

    def __init__(self, stream: Stream, channel: Channel, reconnect_times: int) -> None:
        self._stream, self._channel = stream, channel
        self._name = f"{stream.exchange} {channel}"
        self._reconnect_times = reconnect_times
        self._stop = asyncio.Event()
        self._link: Link | None = None
        self._replacing: asyncio.Task[None] | None = None
        self.receiver: Receiver | None = None
        self.state = "idle"
        self.attempts = 0
        self.frames = 0
        self.last_received_ns = 0

    async def run(self, stop: asyncio.Event, plan: Plan, receiver: Receiver) -> None:
        """Keep connected until `stop` is set; raises StreamError when it gives up."""
        self._stop, self.receiver = stop, receiver
        settings, name = self._stream.settings, self._name
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
                ended = await self._unless_stopped(self._connect(plan, receiver))
                if ended is None:
                    break
                lived_s, reason = ended
            except StreamError as error:
                reason = str(error)
                if isinstance(error, LoginRefused):
                    self._health(Refused, None, reason)
            self.state = "waiting"
            wait_s = backoff.ended(lived_s, random.random())
            if wait_s is None:
                self.state = "stopped"
                raise StreamError(
                    f"{name}: gave up after {backoff.failures} failures in a "
                    f"row ({reason}); raise reconnect_times to try longer."
                )
            _log.warning("%s: %s; again in %.1f s", name, reason.rstrip("."), wait_s)
            await self._unless_stopped(asyncio.sleep(wait_s))
        self.state = "stopped"

    def pause_reading(self) -> None:
        """Read nothing more until `resume_reading`."""
        if self._link is not None:
            self._link.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        if self._link is not None:
            self._link.resume_reading()

    async def _connect(self, plan: Plan, receiver: Receiver) -> tuple[float, str]:
        """Connect, stay until the end; how long it lived in s, and why it ended."""
        receiver.restart()
        self._link = self._new_link(plan)  # kept here alone: another one may take its place
        opened, helpers = False, set[asyncio.Task[None]]()
        code, reason = websocket.ABNORMAL, "subscribing failed"
        began_ns = time.monotonic_ns()
        try:
            receive = self._edge(receiver.frame)
            watcher = asyncio.create_task(self._watch(plan, receiver))
            helpers.add(watcher)
            await self._link.open(receive, self._stream.reading_paused)
            self.state, opened = "connected", True
            self._health(Connected, None, self.attempts)
            await _call(plan.on_connected)
            if self._channel.private:
                helpers.add(asyncio.create_task(self._reconcile(receiver)))
            code, reason = await self._until_the_end()
            self._say_silence(reason)
        except asyncio.CancelledError:
            code, reason = 1000, "stopped"
            raise
        except StreamError as error:
            reason = str(error)
            raise
        finally:
            await _cancelled(helpers | ({self._replacing} if self._replacing else set()))
            self._replacing = None
            last, self._link = self._link, None
            await last.close()
            if opened or last.began_ns:
                self._health(Disconnected, None, code, reason)
                await _call(plan.on_disconnected)
        lived_s = (time.monotonic_ns() - began_ns) / 1e9
        return lived_s, f"the connection ended with code {code} {reason}".rstrip()

    def _new_link(self, plan: Plan) -> Link:
        stream = self._stream
        return Link(plan, stream.settings, stream.limits, stream.allowed)

    async def _until_the_end(self) -> tuple[int, str]:
        """Wait for the end of the connection, or of the last of those that replaced it."""
        while True:
            link = self._link
            assert link is not None
            code, reason = await link.ended()
            if self._link is link and self._replacing is not None:
                await asyncio.wait((self._replacing,))
            if self._link is link:
                return code, reason

    async def _replace(self, plan: Plan, receiver: Receiver) -> None:
        """Put another connection in the place of this one."""
        old, settings = self._link, self._stream.settings
        assert old is not None
        new = Replacement(self._new_link(plan), receiver, self._channel, settings)
        try:
            await new.get_ready(old)
            self.attempts += 1
            self._link = new.link
            await old.close()
            self._health(Disconnected, None, 1000, "replaced by a new connection")
            self._health(Connected, None, self.attempts)
            new.take_over(self._edge(receiver.frame))
        except StreamError as error:
            _log.warning("%s: no replacement yet: %s", self._name, error)
            await asyncio.sleep(settings.first_delay_s)
        finally:
            if self._link is not new.link:
                await new.link.close()
        if self._channel.private and self._link is new.link:
            await self._reconcile(receiver)

    async def _watch(self, plan: Plan, receiver: Receiver) -> None:
        """Tell of subscriptions that are late or stale; replace a connection that will end."""
        stream, settings, channel = self._stream, self._stream.settings, self._channel
        stale_s = settings.stale_after_s(channel)
        every_s = min(LOOK_EVERY_S, min(settings.ack_s, settings.first_data_s, stale_s) / 4)
        watched, watch = None, None
        while True:
            await asyncio.sleep(every_s)
            link, now_ns = self._link, time.time_ns()
            if stream.reading_paused or link is None or not link.began_ns:
                continue
            if watch is None or watched is not link:
                watched, watch = (
                    link,
                    Watch(
                        stream.exchange,
                        settings.ack_s,
                        settings.first_data_s,
                        stale_s,
                        link.began_ns,
                    ),
                )
            if events := watch.look(receiver.topics(), now_ns):
                self._warn(events)
            old = 0 < settings.lifetime_s * 1e9 < now_ns - link.began_ns
            busy = self._replacing is not None and not self._replacing.done()
            if (old or receiver.wants_replacement) and self.state == "connected" and not busy:
                self._replacing = asyncio.create_task(self._replace(plan, receiver))

    def _warn(self, events: list[Event]) -> None:
        self._stream.publish(self._channel, events)
        for event in events:
            if isinstance(event, (Refused, Stale)):
                what = "everything" if event.symbol is None else str(event.symbol)
                _log.warning("%s: %s: %s", self._name, what, event.reason)

    def _say_silence(self, reason: str) -> None:
        """A connection that we gave up since nobody answered was silent before."""
        if reason.startswith(websocket.NO_ANSWER) and self._link is not None:
            now_ns = time.time_ns()
            silent_ns = now_ns - max(self.last_received_ns, self._link.began_ns)
            self._health(Stale, None, silent_ns, "no sign of life from the venue; reconnecting")

    async def _reconcile(self, receiver: Receiver) -> None:
        """Ask for what the venue does not repeat, until it is answered."""
        settings, failures = self._stream.settings, 0
        deadline_ns = time.monotonic_ns() + settings.ack_s * 1e9
        while time.monotonic_ns() < deadline_ns:
            if all(topic.acknowledged or topic.refused for topic in receiver.topics()):
                break
            await asyncio.sleep(0.01)
        while True:
            try:
                self._stream.publish(self._channel, await receiver.reconcile())
                return
            except Exception as error:
                failures += 1
                reason = f"own orders could not be reconciled: {error}"
                if isinstance(error, StreamError):
                    _log.warning("%s: %s", self._name, reason)
                else:
                    _log.exception("%s: %s", self._name, reason)
                if failures == 1:
                    self._health(Gap, None, "", "", 0, reason)
            await asyncio.sleep(
                delay_s(failures, settings.first_delay_s, settings.longest_delay_s, random.random())
            )

    def _edge(self, receive: OnFrame) -> OnFrame:
        """What the socket calls: counts, feeds the taps, and lets no callback's error through."""
        stream, channel, taps, failures = self._stream, self._channel, self._stream.taps, Seldom()

        def on_frame(raw: bytes, received_ns: int) -> None:
            self.frames += 1
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


async def _cancelled(tasks: set[asyncio.Task[None]]) -> None:
    """Cancel these and wait until they are gone."""
    for task in tasks:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            _log.error("a watcher failed: %r", result)


async def _call(callback: Callback | None) -> None:
    if callback is not None:
        result = callback()
        if inspect.isawaitable(result):
            await result
