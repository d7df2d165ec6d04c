"""What Binance answers about the market, by REST and by the WebSocket API. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeAlias

import msgspec

from millstream.model import CurrencyPair
from millstream.simulator.binance import words
from millstream.simulator.binance.problems import Problem, illegal, missing
from millstream.simulator.history import History
from millstream.simulator.orders import ZERO
from millstream.simulator.venue import Venue

Parameters: TypeAlias = Mapping[str, str]
INTERVALS_S = {
    "1s": 1,
    "1m": 60,
    "3m": 180,
    "5m": 300,
    "15m": 900,
    "30m": 1_800,
    "1h": 3_600,
    "2h": 7_200,
    "4h": 14_400,
    "6h": 21_600,
    "8h": 28_800,
    "12h": 43_200,
    "1d": 86_400,
}
RATE_LIMITS = [
    {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6_000},
    {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
    {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 200_000},
]


class Market:
    """Answers by the name of the question, which the WebSocket API and our routes share."""

    def __init__(self, venue: Venue, histories: Mapping[CurrencyPair, History]) -> None:
        self._venue, self._histories = venue, histories
        self._by_symbol = {words.symbol(pair): pair for pair in venue.pairs}
        self.update_ids = dict.fromkeys(venue.pairs, 10_000_000)  # of the last depth diff
        self.questions: dict[str, tuple[int, Callable[[Parameters, int], Any]]] = {
            "ping": (1, lambda given, now_ns: {}),
            "time": (1, lambda given, now_ns: {"serverTime": words.ms(now_ns)}),
            "exchangeInfo": (20, self._exchange_info),
            "futures": (1, lambda given, now_ns: {"symbols": []}),  # clients ask; there are none
            "margin": (1, lambda given, now_ns: []),
            "depth": (5, self._depth),
            "trades.recent": (25, lambda given, now_ns: self._trades(given, words.trade)),
            "trades.aggregate": (4, lambda given, now_ns: self._trades(given, words.aggregate)),
            "klines": (2, self._klines),
            "avgPrice": (2, self._average),
            "ticker.24hr": (2, self._day),
            "ticker.price": (2, self._price),
            "ticker.book": (2, self._top),
        }

    def pair(self, given: Parameters) -> CurrencyPair:
        """The pair that is asked about; raises Problem."""
        name = given.get("symbol", "")
        if not name:
            raise missing("symbol")
        pair = self._by_symbol.get(name)
        if pair is None:
            raise Problem(-1121, "Invalid symbol.")
        return pair

    def _each(self, given: Parameters, one: Callable[[CurrencyPair], Any]) -> Any:
        """An object for a symbol; a list for `symbols`, or when nothing is said: of all."""
        if given.get("symbol"):
            return one(self.pair(given))
        return [one(pair) for pair in self._pairs(given)]

    def _pairs(self, given: Parameters) -> list[CurrencyPair]:
        if given.get("symbol"):
            return [self.pair(given)]
        if not given.get("symbols"):
            return list(self._venue.pairs)
        try:
            names = msgspec.json.decode(given["symbols"], type=list[str])
        except msgspec.DecodeError:
            raise illegal("symbols") from None
        return [self.pair({"symbol": name}) for name in names]

    def _exchange_info(self, given: Parameters, now_ns: int) -> Any:
        return {
            "timezone": "UTC",
            "serverTime": words.ms(now_ns),
            "rateLimits": RATE_LIMITS,
            "exchangeFilters": [],
            "symbols": [words.market(self._venue.pairs[pair]) for pair in self._pairs(given)],
        }

    def _depth(self, given: Parameters, now_ns: int) -> Any:
        pair, limit = self.pair(given), count(given, "limit", 100, 5_000)
        book = self._venue.books[pair]
        return {
            "lastUpdateId": self.update_ids[pair],
            "bids": levels(book.bids.levels(limit)),
            "asks": levels(book.asks.levels(limit)),
        }

    def _trades(self, given: Parameters, word: Callable[..., Any]) -> Any:
        limit = count(given, "limit", 500, 1_000)
        trades = list(self._histories[self.pair(given)].trades)
        if given.get("fromId"):
            first = count(given, "fromId", 0, 2**62)
            return [word(one) for one in trades if one.id >= first][:limit]
        return [word(one) for one in trades[-limit:]]

    def _klines(self, given: Parameters, now_ns: int) -> Any:
        pair, limit = self.pair(given), count(given, "limit", 500, 1_000)
        interval_s = INTERVALS_S.get(given.get("interval", ""))
        if interval_s is None:
            raise Problem(-1120, "Invalid interval.")
        since = count(given, "startTime", 0, 2**62) // 1_000
        until = count(given, "endTime", 2**62, 2**62) // 1_000
        bars = self._histories[pair].bars(interval_s, 3_000)
        bars = [bar for bar in bars if since <= bar.start_s <= until]
        bars = bars[:limit] if since else bars[-limit:]
        return [words.kline(bar, interval_s) for bar in bars]

    def _average(self, given: Parameters, now_ns: int) -> Any:
        pair = self.pair(given)
        bars = self._histories[pair].bars(300, 1)
        price = bars[-1].vwap if bars else self.middle(pair)
        return {"mins": 5, "price": words.text(price), "closeTime": words.ms(now_ns)}

    def middle(self, pair: CurrencyPair) -> Decimal:
        """The last price; before the first trade, between the best bid and ask."""
        book = self._venue.books[pair]
        bid, ask = book.bids.best, book.asks.best
        if pair in self._venue.last_price:
            return self._venue.last_price[pair]
        return (bid + ask) / 2 if bid is not None and ask is not None else ZERO

    def _price(self, given: Parameters, now_ns: int) -> Any:
        def one(pair: CurrencyPair) -> Any:
            return {"symbol": words.symbol(pair), "price": words.text(self.middle(pair))}

        return self._each(given, one)

    def top(self, pair: CurrencyPair) -> tuple[Decimal, Decimal, Decimal, Decimal]:
        """Best bid, its volume, best ask, its volume; 0 where there is none."""
        book = self._venue.books[pair]
        bid, ask = book.bids.levels(1), book.asks.levels(1)
        return *(bid[0] if bid else (ZERO, ZERO)), *(ask[0] if ask else (ZERO, ZERO))

    def _top(self, given: Parameters, now_ns: int) -> Any:
        def one(pair: CurrencyPair) -> Any:
            names = ("bidPrice", "bidQty", "askPrice", "askQty")
            top = zip(names, map(words.text, self.top(pair)), strict=True)
            return {"symbol": words.symbol(pair), **dict(top)}

        return self._each(given, one)

    def _day(self, given: Parameters, now_ns: int) -> Any:
        return self._each(given, lambda pair: self.day(pair, now_ns))

    def day(self, pair: CurrencyPair, now_ns: int) -> dict[str, Any]:
        """The figures of the last 24 hours."""
        bar, last = self._histories[pair].day(), self.middle(pair)
        opened = bar.open if bar else last
        bid, bid_volume, ask, ask_volume = map(words.text, self.top(pair))
        percent = (last - opened) / opened * 100 if opened else ZERO
        return {
            "symbol": words.symbol(pair),
            "priceChange": words.text(last - opened),
            "priceChangePercent": f"{percent:.3f}",
            "weightedAvgPrice": words.text(bar.vwap if bar else last),
            "prevClosePrice": words.text(opened),
            "lastPrice": words.text(last),
            "lastQty": words.text(bar.volume if bar else ZERO),
            "bidPrice": bid,
            "bidQty": bid_volume,
            "askPrice": ask,
            "askQty": ask_volume,
            "openPrice": words.text(opened),
            "highPrice": words.text(bar.high if bar else last),
            "lowPrice": words.text(bar.low if bar else last),
            "volume": words.text(bar.volume if bar else ZERO),
            "quoteVolume": words.text(bar.quote if bar else ZERO),
            "openTime": words.ms(now_ns) - 86_400_000,
            "closeTime": words.ms(now_ns),
            "firstId": bar.first_id if bar else -1,
            "lastId": bar.last_id if bar else -1,
            "count": bar.trades if bar else 0,
        }


def levels(found: list[tuple[Decimal, Decimal]]) -> list[list[str]]:
    """Prices and volumes as text."""
    return [[words.text(price), words.text(volume)] for price, volume in found]


def count(given: Parameters, name: str, default: int, most: int) -> int:
    """A whole number of a request, cut to `most`; raises Problem."""
    value = given.get(name, "")
    if not value:
        return default
    if not (value.isascii() and value.isdecimal()):
        raise illegal(name)
    return min(int(value[:25]), most)
