"""Binance USD-M futures, live: a connection per channel, below the path that carries it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import cached_property

from millstream.exchange.binance import auth, rest
from millstream.exchange.binance.private import PrivateDecoder
from millstream.exchange.binance.wire import subscribe_messages
from millstream.exchange.binance_future import listen_key, wire
from millstream.exchange.binance_future.decode import BinanceFutureDecoder
from millstream.exchange.decoding import Decoder
from millstream.exchange.live import VenueSettings, VenueStream
from millstream.model import Channel, Event
from millstream.stream.base import Message
from millstream.stream.limits import HostLimits, Rate


class BinanceFutureSettings(VenueSettings, frozen=True, kw_only=True):
    """What `subscribe_args` may say to a BinanceFutureStream."""

    rest_host: str = wire.REST_HOST  # order book snapshots and own orders come from here
    book_depth: int = 20  # levels on each side of a Book
    candle_interval: str = "1m"
    snapshot_limit: int = 1000  # levels on each side of a snapshot
    lifetime_s: float = 23.5 * 3600  # Binance ends every connection after 24 hours
    recv_window_ms: int = 5_000  # a signed request is good for so long
    trades_since_ms: int = 0  # own fills from here on are fetched at first; 0: from the connect on
    listen_key_s: float = 1_500.0  # the key of private channels lives an hour; renew it so often
    early_fills: bool = False  # give own fills at their early notice, without their fee


class BinanceFutureStream(VenueStream):
    """Tickers, trades, books and candles of USD-M futures, and one's own orders and fills.

    api_key, api_secret: for private channels; the secret of an HMAC key, or an Ed25519 private key
    in PEM form. Own orders and fills are those of the stream's pairs.
    """

    allowed = HostLimits(connects=Rate(300, 300.0), messages=Rate(10, 1.0), subscriptions=1024)
    settings_type = BinanceFutureSettings
    venue_settings: BinanceFutureSettings

    def decoder(self, channel: Channel) -> Decoder:
        """A decoder for the frames of one channel."""
        settings = self.venue_settings
        if channel.private:
            self.credentials.check("key", "secret")
            auth.signer(self.credentials.secret)  # or say now that it cannot be used
            return PrivateDecoder(
                self.exchange, self.currency_pairs, channel, early_fills=settings.early_fills
            )
        return BinanceFutureDecoder(
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
        """Each trade of the market."""
        await self._run(Channel.TRADE)

    async def book_channel(self) -> None:
        """The best levels, ten times a second while they change."""
        await self._run(Channel.BOOK)

    async def candle_channel(self) -> None:
        """The running candle, four times a second while it changes, and its last state."""
        await self._run(Channel.CANDLE)

    async def my_order_channel(self) -> None:
        """Each change of an own order; after a connect, all that are open or were."""
        await self._run_private(Channel.MY_ORDER)

    async def my_trade_channel(self) -> None:
        """Each own fill; after a connect, those that were missed."""
        await self._run_private(Channel.MY_TRADE)

    async def my_order_batch_channel(self) -> None:
        """All open orders, after each connect."""
        await self._run_private(Channel.MY_ORDER_BATCH)

    async def reconcile(self, channel: Channel) -> Sequence[Event]:
        """What REST knows and the connection did not say."""
        return await self._accounts[channel].reconcile() if channel.private else []

    async def _run(self, channel: Channel) -> None:
        interval = self.venue_settings.candle_interval
        names = [wire.stream_names(pair, channel, interval)[0] for pair in self.currency_pairs]

        async def subscribe() -> Message:
            return subscribe_messages(names, channel)

        host = (self.api_host or wire.WEBSOCKET_HOST) + wire.PATHS[channel]
        await self.run_decoded(host, channel, subscribe)

    async def _run_private(self, channel: Channel) -> None:
        settings, account = self.venue_settings, self._accounts[channel]
        host = self.api_host or wire.WEBSOCKET_HOST

        async def address() -> str:
            return await listen_key.address(host, account, settings.early_fills)

        renewing = asyncio.create_task(listen_key.keep_alive(account, settings.listen_key_s))
        try:
            await self.run_decoded(address, channel, None)
        finally:
            renewing.cancel()

    @cached_property
    def _accounts(self) -> dict[Channel, rest.Account]:
        settings, keys = self.venue_settings, self.credentials
        return {
            channel: rest.Account(
                decoder,
                self.currency_pairs,
                settings.rest_host,
                rest.USD_M,
                keys.key,
                auth.signer(keys.secret),
                recv_window_ms=settings.recv_window_ms,
                timeout_s=settings.rest_timeout_s,
                since_ms=settings.trades_since_ms,
            )
            for channel, decoder in self._decoders.items()
            if isinstance(decoder, PrivateDecoder)
        }
