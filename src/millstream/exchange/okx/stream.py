"""OKX, live: a connection per channel. Spot and swap differ in their decoders only."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar

import msgspec

from millstream.errors import LoginRefused
from millstream.exchange.decoding import UNREADABLE, Decoder
from millstream.exchange.healing import ResubscribingStream
from millstream.exchange.live import VenueSettings
from millstream.exchange.okx import auth, wire
from millstream.exchange.okx.decode import OkxDecoder
from millstream.exchange.okx.market import MarketDecoder
from millstream.exchange.okx.rest import AccountRest
from millstream.exchange.resubscribe import Resubscriber
from millstream.model import Channel, CurrencyPair, Event
from millstream.stream import rest
from millstream.stream.base import Message
from millstream.stream.limits import HostLimits, Rate
from millstream.stream.talk import Keepalive, Talk


def _quiet_for() -> dict[Channel, float]:
    """How long each channel may be silent, in s: a book that rests is told of once a minute."""
    return {Channel.BOOK: 90.0, Channel.TRADE: 300.0, Channel.TICKER: 120.0, Channel.CANDLE: 120.0}


class OkxSettings(VenueSettings, frozen=True, kw_only=True):
    """What `subscribe_args` may say to an OkxStream or OkxSwapStream."""

    rest_host: str = wire.REST_HOST  # what contracts are worth, and own orders after a connect
    book_depth: int = 20  # levels on each side of a Book
    candle_interval: str = "1m"
    trade_channel: str = "trades"  # or "trades-all": each trade on its own
    book_channel: str = "books"  # or one of "books5", "bbo-tbt", "books50-l2-tbt", "books-l2-tbt"
    simulated: bool = False  # demo trading; keys of one do not work on the other
    ping_every_s: float = wire.PING_EVERY_S
    stale_s: float | dict[Channel, float] = msgspec.field(default_factory=_quiet_for)


class OkxStream(ResubscribingStream):
    """Market data and own orders of OKX spot.

    api_key, api_secret, api_auth_data: key, secret and passphrase, for own orders.
    api_host: "wss://ws.okx.com:8443" unless given; Europe has wss://wseea.okx.com:8443, the United
    States wss://wsus.okx.com:8443, and keys work only where their account is.
    """

    # Per address, and per connection: subscriptions, their ends and logins of one hour.
    allowed = HostLimits(connects=Rate(3, 1.0), messages=Rate(480, 3_600.0))
    settings_type = OkxSettings
    channels: ClassVar[dict[Channel, str]] = {
        Channel.TICKER: "the best bid and ask, ten times a second while they change",
        Channel.TRADE: 'each trade, those at one price as one; each on its own with "trades-all"',
        Channel.BOOK: "the best levels, ten times a second while they change",
        Channel.CANDLE: "the running candle as it changes, and its last state once it is closed",
        Channel.MY_ORDER: "own orders: those that are open, then each change",
        Channel.MY_TRADE: "own fills; after a connect those that were missed",
        Channel.MY_ORDER_BATCH: "all open orders, after each connect",
    }
    venue_settings: OkxSettings

    @cached_property
    def _accounts(self) -> dict[Channel, AccountRest]:
        return {}

    def decoder(self, channel: Channel) -> Decoder:
        """A decoder for the frames of one channel."""
        settings = self.venue_settings
        if channel.private or self._logs_in(channel):
            self.credentials.check("key", "secret", "passphrase")
        return OkxDecoder(
            self.currency_pairs,
            [channel],
            book_depth=settings.book_depth,
            candle_interval=settings.candle_interval,
            trade_channel=settings.trade_channel,
            book_channel=settings.book_channel,
        )

    async def reconcile(self, channel: Channel) -> Sequence[Event]:
        """Open orders or the last fills, by REST: the venue repeats neither."""
        settings = self.venue_settings
        if channel not in self._accounts:
            self._accounts[channel] = AccountRest(
                settings.rest_host, self.credentials, settings.simulated, settings.rest_timeout_s
            )
        return await self._accounts[channel].reconcile(self._market(channel), channel)

    def resubscriptions(self, channel: Channel) -> Sequence[CurrencyPair | None]:
        """Who needs a new subscription, once; None is the account."""
        return self._market(channel).resubscriptions()

    async def carry(self, channel: Channel) -> None:
        """Keep one channel connected."""
        settings, decoder = self.venue_settings, self._market(channel)

        def anew(pair: CurrencyPair | None) -> list[bytes]:
            arguments = decoder.arguments(pair)
            return wire.request("unsubscribe", arguments) + wire.request("subscribe", arguments)

        def give_up(pair: CurrencyPair | None) -> None:
            decoder.wants_replacement = True

        resubscriber = Resubscriber(settings, anew, give_up)

        async def prepare(talk: Talk) -> None:
            await self._learn_contracts(channel)
            if channel.private or self._logs_in(channel):
                await self._login(talk)

        async def subscribe() -> Message:
            return wire.request("subscribe", decoder.arguments())

        keepalive = Keepalive(wire.PING, settings.ping_every_s, wire.PONG)
        await self.run_resubscribed(
            *(self._address(channel), channel, subscribe, resubscriber, prepare),
            heals=channel is Channel.BOOK,
            keepalive=keepalive,
        )

    async def _learn_contracts(self, channel: Channel) -> None:
        """Ask what contracts are worth, where sizes are counted in them and it is not known."""
        decoder, settings = self._market(channel), self.venue_settings
        if decoder.wants_contracts:
            asked = decoder.contracts_request()
            raw = await rest.get(settings.rest_host + asked.path, settings.rest_timeout_s)
            self.publish_snapshot(channel, asked, raw, time.time_ns())

    async def _login(self, talk: Talk) -> None:
        talk.send(auth.login(self.credentials, int(time.time())))
        answer = _login_answer(await talk.receive(lambda raw: _login_answer(raw) is not None))
        if answer is not None and (answer.event != "login" or answer.code != "0"):
            raise LoginRefused(f"OKX refused the login: {answer.msg} (code {answer.code}).")

    def _market(self, channel: Channel) -> MarketDecoder:
        decoder = self._decoders[channel]
        assert isinstance(decoder, MarketDecoder)
        return decoder

    def _logs_in(self, channel: Channel) -> bool:
        return channel is Channel.BOOK and self.venue_settings.book_channel in wire.BOOKS_WITH_LOGIN

    def _address(self, channel: Channel) -> str:
        settings = self.venue_settings
        usual = wire.SIMULATED_HOST if settings.simulated else wire.WEBSOCKET_HOST
        every_trade = channel is Channel.TRADE and settings.trade_channel == "trades-all"
        if channel.private:
            path = wire.PRIVATE
        elif channel is Channel.CANDLE or every_trade:
            path = wire.BUSINESS
        else:
            path = wire.PUBLIC
        return (self.api_host or usual) + path


def _login_answer(raw: bytes) -> wire.Login | None:
    """The answer to a login, or the error that came instead; None: something else."""
    try:
        answer = msgspec.json.decode(raw, type=wire.Login)
    except UNREADABLE:
        return None
    return answer if answer.event in ("login", "error") else None
