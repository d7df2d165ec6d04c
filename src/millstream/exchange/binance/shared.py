"""What the streams of Binance spot and futures share: settings, decoders, accounts by REST."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import ClassVar, Protocol

from millstream.exchange.binance import auth, rest
from millstream.exchange.binance.private import PrivateDecoder
from millstream.exchange.decoding import Decoder
from millstream.exchange.live import VenueSettings, VenueStream
from millstream.model import Channel, CurrencyPair, Event


class SharedSettings(VenueSettings, frozen=True, kw_only=True):
    """What `subscribe_args` may say to either stream."""

    book_depth: int = 20  # levels on each side of a Book
    candle_interval: str = "1m"
    snapshot_limit: int = 1000  # levels on each side of a snapshot
    lifetime_s: float = 23.5 * 3600  # Binance ends every connection after 24 hours
    recv_window_ms: int = 5_000  # a signed request is good for so long
    trades_since_ms: int = 0  # own fills from here on are fetched at first; 0: from the connect on


class MakesDecoder(Protocol):
    """The decoder class of spot or of futures."""

    def __call__(
        self,
        pairs: Iterable[CurrencyPair],
        channels: Iterable[Channel],
        *,
        book_depth: int,
        candle_interval: str,
        snapshot_limit: int,
    ) -> Decoder:
        """A decoder for the frames of these."""


class SharedStream(VenueStream):
    """A stream of spot or of futures; the subclass knows where to connect."""

    market_decoder: ClassVar[MakesDecoder]
    account_paths: ClassVar[rest.AccountPaths]
    venue_settings: SharedSettings

    def decoder(self, channel: Channel) -> Decoder:
        """A decoder for the frames of one channel."""
        if channel.private:
            self.credentials.check("key", "secret")
            auth.signer(self.credentials.secret)  # or say now that it cannot be used
            return self.private_decoder(channel)
        settings = self.venue_settings
        return self.market_decoder(
            self.currency_pairs,
            [channel],
            book_depth=settings.book_depth,
            candle_interval=settings.candle_interval,
            snapshot_limit=settings.snapshot_limit,
        )

    def private_decoder(self, channel: Channel) -> PrivateDecoder:
        """A decoder for what a private channel says."""
        return PrivateDecoder(self.exchange, self.currency_pairs, channel)

    async def carry(self, channel: Channel) -> None:
        """Keep one channel connected."""
        await (self.carry_private if channel.private else self.carry_public)(channel)

    @abstractmethod
    async def carry_public(self, channel: Channel) -> None:
        """Keep one channel of the market connected."""

    @abstractmethod
    async def carry_private(self, channel: Channel) -> None:
        """Keep one channel of the account connected."""

    async def reconcile(self, channel: Channel) -> Sequence[Event]:
        """What REST knows and the connection did not say."""
        return await self._accounts[channel].reconcile() if channel.private else []

    @cached_property
    def _accounts(self) -> dict[Channel, rest.AccountRest]:
        settings, keys = self.venue_settings, self.credentials
        return {
            channel: rest.AccountRest(
                decoder,
                self.currency_pairs,
                settings.rest_host,
                self.account_paths,
                keys.key,
                auth.signer(keys.secret),
                recv_window_ms=settings.recv_window_ms,
                timeout_s=settings.rest_timeout_s,
                since_ms=settings.trades_since_ms,
            )
            for channel, decoder in self._decoders.items()
            if isinstance(decoder, PrivateDecoder)
        }
