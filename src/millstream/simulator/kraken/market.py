"""What Kraken's public REST answers about the market. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from millstream.model import CurrencyPair
from millstream.simulator.history import History
from millstream.simulator.kraken import names, words
from millstream.simulator.kraken.problems import Problem, invalid
from millstream.simulator.orders import ZERO, plain
from millstream.simulator.venue import Venue

INTERVALS = (1, 5, 15, 30, 60, 240, 1_440, 10_080, 21_600)  # in minutes


class Market:
    """Answers by the name of the question."""

    def __init__(self, venue: Venue, histories: Mapping[CurrencyPair, History]) -> None:
        self._venue, self.histories = venue, histories
        self.names = names.PairNames(venue.pairs)
        self.questions: dict[str, Callable[[Mapping[str, str], int], Any]] = {
            "Time": self._time,
            "SystemStatus": lambda given, now_ns: _status(now_ns),
            "Assets": self._assets,
            "AssetPairs": self._pairs,
            "Ticker": self._ticker,
            "Depth": self._depth,
            "OHLC": self._candles,
            "Trades": self._trades,
            "Spread": self._spread,
        }

    def pair(self, name: str) -> CurrencyPair:
        """The pair of any of its names; raises Problem."""
        pair = self.names.find(name)
        if pair is None:
            raise Problem("EQuery:Unknown asset pair")
        return pair

    def _named(self, given: Mapping[str, str]) -> list[CurrencyPair]:
        if not given.get("pair"):
            return list(self._venue.pairs)
        return [self.pair(name) for name in given["pair"].split(",")]

    def _one(self, given: Mapping[str, str]) -> CurrencyPair:
        if not given.get("pair"):
            raise invalid("pair")
        return self.pair(given["pair"])

    def _time(self, given: Mapping[str, str], now_ns: int) -> Any:
        return {"unixtime": now_ns // 10**9, "rfc1123": names.iso(now_ns)}

    def currencies(self) -> list[str]:
        """Every currency that is traded, by our names."""
        found = {name for pair in self._venue.pairs for name in (pair.base, pair.quote)}
        return sorted(found | {name for one in self._venue.balances.values() for name in one.all})

    def _assets(self, given: Mapping[str, str], now_ns: int) -> Any:
        return {
            names.asset(name): {
                "aclass": "currency",
                "altname": names.alt(name),
                "decimals": 10,
                "display_decimals": 5,
                "status": "enabled",
            }
            for name in self.currencies()
        }

    def _pairs(self, given: Mapping[str, str], now_ns: int) -> Any:
        rules = self._venue.rules
        taker, maker = float(rules.taker_fee * 100), float(rules.maker_fee * 100)
        return {
            names.key(pair): {
                "altname": names.altname(pair),
                "wsname": f"{names.alt(pair.base)}/{names.alt(pair.quote)}",
                "aclass_base": "currency",
                "base": names.asset(pair.base),
                "aclass_quote": "currency",
                "quote": names.asset(pair.quote),
                "lot": "unit",
                "cost_decimals": 5,
                "pair_decimals": self._venue.pairs[pair].price_decimals,
                "lot_decimals": self._venue.pairs[pair].volume_decimals,
                "lot_multiplier": 1,
                "leverage_buy": [],
                "leverage_sell": [],
                "fees": [[0, taker]],
                "fees_maker": [[0, maker]],
                "fee_volume_currency": "ZUSD",
                "margin_call": 80,
                "margin_stop": 40,
                "ordermin": plain(self._venue.pairs[pair].min_volume),
                "costmin": plain(self._venue.pairs[pair].min_notional),
                "tick_size": plain(self._venue.pairs[pair].tick),
                "status": "online",
            }
            for pair in self._named(given)
        }

    def last(self, pair: CurrencyPair) -> Decimal:
        """The last price; before the first trade, between the best bid and ask."""
        book = self._venue.books[pair]
        if pair in self._venue.last_price:
            return self._venue.last_price[pair]
        bid, ask = book.bids.best, book.asks.best
        return (bid + ask) / 2 if bid is not None and ask is not None else ZERO

    def top(self, pair: CurrencyPair) -> tuple[Decimal, Decimal, Decimal, Decimal]:
        """Best bid, its volume, best ask, its volume; 0 where there is none."""
        book = self._venue.books[pair]
        bid, ask = book.bids.levels(1), book.asks.levels(1)
        return *(bid[0] if bid else (ZERO, ZERO)), *(ask[0] if ask else (ZERO, ZERO))

    def _ticker(self, given: Mapping[str, str], now_ns: int) -> Any:
        return {names.key(pair): self._ticker_of(pair) for pair in self._named(given)}

    def _ticker_of(self, pair: CurrencyPair) -> dict[str, Any]:
        bid, bid_volume, ask, ask_volume = self.top(pair)
        last, day = self.last(pair), self.histories[pair].day()
        high, low, vwap = (day.high, day.low, day.vwap) if day else (last, last, last)
        volume = plain(day.volume) if day else "0"
        trades = self.histories[pair].trades
        return {
            "a": [plain(ask), str(int(ask_volume)), names.fixed(ask_volume, 3)],
            "b": [plain(bid), str(int(bid_volume)), names.fixed(bid_volume, 3)],
            "c": [plain(last), names.fixed(trades[-1].volume if trades else ZERO, 8)],
            "v": [volume, volume],
            "p": [plain(round(vwap, 5))] * 2,
            "t": [day.trades if day else 0] * 2,
            "l": [plain(low)] * 2,
            "h": [plain(high)] * 2,
            "o": plain(day.open if day else last),
        }

    def _depth(self, given: Mapping[str, str], now_ns: int) -> Any:
        pair = self._one(given)
        limit = whole_number(given, "count", 100, 500)
        book, second = self._venue.books[pair], now_ns // 10**9

        def rows(levels: list[tuple[Decimal, Decimal]]) -> list[list[Any]]:
            return [[plain(price), names.fixed(volume, 3), second] for price, volume in levels]

        bids, asks = rows(book.bids.levels(limit)), rows(book.asks.levels(limit))
        return {names.key(pair): {"asks": asks, "bids": bids}}

    def _candles(self, given: Mapping[str, str], now_ns: int) -> Any:
        pair, minutes = self._one(given), whole_number(given, "interval", 1, 10**6)
        if minutes not in INTERVALS:
            raise invalid("interval")
        since = whole_number(given, "since", 0, 2**62)
        bars = [bar for bar in self.histories[pair].bars(minutes * 60, 720) if bar.start_s >= since]
        rows = [
            [
                bar.start_s,
                *map(plain, (bar.open, bar.high, bar.low, bar.close, round(bar.vwap, 5))),
                names.fixed(bar.volume, 8),
                bar.trades,
            ]
            for bar in bars
        ]
        return {names.key(pair): rows, "last": bars[-2].start_s if len(bars) > 1 else 0}

    def _trades(self, given: Mapping[str, str], now_ns: int) -> Any:
        pair, limit = self._one(given), whole_number(given, "count", 1_000, 1_000)
        since = given.get("since", "0")
        try:
            after_ns = int(float(since) * 1e9) if len(since) < 15 else int(since)
        except (ValueError, OverflowError):
            raise invalid("since") from None
        trades = [one for one in self.histories[pair].trades if one.ns > after_ns]
        trades = trades[:limit] if after_ns else trades[-limit:]
        rows = [
            [
                plain(one.price),
                names.fixed(one.volume, 8),
                round(one.ns / 1e9, 7),
                words.side(one.side)[0],
                "l",
                "",
                one.id,
            ]
            for one in trades
        ]
        return {names.key(pair): rows, "last": str(trades[-1].ns if trades else after_ns)}

    def _spread(self, given: Mapping[str, str], now_ns: int) -> Any:
        pair = self._one(given)
        bid, _, ask, _ = self.top(pair)
        second = now_ns // 10**9
        return {names.key(pair): [[second, plain(bid), plain(ask)]], "last": second}


def _status(now_ns: int) -> dict[str, str]:
    return {"status": "online", "timestamp": names.iso(now_ns)}


def whole_number(given: Mapping[str, str], name: str, default: int, most: int) -> int:
    """A whole number of a request, cut to `most`; raises Problem."""
    text = given.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdecimal()):
        raise invalid(name)
    return min(int(text[:25]), most)
