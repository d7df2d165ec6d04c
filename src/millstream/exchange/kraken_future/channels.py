"""Kraken Futures' public feeds to events, a handler each. Pure.

A handler takes a frame and its receive time and returns the frame's events; it raises what msgspec
raises. Handlers are closures: on the hot path a local name costs a third of an attribute.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from millstream.exchange.decoding import FrameCounts, Topic
from millstream.exchange.feeding import Handler
from millstream.exchange.kraken_future import wire
from millstream.exchange.kraken_future.book import PairBook
from millstream.exchange.kraken_future.trades import PairTrades
from millstream.model import CurrencyPair, Event, Exchange, Ticker

_KRAKEN_FUTURE = Exchange.KRAKEN_FUTURE
_NOT_SUBSCRIBED = "a product that was not subscribed"
_NO_NEWS = "trades seen before, or that are no trade of the market"
_ticker = msgspec.json.Decoder(wire.Ticker).decode
_trade = msgspec.json.Decoder(wire.Trade).decode
_trades = msgspec.json.Decoder(wire.TradeSnapshot).decode
_snapshot = msgspec.json.Decoder(wire.BookSnapshot).decode
_level = msgspec.json.Decoder(wire.BookLevel).decode


def ticker_handler(
    served: Mapping[str, tuple[CurrencyPair, Topic]], counts: FrameCounts
) -> dict[str, Handler]:
    """Of ticker to Ticker; a market without a bid or an ask makes none."""

    def handle(raw: bytes, received_ns: int) -> list[Event]:
        told = _ticker(raw)
        found = served.get(told.product_id)
        if found is None:
            counts.ignore(_NOT_SUBSCRIBED)
            return []
        pair, topic = found
        topic.last_ns = received_ns
        topic.updates += 1
        bid, ask, bid_size, ask_size = told.bid, told.ask, told.bid_size, told.ask_size
        if not bid or not ask or bid_size is None or ask_size is None:
            counts.ignore("a market without a bid and an ask")
            return []
        counts.tickers += 1
        exchange_ns = told.time * 1_000_000
        return [
            Ticker(received_ns, _KRAKEN_FUTURE, pair, exchange_ns, bid, bid_size, ask, ask_size)
        ]

    return {"ticker": handle}


def trade_handlers(served: Mapping[str, PairTrades], counts: FrameCounts) -> dict[str, Handler]:
    """Of trade and trade_snapshot to Trade, oldest first."""

    def one(raw: bytes, received_ns: int) -> list[Event]:
        told = _trade(raw)
        trades = served.get(told.product_id)
        if trades is None:
            counts.ignore(_NOT_SUBSCRIBED)
            return []
        topic, before = trades.topic, counts.trades
        topic.last_ns = received_ns
        topic.updates += 1
        events = trades.take(told, received_ns)
        if counts.trades == before:
            counts.ignore(_NO_NEWS)
        return events

    def several(raw: bytes, received_ns: int) -> list[Event]:
        told = _trades(raw)
        trades = served.get(told.product_id)
        if trades is None:
            counts.ignore(_NOT_SUBSCRIBED)
            return []
        topic, before = trades.topic, counts.trades
        topic.last_ns = received_ns
        topic.updates += 1
        events: list[Event] = []
        for trade in sorted(told.trades, key=lambda trade: trade.seq):  # it comes newest first
            events += trades.take(trade, received_ns)
        if counts.trades == before:
            counts.ignore(_NO_NEWS)
        else:
            counts.further += counts.trades - before - 1
        return events

    return {"trade": one, "trade_snapshot": several}


def book_handlers(books: Mapping[str, PairBook], counts: FrameCounts) -> dict[str, Handler]:
    """Of book and book_snapshot to Book, by the pair's own book."""

    def whole(raw: bytes, received_ns: int) -> list[Event]:
        told = _snapshot(raw)
        book = books.get(told.product_id)
        if book is None:
            counts.ignore(_NOT_SUBSCRIBED)
            return []
        book.topic.last_ns = received_ns
        book.topic.updates += 1
        return book.snapshot(told, received_ns)

    def level(raw: bytes, received_ns: int) -> list[Event]:
        told = _level(raw)
        book = books.get(told.product_id)
        if book is None:
            counts.ignore(_NOT_SUBSCRIBED)
            return []
        book.topic.last_ns = received_ns
        book.topic.updates += 1
        return book.level(told, received_ns)

    return {"book": level, "book_snapshot": whole}
