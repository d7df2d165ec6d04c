"""Binance USD-M futures, live: a connection per channel, below the path that carries it."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from millstream.exchange.binance import rest
from millstream.exchange.binance.private import PrivateDecoder
from millstream.exchange.binance.shared import SharedSettings, SharedStream
from millstream.exchange.binance.wire import subscribe_messages
from millstream.exchange.binance_future import listen_key, wire
from millstream.exchange.binance_future.decode import BinanceFutureDecoder
from millstream.model import Channel
from millstream.stream.base import Message
from millstream.stream.limits import HostLimits, Rate


class BinanceFutureSettings(SharedSettings, frozen=True, kw_only=True):
    """What `subscribe_args` may say to a BinanceFutureStream."""

    rest_host: str = wire.REST_HOST  # order book snapshots and own orders come from here
    listen_key_s: float = 1_500.0  # the key of private channels lives an hour; renew it so often
    early_fills: bool = False  # give own fills at their early notice, without their fee


class BinanceFutureStream(SharedStream):
    """Tickers, trades, books and candles of USD-M futures, and one's own orders and fills.

    api_key, api_secret: for private channels; the secret of an HMAC key, or an Ed25519 private key
    in PEM form. Own orders and fills are those of the stream's pairs.
    """

    allowed = HostLimits(connects=Rate(300, 300.0), messages=Rate(10, 1.0), subscriptions=1024)
    settings_type = BinanceFutureSettings
    market_decoder = BinanceFutureDecoder
    account_paths = rest.USD_M
    channels: ClassVar[dict[Channel, str]] = {
        Channel.TICKER: "the best bid and ask, at each change",
        Channel.TRADE: "each trade of the market",
        Channel.BOOK: "the best levels, ten times a second while they change",
        Channel.CANDLE: "the running candle, four times a second while it changes; its last state",
        Channel.MY_ORDER: "each change of an own order; after a connect, all that are open or were",
        Channel.MY_TRADE: "each own fill; after a connect, those that were missed",
        Channel.MY_ORDER_BATCH: "all open orders, after each connect",
    }
    venue_settings: BinanceFutureSettings

    def private_decoder(self, channel: Channel) -> PrivateDecoder:
        """A decoder for what a private channel says."""
        early_fills = self.venue_settings.early_fills
        return PrivateDecoder(self.exchange, self.currency_pairs, channel, early_fills=early_fills)

    async def carry_public(self, channel: Channel) -> None:
        """Keep one channel of the market connected."""
        interval = self.venue_settings.candle_interval
        names = [wire.stream_names(pair, channel, interval)[0] for pair in self.currency_pairs]

        async def subscribe() -> Message:
            return subscribe_messages(names, channel)

        host = (self.api_host or wire.WEBSOCKET_HOST) + wire.PATHS[channel]
        await self.run_decoded(host, channel, subscribe)

    async def carry_private(self, channel: Channel) -> None:
        """Keep one channel of the account connected."""
        settings, account = self.venue_settings, self._accounts[channel]
        host = self.api_host or wire.WEBSOCKET_HOST

        async def address() -> str:
            return await listen_key.address(host, account, settings.early_fills)

        renewing = asyncio.create_task(listen_key.keep_alive(account, settings.listen_key_s))
        try:
            await self.run_decoded(address, channel, None)
        finally:
            renewing.cancel()
