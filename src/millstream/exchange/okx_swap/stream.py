"""OKX swaps, live: spot's connections, with the contracts asked for before anything else."""

from __future__ import annotations

from millstream.exchange.decoding import Decoder
from millstream.exchange.okx.market import MarketDecoder
from millstream.exchange.okx.stream import OkxStream
from millstream.exchange.okx_swap.decode import OkxSwapDecoder
from millstream.model import Channel


class OkxSwapStream(OkxStream):
    """Market data and own orders of OKX perpetual swaps, volumes in base currency.

    Settings, keys and hosts: as OkxStream's. "btc/usdt" is BTC-USDT-SWAP.
    """

    def decoder(self, channel: Channel) -> Decoder:
        """A decoder for the frames of one channel; it knows the contracts that are known by now."""
        settings = self.venue_settings
        if channel.private or self._logs_in(channel):
            self.credentials.check("key", "secret", "passphrase")
        made = OkxSwapDecoder(
            self.currency_pairs,
            [channel],
            book_depth=settings.book_depth,
            candle_interval=settings.candle_interval,
            trade_channel=settings.trade_channel,
            book_channel=settings.book_channel,
        )
        known = getattr(self, "_decoders", {}).get(channel)
        if isinstance(known, MarketDecoder):
            made.learn_from(known)
        return made
