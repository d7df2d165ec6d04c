"""Kraken's public channels out of the venue's books and trades: websocket v2. Pure.

A book of depth N is told as its N best levels change; a level that better ones push out is not told
of, since clients cut off what is deeper than N. The checksum covers ten levels of each side.
Source: docs.kraken.com, "Spot WebSocket v2", "Book checksum (v2)".
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Protocol
from zlib import crc32

import msgspec

from millstream.model import CurrencyPair
from millstream.simulator.history import Bar
from millstream.simulator.kraken import names, words
from millstream.simulator.kraken.market import Market
from millstream.simulator.orders import ZERO, Trade
from millstream.simulator.resting import RestingSide
from millstream.simulator.venue import Venue

DEPTHS = (10, 25, 100, 500, 1_000)
_CHECKED = 10
_SECOND_NS = 1_000_000_000
_Levels = dict[Decimal, Decimal]


class Topic(msgspec.Struct, frozen=True):
    """What can be subscribed to: a channel of a pair, with its depth or interval in minutes."""

    channel: str
    pair: CurrencyPair | None = None
    argument: int = 0


class Subscriber(Protocol):
    """Somebody with subscriptions."""

    topics: dict[Topic, None]
    outbox: list[bytes]


class Publisher:
    """Tells subscribers what happened since it was last asked to."""

    def __init__(self, venue: Venue, market: Market) -> None:
        self.sessions: list[Subscriber] = []
        self._venue, self._market = venue, market
        self._trades: list[Trade] = []
        self._books: dict[Topic, tuple[_Levels, _Levels]] = {}  # as last told
        self._tops: dict[CurrencyPair, tuple[Decimal, ...]] = {}
        self._bars: dict[Topic, Bar] = {}
        self._beat_ns = 0
        venue.on_trade.append(self._trades.append)

    def tell(self, now_ns: int) -> None:
        """Put frames into the outboxes."""
        trades = self._trades[:]
        self._trades.clear()
        wanted = {topic: None for one in self.sessions for topic in one.topics}
        for topic in [topic for topic in self._books if topic not in wanted]:
            del self._books[topic]
        moved = set()
        for pair, book in self._venue.books.items():
            if book.bids.changed or book.asks.changed:
                moved.add(pair)
                book.bids.changed.clear()
                book.asks.changed.clear()
        traded = {trade.pair for trade in trades}
        for topic in wanted:
            assert topic.pair is not None or topic.channel == "instrument"
            if topic.pair is None:
                continue
            if topic.channel == "book" and topic.pair in moved:
                self._tell_book(topic, now_ns)
            elif topic.channel == "trade" and topic.pair in traded:
                of_pair = [one for one in trades if one.pair == topic.pair]
                self._send(topic, _frame("trade", "update", [_trade(one) for one in of_pair]))
            elif topic.channel == "ohlc" and topic.pair in traded:
                self._send(topic, self._candles(topic, "update", 1, now_ns))
            elif topic.channel == "ticker" and topic.pair in moved | traded:
                top = self._market.top(topic.pair)
                if top != self._tops.get(topic.pair) or topic.pair in traded:
                    data = [self._ticker(topic.pair, now_ns)]
                    self._send(topic, _frame("ticker", "update", data))
        for pair in moved:
            self._tops[pair] = self._market.top(pair)
        if now_ns - self._beat_ns >= _SECOND_NS:
            self._beat_ns = now_ns
            for session in self.sessions:
                if session.topics:
                    session.outbox.append(b'{"channel":"heartbeat"}')

    def snapshot(self, topic: Topic, now_ns: int) -> bytes:
        """What a subscription begins with."""
        if topic.pair is None:
            return self._instruments()
        if topic.channel == "book":
            if topic not in self._books:
                self._books[topic] = self._top(topic)
            bids, asks = self._books[topic]
            return _frame("book", "snapshot", [self._depth(topic, bids, asks, now_ns)])
        if topic.channel == "trade":
            trades = list(self._market.histories[topic.pair].trades)[-50:]
            return _frame("trade", "snapshot", [_trade(one) for one in trades])
        if topic.channel == "ohlc":
            return self._candles(topic, "snapshot", 720, now_ns)
        return _frame("ticker", "snapshot", [self._ticker(topic.pair, now_ns)])

    def _send(self, topic: Topic, frame: bytes) -> None:
        for session in self.sessions:
            if topic in session.topics:
                session.outbox.append(frame)

    # ---- books ----------------------------------------------------------------------------------

    def _top(self, topic: Topic) -> tuple[_Levels, _Levels]:
        assert topic.pair is not None
        book = self._venue.books[topic.pair]
        return dict(book.bids.levels(topic.argument)), dict(book.asks.levels(topic.argument))

    def _tell_book(self, topic: Topic, now_ns: int) -> None:
        assert topic.pair is not None
        book = self._venue.books[topic.pair]
        old, new = self._books.get(topic, ({}, {})), self._top(topic)
        bids = _changes(old[0], new[0], book.bids)
        asks = _changes(old[1], new[1], book.asks)
        if bids or asks:
            self._books[topic] = new
            self._send(topic, _frame("book", "update", [self._depth(topic, bids, asks, now_ns)]))

    def _depth(self, topic: Topic, bids: _Levels, asks: _Levels, now_ns: int) -> dict[str, Any]:
        assert topic.pair is not None
        decimals = self._venue.pairs[topic.pair].price_decimals

        def levels(found: _Levels) -> list[dict[str, Any]]:
            return [
                {"price": words.bare(price, decimals), "qty": words.bare(volume, 8)}
                for price, volume in found.items()
            ]

        whole = self._books[topic]
        return {
            "symbol": str(topic.pair),
            "bids": levels(bids),
            "asks": levels(asks),
            "checksum": checksum(whole[0], whole[1], decimals),
            "timestamp": names.iso(now_ns),
        }

    # ---- the rest -------------------------------------------------------------------------------

    def _ticker(self, pair: CurrencyPair, now_ns: int) -> dict[str, Any]:
        bid, bid_volume, ask, ask_volume = self._market.top(pair)
        last, day = self._market.last(pair), self._market.histories[pair].day()
        opened = day.open if day else last
        return {
            "symbol": str(pair),
            "bid": words.bare(bid),
            "bid_qty": words.bare(bid_volume, 8),
            "ask": words.bare(ask),
            "ask_qty": words.bare(ask_volume, 8),
            "last": words.bare(last),
            "volume": words.bare(day.volume if day else ZERO, 8),
            "vwap": words.bare(round(day.vwap, 5) if day else last),
            "low": words.bare(day.low if day else last),
            "high": words.bare(day.high if day else last),
            "change": words.bare(last - opened),
            "change_pct": words.bare(round((last - opened) / opened * 100, 2) if opened else ZERO),
            "trades": day.trades if day else 0,
            "timestamp": names.iso(now_ns),
        }

    def _candles(self, topic: Topic, kind: str, limit: int, now_ns: int) -> bytes:
        assert topic.pair is not None
        bars = self._market.histories[topic.pair].bars(topic.argument * 60, limit + 1)
        if kind == "update":
            # The one before the running one comes again while it has trades that were not told.
            told = self._bars.get(topic)
            bars = [bar for bar in bars if told is None or bar.last_id > told.last_id]
        if bars:
            self._bars[topic] = bars[-1]
        data = [
            {
                "symbol": str(topic.pair),
                "open": words.bare(bar.open),
                "high": words.bare(bar.high),
                "low": words.bare(bar.low),
                "close": words.bare(bar.close),
                "trades": bar.trades,
                "volume": words.bare(bar.volume, 8),
                "vwap": words.bare(round(bar.vwap, 5)),
                "interval_begin": names.iso(bar.start_s * _SECOND_NS),
                "interval": topic.argument,
                "timestamp": names.iso((bar.start_s + topic.argument * 60) * _SECOND_NS),
            }
            for bar in bars
        ]
        frame = {"channel": "ohlc", "type": kind, "timestamp": names.iso(now_ns), "data": data}
        return msgspec.json.encode(frame)

    def _instruments(self) -> bytes:
        assets = [
            {
                "id": name,
                "status": "enabled",
                "precision": 10,
                "precision_display": 5,
                "borrowable": False,
                "collateral_value": 0,
                "margin_rate": 0,
            }
            for name in self._market.currencies()
        ]
        pairs = [
            {
                "symbol": str(pair),
                "base": pair.base,
                "quote": pair.quote,
                "status": "online",
                "qty_precision": rules.volume_decimals,
                "qty_increment": words.bare(rules.lot),
                "qty_min": words.bare(rules.min_volume),
                "price_precision": rules.price_decimals,
                "price_increment": words.bare(rules.tick),
                "tick_size": words.bare(rules.tick),
                "cost_precision": 5,
                "cost_min": words.bare(rules.min_notional),
                "marginable": False,
                "has_index": False,
            }
            for pair, rules in self._venue.pairs.items()
        ]
        data = {"assets": assets, "pairs": pairs}
        return msgspec.json.encode({"channel": "instrument", "type": "snapshot", "data": data})


def checksum(bids: _Levels, asks: _Levels, decimals: int) -> int:
    """Of the ten best levels: prices and quantities without points and leading zeros."""
    text = ""
    for side in (asks, bids):
        for price, volume in list(side.items())[:_CHECKED]:
            for number in (names.fixed(price, decimals), names.fixed(volume, 8)):
                text += number.replace(".", "").lstrip("0")
    return crc32(text.encode())


def _changes(old: _Levels, new: _Levels, side: RestingSide) -> _Levels:
    gone = {price: ZERO for price in old if price not in new and not side.at(price)}
    return gone | {price: volume for price, volume in new.items() if old.get(price) != volume}


def _trade(one: Trade) -> dict[str, Any]:
    return {
        "symbol": str(one.pair),
        "side": words.side(one.side),
        "price": words.bare(one.price),
        "qty": words.bare(one.volume, 8),
        "ord_type": "limit",
        "trade_id": one.id,
        "timestamp": names.iso(one.ns),
    }


def _frame(channel: str, kind: str, data: Iterable[Any]) -> bytes:
    return msgspec.json.encode({"channel": channel, "type": kind, "data": list(data)})
