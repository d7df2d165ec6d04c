"""Kraken Futures, live: a connection per channel to websocket v1.

Orders that ended while there was no connection are missing in the next snapshot: REST says how.
A private connection begins with a challenge; its signature goes with every private request. The
venue's websocket offers no candles, so there is no candle channel.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import ClassVar
from urllib.parse import urlencode, urlsplit

import msgspec

from millstream.errors import LoginRefused
from millstream.exchange.decoding import UNREADABLE, Decoder
from millstream.exchange.healing import HealingStream
from millstream.exchange.kraken.auth import secret_bytes
from millstream.exchange.kraken_future import auth, wire
from millstream.exchange.kraken_future.decode import KrakenFutureDecoder
from millstream.exchange.live import VenueSettings
from millstream.model import Channel, CurrencyPair
from millstream.stream import rest
from millstream.stream.base import Message
from millstream.stream.limits import HostLimits, Rate
from millstream.stream.talk import Keepalive, Talk

_challenge = msgspec.json.Decoder(wire.Challenge).decode
_history = msgspec.json.Decoder(wire.History).decode
_past_event = msgspec.json.Decoder(wire.PastEvent).decode

MAX_PAGES = 50  # of the history, in which the last events of a few orders are looked for


class KrakenFutureSettings(VenueSettings, frozen=True, kw_only=True):
    """What `subscribe_args` may say to a KrakenFutureStream."""

    url: str = wire.URL  # the demo venue's is wss://demo-futures.kraken.com/ws/v1
    rest_host: str = wire.REST_HOST  # the ends of orders come from here
    book_depth: int = 20  # levels on each side of a Book
    product_prefix: str = wire.PREFIXES[0]  # "PF_", or "PI_": inverse, volumes in dollars


class KrakenFutureStream(HealingStream):
    """Tickers, trades, books, own orders and own trades of Kraken's perpetual futures."""

    allowed = HostLimits(messages_in_all=Rate(100, 1.0))  # what is more is lost, says the venue
    settings_type = KrakenFutureSettings
    channels: ClassVar[dict[Channel, str]] = {
        Channel.TICKER: "the best bid and ask, as the venue's ticker has them",
        Channel.TRADE: "each trade; it begins with the last 100",
        Channel.BOOK: "the best levels, at each changed price",
        Channel.MY_ORDER: "own orders: those that are open, then each change",
        Channel.MY_TRADE: "own fills: the last 100, then each one",
        Channel.MY_ORDER_BATCH: "all open orders, after each connect",
    }
    venue_settings: KrakenFutureSettings

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

    async def ask_ended(self) -> bool:
        """Ask REST once how orders ended, and publish it; True when nothing is left to ask."""
        decoder = self._decoders[Channel.MY_ORDER]
        assert isinstance(decoder, KrakenFutureDecoder)
        account, seen, query = decoder.account, set[str](), ""
        asked = account.vanished
        for _ in range(MAX_PAGES):
            page = await self._history(query)
            now_ns = time.time_ns()
            for element in page.elements:
                for kind, raw in element.event.items():
                    event = self._event(kind, raw)
                    order = event.new_order or event.order
                    if order is not None and order.uid not in seen:
                        seen.add(order.uid)  # what comes later in the pages happened before
                        self.publish(Channel.MY_ORDER, account.ended(kind, event, now_ns))
            if not page.continuation_token or not set(account.vanished) - seen:
                break
            query = urlencode({"continuation_token": page.continuation_token})
        self.publish(Channel.MY_ORDER, account.unanswered(asked, time.time_ns()))
        return not account.vanished

    async def _history(self, query: str) -> wire.History:
        settings, path = self.venue_settings, wire.HISTORY_PATH
        url = settings.rest_host + path
        raw = await rest.request(
            "GET",
            f"{url}?{query}" if query else url,
            headers=auth.headers(self.credentials, path, query),
            timeout_s=settings.rest_timeout_s,
        )
        try:
            return _history(raw)
        except UNREADABLE as error:
            raise self.unreadable(Channel.MY_ORDER, url, error, raw) from None

    def _event(self, kind: str, raw: msgspec.Raw) -> wire.PastEvent:
        """What happened to an order; kinds that we do not know happened to none."""
        if not kind.startswith("Order"):
            return wire.PastEvent()
        try:
            return _past_event(raw)
        except UNREADABLE as error:
            what = f"{kind[:40]} of {wire.HISTORY_PATH}"
            raise self.unreadable(Channel.MY_ORDER, what, error, bytes(raw)) from None

    async def carry(self, channel: Channel) -> None:
        """Keep one channel connected."""
        settings = self.venue_settings
        proof: dict[str, str] = {}

        def requests(event: str, pairs: Sequence[CurrencyPair]) -> list[bytes]:
            products = [wire.product(pair, settings.product_prefix) for pair in pairs]
            return wire.requests(event, channel, products, proof)

        def anew(pair: CurrencyPair | None) -> list[bytes]:
            pairs = [] if pair is None else [pair]
            return requests("unsubscribe", pairs) + requests("subscribe", pairs)

        async def login(talk: Talk) -> None:
            nonlocal proof
            proof = auth.proof(self.credentials, await self._challenged(talk))

        async def subscribe() -> Message:
            return requests("subscribe", self.currency_pairs)

        keepalive = Keepalive(wire.PING, wire.PING_EVERY_S)
        await self.run_healed(self._address(), channel, subscribe, anew, login, keepalive=keepalive)

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
    except UNREADABLE:
        return False
    return True
