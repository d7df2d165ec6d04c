"""Kraken's public channels and its executions to events, a handler each. Pure.

A handler takes a frame and its receive time and returns the frame's events; it raises what msgspec
raises, and WrongFrame. Handlers are closures: on the hot path a local name costs a third
of an attribute.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import msgspec

from millstream.exchange.decoding import FrameCounts, Topic
from millstream.exchange.feeding import Handler, WrongFrame
from millstream.exchange.kraken import wire
from millstream.exchange.kraken.account import Account
from millstream.exchange.kraken.series import PairCandles, PairTrades
from millstream.exchange.times import nanoseconds
from millstream.model import CurrencyPair, Event, Exchange, Ticker

Served: TypeAlias = Mapping[str, tuple[CurrencyPair, Topic]]  # by the venue's symbol

_KRAKEN = Exchange.KRAKEN
_tickers = msgspec.json.Decoder(wire.TickerFrame).decode
_trades = msgspec.json.Decoder(wire.TradeFrame).decode
_candles = msgspec.json.Decoder(wire.CandleFrame).decode
_executions = msgspec.json.Decoder(wire.ExecutionFrame).decode


def ticker_handler(served: Served, counts: FrameCounts) -> Handler:
    """Of ticker to Ticker; a market without a bid or an ask makes none."""

    def handle(raw: bytes, received_ns: int) -> list[Event]:
        events: list[Event] = []
        for quote in _tickers(raw).data:
            found = served.get(quote.symbol)
            if found is None:
                continue
            pair, topic = found
            bid, ask = quote.bid, quote.ask
            topic.last_ns = received_ns
            topic.updates += 1
            if not bid or not ask:
                continue
            told = quote.timestamp
            told_ns = nanoseconds(told) if told else 0
            bid_qty, ask_qty = quote.bid_qty, quote.ask_qty
            events.append(Ticker(received_ns, _KRAKEN, pair, told_ns, bid, bid_qty, ask, ask_qty))
        if not events:
            counts.ignore("a market without a bid and an ask, or not subscribed")
            return events
        counts.tickers += len(events)
        if len(events) > 1:
            counts.further += len(events) - 1
        return events

    return handle


def trade_handler(pairs: Served, counts: FrameCounts) -> Handler:
    """Of trade to Trade, in the order of their ids."""
    served = {name: PairTrades(pair, topic, counts) for name, (pair, topic) in pairs.items()}

    def handle(raw: bytes, received_ns: int) -> list[Event]:
        deals = _trades(raw).data
        if len(deals) == 1:
            deal = deals[0]
            trades = served.get(deal.symbol)
            if trades is not None:
                told = trades.take(deal, nanoseconds(deal.timestamp), received_ns)
                trades.topic.last_ns = received_ns
                trades.topic.updates += 1
                if not told:
                    counts.ignore("a trade seen before")
                return told
        return several(deals, received_ns)

    def several(deals: list[wire.Deal], received_ns: int) -> list[Event]:
        times = [nanoseconds(deal.timestamp) for deal in deals]
        ordered = sorted(zip(deals, times, strict=True), key=lambda one: one[0].trade_id)
        events: list[Event] = []
        before = counts.trades
        for deal, exchange_ns in ordered:
            trades = served.get(deal.symbol)
            if trades is not None:
                trades.topic.last_ns = received_ns
                trades.topic.updates += 1
                events += trades.take(deal, exchange_ns, received_ns)
        told = counts.trades - before
        if told:
            counts.further += told - 1
        else:
            counts.ignore("trades seen before, or of a symbol that was not subscribed")
        return events

    return handle


def candle_handler(pairs: Served, counts: FrameCounts, interval: str) -> Handler:
    """Of ohlc to Candle; `interval` is the subscription's."""
    minutes = wire.minutes(interval)
    served = {
        name: PairCandles(pair, topic, counts, interval, minutes)
        for name, (pair, topic) in pairs.items()
    }

    def handle(raw: bytes, received_ns: int) -> list[Event]:
        frame = _candles(raw)
        told_ns = nanoseconds(frame.timestamp) if frame.timestamp else 0
        by_symbol: dict[str, list[tuple[int, wire.Bar]]] = {}
        for bar in frame.data:
            if bar.interval != minutes:
                raise WrongFrame("the candle's interval is not the subscription's")
            if not bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high:
                raise WrongFrame("the candle's prices are not between its low and its high")
            timed = nanoseconds(bar.interval_begin), bar
            by_symbol.setdefault(bar.symbol, []).append(timed)
        events: list[Event] = []
        for symbol, bars in by_symbol.items():
            candles = served.get(symbol)
            if candles is not None:
                candles.topic.last_ns = received_ns
                candles.topic.updates += 1
                events += candles.take(bars, told_ns, received_ns)
        if events:
            counts.further += len(events) - 1
        else:
            counts.ignore("candles closed before, or of a symbol that was not subscribed")
        return events

    return handle


def execution_handler(account: Account, topics: Sequence[Topic], counts: FrameCounts) -> Handler:
    """Of executions to own orders and fills."""

    def handle(raw: bytes, received_ns: int) -> list[Event]:
        events = account.frame(_executions(raw), received_ns)
        for topic in topics:
            topic.last_ns = received_ns
            topic.updates += 1
        counts.own(events)
        return events

    return handle
