"""TWS's frames to events. Pure: bytes and their receive time in, events out.

A frame is the payload behind TWS's length: text fields, each ended by a NUL byte. Request ids are
computed (`wire.request_id`), so a recorded session decodes without its requests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from typing import Any

import msgspec

from millstream.errors import ConfigError
from millstream.exchange.decoding import FrameCounts, SnapshotRequest, Topic
from millstream.exchange.ib import wire
from millstream.exchange.ib.contracts import ContractSettings, Pairs, check, contract_of
from millstream.exchange.ib.notices import Notices
from millstream.exchange.ib.orders import OwnAccount
from millstream.exchange.ib.subscription import Handler, Subscription
from millstream.model import (
    Channel,
    CurrencyPair,
    Event,
    Exchange,
    Refused,
    Stale,
)

_IB = Exchange.IB
_IMPOSSIBLE = (ValueError, IndexError, KeyError, ArithmeticError)


class IBDecoder:
    """Typed events from the frames of TWS or IB Gateway.

    pairs, channels: what was subscribed; frames of other channels are counted as ignored.
    candle_interval: "5s", "10s", ... "1m", ... "1h", ... "1d".
    contracts: for pairs that are neither currencies nor coins, see `contracts.py`.
    """

    def __init__(
        self,
        pairs: Iterable[CurrencyPair],
        channels: Iterable[Channel],
        *,
        candle_interval: str = "1m",
        contracts: Mapping[str, ContractSettings | Mapping[str, Any]] | None = None,
    ) -> None:
        if candle_interval not in wire.BARS_OF:
            raise ConfigError(
                f'candle_interval "{candle_interval}" of ib is not known; '
                f"accepted: {', '.join(wire.BARS_OF)}."
            )
        given = msgspec.convert(dict(contracts or {}), dict[str, ContractSettings])
        self.interval = candle_interval
        self.pairs = list(dict.fromkeys(pairs))
        self.channels = list(dict.fromkeys(channels))
        self._contracts = {pair: contract_of(pair, given) for pair in self.pairs}
        if len(self.pairs) > wire.MAX_PAIRS:
            raise ConfigError(f"ib takes at most {wire.MAX_PAIRS} pairs in one stream.")
        self._counts = FrameCounts()
        self._notices = Notices(self.channels, self._counts)
        self._wanted: list[Subscription] = []
        for channel, pair in product(self.channels, self.pairs):
            check(channel, pair, self._contracts[pair])
        self._subscriptions = {
            (channel, number): Subscription(
                channel, number, pair, self._counts, candle_interval, self._wanted.append
            )
            for channel in self.channels
            if not channel.private
            for number, pair in enumerate(self.pairs)
        }
        self._by_request: dict[bytes, Subscription] = {}
        self._index()
        account_pairs = Pairs(self._contracts)
        self._accounts = [
            (OwnAccount(channel, account_pairs, self._counts), Topic(None, channel))
            for channel in self.channels
            if channel.private
        ]
        self._session_handlers: dict[bytes, Handler] = {
            wire.ERROR: self._error,
            wire.OPEN_ORDER: self._for_accounts(OwnAccount.open_order),
            wire.ORDER_STATUS: self._for_accounts(OwnAccount.status),
            wire.EXECUTION: self._for_accounts(OwnAccount.execution),
            wire.COMMISSION: self._for_accounts(OwnAccount.commission),
            wire.OPEN_ORDERS_END: self._orders_end,
            wire.EXECUTIONS_END: self._executions_end,
        }

    # ---- what every decoder has -----------------------------------------------------------------

    @property
    def counts(self) -> FrameCounts:
        """Where every frame fed so far went."""
        return self._counts

    def feed(self, raw: bytes, received_ns: int) -> list[Event]:
        """The events of one frame; an empty list when it has none."""
        counts = self._counts
        counts.frames += 1
        fields = raw.split(b"\0")
        handler = self._session_handlers.get(fields[0])
        before = counts.accounted if handler is not None else 0
        try:
            if handler is None:
                events = self._market(fields, received_ns)
            else:
                events = handler(fields, received_ns)
        except _IMPOSSIBLE as error:
            counts.reject("a field is missing or has an impossible value", repr(error), raw)
            events = self._unread(fields, received_ns)
        if handler is not None:
            _settle(counts, before)
        for account, _ in self._accounts:
            if account.waits:
                events = [*events, *account.overdue(received_ns)]
        return events

    def feed_snapshot(self, pair: CurrencyPair, raw: bytes, received_ns: int) -> list[Event]:
        """TWS has no REST: nothing is ever asked for, and nothing is taken."""
        self._counts.frames += 1
        self._counts.pass_over("a snapshot, of which ib has none")
        return []

    def snapshot_requests(self) -> list[SnapshotRequest]:
        """None: TWS has no REST."""
        return []

    def restart(self) -> None:
        """A new connection begins: everything is asked for anew."""
        self._notices.restart()
        self._wanted.clear()
        for subscription in self._subscriptions.values():
            self._next_generation(subscription, subscription.generation + 1)
            subscription.topic.restart()
        for account, topic in self._accounts:
            account.restart()
            topic.restart()

    def topics(self) -> Sequence[Topic]:
        """One per pair and channel; one per private channel."""
        public = [subscription.topic for subscription in self._subscriptions.values()]
        return [*public, *(topic for _, topic in self._accounts)]

    # ---- what its stream asks for ---------------------------------------------------------------

    def subscriptions(self, channel: Channel) -> list[Subscription]:
        """Every pair of a public channel."""
        return [one for one in self._subscriptions.values() if one.channel is channel]

    def resubscriptions(self) -> list[tuple[int, Subscription]]:
        """Those that must be asked for anew, with the old request id; asking empties the list."""
        found = []
        for subscription in self._wanted:
            found.append((subscription.request, subscription))
            self._next_generation(subscription, subscription.generation + 1)
        self._wanted.clear()
        return found

    @property
    def must_reconnect(self) -> str:
        """Why the connection must be made anew; empty: it need not."""
        return self._notices.must_reconnect

    def contract(self, pair: CurrencyPair) -> ContractSettings:
        """What TWS calls a pair."""
        return self._contracts[pair]

    # ---- by request -----------------------------------------------------------------------------

    def _market(self, fields: list[bytes], now_ns: int) -> list[Event]:
        kind = fields[0]
        at = wire.REQUEST_AT.get(kind)
        if at is None:
            if not kind.isdigit():
                raise ValueError("not a message of TWS")
            self._counts.ignore("a message of no channel")
            return []
        subscription = self._by_request.get(fields[at]) or self._other(int(fields[at]))
        if subscription is None:
            self._counts.ignore("of a channel or pair that was not asked for")
            return []
        handler = subscription.handlers.get(kind)
        if handler is None:
            self._counts.ignore("a message of no use")
            return []
        events = handler(fields, now_ns)
        topic = subscription.topic
        topic.acknowledged = True
        topic.refused = ""
        topic.last_ns = now_ns
        topic.updates += 1
        return events

    def _unread(self, fields: list[bytes], now_ns: int) -> list[Event]:
        """A message was of no use: a book that it may have been of is not known any more."""
        kind = fields[0]
        depth = kind in (wire.DEPTH, wire.DEPTH_L2)
        if not depth and (kind in wire.REQUEST_AT or kind in self._session_handlers):
            return []
        named = self._by_request.get(fields[2]) if depth and len(fields) > 2 else None
        lost = [named] if named is not None else self._subscriptions.values()
        return [event for one in lost for event in one.unread(now_ns)]

    def _other(self, request: int) -> Subscription | None:
        """The subscription of a request id that is not a present one, if it is a later one."""
        found = wire.subscription(request)
        if found is None:
            return None
        channel, number, generation = found
        subscription = self._subscriptions.get((channel, number))
        if subscription is None:
            return None
        ahead = (generation - subscription.generation) % wire.GENERATIONS
        if ahead > wire.GENERATIONS // 2:
            return None  # of an old request: what it says no longer counts
        self._next_generation(subscription, generation)
        return subscription

    def _next_generation(self, subscription: Subscription, generation: int) -> None:
        del self._by_request[b"%d" % subscription.request]
        subscription.generation = generation % wire.GENERATIONS
        self._by_request[b"%d" % subscription.request] = subscription
        subscription.restart()

    def _index(self) -> None:
        self._by_request = {b"%d" % one.request: one for one in self._subscriptions.values()}

    # ---- the account ----------------------------------------------------------------------------

    def _for_accounts(
        self, method: Callable[[OwnAccount, list[bytes], int], list[Event]]
    ) -> Handler:
        def handle(fields: list[bytes], now_ns: int) -> list[Event]:
            events: list[Event] = []
            for account, topic in self._accounts:
                events += method(account, fields, now_ns)
                topic.last_ns = now_ns
                topic.updates += 1
            return events

        return handle

    def _orders_end(self, fields: list[bytes], now_ns: int) -> list[Event]:
        events: list[Event] = []
        for account, topic in self._accounts:
            events += account.snapshot_end(now_ns)
            topic.acknowledged, topic.last_ns = True, now_ns
        return events

    def _executions_end(self, fields: list[bytes], now_ns: int) -> list[Event]:
        self._counts.ignore("the end of a list")
        for _, topic in self._accounts:
            topic.acknowledged, topic.last_ns = True, now_ns
        return []

    # ---- errors ---------------------------------------------------------------------------------

    def _error(self, fields: list[bytes], now_ns: int) -> list[Event]:
        number, code = int(fields[2]), int(fields[3])
        text = fields[4].decode(errors="replace")
        if number == -1:
            return self._session_error(code, text, now_ns)
        if (found := wire.subscription(number)) is not None:
            subscription = self._subscriptions.get(found[:2])
            if subscription is not None:
                return self._request_error(subscription, code, text, now_ns)
        events: list[Event] = []
        for account, _ in self._accounts:
            events += account.refused(fields[2], code, text, now_ns)
        return events

    def _request_error(
        self, subscription: Subscription, code: int, text: str, now_ns: int
    ) -> list[Event]:
        channel, pair = subscription.channel, subscription.pair
        reason = f"{text} (code {code})"
        cancelled = code == wire.HISTORY and "cancel" in text.lower()
        if code in wire.HARMLESS or cancelled or 2100 <= code < 2200:
            self._counts.ignore(f"a notice ({code})")
            return []
        if code in wire.DELAYED_INSTEAD:
            self._counts.ignore(f"a notice ({code})")
            self._counts.stale += 1
            return [Stale(now_ns, _IB, channel, pair, 0, reason)]
        if code in (wire.DEPTH_RESET, wire.DEPTH_HALTED) and channel is Channel.BOOK:
            return subscription.handlers[wire.ERROR]([reason.encode()], now_ns)
        self._counts.refuse(f"refused ({code})", reason, b"")
        self._counts.refusals += 1
        subscription.topic.refused = reason
        return [Refused(now_ns, _IB, channel, pair, reason)]

    def _session_error(self, code: int, text: str, now_ns: int) -> list[Event]:
        self._counts.ignore(f"a notice ({code})")
        return self._notices.notice(code, f"{text} (code {code})", now_ns)


def _settle(counts: FrameCounts, before: int) -> None:
    """A frame of the whole session is for no channel, or for several, and yet one frame."""
    surplus = counts.accounted - before - 1
    if surplus < 0:
        counts.ignore("a message of no channel")
    else:
        counts.further += surplus
