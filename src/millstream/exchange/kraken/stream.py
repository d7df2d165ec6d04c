"""Kraken spot, live: a connection per channel to websocket v2.

Orders that ended while there was no connection are missing in the next snapshot: REST says how.
A private connection begins with a token that REST gives, a new one each time: tokens die when the
venue is renewed. One key has one nonce, so that tokens of one key are fetched one after another.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import ClassVar
from urllib.parse import urlsplit

import msgspec

from millstream.errors import LoginRefused, StreamError
from millstream.exchange.credentials import Credentials, key_lock
from millstream.exchange.decoding import UNREADABLE, Decoder
from millstream.exchange.healing import HealingStream
from millstream.exchange.kraken import auth, wire
from millstream.exchange.kraken.decode import KrakenDecoder
from millstream.exchange.live import VenueSettings
from millstream.model import Channel, CurrencyPair
from millstream.stream import rest
from millstream.stream.base import Message
from millstream.stream.limits import HostLimits, Rate
from millstream.stream.talk import Talk

_token_answer = msgspec.json.Decoder(wire.TokenAnswer).decode
_orders_answer = msgspec.json.Decoder(wire.OrdersAnswer).decode


class KrakenSettings(VenueSettings, frozen=True, kw_only=True):
    """What `subscribe_args` may say to a KrakenStream."""

    rest_host: str = wire.REST_HOST  # tokens, and the ends of orders, come from here
    public_url: str = wire.PUBLIC_URL
    private_url: str = wire.PRIVATE_URL
    asset_class: str = ""  # "spot" or "derivatives", where the address serves both
    book_depth: int = 10  # levels on each side of a Book; the venue's checksum covers 10
    candle_interval: str = "1m"


class KrakenStream(HealingStream):
    """Tickers, trades, books, candles, own orders and own trades of Kraken spot."""

    allowed = HostLimits(connects=Rate(150, 600.0))
    settings_type = KrakenSettings
    channels: ClassVar[dict[Channel, str]] = {
        Channel.TICKER: "the best bid and ask, at each change",
        Channel.TRADE: "each trade; it begins with the last 50",
        Channel.BOOK: "the best levels at each change, checked against the venue's checksum",
        Channel.CANDLE: "the running candle as it changes; its last state once the next has begun",
        Channel.MY_ORDER: "own orders: those that are open, then each change",
        Channel.MY_TRADE: "own fills: the last 50, then each one",
        Channel.MY_ORDER_BATCH: "all open orders, after each connect",
    }
    venue_settings: KrakenSettings

    def decoder(self, channel: Channel) -> Decoder:
        """A decoder for the frames of one channel."""
        settings = self.venue_settings
        if channel.private:
            auth.secret_bytes(self.credentials)
        return KrakenDecoder(
            self.currency_pairs,
            [channel],
            book_depth=settings.book_depth,
            candle_interval=settings.candle_interval,
        )

    async def ask_ended(self) -> bool:
        """Ask REST once how orders ended, and publish it; True when nothing is left to ask."""
        decoder = self._decoders[Channel.MY_ORDER]
        assert isinstance(decoder, KrakenDecoder)
        account = decoder.account
        asked = account.vanished
        for start in range(0, len(asked), wire.ORDERS_PER_QUESTION):
            part = asked[start : start + wire.ORDERS_PER_QUESTION]
            told = await self._orders(part)
            self.publish(Channel.MY_ORDER, account.ended(told, time.time_ns()))
        self.publish(Channel.MY_ORDER, account.unanswered(asked, time.time_ns()))
        return not account.vanished

    async def _orders(self, venue_ids: Sequence[str]) -> Mapping[str, wire.RestOrder]:
        """What REST says of these; where it will not have one of them, of each on its own."""
        told: dict[str, wire.RestOrder] = {}
        try:
            return await self._fetch_orders(venue_ids)
        except OrderUnknown:
            if len(venue_ids) == 1:
                return told
        for venue_id in venue_ids:
            told |= await self._orders([venue_id])
        return told

    async def _fetch_token(self, channel: Channel) -> str:
        """A new websocket token. Raises LoginRefused when the key is refused, else StreamError."""
        raw = await _ask(self.credentials, self.venue_settings, wire.TOKEN_PATH)
        try:
            answer = _token_answer(raw)
        except UNREADABLE as error:  # half of a token is still nobody's to see
            raise self.unreadable(channel, wire.TOKEN_PATH, error, b"") from None
        if answer.error or not answer.result.token:
            reasons = ", ".join(answer.error) or "none was given"
            refused = any(reason.startswith(wire.KEY_REFUSED) for reason in answer.error)
            kind = LoginRefused if refused else StreamError
            raise kind(f"no websocket token: {reasons}")
        return answer.result.token

    async def _fetch_orders(self, venue_ids: Sequence[str]) -> Mapping[str, wire.RestOrder]:
        """What REST says of own orders. Raises OrderUnknown, or another StreamError."""
        fields = {"txid": ",".join(venue_ids)}
        raw = await _ask(self.credentials, self.venue_settings, wire.ORDERS_PATH, fields)
        try:
            answer = _orders_answer(raw)
        except UNREADABLE as error:
            raise self.unreadable(Channel.MY_ORDER, wire.ORDERS_PATH, error, raw) from None
        if answer.error:
            unknown = all(reason.startswith(wire.ORDER_UNKNOWN) for reason in answer.error)
            kind = OrderUnknown if unknown else StreamError
            raise kind(f"{wire.ORDERS_PATH} answered {', '.join(answer.error)}.")
        return answer.result

    async def carry(self, channel: Channel) -> None:
        """Keep one channel connected."""
        settings, token = self.venue_settings, ""

        def request(method: str, pairs: Sequence[CurrencyPair], request_id: int) -> bytes:
            return wire.request(
                method,
                channel,
                pairs,
                request_id,
                book_depth=settings.book_depth,
                candle_interval=settings.candle_interval,
                token=token,
                asset_class=settings.asset_class,
            )

        def anew(pair: CurrencyPair | None) -> list[bytes]:
            pairs = [] if pair is None else [pair]
            number = wire.AGAIN + (0 if pair is None else self.currency_pairs.index(pair))
            return [request(method, pairs, number) for method in ("unsubscribe", "subscribe")]

        async def login(talk: Talk) -> None:
            nonlocal token
            token = await self._fetch_token(channel)

        async def subscribe() -> Message:
            if channel.private:
                return request("subscribe", [], 1)
            parts = wire.chunks(self.currency_pairs)
            return [request("subscribe", pairs, 1 + n) for n, pairs in enumerate(parts)]

        url = settings.private_url if channel.private else settings.public_url
        await self.run_healed(self._address(url), channel, subscribe, anew, login)

    def _address(self, url: str) -> str:
        """`url`, or the same path on another host."""
        host = self.api_host
        if not host:
            return url
        return host if urlsplit(host).path.strip("/") else host.rstrip("/") + urlsplit(url).path


class OrderUnknown(StreamError):
    """REST refuses a question for the orders in it: one that it does not know spoils all."""


async def _ask(
    credentials: Credentials,
    settings: KrakenSettings,
    path: str,
    fields: Mapping[str, str] | None = None,
) -> bytes:
    """The answer to a signed request."""
    async with key_lock(credentials.key):
        await asyncio.sleep(0.002)  # the nonce is the time in ms, as other programs with this
        nonce = time.time_ns() // 1_000_000  # key have it; it must be higher than the last one
        body = auth.form(nonce, fields)
        return await rest.request(
            "POST",
            settings.rest_host + path,
            headers=auth.headers(credentials, path, nonce, body),
            body=body,
            timeout_s=settings.rest_timeout_s,
        )
