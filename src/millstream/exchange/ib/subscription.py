"""One pair of one public channel: its request id, and what each of its messages becomes. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from millstream.exchange.decoding import FrameCounts, Topic
from millstream.exchange.ib import wire
from millstream.exchange.ib.book import PairBook
from millstream.exchange.ib.market import PairCandles, PairTicker, PairTrades, finite
from millstream.model import Channel, CurrencyPair, Event, Exchange, Stale

Handler: TypeAlias = Callable[[list[bytes], int], list[Event]]


class Subscription:
    """One pair of one public channel."""

    __slots__ = (
        "channel",
        "generation",
        "handlers",
        "number",
        "pair",
        "restart",
        "topic",
        "unread",
    )

    def __init__(
        self,
        channel: Channel,
        number: int,
        pair: CurrencyPair,
        counts: FrameCounts,
        interval: str,
        want: Callable[[Subscription], None],
    ) -> None:
        """`want` is called when the pair must be asked for again; `interval` is of candles."""
        self.channel, self.number, self.pair = channel, number, pair
        self.generation = 0
        self.topic = Topic(pair, channel)
        self.restart: Callable[[], None] = _nothing
        self.unread: Callable[[int], list[Event]] = _no_events  # a frame of it was of no use
        self.handlers: dict[bytes, Handler]  # by the number of the message
        if channel is Channel.TICKER:
            ticker = PairTicker(pair, counts)
            self.restart = ticker.restart
            self.handlers = {
                wire.TICK_PRICE: ticker.price,
                wire.TICK_SIZE: ticker.size,
                wire.TICK_BY_TICK: _quotes(ticker),
                wire.DATA_TYPE: _data_type(pair, counts),
            }
        elif channel is Channel.TRADE:
            self.handlers = {wire.TICK_BY_TICK: PairTrades(pair, counts).trade}
        elif channel is Channel.BOOK:
            book = PairBook(pair, counts, lambda: want(self))
            self.restart = book.restart
            self.unread = lambda now_ns: book.gap(now_ns, "", "", "a depth row could not be read")
            self.handlers = {
                wire.DEPTH: _rows(book, 3),
                wire.DEPTH_L2: _rows(book, 4),
                wire.ERROR: _book_error(book),
            }
        else:
            candles = PairCandles(pair, counts, interval, wire.BARS_OF[interval][1])
            self.handlers = {wire.BARS: candles.bars, wire.BAR_UPDATE: candles.update}

    @property
    def request(self) -> int:
        """The request id of its present generation."""
        return wire.request_id(self.channel, self.number, self.generation)


def _data_type(pair: CurrencyPair, counts: FrameCounts) -> Handler:
    def handle(fields: list[bytes], now_ns: int) -> list[Event]:
        kind = int(fields[3])
        counts.ignore("the kind of market data")
        if kind == wire.LIVE:
            return []
        counts.stale += 1
        reason = f"the venue sends {wire.DATA_TYPES.get(kind, 'other than live')} data"
        return [Stale(now_ns, Exchange.IB, Channel.TICKER, pair, 0, reason)]

    return handle


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


def _no_events(now_ns: int) -> list[Event]:
    return []
