"""Kraken Futures, live: a connection per channel to websocket v1.

A private connection begins with a challenge; its signature goes with every private request. The
venue's websocket offers no candles, so there is no candle channel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from millstream.errors import LoginRefused
from millstream.exchange.decoding import Decoder
from millstream.exchange.kraken.auth import secret_bytes
from millstream.exchange.kraken_future import auth, wire
from millstream.exchange.kraken_future.decode import KrakenFutureDecoder
from millstream.exchange.live import VenueSettings, VenueStream
from millstream.exchange.resubscribe import Resubscriber
from millstream.model import Channel, CurrencyPair, Event, Resynced
from millstream.stream.base import Message
from millstream.stream.talk import Keepalive, Talk

_challenge = msgspec.json.Decoder(wire.Challenge).decode


class KrakenFutureSettings(VenueSettings, frozen=True, kw_only=True):
    """What `subscribe_args` may say to a KrakenFutureStream."""

    url: str = wire.URL  # the demo venue's is wss://demo-futures.kraken.com/ws/v1
    book_depth: int = 20  # levels on each side of a Book
    product_prefix: str = wire.PREFIXES[0]  # "PF_", or "PI_": inverse, volumes in dollars


class KrakenFutureStream(VenueStream):
    """Tickers, trades, books, own orders and own trades of Kraken's perpetual futures."""

    settings_type = KrakenFutureSettings
    venue_settings: KrakenFutureSettings

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self._resubscribers: dict[Channel, Resubscriber] = {}
        super().__init__(*arguments, **named)

    def decoder(self, channel: Channel) -> Decoder:
        """A decoder for the frames of one channel."""
        if channel.private:
            secret_bytes(self.credentials)
        settings = self.venue_settings
        return KrakenFutureDecoder(
            self.currency_pairs,
            [channel],
            book_depth=settings.book_depth,
            product_prefix=settings.product_prefix,
        )

    async def ticker_channel(self) -> None:
        """The best bid and ask, as the venue's ticker has them."""
        await self._run(Channel.TICKER)

    async def trade_channel(self) -> None:
        """Each trade; it begins with the last 100."""
        await self._run(Channel.TRADE)

    async def book_channel(self) -> None:
        """The best levels, at each changed price."""
        await self._run(Channel.BOOK)

    async def my_order_channel(self) -> None:
        """Own orders: those that are open, then each change."""
        await self._run(Channel.MY_ORDER)

    async def my_trade_channel(self) -> None:
        """Own fills: the last 100, then each one."""
        await self._run(Channel.MY_TRADE)

    async def my_order_batch_channel(self) -> None:
        """All open orders, after each connect."""
        await self._run(Channel.MY_ORDER_BATCH)

    def publish(self, channel: Channel, events: Sequence[Event]) -> None:
        """Give events to the observers, and heal what one of them says is broken."""
        super().publish(channel, events)
        resubscriber = self._resubscribers.get(channel)
        if resubscriber is None:
            return
        for event in events:
            if type(event) is Resynced:
                resubscriber.healed(event.symbol)
        decoder = self._decoders[channel]
        assert isinstance(decoder, KrakenFutureDecoder)
        resubscriber.ask(decoder.resubscriptions())

    async def _run(self, channel: Channel) -> None:
        settings = self.venue_settings
        proof: dict[str, str] = {}

        def requests(event: str, pairs: Sequence[CurrencyPair]) -> list[bytes]:
            products = [wire.product(pair, settings.product_prefix) for pair in pairs]
            return wire.requests(event, channel, products, proof)

        def anew(pair: CurrencyPair | None) -> list[bytes]:
            pairs = [] if pair is None else [pair]
            return requests("unsubscribe", pairs) + requests("subscribe", pairs)

        resubscriber = Resubscriber(settings, anew)
        if channel is Channel.BOOK or channel.private:
            self._resubscribers[channel] = resubscriber

        async def prepare(talk: Talk) -> None:
            nonlocal proof
            resubscriber.connected(talk)
            if channel.private:
                proof = auth.proof(self.credentials, await self._challenged(talk))

        async def subscribe() -> Message:
            return requests("subscribe", self.currency_pairs)

        keepalive = Keepalive(wire.PING, wire.PING_EVERY_S)
        try:
            await self.run_decoded(
                self._address(), channel, subscribe, prepare=prepare, keepalive=keepalive
            )
        finally:
            resubscriber.cancel()

    async def _challenged(self, talk: Talk) -> str:
        """The connection's challenge."""
        talk.send({"event": "challenge", "api_key": self.credentials.key})
        answer = _challenge(await talk.receive(_is_answer))
        if answer.event != "challenge":
            raise LoginRefused(answer.message or "the key was refused without a reason")
        return answer.message

    def _address(self) -> str:
        """The venue's address, or the same path on another host."""
        host = self.api_host
        if not host:
            return self.venue_settings.url
        path = urlsplit(self.venue_settings.url).path
        return host if urlsplit(host).path.strip("/") else host.rstrip("/") + path


def _is_answer(raw: bytes) -> bool:
    try:
        _challenge(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True
