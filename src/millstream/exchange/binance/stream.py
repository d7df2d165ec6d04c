"""Binance spot, live: a connection per channel to the combined streams or to the WebSocket API."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from millstream.exchange.binance import auth, rest, wire
from millstream.exchange.binance.decode import BinanceDecoder
from millstream.exchange.binance.login import Login
from millstream.exchange.binance.private import PrivateDecoder
from millstream.exchange.decoding import Decoder
from millstream.exchange.live import VenueSettings, VenueStream
from millstream.model import Channel, Event
from millstream.stream.base import Message
from millstream.stream.limits import HostLimits, Rate
from millstream.stream.talk import Talk


class BinanceSettings(VenueSettings, frozen=True, kw_only=True):
    """What `subscribe_args` may say to a BinanceStream."""

    rest_host: str = wire.REST_HOST  # order book snapshots and own orders come from here
    private_host: str = wire.API_HOST  # of the WebSocket API, unless api_host says otherwise
    book_depth: int = 20  # levels on each side of a Book
    candle_interval: str = "1m"
    snapshot_limit: int = 5000  # levels on each side of a snapshot
    lifetime_s: float = 23.5 * 3600  # Binance ends every connection after 24 hours
    recv_window_ms: int = 5_000  # a signed request is good for so long
    trades_since_ms: int = 0  # own fills from here on are fetched at first; 0: from the connect on


class BinanceStream(VenueStream):
    """Tickers, trades, books and candles of Binance spot, and one's own orders and fills.

    api_key, api_secret: for private channels; the secret of an HMAC key, or an Ed25519 private key
    in PEM form. Own orders and fills are those of the stream's pairs.
    """

    allowed = HostLimits(connects=Rate(300, 300.0), messages=Rate(5, 1.0), subscriptions=1024)
    settings_type = BinanceSettings
    venue_settings: BinanceSettings

    def decoder(self, channel: Channel) -> Decoder:
        """A decoder for the frames of one channel."""
        settings = self.venue_settings
        if channel.private:
            self.credentials.check("key", "secret")
            auth.signer(self.credentials.secret)  # or say now that it cannot be used
            return PrivateDecoder(self.exchange, self.currency_pairs, channel)
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
        names = [wire.stream_name(pair, channel, interval) for pair in self.currency_pairs]

        async def subscribe() -> Message:
            return wire.subscribe_messages(names, channel)

        await self.run_decoded(
            (self.api_host or wire.WEBSOCKET_HOST) + wire.COMBINED_PATH,
            channel,
            subscribe,
        )

    async def _run_private(self, channel: Channel) -> None:
        key, secret = self.credentials.key, self.credentials.secret
        account = self._accounts[channel]
        login = Login(key, secret, auth.signer(secret), self.venue_settings.recv_window_ms)

        async def prepare(talk: Talk) -> None:
            await account.read_clock()
            await login(talk, account.now_ms)

        await self.run_decoded(
            (self.api_host or self.venue_settings.private_host) + wire.API_PATH,
            channel,
            None,
            prepare=prepare,
        )

    @cached_property
    def _accounts(self) -> dict[Channel, rest.Account]:
        settings, keys = self.venue_settings, self.credentials
        return {
            channel: rest.Account(
                decoder,
                self.currency_pairs,
                settings.rest_host,
                rest.SPOT,
                keys.key,
                auth.signer(keys.secret),
                recv_window_ms=settings.recv_window_ms,
                timeout_s=settings.rest_timeout_s,
                since_ms=settings.trades_since_ms,
            )
            for channel, decoder in self._decoders.items()
            if isinstance(decoder, PrivateDecoder)
        }
