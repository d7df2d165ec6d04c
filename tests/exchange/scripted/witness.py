"""An observer that knows the truth: every event a stream tells is compared with the venue's market.

A book is compared with the venue's at the very moment it names. A hole, in trade ids or between two
books, must have been explained by an event before: else the stream lied, and that is a problem.
"""

from __future__ import annotations

from collections import Counter, OrderedDict

from tests.exchange.scripted.market import PairMarket, keep
from tests.exchange.scripted.venue import ScriptedVenue

from millstream.model import (
    Book,
    Candle,
    Channel,
    Connected,
    CurrencyPair,
    Disconnected,
    Event,
    Gap,
    Refused,
    Resynced,
    Ticker,
    Trade,
)

SHOWN = 20  # problems


class Witness:
    """All queues of an observer in one, so that the order of events is kept."""

    def __init__(self, venue: ScriptedVenue, most_events: int = 0) -> None:
        for channel in Channel:
            setattr(self, f"{channel.value}_queue", self)
        self.health_queue = self
        self.venue, self.told = venue, Counter[str]()
        self.problems: list[str] = []
        self.health: list[Event] = []  # the first of them
        self._most = most_events
        self._markets = {CurrencyPair.parse(name): one for name, one in venue.pairs.items()}
        self.pairs = tuple(self._markets)
        self.books: dict[CurrencyPair, int] = {}  # the frame that the last book was of
        self.trades: dict[CurrencyPair, int] = {}
        self._seen: OrderedDict[tuple[CurrencyPair, str], None] = OrderedDict()
        self._excused: set[tuple[Channel, CurrencyPair]] = set()  # a hole here was explained
        self.invalid: set[CurrencyPair] = set()  # between Gap and Resynced

    def put_nowait(self, event: Event) -> None:
        """One event."""
        kind = type(event).__name__
        self.told[kind] += 1
        if isinstance(event, Book):
            self._book(event)
        elif isinstance(event, Trade):
            self._trade(event)
        elif isinstance(event, Ticker):
            best = event.bid_price, event.bid_volume, event.ask_price, event.ask_volume
            if best not in self._markets[event.symbol].tops:
                self._problem(f"a ticker that never was: {event}")
        elif isinstance(event, Candle):
            prices = event.open, event.high, event.low, event.close, event.volume
            bar = (event.open_ns // 1_000_000, *prices)
            if bar not in self._markets[event.symbol].bars:
                self._problem(f"a candle that never was: {event}")
        else:
            self._health(event)

    def _health(self, event: Event) -> None:
        if len(self.health) < self._most:
            self.health.append(event)
        if not isinstance(event, (Gap, Resynced, Connected, Disconnected, Refused)):
            return
        pairs = list(self._markets) if event.symbol is None else [event.symbol]
        if isinstance(event, (Gap, Resynced)):  # a reconnect alone explains nothing
            self._excused.update((event.channel, pair) for pair in pairs)
        if event.channel is Channel.BOOK:
            if isinstance(event, Gap):
                self.invalid.update(pairs)
            elif isinstance(event, Resynced):
                self.invalid.difference_update(pairs)

    def _book(self, book: Book) -> None:
        pair = book.symbol
        market = self._markets[pair]
        self.told["books compared"] += 1
        true = market.truth.get(book.exchange_ns // 1_000_000)
        if true is None:
            self._problem(f"a book of a moment that is not known: {book}")
            return
        frame, bids, asks = true
        if (book.bids, book.asks) != (bids, asks):
            self._problem(f"a book that is not the venue's {bids} {asks}: {book}")
        if pair in self.invalid:
            self._problem(f"an invalid book was served: {book}")
        before, excused = self.books.get(pair), (Channel.BOOK, pair) in self._excused
        if before is not None and frame < before:
            self.told["books that went back"] += 1
        if before is not None and not excused and frame < before:
            self._problem(f"a book of {pair} went back from frame {before} to {frame}")
        if before is not None and not excused and self._lost(market, before, frame):
            self.told["unexplained"] += 1
            self._problem(f"books of {pair} between frames {before} and {frame} are missing")
        self._excused.discard((Channel.BOOK, pair))
        self.books[pair] = frame

    def _lost(self, market: PairMarket, before: int, frame: int) -> bool:
        return self.venue.tongue.numbered_books and frame > before + 1

    def _trade(self, trade: Trade) -> None:
        pair, number = trade.symbol, int(trade.trade_id)
        self.told["trades compared"] += 1
        true = self._markets[pair].deals.get(number)
        if true is None or (true.price, true.volume, true.side) != (
            trade.price,
            trade.volume,
            trade.side.name.lower(),
        ):
            self._problem(f"a trade that is not the venue's {true}: {trade}")
        if (pair, trade.trade_id) in self._seen:
            self._problem(f"a trade told twice: {trade}")
        keep(self._seen, (pair, trade.trade_id), None)
        before, excused = self.trades.get(pair), (Channel.TRADE, pair) in self._excused
        if before is not None and not excused and number != before + 1:
            self.told["unexplained"] += 1
            self._problem(f"trades of {pair} between {before} and {number} are missing")
        self._excused.discard((Channel.TRADE, pair))
        self.trades[pair] = number

    def _problem(self, what: str) -> None:
        self.told["problems"] += 1
        if len(self.problems) < SHOWN:
            self.problems.append(what)
