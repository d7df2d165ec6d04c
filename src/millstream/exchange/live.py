"""A venue's live stream: its decoder behind a connection, and the REST snapshots it asks for.

A venue's own page says where to connect and what to send; the rest is here, for all venues.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, ClassVar

import msgspec

from millstream.errors import ConfigError, StreamError
from millstream.exchange.decoding import Decoder, FrameCounts, SnapshotRequest
from millstream.model import Channel, CurrencyPair, Event, Exchange, Refused, Resynced
from millstream.stream import rest
from millstream.stream.backoff import delay_s
from millstream.stream.base import Message, StreamBase
from millstream.stream.seldom import Seldom
from millstream.stream.settings import ChannelStatistics, StreamSettings

_log = logging.getLogger(__name__)


class VenueSettings(StreamSettings, frozen=True, kw_only=True):
    """Settings that any venue with REST snapshots has."""

    rest_host: str = ""
    rest_timeout_s: float = 10.0


class VenueStream(StreamBase):
    """A stream whose frames go through a venue's decoder.

    subscribe_args: a mapping with any of the fields of `settings_type`.
    """

    settings_type: ClassVar[type[VenueSettings]] = VenueSettings

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
        self.venue_settings = settings
        self._decoders = {channel: self.decoder(channel) for channel in self.subscribe_channels}

    @abstractmethod
    def decoder(self, channel: Channel) -> Decoder:
        """A decoder for the frames of one channel."""

    def counts(self) -> dict[Channel, FrameCounts]:
        """Where every frame of each channel went."""
        return {channel: decoder.counts for channel, decoder in self._decoders.items()}

    async def run_decoded(
        self,
        host: str,
        channel: Channel,
        subscribe: Callable[[], Awaitable[Message]],
    ) -> None:
        """Keep one channel connected; its frames leave as events."""
        decoder = self._decoders[channel]
        fetcher = SnapshotFetcher(self, channel, decoder)

        async def subscribe_anew() -> Message:
            fetcher.cancel()
            decoder.restart()
            return await subscribe()

        try:
            await self.run_channel(
                host, channel, subscribe_anew, on_frame=self._on_frame(channel, decoder, fetcher)
            )
        finally:
            fetcher.cancel()

    def unheard(self, channel: Channel) -> list[CurrencyPair | None]:
        """Pairs whose data has not begun since the last connect."""
        return list(self._decoders[channel].unheard())

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

    def _on_frame(
        self, channel: Channel, decoder: Decoder, fetcher: SnapshotFetcher
    ) -> Callable[[bytes, int], None]:
        feed, publish, counts = decoder.feed, self.publish, decoder.counts
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
                    self._complain(channel, count, events, raw)

        return on_frame

    def _complain(self, channel: Channel, count: int, events: list[Event], raw: bytes) -> None:
        refusals = [event.reason for event in events if isinstance(event, Refused)]
        what = f"refused: {refusals[0]}" if refusals else "not understood"
        text = "%s %s: %d frames were %s; the last: %r"
        _log.warning(text, self.exchange, channel, count, what, raw[:200])


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
