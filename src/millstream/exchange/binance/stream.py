"""Binance spot, live: a connection per channel to the combined streams."""

from __future__ import annotations

from millstream.exchange.binance import wire
from millstream.exchange.binance.decode import BinanceDecoder
from millstream.exchange.decoding import Decoder
from millstream.exchange.live import VenueSettings, VenueStream
from millstream.model import Channel
from millstream.stream.base import Message


class BinanceSettings(VenueSettings, frozen=True, kw_only=True):
    """What `subscribe_args` may say to a BinanceStream."""

    rest_host: str = wire.REST_HOST  # order book snapshots come from here
    book_depth: int = 20  # levels on each side of a Book
    candle_interval: str = "1m"
    snapshot_limit: int = 5000  # levels on each side of a snapshot


class BinanceStream(VenueStream):
    """Tickers, trades, books and candles of Binance spot."""

    settings_type = BinanceSettings
    venue_settings: BinanceSettings

    def decoder(self, channel: Channel) -> Decoder:
        """A decoder for the frames of one channel."""
        settings = self.venue_settings
        return BinanceDecoder(
            self.currency_pairs,
            [channel],
            book_depth=settings.book_depth,
            candle_interval=settings.candle_interval,
            snapshot_limit=settings.snapshot_limit,
        )

    async def ticker_channel(self) -> None:
        """The best bid and ask, at each change."""
        await self._run(Channel.TICKER)

    async def trade_channel(self) -> None:
        """Each trade."""
        await self._run(Channel.TRADE)

    async def book_channel(self) -> None:
        """The best levels, ten times a second while they change."""
        await self._run(Channel.BOOK)

    async def candle_channel(self) -> None:
        """The running candle every second or two, and its last state once it is closed."""
        await self._run(Channel.CANDLE)

    async def _run(self, channel: Channel) -> None:
        interval = self.venue_settings.candle_interval
        names = [wire.stream_name(pair, channel, interval) for pair in self.currency_pairs]

        async def subscribe() -> Message:
            return wire.subscribe_messages(names, channel)

        await self.run_decoded(
            (self.api_host or wire.WEBSOCKET_HOST) + wire.COMBINED_PATH,
            channel,
            subscribe,
        )
