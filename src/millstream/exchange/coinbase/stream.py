"""Coinbase, live: a connection per channel to Advanced Trade or to the Exchange feed."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from typing import ClassVar, Final

import msgspec

from millstream.errors import LoginRefused
from millstream.exchange.coinbase import auth, exchange_wire, wire
from millstream.exchange.coinbase.decode import CoinbaseDecoder
from millstream.exchange.decoding import Decoder
from millstream.exchange.healing import ResubscribingStream
from millstream.exchange.live import VenueSettings
from millstream.exchange.resubscribe import Resubscriber
from millstream.model import Channel, CurrencyPair, Event
from millstream.stream import rest
from millstream.stream.base import Message
from millstream.stream.limits import HostLimits, Rate
from millstream.stream.talk import Talk

MAX_PAGES = 20  # of orders, after a reconnect


QUIET: Final[dict[Channel, float]] = {
    Channel.TRADE: 300.0,  # a small product trades once in minutes
    Channel.CANDLE: 900.0,  # three candles
}


class CoinbaseSettings(VenueSettings, frozen=True, kw_only=True):
    """What `subscribe_args` may say to a CoinbaseStream."""

    stale_s: float | dict[Channel, float] = msgspec.field(default_factory=lambda: dict(QUIET))

    rest_host: str = wire.REST_HOST  # own orders are asked for here after a reconnect
    feed: str = "advanced"  # or "exchange": the feed for institutions
    book_depth: int = 20  # levels on each side of a Book
    candle_interval: str = wire.INTERVAL
    book_channel: str = "level2_batch"  # of the Exchange feed; "level2" wants a login


class CoinbaseStream(ResubscribingStream):
    """Market data and own orders of Coinbase.

    api_key, api_secret: the name and the ECDSA private key (PEM) of a CDP key, for own orders; for
    the Exchange feed its key and secret, and api_auth_data its passphrase.
    """

    # Per address: both feeds say the same.
    allowed = HostLimits(connects=Rate(8, 1.0), messages_in_all=Rate(8, 1.0))
    settings_type = CoinbaseSettings
    channels: ClassVar[dict[Channel, str]] = {
        Channel.TICKER: "the best bid and ask, when they change or a trade happens",
        Channel.TRADE: "each trade; those just before the subscription, too",
        Channel.BOOK: "the best levels, at each change",
        Channel.CANDLE: "the running candle of five minutes, once a second, and its last state",
        Channel.MY_ORDER: "each change of an own order",
        Channel.MY_TRADE: "own fills, derived from the orders' changes and marked as such",
        Channel.MY_ORDER_BATCH: "all open orders, after each connect",
    }
    venue_settings: CoinbaseSettings

    def decoder(self, channel: Channel) -> Decoder:
        """A decoder for the frames of one channel. Raises ConfigError for a key of no use."""
        settings = self.venue_settings
        if channel.private and settings.feed == "advanced":
            self.credentials.check("key", "secret")
            self._token()
        elif channel is Channel.BOOK and self._wants_login:
            self._login()
        return CoinbaseDecoder(
            self.currency_pairs,
            [channel],
            feed=settings.feed,
            book_depth=settings.book_depth,
            candle_interval=settings.candle_interval,
            book_channel=settings.book_channel,
        )

    async def reconcile(self, channel: Channel) -> Sequence[Event]:
        """How the orders ended that the stream lost sight of while there was no connection.

        The new connection's snapshot has open orders only.
        """
        decoder = self._decoder(channel)
        if channel is Channel.MY_ORDER_BATCH:
            return []
        since, since_ns = decoder.account.lost_at
        if not since:
            return []
        answers: list[bytes] = []  # all of them before any is used: a failure begins anew
        for query in wire.order_queries(decoder.account.open_orders, since):
            cursor = ""
            for _ in range(MAX_PAGES):
                answers.append(await self._orders(query + cursor))
                cursor = wire.next_page(answers[-1])
                if not cursor:
                    break
        decoder.account.reconciled()
        now_ns = time.time_ns()
        told = [decoder.feed_orders(answer, since_ns, now_ns) for answer in answers]
        return [event for events in told for event in events]

    def resubscriptions(self, channel: Channel) -> Sequence[CurrencyPair | None]:
        """Pairs that want a new subscription, once."""
        return self._decoder(channel).resubscriptions()

    async def carry(self, channel: Channel) -> None:
        """Keep one channel connected."""
        settings = self.venue_settings
        if settings.feed == "exchange":
            host = exchange_wire.FEED_HOST
        else:
            host = wire.USER_HOST if channel.private else wire.MARKET_HOST

        give_up = self._decoder(channel).give_up
        resubscriber = Resubscriber(settings, self._resubscribe_messages, give_up)

        async def prepare(talk: Talk) -> None:
            if channel.private:
                talk.send(wire.subscribe_messages([], channel, self._token)[0])
                await _login_answered(talk, settings.ack_s)

        async def subscribe() -> Message:
            if settings.feed == "exchange":
                login = self._login() if channel is Channel.BOOK and self._wants_login else None
                book_channel, pairs = settings.book_channel, self.currency_pairs
                return exchange_wire.subscribe_message(pairs, channel, book_channel, login)
            if channel.private:  # orders were subscribed as the login
                return wire.subscribe_messages([], channel, self._token)[1:]
            return wire.subscribe_messages(self.currency_pairs, channel)

        await self.run_resubscribed(
            *(self.api_host or host, channel, subscribe, resubscriber, prepare),
            heals=channel is Channel.BOOK,
        )

    def _decoder(self, channel: Channel) -> CoinbaseDecoder:
        decoder = self._decoders[channel]
        assert isinstance(decoder, CoinbaseDecoder)
        return decoder

    def _resubscribe_messages(self, pair: CurrencyPair | None) -> list[bytes]:
        settings = self.venue_settings
        if pair is None:
            return []  # the account: a new connection begins with all of it
        if settings.feed == "advanced":
            return wire.resubscribe_messages(pair)
        login = self._login() if self._wants_login else None
        return exchange_wire.resubscribe_messages(pair, settings.book_channel, login)

    @property
    def _wants_login(self) -> bool:
        settings = self.venue_settings
        return settings.feed == "exchange" and settings.book_channel == "level2"

    def _login(self) -> dict[str, str]:
        keys = self.credentials
        keys.check("key", "secret", "passphrase")
        return auth.login(keys.key, keys.extra["passphrase"], keys.secret, int(time.time()))

    def _token(self, uri: str = "") -> str:
        keys = self.credentials
        return auth.token(keys.key, keys.secret, int(time.time()), secrets.token_hex(16), uri)

    async def _orders(self, query: str) -> bytes:
        host, path = self.venue_settings.rest_host, wire.ORDERS_PATH
        token = self._token(f"GET {host.partition('://')[2]}{path}")
        return await rest.request(
            "GET",
            f"{host}{path}?{query}",
            headers={"Authorization": f"Bearer {token}"},
            timeout_s=self.venue_settings.rest_timeout_s,
        )


class _Acknowledged(Exception):
    """The frame stays where it is: it has a number, and the decoder counts it."""


async def _login_answered(talk: Talk, within_s: float) -> None:
    """Wait until the user channel is acknowledged; raises LoginRefused with the venue's reason."""

    def refused(raw: bytes) -> bool:
        answer = wire.answer_to_login(raw)
        if answer == "":
            raise _Acknowledged
        return answer is not None

    try:
        answer = wire.answer_to_login(await talk.receive(refused, within_s))
    except _Acknowledged:
        return
    raise LoginRefused(
        f"coinbase does not take the key: {answer}; check the key's name, its private key and "
        "this machine's clock."
    )
