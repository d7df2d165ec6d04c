"""What one Binance stream of one pair becomes, of spot or of futures: a handler per channel. Pure.

A handler takes a combined-stream frame and its receive time and returns the frame's events. It
raises what msgspec raises, or WrongFrame, when the frame is not what it should be; a frame of
Binance's other market, of futures where spot was meant or the reverse, goes to `foreign`.
Handlers are closures: on the hot path a local name costs a third of an attribute.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from millstream.exchange.binance import wire
from millstream.exchange.binance.book import PairBook
from millstream.exchange.decoding import FrameCounts, Topic
from millstream.exchange.feeding import Handler, WrongFrame
from millstream.model import (
    Candle,
    Channel,
    CurrencyPair,
    Event,
    Exchange,
    Gap,
    Side,
    Ticker,
    Trade,
)

SEEN_LATELY = 10_000  # trades: a replaced connection repeats so many at most

Foreign: TypeAlias = Callable[[Channel, bytes, int], list[Event]]

_ticker = msgspec.json.Decoder(wire.Frame[wire.BookTicker], strict=False).decode
_trade = msgspec.json.Decoder(wire.Frame[wire.Trade], strict=False).decode
_diff = msgspec.json.Decoder(wire.Frame[wire.DepthUpdate], strict=False).decode
_kline = msgspec.json.Decoder(wire.Frame[wire.Kline], strict=False).decode

_BUY, _SELL = Side.BUY, Side.SELL


def ticker_handler(
    topic: Topic, pair: CurrencyPair, counts: FrameCounts, exchange: Exchange, foreign: Foreign
) -> Handler:
    """Of bookTicker to Ticker. Spot sends no time with it."""
    spot = exchange is Exchange.BINANCE

    def handle(raw: bytes, received_ns: int) -> list[Event]:
        data = _ticker(raw).data
        exchange_ns = 0
        if data.T is not None:
            if spot:
                return foreign(Channel.TICKER, raw, received_ns)
            exchange_ns = data.T * 1_000_000
        elif not spot:
            return foreign(Channel.TICKER, raw, received_ns)
        topic.last_ns = received_ns
        topic.updates += 1
        counts.tickers += 1
        return [Ticker(received_ns, exchange, pair, exchange_ns, data.b, data.B, data.a, data.A)]

    return handle


def trade_handler(
    topic: Topic, pair: CurrencyPair, counts: FrameCounts, exchange: Exchange, foreign: Foreign
) -> Handler:
    """Of trade to Trade, after a Gap where trade ids are missing.

    Futures also print what the insurance fund does, and the like: such a print has its number in
    the sequence and is no trade of the market.
    """
    expected = -1  # the id that should come; -1: any
    spot = exchange is Exchange.BINANCE

    def handle(raw: bytes, received_ns: int) -> list[Event]:
        nonlocal expected
        data = _trade(raw).data
        of_the_market = True
        if data.X is not None:
            if spot:
                return foreign(Channel.TRADE, raw, received_ns)
            of_the_market = data.X == "MARKET"
        topic.last_ns = received_ns
        topic.updates += 1
        number = data.t
        gap: list[Event] | None = None
        if number != expected and expected >= 0:
            if expected - SEEN_LATELY <= number < expected:
                counts.ignore("a trade seen before")
                return []
            gap = [_trade_gap(exchange, pair, expected, number, received_ns)]
            counts.gaps += 1
        expected = number + 1
        if not of_the_market:
            counts.ignore("a print that is no trade of the market")
            return gap or []
        counts.trades += 1
        trade = Trade(
            received_ns,
            exchange,
            pair,
            data.T * 1_000_000,
            data.p,
            data.q,
            _SELL if data.m else _BUY,  # m: the buyer rested. Our side says who took.
            str(number),
        )
        return [trade] if gap is None else [*gap, trade]

    return handle


def _trade_gap(
    exchange: Exchange, pair: CurrencyPair, expected: int, number: int, received_ns: int
) -> Gap:
    missing = max(0, number - expected)
    reason = "trade ids missing" if missing else "trade ids went back"
    return Gap(
        received_ns, exchange, Channel.TRADE, pair, str(expected), str(number), missing, reason
    )


def depth_handler(topic: Topic, book: PairBook, exchange: Exchange, foreign: Foreign) -> Handler:
    """Of depthUpdate to Book, by the pair's own book."""
    symbol, spot = wire.symbol(book.pair), exchange is Exchange.BINANCE

    def handle(raw: bytes, received_ns: int) -> list[Event]:
        diff = _diff(raw).data
        if (diff.pu is None) is not spot:
            return foreign(Channel.BOOK, raw, received_ns)
        if diff.s != symbol:
            raise WrongFrame("the symbol is not the stream's")
        if diff.u < diff.U:
            raise WrongFrame("the last update id is below the first")
        topic.last_ns = received_ns
        topic.updates += 1
        return book.update(diff, received_ns)

    return handle


def kline_handler(
    topic: Topic, pair: CurrencyPair, counts: FrameCounts, interval: str, exchange: Exchange
) -> Handler:
    """Of kline to Candle."""
    symbol = wire.symbol(pair)

    def handle(raw: bytes, received_ns: int) -> list[Event]:
        data = _kline(raw).data
        k = data.k
        if data.s != symbol or k.s != symbol:
            raise WrongFrame("the symbol is not the stream's")
        if k.i != interval:
            raise WrongFrame("the candle's interval is not the stream's")
        if k.t > k.T or k.l > k.h:
            raise WrongFrame("the candle ends before it begins, or its low is above its high")
        topic.last_ns = received_ns
        topic.updates += 1
        counts.candles += 1
        return [
            Candle(
                received_ns,
                exchange,
                pair,
                data.E * 1_000_000,
                k.i,
                k.t * 1_000_000,
                (k.T + 1) * 1_000_000,  # T is the last millisecond of the interval
                k.o,
                k.h,
                k.l,
                k.c,
                k.v,
                k.n,
                k.x,
            )
        ]

    return handle
