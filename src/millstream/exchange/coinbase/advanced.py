"""Advanced Trade's frames to events, a handler per channel. Pure.

A handler takes a frame and its receive time and returns the frame's events. It sets the number it
expects next as the last thing, so that a frame which could not be used shows as a hole.
Handlers are closures: on the hot path a local name costs a third of an attribute.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from millstream.exchange.book import Level
from millstream.exchange.coinbase import wire
from millstream.exchange.coinbase.account import Account
from millstream.exchange.coinbase.book import PairBook
from millstream.exchange.coinbase.connection import Line
from millstream.exchange.coinbase.series import PairCandles, PairTrades
from millstream.exchange.decoding import FrameCounts, Topic
from millstream.exchange.feeding import Handler, WrongFrame
from millstream.exchange.times import nanoseconds
from millstream.model import CurrencyPair, Event, Exchange, Side, Ticker

_ticker = msgspec.json.Decoder(wire.TickerFrame, strict=False).decode
_trade = msgspec.json.Decoder(wire.TradeFrame, strict=False).decode
_book = msgspec.json.Decoder(wire.BookFrame, strict=False).decode
_candle = msgspec.json.Decoder(wire.CandleFrame, strict=False).decode
_user = msgspec.json.Decoder(wire.UserFrame).decode

_COINBASE = Exchange.COINBASE
_BUY, _SELL = Side.BUY, Side.SELL


def ticker_handler(
    pairs: Mapping[str, list[tuple[CurrencyPair, Topic]]], line: Line, counts: FrameCounts
) -> Handler:
    """Of ticker to Ticker; a side that nobody offers makes none."""

    def handle(raw: bytes, received_ns: int) -> list[Event]:
        frame = _ticker(raw)
        number = frame.sequence_num
        exchange_ns = nanoseconds(frame.timestamp)
        events = [] if number == line.expected else line.jump(number, received_ns)
        if exchange_ns <= line.not_before_ns:
            line.expected = number + 1
            counts.ignore("a ticker that the connection before has told")
            return events
        told = 0
        for part in frame.events:
            for tick in part.tickers:
                bid, ask = tick.best_bid, tick.best_ask
                for pair, topic in pairs.get(tick.product_id, ()):
                    topic.last_ns = received_ns
                    topic.updates += 1
                    if bid and ask:
                        told += 1
                        bid_volume, ask_volume = tick.best_bid_quantity, tick.best_ask_quantity
                        events.append(
                            Ticker(
                                received_ns, _COINBASE, pair, exchange_ns,
                                bid, bid_volume, ask, ask_volume,
                            )
                        )  # fmt: skip
        line.expected, line.newest_ns = number + 1, exchange_ns
        if told:
            counts.tickers += told
            if told > 1:
                counts.further += told - 1
        else:
            counts.ignore("a ticker of another product, or without a bid or an ask")
        return events

    return handle


def _by_id(found: tuple[wire.Match, int]) -> int:
    return found[0].trade_id


def trade_handler(
    pairs: Mapping[str, list[PairTrades]], line: Line, counts: FrameCounts
) -> Handler:
    """Of market_trades to Trade, oldest first."""

    def handle(raw: bytes, received_ns: int) -> list[Event]:
        frame = _trade(raw)
        number = frame.sequence_num
        found: list[tuple[wire.Match, int]] = []
        for part in frame.events:
            for match in part.trades:  # every time is read before anything is told
                found.append((match, nanoseconds(match.time)))  # noqa: PERF401 - twice as fast
        if len(found) > 1:
            found.sort(key=_by_id)  # newest first on the wire
        events = [] if number == line.expected else line.jump(number, received_ns)
        before = counts.trades
        for match, exchange_ns in found:
            # side says who rested. Ours says who took.
            side = _SELL if match.side == "BUY" else _BUY
            trade_id, price, volume = match.trade_id, match.price, match.size
            for trades in pairs.get(match.product_id, ()):
                trades.take(events, trade_id, price, volume, side, exchange_ns, received_ns)
        line.expected = number + 1
        told = counts.trades - before
        if told:
            if told > 1:
                counts.further += told - 1
        else:
            counts.ignore("trades seen before, or of another product")
        return events

    return handle


def book_handler(books: Mapping[str, list[PairBook]], line: Line, counts: FrameCounts) -> Handler:
    """Of l2_data to Book."""

    def handle(raw: bytes, received_ns: int) -> list[Event]:
        frame = _book(raw)
        number = frame.sequence_num
        exchange_ns = nanoseconds(frame.timestamp)
        events = [] if number == line.expected else line.jump(number, received_ns)
        before = counts.books
        for part in frame.events:
            bids: list[Level] = []
            asks: list[Level] = []
            for one in part.updates:
                side = bids if one.side == "bid" else asks
                side.append((one.price_level, one.new_quantity))
            for book in books.get(part.product_id, ()):
                use = book.load if part.type == "snapshot" else book.apply
                events += use(bids, asks, number, exchange_ns, received_ns)
        line.expected = number + 1
        told = counts.books - before
        if told:
            if told > 1:
                counts.further += told - 1
        else:
            counts.ignore("an update of a book without a snapshot, or of another product")
        return events

    return handle


def candle_handler(
    pairs: Mapping[str, list[PairCandles]], line: Line, counts: FrameCounts
) -> Handler:
    """Of candles to Candle, oldest first."""

    def handle(raw: bytes, received_ns: int) -> list[Event]:
        frame = _candle(raw)
        number = frame.sequence_num
        exchange_ns = nanoseconds(frame.timestamp)
        bars: dict[str, list[wire.Bar]] = {}
        for part in frame.events:
            for bar in part.candles:
                if bar.low > bar.high:
                    raise WrongFrame("a candle's low is above its high")
                bars.setdefault(bar.product_id, []).append(bar)
        events = [] if number == line.expected else line.jump(number, received_ns)
        before = counts.candles
        for product, some in bars.items():
            for candles in pairs.get(product, ()):
                candles.topic.last_ns = received_ns
                candles.topic.updates += 1
                events += candles.take(some, exchange_ns, received_ns)
        line.expected = number + 1
        told = counts.candles - before
        if told:
            counts.further += told - 1
        else:
            counts.ignore("a candle that is closed, or of another product")
        return events

    return handle


def user_handler(
    account: Account,
    topics: Iterable[Topic],
    line: Line,
    counts: FrameCounts,
) -> Handler:
    """Of user to the own events that are wanted."""

    def handle(raw: bytes, received_ns: int) -> list[Event]:
        frame = _user(raw)
        number = frame.sequence_num
        nanoseconds(frame.timestamp)  # or the frame is refused before it changes anything
        events = [] if number == line.expected else line.jump(number, received_ns)
        own = account.frame(frame.events, frame.timestamp, received_ns)
        line.expected = number + 1
        for topic in topics:
            topic.last_ns = received_ns
            topic.updates += 1
        counts.own(own)
        return events + own

    return handle
