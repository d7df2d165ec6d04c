"""Streams whose books, or account, are healed on the connection that they broke on.

A broken book, or account, is subscribed anew (`resubscribe.py`). Orders that the next snapshot of
open ones has no more are asked for by REST (`ended_orders.py`).
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from functools import cached_property
from typing import Protocol, cast

from millstream.errors import StreamError
from millstream.exchange.decoding import Decoder, unreadable_reason
from millstream.exchange.ended_orders import EndedOrders
from millstream.exchange.live import VenueStream
from millstream.exchange.resubscribe import Resubscriber
from millstream.model import Channel, CurrencyPair, Event, Gap, Resynced
from millstream.stream.link import Host, Message
from millstream.stream.talk import Keepalive, Prepare, Talk


class HealingAccount(Protocol):
    """What is known of own orders."""

    @property
    def vanished(self) -> list[str]:
        """The venue's ids of orders that ended, nobody knows how."""


class HealingDecoder(Decoder, Protocol):
    """A decoder that says what is broken."""

    @property
    def account(self) -> HealingAccount:
        """What is known of own orders."""

    wants_replacement: bool  # set when nothing but a new connection may help

    def resubscriptions(self) -> list[CurrencyPair | None]:
        """Who needs a new subscription, once; None is the account."""


class ResubscribingStream(VenueStream):
    """A venue's stream that subscribes anew what its decoders say is broken."""

    @cached_property
    def _resubscribers(self) -> dict[Channel, Resubscriber]:
        return {}

    @abstractmethod
    def resubscriptions(self, channel: Channel) -> Sequence[CurrencyPair | None]:
        """Who needs a new subscription, once; None is the account."""

    def publish(self, channel: Channel, events: Sequence[Event]) -> None:
        """Give events to the observers, and heal what one of them says is broken."""
        super().publish(channel, events)
        resubscriber = self._resubscribers.get(channel)
        if resubscriber is None:
            return
        for event in events:
            if type(event) is Resynced:
                resubscriber.healed(event.symbol)
        resubscriber.ask(self.resubscriptions(channel))

    async def run_resubscribed(
        self,
        host: Host,
        channel: Channel,
        subscribe: Callable[[], Awaitable[Message]],
        resubscriber: Resubscriber,
        prepare: Prepare,
        *,
        heals: bool,
        keepalive: Keepalive | None = None,
    ) -> None:
        """Keep one channel connected.

        prepare: what is said on a connection before it is subscribed. heals: whether this channel
        is one that new subscriptions can heal.
        """
        if heals:
            self._resubscribers[channel] = resubscriber

        async def connected(talk: Talk) -> None:
            resubscriber.connected(talk)
            await prepare(talk)

        try:
            await self.run_decoded(host, channel, subscribe, prepare=connected, keepalive=keepalive)
        finally:
            resubscriber.cancel()


class HealingStream(ResubscribingStream):
    """A venue's stream with resubscriptions, and REST for orders that ended unseen."""

    @cached_property
    def _ended(self) -> EndedOrders:
        return EndedOrders(self.settings, self.ask_ended, self._say_unreconciled)

    @abstractmethod
    async def ask_ended(self) -> bool:
        """Ask REST once how orders ended, and publish it; True when nothing is left to ask."""

    def resubscriptions(self, channel: Channel) -> Sequence[CurrencyPair | None]:
        """Who needs a new subscription, once; None is the account."""
        return self._healing(channel).resubscriptions()

    def publish(self, channel: Channel, events: Sequence[Event]) -> None:
        """Give events to the observers, and heal or ask for what one of them says is missing."""
        super().publish(channel, events)
        if channel in self._resubscribers and self._healing(channel).account.vanished:
            self._ended.wake()

    async def run_healed(
        self,
        host: Host,
        channel: Channel,
        subscribe: Callable[[], Awaitable[Message]],
        anew: Callable[[CurrencyPair | None], Sequence[bytes]],
        login: Prepare,
        *,
        keepalive: Keepalive | None = None,
    ) -> None:
        """Keep one channel connected.

        anew: the messages that subscribe a pair, or the account (None), anew. login: what a private
        channel needs before it is subscribed.
        """
        decoder = self._healing(channel)

        def give_up(pair: CurrencyPair | None) -> None:
            decoder.wants_replacement = True

        async def prepare(talk: Talk) -> None:
            if channel.private:
                await login(talk)

        heals = channel is Channel.BOOK or channel.private
        resubscriber = Resubscriber(self.settings, anew, give_up)
        try:
            await self.run_resubscribed(
                *(host, channel, subscribe, resubscriber, prepare), heals=heals, keepalive=keepalive
            )
        finally:
            if channel is Channel.MY_ORDER:
                self._ended.cancel()

    def unreadable(self, channel: Channel, what: str, error: Exception, raw: bytes) -> StreamError:
        """What to raise of an answer of REST that cannot be read; it is counted like a frame."""
        counts = self._decoders[channel].counts
        counts.frames += 1
        counts.reject(unreadable_reason(error), str(error), raw)
        return StreamError(f"{what} is not readable: {error}.")

    def _healing(self, channel: Channel) -> HealingDecoder:
        return cast("HealingDecoder", self._decoders[channel])

    def _say_unreconciled(self, reason: str) -> None:
        channel, now_ns = Channel.MY_ORDER, time.time_ns()
        super().publish(channel, [Gap(now_ns, self.exchange, channel, None, "", "", 0, reason)])
