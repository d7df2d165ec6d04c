"""A venue's live stream: its decoder behind a connection, and the REST snapshots it asks for.

A venue's own page says where to connect and what to send; the rest is here, for all venues.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from millstream.errors import ConfigError, StreamError
from millstream.exchange.credentials import Credentials
from millstream.exchange.decoding import Decoder, FrameCounts, Replaceable, SnapshotRequest
from millstream.model import Channel, CurrencyPair, Event, Exchange, Refused, Resynced
from millstream.settings import check_address
from millstream.stream import rest
from millstream.stream.backoff import delay_s
from millstream.stream.base import StreamBase
from millstream.stream.link import Host, Message, Plan
from millstream.stream.receiver import Probe
from millstream.stream.seldom import Seldom
from millstream.stream.settings import ChannelStatistics, StreamSettings
from millstream.stream.talk import Keepalive, Prepare

_log = logging.getLogger(__name__)


class VenueSettings(StreamSettings, frozen=True, kw_only=True):
    """Settings that any venue with REST snapshots has."""

    rest_host: str = ""
    rest_timeout_s: float = 10.0


class VenueStream(StreamBase):
    """A stream whose frames go through a venue's decoder.

    A venue's class says which channels it has (`channels`) and how each is connected (`carry`).
    subscribe_args: a mapping with any of the fields of `settings_type`.
    """

    settings_type: ClassVar[type[VenueSettings]] = VenueSettings
    schemes: ClassVar[Sequence[str]] = ("ws", "wss")  # of api_host
    channels: ClassVar[Mapping[Channel, str]]  # those that the venue has, and what comes in each

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
        subscribe_args: Mapping[str, Any] | None = None,
    ) -> None:
        try:
            settings = msgspec.convert(dict(subscribe_args or {}), self.settings_type)
        except (msgspec.ValidationError, TypeError, ValueError) as error:
            known = ", ".join(self.settings_type.__struct_fields__)
            raise ConfigError(f"subscribe_args: {error}; accepted: {known}.") from None
        super().__init__(
            exchange,
            currency_pairs,
            subscribe_channels,
            api_key,
            api_secret,
            api_auth_data,
            api_host,
            reconnect_times,
            subscribe_args,
            settings=settings,
        )
        if api_host:
            check_address("api_host", api_host, self.schemes)
        for setting in settings.__struct_fields__:
            url = getattr(settings, setting)
            if url and setting == "rest_host":
                check_address(f"subscribe_args.{setting}", url, ("http", "https"))
            elif url and setting.endswith(("url", "_host")):
                check_address(f"subscribe_args.{setting}", url, ("ws", "wss"))
        most = self.allowed.subscriptions
        if 0 < most < len(self.currency_pairs):
            raise ConfigError(
                f"{self.exchange} takes at most {most} pairs on a connection, these are "
                f"{len(self.currency_pairs)}; share them among several streams."
            )
        self.venue_settings = settings
        self.credentials = Credentials.of(api_key, api_secret, api_auth_data)
        self._decoders = {channel: self.decoder(channel) for channel in self.subscribe_channels}

    @abstractmethod
    def decoder(self, channel: Channel) -> Decoder:
        """A decoder for the frames of one channel."""

    @abstractmethod
    async def carry(self, channel: Channel) -> None:
        """Keep one channel connected: `run_decoded` with the venue's address and messages."""

    def offers(self, channel: Channel) -> bool:
        """Whether the venue has this channel."""
        return channel in self.channels

    async def ticker_channel(self) -> None:
        """Best bids and asks, with their volumes."""
        await self.carry(Channel.TICKER)

    async def trade_channel(self) -> None:
        """The market's trades."""
        await self.carry(Channel.TRADE)

    async def book_channel(self) -> None:
        """The best levels of the order book."""
        await self.carry(Channel.BOOK)

    async def candle_channel(self) -> None:
        """Running and closed candles."""
        await self.carry(Channel.CANDLE)

    async def my_order_channel(self) -> None:
        """Own orders."""
        await self.carry(Channel.MY_ORDER)

    async def my_trade_channel(self) -> None:
        """Own fills."""
        await self.carry(Channel.MY_TRADE)

    async def my_order_batch_channel(self) -> None:
        """All open orders, after each connect."""
        await self.carry(Channel.MY_ORDER_BATCH)

    def counts(self) -> dict[Channel, FrameCounts]:
        """Where every frame of each channel went."""
        return {channel: decoder.counts for channel, decoder in self._decoders.items()}

    async def run_decoded(
        self,
        host: Host,
        channel: Channel,
        subscribe: Callable[[], Awaitable[Message]] | None,
        *,
        prepare: Prepare | None = None,
        keepalive: Keepalive | None = None,
    ) -> None:
        """Keep one channel connected; its frames leave as events."""
        receiver = Decoded(self, channel, self._decoders[channel])
        try:
            await self.run_plan(channel, Plan(host, subscribe, prepare, keepalive), receiver)
        finally:
            receiver.fetcher.cancel()

    async def reconcile(self, channel: Channel) -> Sequence[Event]:
        """What a private channel's venue does not repeat after a connect. Default: nothing."""
        return ()

    def publish_snapshot(
        self, channel: Channel, request: SnapshotRequest, raw: bytes, received_ns: int
    ) -> list[Event]:
        """Give a REST answer to the taps and the decoder; the events it made."""
        for tap in self.taps:
            tap.snapshot(channel, request.pair, request.path, raw, received_ns)
        events = self._decoders[channel].feed_snapshot(request.pair, raw, received_ns)
        self.publish(channel, events)
        return events

    def _statistics(self, channel: Channel) -> ChannelStatistics:
        figures = super()._statistics(channel)
        counts = self._decoders[channel].counts
        return msgspec.structs.replace(
            figures,
            ignored=counts.ignored,
            malformed=counts.malformed,
            refused=counts.refused,
            gaps=counts.gaps,
            snapshots=counts.snapshots,
        )


