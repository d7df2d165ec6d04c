"""TWS's frames to events. Pure: bytes and their receive time in, events out.

A frame is the payload behind TWS's length: text fields, each ended by a NUL byte. Request ids are
computed (`wire.request_id`), so a recorded session decodes without its requests.

What TWS says of its own links decides what can still be believed:

    said                      ticker       trade, candle     book, private channels
    1100, 2110 link lost      Stale        Stale             Stale
    1101 back, data lost      Gap, anew    Gap, anew         Gap, anew
    1102 back, data kept      Resynced     Gap, anew         Gap, anew
    2103/2105 farm lost       Stale        Stale             Stale (book only)
    2104/2106 farm back       anew         anew              anew (book only)
    10197, 200, 354, ...      Refused, of the pair that it names

"Anew" is `must_reconnect`: whoever owns the connection ends it and subscribes again. After a farm's
blip subscriptions may stay silent for ever, and TWS replays nothing of what went by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import InvalidOperation
from typing import Any, TypeAlias

import msgspec

from millstream.errors import ConfigError
from millstream.exchange.decoding import FrameCounts, SnapshotRequest, Topic
from millstream.exchange.ib import wire
from millstream.exchange.ib.book import PairBook
from millstream.exchange.ib.contracts import ContractSettings, Pairs, check, contract_of
from millstream.exchange.ib.market import PairCandles, PairTicker, PairTrades, finite
from millstream.exchange.ib.orders import OwnAccount
from millstream.model import (
    Channel,
    CurrencyPair,
    Event,
    Exchange,
    Gap,
    Refused,
    Resynced,
    Stale,
)

_IB = Exchange.IB
_IMPOSSIBLE = (ValueError, IndexError, KeyError, InvalidOperation, OverflowError)
Handler: TypeAlias = Callable[[list[bytes], int], list[Event]]

_MARKET = {Channel.TICKER, Channel.TRADE, Channel.BOOK}


class Subscription:
    """One pair of one public channel."""

    __slots__ = ("channel", "generation", "handlers", "number", "pair", "restart", "topic")

    def __init__(self, channel: Channel, number: int, pair: CurrencyPair) -> None:
        self.channel, self.number, self.pair = channel, number, pair
        self.generation = 0
        self.topic = Topic(pair, channel)
        self.handlers: dict[bytes, Handler] = {}  # by the number of the message
        self.restart: Callable[[], None] = _nothing

    @property
    def request(self) -> int:
        """The request id of its present generation."""
        return wire.request_id(self.channel, self.number, self.generation)


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
        self.must_reconnect = ""  # why; empty: no need
        self._link_lost = self._market_farm_lost = self._history_farm_lost = False
        self._wanted: list[Subscription] = []
        self._subscriptions = {
            (channel, number): self._subscription(channel, number, pair)
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
            events = (handler or self._market)(fields, received_ns)
        except _IMPOSSIBLE as error:
            counts.reject("a field is missing or has an impossible value", repr(error), raw)
            events = []
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
        self.must_reconnect = ""
        self._link_lost = self._market_farm_lost = self._history_farm_lost = False
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
        wanted, self._wanted = self._wanted, []
        found = []
        for subscription in wanted:
            old = subscription.request
            self._next_generation(subscription, subscription.generation + 1)
            found.append((old, subscription))
        return found

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
        return events

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

    def _subscription(self, channel: Channel, number: int, pair: CurrencyPair) -> Subscription:
        made, counts = Subscription(channel, number, pair), self._counts
        check(channel, pair, self._contracts[pair])
        if channel is Channel.TICKER:
            ticker = PairTicker(pair, counts)
            made.restart = ticker.restart
            made.handlers = {
                wire.TICK_PRICE: ticker.price,
                wire.TICK_SIZE: ticker.size,
                wire.TICK_BY_TICK: _quotes(ticker),
                wire.DATA_TYPE: self._data_type(made),
            }
        elif channel is Channel.TRADE:
            made.handlers = {wire.TICK_BY_TICK: PairTrades(pair, counts).trade}
        elif channel is Channel.BOOK:
            book = PairBook(pair, counts, lambda: self._wanted.append(made))
            made.restart = book.restart
            made.handlers = {
                wire.DEPTH: _rows(book, 3),
                wire.DEPTH_L2: _rows(book, 4),
                wire.ERROR: _book_error(book),
            }
        else:
            candles = PairCandles(pair, counts, self.interval, wire.BARS_OF[self.interval][1])
            made.handlers = {wire.BARS: candles.bars, wire.BAR_UPDATE: candles.update}
        return made

    def _data_type(self, subscription: Subscription) -> Handler:
        def handle(fields: list[bytes], now_ns: int) -> list[Event]:
            kind = int(fields[3])
            self._counts.ignore("the kind of market data")
            if kind == wire.LIVE:
                return []
            words = f"the venue sends {wire.DATA_TYPES.get(kind, 'other than live')} data"
            return [self._stale(subscription.channel, subscription.pair, now_ns, words)]

        return handle

    # ---- the account ----------------------------------------------------------------------------

    def _for_accounts(
        self, method: Callable[[OwnAccount, list[bytes], int], list[Event]]
    ) -> Handler:
        def handle(fields: list[bytes], now_ns: int) -> list[Event]:
            events: list[Event] = []
            for account, topic in self._accounts:
                events += method(account, fields, now_ns)
                topic.last_ns = now_ns
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
            return [self._stale(channel, pair, now_ns, reason)]
        if code in (wire.DEPTH_RESET, wire.DEPTH_HALTED) and channel is Channel.BOOK:
            return subscription.handlers[wire.ERROR]([reason.encode()], now_ns)
        self._counts.refuse(f"refused ({code})", reason, b"")
        self._counts.refusals += 1
        subscription.topic.refused = reason
        return [Refused(now_ns, _IB, channel, pair, reason)]

    def _session_error(self, code: int, text: str, now_ns: int) -> list[Event]:
        reason = f"{text} (code {code})"
        self._counts.ignore(f"a notice ({code})")
        events: list[Event] = []
        for channel in self.channels:
            events += self._link(channel, code, reason, now_ns)
        if code in wire.LINK_LOST:
            self._link_lost = True
        elif code in (wire.LINK_BACK_DATA_KEPT, wire.LINK_BACK_DATA_LOST):
            self._link_lost = False
        elif code in (wire.MARKET_FARM_LOST, wire.MARKET_FARM_BACK):
            self._market_farm_lost = code == wire.MARKET_FARM_LOST
        elif code in (wire.HISTORY_FARM_LOST, wire.HISTORY_FARM_BACK):
            self._history_farm_lost = code == wire.HISTORY_FARM_LOST
        return events

    def _link(self, channel: Channel, code: int, reason: str, now_ns: int) -> list[Event]:
        """What one channel makes of a notice about TWS's links: the table above."""
        if code in wire.LINK_LOST and not self._link_lost:
            return [self._stale(channel, None, now_ns, reason)]
        if code == wire.LINK_BACK_DATA_KEPT and channel is Channel.TICKER:
            self._counts.resynced += 1
            return [Resynced(now_ns, _IB, channel, None, 0)]
        if code in (wire.LINK_BACK_DATA_LOST, wire.LINK_BACK_DATA_KEPT):
            self.must_reconnect = reason
            self._counts.gaps += 1
            return [Gap(now_ns, _IB, channel, None, "", "", 0, reason)]
        market, history = channel in _MARKET, channel is Channel.CANDLE
        if (code == wire.MARKET_FARM_LOST and market) or (
            code == wire.HISTORY_FARM_LOST and history
        ):
            return [self._stale(channel, None, now_ns, reason)]
        if (code == wire.MARKET_FARM_BACK and market and self._market_farm_lost) or (
            code == wire.HISTORY_FARM_BACK and history and self._history_farm_lost
        ):
            self.must_reconnect = reason
        return []

    def _stale(
        self, channel: Channel, pair: CurrencyPair | None, now_ns: int, reason: str
    ) -> Stale:
        self._counts.stale += 1
        return Stale(now_ns, _IB, channel, pair, 0, reason)


