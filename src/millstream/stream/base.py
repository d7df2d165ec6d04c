"""`StreamBase`: one coroutine and one connection per channel, events to any number of observers.

A subclass writes `async def <channel>_channel(self)` for each channel it offers, and calls
`run_channel` in it. Connecting and watching is the supervisor's part, fan-out the outlets'.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

from millstream.errors import ConfigError, StreamError
from millstream.model import Channel, CurrencyPair, Event, Exchange
from millstream.stream.limits import SHARED, HostLimits, Limits
from millstream.stream.link import Callback, Host, Message, Plan, Subscribe
from millstream.stream.outlet import Outlets
from millstream.stream.receiver import OnPacket, Parsed, Plain, Receiver
from millstream.stream.settings import ChannelStatistics, StreamSettings
from millstream.stream.supervisor import Supervisor, Tap
from millstream.stream.talk import Keepalive, Prepare
from millstream.stream.topics import Topic
from millstream.stream.websocket import OnFrame

__all__ = ["Keepalive", "Message", "OnFrame", "StreamBase", "Subscribe", "Tap"]

WATCH_QUEUES_EVERY_S = 0.5


class StreamBase(ABC):  # noqa: B024 - a subclass writes the channels it has, whichever they are
    """A venue's live stream.

    reconnect_times: -1 for ever, 0 never, n at most n times in a row; then `start` raises. A
    connection that lived `healthy_s` begins a new row. Each channel counts for itself.
    subscribe_args: whatever the subclass makes of it.
    limits: what streams to the same hosts share; left out, all streams of the process share one.
    """

    allowed: HostLimits = HostLimits()  # what the venue lets one host do

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
        limits: Limits = SHARED,
    ) -> None:
        self.exchange = exchange if isinstance(exchange, Exchange) else Exchange.parse(exchange)
        self.currency_pairs = [
            CurrencyPair.parse(pair) if isinstance(pair, str) else pair for pair in currency_pairs
        ]
        self.subscribe_channels = list(dict.fromkeys(map(Channel.parse, subscribe_channels)))
        self.api_host = api_host
        self.subscribe_args = subscribe_args
        self.settings = settings if settings is not None else StreamSettings()
        self.limits = limits
        self._api_key, self._api_secret, self._api_auth_data = api_key, api_secret, api_auth_data
        self._observers: list[Any] = []
        self.taps: list[Tap] = []
        self._outlets = Outlets(self.exchange)
        self._events = dict.fromkeys(self.subscribe_channels, 0)
        times = _whole_number(reconnect_times)
        self._supervisors = {
            channel: Supervisor(self, channel, times) for channel in self.subscribe_channels
        }
        self._parsed: dict[Channel, Parsed] = {}
        self._running = False
        self._stop, self._done = asyncio.Event(), asyncio.Event()
        self.reading_paused = False
        for channel in self.subscribe_channels:
            self._channel_method(channel)

    # ---- what a user calls ----------------------------------------------------------------------

    def bind_observer(self, observer: Any) -> None:
        """Give an observer the events of every channel it has a `<channel>_queue` for."""
        self._observers.append(observer)
        self._outlets.bind(observer)

    def bind_tap(self, tap: Tap) -> None:
        """Give a tap every frame before it is decoded."""
        self.taps.append(tap)

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
        watcher = asyncio.create_task(self._watch_queues())
        try:
            if tasks:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for task in (*tasks, watcher):
                task.cancel()
            results = await asyncio.gather(*tasks, watcher, return_exceptions=True)
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
        self.reading_paused = True
        for supervisor in self._supervisors.values():
            supervisor.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        self.reading_paused = False
        for supervisor in self._supervisors.values():
            supervisor.resume_reading()

    def statistics(self) -> list[ChannelStatistics]:
        """The figures of every channel, at any time."""
        return [self._statistics(channel) for channel in self.subscribe_channels]

    def topics(self) -> list[Topic]:
        """Every subscription as it stands: acknowledged, refused, live, stale."""
        receivers = [self._supervisors[channel].receiver for channel in self.subscribe_channels]
        return [topic for one in receivers if one is not None for topic in one.topics()]

    def _statistics(self, channel: Channel) -> ChannelStatistics:
        supervisor = self._supervisors[channel]
        return ChannelStatistics(
            channel=channel,
            state=supervisor.state,
            frames=supervisor.frames,
            events=self._events[channel],
            malformed=self._parsed[channel].malformed if channel in self._parsed else 0,
            reconnects=max(0, supervisor.attempts - 1),
            dropped=self._outlets.dropped.get(channel, 0),
            last_received_ns=supervisor.last_received_ns,
        )

    def offers(self, channel: Channel) -> bool:
        """Whether this stream has a channel: a method for it."""
        return getattr(self, f"{channel}_channel", None) is not None

    # ---- what a subclass calls ------------------------------------------------------------------

    async def run_channel(
        self,
        host: Host,
        channel: Channel,
        subscribe: Subscribe | None = None,
        on_packet: OnPacket | None = None,
        on_connected: Callback | None = None,
        on_disconnected: Callback | None = None,
        *,
        on_frame: OnFrame | None = None,
        prepare: Prepare | None = None,
        keepalive: Keepalive | None = None,
    ) -> None:
        """Keep one channel connected and subscribed until the stream is stopped.

        host: the websocket address, "wss://...", or an async function that gives it.
        subscribe: gives the message (or messages) to send after each connect.
        on_packet: gets each message as parsed JSON.
        on_frame: instead of on_packet, gets the raw bytes and their receive time in ns.
        on_connected, on_disconnected: called after the subscription was sent, and at the end of
        each connection; may be async.
        prepare: talks to the venue before anything is subscribed: a login. LoginRefused in it is
        told as a `Refused` event and counts as a failed connection.
        keepalive: a text to send every so often.
        Raises StreamError when `reconnect_times` failures came in a row.
        """
        if on_frame is None:
            if on_packet is None:
                raise ConfigError(f"run_channel of {channel} needs on_packet or on_frame.")
            parsed = self._parsed[channel] = Parsed(channel, on_packet)
            on_frame = parsed.frame
        plan = Plan(host, subscribe, prepare, keepalive, on_connected, on_disconnected)
        await self.run_plan(channel, plan, Plain(channel, on_frame))

    async def run_plan(self, channel: Channel, plan: Plan, receiver: Receiver) -> None:
        """`run_channel` for a receiver that knows its subscriptions."""
        await self._supervisors[channel].run(self._stop, plan, receiver)

    def publish(self, channel: Channel, events: Sequence[Event]) -> None:
        """Give events to every observer that has a queue for them."""
        self._events[channel] += len(events)
        self._outlets.publish(channel, events)

    async def _watch_queues(self) -> None:
        while True:
            await asyncio.sleep(WATCH_QUEUES_EVERY_S)
            self._outlets.watch_growth(time.time_ns())

    def _channel_method(self, channel: Channel) -> Callable[[], Coroutine[Any, Any, None]]:
        if not self.offers(channel):
            offered = [one.value for one in Channel if self.offers(one)]
            raise ConfigError(
                f'{type(self).__name__} does not carry the channel "{channel}" in this release; '
                f"offered: {', '.join(offered) or 'none'}."
            )
        return getattr(self, f"{channel}_channel")  # type: ignore[no-any-return]


def _whole_number(times: object) -> int:
    try:
        return int(str(times))
    except ValueError:
        raise ConfigError(
            f"reconnect_times is {times!r}; write -1 (for ever), 0 (never) or a number."
        ) from None