class Decoded:
    """The frames of one channel, through the venue's decoder, to the observers."""

    def __init__(self, stream: VenueStream, channel: Channel, decoder: Decoder) -> None:
        self._stream, self._channel, self._decoder = stream, channel, decoder
        self.fetcher = SnapshotFetcher(stream, channel, decoder)
        self.topics = decoder.topics
        self.frame = self._on_frame()

    @property
    def wants_replacement(self) -> bool:
        """The venue said that it will end this connection."""
        decoder = self._decoder
        return isinstance(decoder, Replaceable) and decoder.wants_replacement

    def restart(self) -> None:
        """A new connection begins."""
        self.fetcher.cancel()
        self._decoder.restart()

    def probe(self) -> Probe:
        """A decoder that only listens."""
        return Listening(self._stream.decoder(self._channel))

    def replaced(self) -> None:
        """The next frame comes from the replacement."""
        if isinstance(self._decoder, Replaceable):
            self._decoder.replaced()
        else:
            self.restart()

    async def reconcile(self) -> Sequence[Event]:
        """What the venue does not repeat."""
        return await self._stream.reconcile(self._channel)

    def _on_frame(self) -> Callable[[bytes, int], None]:
        stream, channel, decoder, fetcher = self._stream, self._channel, self._decoder, self.fetcher
        feed, publish, counts = decoder.feed, stream.publish, decoder.counts
        has_books = channel is Channel.BOOK
        complaints, known_bad = Seldom(), 0

        def on_frame(raw: bytes, received_ns: int) -> None:
            nonlocal known_bad
            events = feed(raw, received_ns)
            if events:
                publish(channel, events)
            if has_books:
                fetcher.fetch(decoder.snapshot_requests())
            bad = counts.malformed + counts.refused
            if bad != known_bad:
                known_bad = bad
                if count := complaints.count(received_ns):
                    self._complain(count, events, raw)

        return on_frame

    def _complain(self, count: int, events: list[Event], raw: bytes) -> None:
        refusals = [event.reason for event in events if isinstance(event, Refused)]
        what = f"refused: {refusals[0]}" if refusals else "not understood"
        text = "%s %s: %d frames were %s; the last: %r"
        _log.warning(text, self._stream.exchange, self._channel, count, what, raw[:200])


class Listening:
    """A decoder whose events nobody gets."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self.topics = decoder.topics

    def frame(self, raw: bytes, received_ns: int) -> None:
        """One frame."""
        self._decoder.feed(raw, received_ns)


class SnapshotFetcher:
    """Fetches the snapshots of one channel, one at a time, again and again until each serves."""

    def __init__(self, stream: VenueStream, channel: Channel, decoder: Decoder) -> None:
        self._stream, self._channel, self._decoder = stream, channel, decoder
        self._one_at_a_time = asyncio.Semaphore()
        self._tasks: set[asyncio.Task[None]] = set()
        self._tries: dict[CurrencyPair, int] = {}  # in a row, of one pair

    def fetch(self, requests: list[SnapshotRequest]) -> None:
        """Begin to fetch these."""
        for request in requests:
            task = asyncio.create_task(self._fetch(request))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def cancel(self) -> None:
        """Drop everything under way: the connection it was for has ended."""
        for task in self._tasks:
            task.cancel()
        self._tries.clear()

    async def _fetch(self, request: SnapshotRequest) -> None:
        settings, pair = self._stream.venue_settings, request.pair
        while True:
            tries = self._tries[pair] = self._tries.get(pair, 0) + 1
            if tries > 1:
                await asyncio.sleep(
                    delay_s(
                        tries - 1,
                        settings.first_delay_s,
                        settings.longest_delay_s,
                        random.random(),
                    )
                )
            try:
                async with self._one_at_a_time:
                    raw = await rest.get(settings.rest_host + request.path, settings.rest_timeout_s)
                break
            except StreamError as error:
                _log.warning("%s %s: no snapshot yet: %s", pair, self._channel, error)
        events = self._stream.publish_snapshot(self._channel, request, raw, time.time_ns())
        if any(isinstance(event, Resynced) for event in events):
            self._tries.pop(pair, None)
        self.fetch(self._decoder.snapshot_requests())