def _quotes(ticker: PairTicker) -> Handler:
    def handle(fields: list[bytes], now_ns: int) -> list[Event]:
        if fields[2] != b"3":
            raise ValueError("a tick-by-tick message without a quote")
        return ticker.quote(fields, now_ns)

    return handle


def _rows(book: PairBook, operation_at: int) -> Handler:
    """Rows of a book: with a market maker's name before the operation, or without it."""
    at = operation_at + 1

    def handle(fields: list[bytes], now_ns: int) -> list[Event]:
        position, operation, side = int(fields[3]), int(fields[at]), int(fields[at + 1])
        price, volume = finite(fields[at + 2] or b"0"), finite(fields[at + 3] or b"0")
        if position < 0 or operation not in (0, 1, 2) or side not in (0, 1):
            raise ValueError("a depth row with an unknown operation or side")
        if operation != 2 and (price <= 0.0 or volume < 0.0):
            raise ValueError("a depth row without a price")
        return book.row(position, operation, side, price, volume, now_ns)

    return handle


def _book_error(book: PairBook) -> Handler:
    def handle(fields: list[bytes], now_ns: int) -> list[Event]:
        return book.lose(now_ns, "", "", fields[0].decode())

    return handle


def _settle(counts: FrameCounts, before: int) -> None:
    """A frame of the whole session is for no channel, or for several, and yet one frame."""
    surplus = counts.accounted - before - 1
    if surplus < 0:
        counts.ignore("a message of no channel")
    else:
        counts.further += surplus


def _nothing() -> None:
    pass
