"""Binance's market streams out of the venue's books and trades. Pure.

A frame is made only when somebody is subscribed to its stream; the numbers of the books go on in
any case, so that a snapshot by REST always fits what comes after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from millstream.model import CurrencyPair, Side
from millstream.simulator.binance import words
from millstream.simulator.binance.market import INTERVALS_S, Market, levels
from millstream.simulator.binance.sessions import StreamSession
from millstream.simulator.history import Bar, History
from millstream.simulator.orders import Trade
from millstream.simulator.venue import Venue

_DEPTH_NS = 100_000_000
_SECOND_NS = 1_000_000_000


class Publisher:
    """Tells the sessions what happened since it was last asked to."""

    def __init__(
        self, venue: Venue, histories: Mapping[CurrencyPair, History], market: Market
    ) -> None:
        self.sessions: set[StreamSession] = set()
        self._venue, self._histories, self._market = venue, histories, market
        self._trades: list[Trade] = []
        self._tops: dict[CurrencyPair, tuple[Decimal, ...]] = {}
        self._depth_ns = self._second_ns = 0
        self._bars: dict[str, tuple[Bar, bool]] = {}  # by stream: as last told, and if closed
        venue.on_trade.append(self._trades.append)

    def tell(self, now_ns: int) -> None:
        """Put frames into the outboxes."""
        trades, wanted = self._trades[:], self._wanted()
        self._trades.clear()
        for trade in trades:
            self._tell_trade(trade, wanted)
        depth_due = now_ns - self._depth_ns >= _DEPTH_NS
        second_due = now_ns - self._second_ns >= _SECOND_NS
        for pair in self._venue.pairs:
            name = words.symbol(pair).lower()
            self._tell_top(pair, name, wanted)
            if depth_due:
                self._tell_depth(pair, name, wanted, now_ns)
        if depth_due:
            self._depth_ns = now_ns
        if second_due:
            self._second_ns = now_ns
            self._tell_figures(wanted, now_ns)

    def _wanted(self) -> set[str]:
        return {name for one in self.sessions for name in one.subscriptions.streams}

    def _send(self, stream: str, data: Any) -> None:
        raw = msgspec.json.encode(data)
        for session in self.sessions:
            session.tell(stream, raw)

    def _tell_trade(self, trade: Trade, wanted: set[str]) -> None:
        symbol, time_ms = words.symbol(trade.pair), words.ms(trade.ns)
        rest = {"p": words.text(trade.price), "q": words.text(trade.volume)}
        last = {"T": time_ms, "m": trade.side is Side.SELL, "M": True}
        stream = f"{symbol.lower()}@trade"
        if stream in wanted:
            self._send(
                stream, {"e": "trade", "E": time_ms, "s": symbol, "t": trade.id, **rest, **last}
            )
        stream = f"{symbol.lower()}@aggTrade"
        if stream in wanted:
            first = {"e": "aggTrade", "E": time_ms, "s": symbol, "a": trade.id}
            self._send(stream, {**first, **rest, "f": trade.id, "l": trade.id, **last})

    def _tell_top(self, pair: CurrencyPair, name: str, wanted: set[str]) -> None:
        stream = f"{name}@bookTicker"
        if stream not in wanted:
            self._tops.pop(pair, None)
            return
        top = self._market.top(pair)
        if top == self._tops.get(pair):
            return
        self._tops[pair] = top
        book = self._venue.books[pair]
        update_id = self._market.update_ids[pair] + len(book.bids.changed) + len(book.asks.changed)
        texts = dict(zip("bBaA", map(words.text, top), strict=True))
        self._send(stream, {"u": update_id, "s": words.symbol(pair), **texts})

    def _tell_depth(self, pair: CurrencyPair, name: str, wanted: set[str], now_ns: int) -> None:
        book = self._venue.books[pair]
        bids, asks = book.bids.take_changes(), book.asks.take_changes()
        if not (bids or asks):
            return
        told = self._market.update_ids[pair]
        self._market.update_ids[pair] = newest = told + len(bids) + len(asks)
        for stream in (f"{name}@depth@100ms", f"{name}@depth"):
            if stream in wanted:
                diff = {"e": "depthUpdate", "E": words.ms(now_ns), "s": words.symbol(pair)}
                diff |= {"U": told + 1, "u": newest, "b": levels(bids), "a": levels(asks)}
                self._send(stream, diff)
        for limit in (5, 10, 20):
            for stream in (f"{name}@depth{limit}@100ms", f"{name}@depth{limit}"):
                if stream in wanted:
                    whole: dict[str, Any] = {"lastUpdateId": newest}
                    whole["bids"] = levels(book.bids.levels(limit))
                    whole["asks"] = levels(book.asks.levels(limit))
                    self._send(stream, whole)

    def _tell_figures(self, wanted: set[str], now_ns: int) -> None:
        for pair in self._venue.pairs:
            name = words.symbol(pair).lower()
            for stream in (one for one in wanted if one.startswith(f"{name}@kline_")):
                self._tell_kline(pair, stream, now_ns)
            if wanted & {f"{name}@ticker", f"{name}@miniTicker"}:
                self._tell_day(pair, name, now_ns)

    def _tell_kline(self, pair: CurrencyPair, stream: str, now_ns: int) -> None:
        interval = stream.partition("@kline_")[2]
        interval_s = INTERVALS_S.get(interval, 0)
        if not interval_s:
            return
        told = self._bars.get(stream)
        for bar in self._histories[pair].bars(interval_s, 3):
            closed = (bar.start_s + interval_s) * _SECOND_NS <= now_ns
            if told is not None and (bar.start_s < told[0].start_s or told == (bar, closed)):
                continue
            self._bars[stream] = told = bar, closed
            fields = words.kline(bar, interval_s)
            names = ("t", "o", "h", "l", "c", "v", "T", "q", "n", "V", "Q", "B")
            body = dict(zip(names, fields, strict=True)) | {
                "s": words.symbol(pair),
                "i": interval,
                "f": bar.first_id,
                "L": bar.last_id,
                "x": closed,
            }
            event = {"e": "kline", "E": words.ms(now_ns), "s": words.symbol(pair), "k": body}
            self._send(stream, event)

    def _tell_day(self, pair: CurrencyPair, name: str, now_ns: int) -> None:
        day = self._market.day(pair, now_ns)
        first = {"E": words.ms(now_ns), "s": day["symbol"], "c": day["lastPrice"]}
        first |= {"o": day["openPrice"], "h": day["highPrice"], "l": day["lowPrice"]}
        first |= {"v": day["volume"], "q": day["quoteVolume"]}
        self._send(f"{name}@miniTicker", {"e": "24hrMiniTicker", **first})
        more = {
            "p": day["priceChange"],
            "P": day["priceChangePercent"],
            "w": day["weightedAvgPrice"],
            "x": day["prevClosePrice"],
            "Q": day["lastQty"],
            "b": day["bidPrice"],
            "B": day["bidQty"],
            "a": day["askPrice"],
            "A": day["askQty"],
            "O": day["openTime"],
            "C": day["closeTime"],
            "F": day["firstId"],
            "L": day["lastId"],
            "n": day["count"],
        }
        self._send(f"{name}@ticker", {"e": "24hrTicker", **first, **more})
