"""The market as a robot saw it: the last ticker, book and trade of each pair."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from millstream.model import AnyEvent, Book, CurrencyPair, Exchange, Ticker, Trade

__all__ = ["Markets", "Quote", "Seen"]

Place: TypeAlias = tuple[Exchange, CurrencyPair]


class Quote(msgspec.Struct, frozen=True):
    """Best bid and ask; None: not known."""

    bid_price: float | None
    ask_price: float | None

    @property
    def mid_price(self) -> float | None:
        """Half way between both."""
        if self.bid_price is None or self.ask_price is None:
            return None
        return (self.bid_price + self.ask_price) / 2


class Seen(msgspec.Struct, frozen=True):
    """The last of each kind that came of one market; None: none came."""

    ticker: Ticker | None
    book: Book | None
    trade: Trade | None


class Markets:
    """Remembers the last events of every market, by adding them one by one."""

    def __init__(self) -> None:
        self._tickers: dict[Place, Ticker] = {}
        self._books: dict[Place, Book] = {}
        self._trades: dict[Place, Trade] = {}
        self._quotes: dict[Place, Ticker | Book] = {}

    def see(self, event: AnyEvent) -> None:
        """Remember an event, if it is of a market."""
        if isinstance(event, Ticker):
            place = (event.exchange, event.symbol)
            self._tickers[place] = self._quotes[place] = event
        elif isinstance(event, Trade):
            self._trades[event.exchange, event.symbol] = event
        elif isinstance(event, Book):
            place = (event.exchange, event.symbol)
            self._books[place] = self._quotes[place] = event

    def quote(self, exchange: Exchange, symbol: CurrencyPair) -> Quote:
        """Best bid and ask by the last ticker or book, whichever came later."""
        last = self._quotes.get((exchange, symbol))
        if isinstance(last, Ticker):
            return Quote(last.bid_price, last.ask_price)
        if last is None:
            return Quote(None, None)
        bid = last.bids[0][0] if last.bids else None
        return Quote(bid, last.asks[0][0] if last.asks else None)

    def seen(self, exchange: Exchange, symbol: CurrencyPair) -> Seen:
        """The last ticker, book and trade."""
        place = (exchange, symbol)
        return Seen(self._tickers.get(place), self._books.get(place), self._trades.get(place))
