"""Binance spot, live: a connection per channel to the combined streams or to the WebSocket API."""

from __future__ import annotations

from typing import ClassVar

from millstream.exchange.binance import auth, rest, wire
from millstream.exchange.binance.decode import BinanceDecoder
from millstream.exchange.binance.login import Login
from millstream.exchange.binance.shared import SharedSettings, SharedStream
from millstream.model import Channel
from millstream.stream.base import Message
from millstream.stream.limits import HostLimits, Rate
from millstream.stream.talk import Talk


class BinanceSettings(SharedSettings, frozen=True, kw_only=True):
    """What `subscribe_args` may say to a BinanceStream."""

    rest_host: str = wire.REST_HOST  # order book snapshots and own orders come from here
    private_host: str = wire.API_HOST  # of the WebSocket API, unless api_host says otherwise
    snapshot_limit: int = 5000  # levels on each side of a snapshot


class BinanceStream(SharedStream):
    """Tickers, trades, books and candles of Binance spot, and one's own orders and fills.

    api_key, api_secret: for private channels; the secret of an HMAC key, or an Ed25519 private key
    in PEM form. Own orders and fills are those of the stream's pairs.
    """

    allowed = HostLimits(connects=Rate(300, 300.0), messages=Rate(5, 1.0), subscriptions=1024)
    settings_type = BinanceSettings
    market_decoder = BinanceDecoder
    account_paths = rest.SPOT
    channels: ClassVar[dict[Channel, str]] = {
        Channel.TICKER: "the best bid and ask, at each change",
        Channel.TRADE: "each trade",
        Channel.BOOK: "the best levels, ten times a second while they change",
        Channel.CANDLE: "the running candle every second or two, and its last state",
        Channel.MY_ORDER: "each change of an own order; after a connect, all that are open or were",
        Channel.MY_TRADE: "each own fill; after a connect, those that were missed",
        Channel.MY_ORDER_BATCH: "all open orders, after each connect",
    }
    venue_settings: BinanceSettings

    async def carry_public(self, channel: Channel) -> None:
        """Keep one channel of the market connected."""
        interval = self.venue_settings.candle_interval
        names = [wire.stream_name(pair, channel, interval) for pair in self.currency_pairs]

        async def subscribe() -> Message:
            return wire.subscribe_messages(names, channel)

        host = (self.api_host or wire.WEBSOCKET_HOST) + wire.COMBINED_PATH
        await self.run_decoded(host, channel, subscribe)

    async def carry_private(self, channel: Channel) -> None:
        """Keep one channel of the account connected."""
        settings, account = self.venue_settings, self._accounts[channel]
        key, secret = self.credentials.key, self.credentials.secret
        login = Login(key, secret, auth.signer(secret), settings.recv_window_ms)

        async def prepare(talk: Talk) -> None:
            await account.read_clock()
            await login(talk, account.now_ms)

        host = (self.api_host or settings.private_host) + wire.API_PATH
        await self.run_decoded(host, channel, None, prepare=prepare)
