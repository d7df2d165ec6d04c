"""What one OKX channel of one pair becomes: a handler per channel. Pure.

A handler takes a frame and its receive time and returns the frame's events. It raises what msgspec
raises, or WrongFrame, when the frame is not what it should be.
"""

from __future__ import annotations

from collections import deque

import msgspec

from millstream.exchange.decoding import FrameCounts, Topic
from millstream.exchange.feeding import Handler, WrongFrame
from millstream.exchange.okx import wire
from millstream.exchange.okx.book import PairBook
from millstream.exchange.okx.contracts import Units
from millstream.model import Candle, Channel, Event, Exchange, Gap, Side, Ticker, Trade

_tickers = msgspec.json.Decoder(wire.Tickers, strict=False).decode
_trades = msgspec.json.Decoder(wire.Trades, strict=False).decode
_books = msgspec.json.Decoder(wire.Books, strict=False).decode
_text_books = msgspec.json.Decoder(wire.TextBooks).decode
_candles = msgspec.json.Decoder(wire.Candles, strict=False).decode

_BUY, _SELL = Side.BUY, Side.SELL
REMEMBERED_TRADES = 1_000  # ids of one pair: what comes twice comes soon


def ticker_handler(exchange: Exchange, topic: Topic, units: Units, counts: FrameCounts) -> Handler:
    """Of tickers to Ticker, ten times a second at most."""
    pair, plain = topic.pair, exchange is Exchange.OKX
    assert pair is not None

    def handle(raw: bytes, received_ns: int) -> list[Event]:
        data = _tickers(raw).data
        topic.last_ns = received_ns
        topic.updates += 1
        if len(data) == 1 and not units.inverse:  # as it comes, without the loop
            counts.tickers += 1
            t, scale = data[0], units.scale  # 1 of spot
            return [
                Ticker(
                    received_ns, exchange, pair, t.ts * 1_000_000,
                    t.bidPx, t.bidSz * scale, t.askPx, t.askSz * scale,
                )
            ]  # fmt: skip
        events: list[Event] = []
        for t in data:
            bid, bid_volume, ask, ask_volume = t.bidPx, t.bidSz, t.askPx, t.askSz
            if not plain:
                bid_volume = units.volume(bid_volume, bid)
                ask_volume = units.volume(ask_volume, ask)
            told_ns = t.ts * 1_000_000
            events.append(
                Ticker(received_ns, exchange, pair, told_ns, bid, bid_volume, ask, ask_volume)
            )
        counts.tickers += len(data)
        if len(data) > 1:
            counts.further += len(data) - 1
        return events

    return handle


def trade_handler(exchange: Exchange, topic: Topic, units: Units, counts: FrameCounts) -> Handler:
    """Of trades or trades-all to Trade, after a Gap where trade ids are missing.

    Ids are counted one by one; of several trades sent as one, the id is the last one's.
    """
    pair, plain = topic.pair, exchange is Exchange.OKX
    assert pair is not None
    last = newest = -1  # the last id, and the highest; -1: none yet
    seen: deque[int] = deque(maxlen=REMEMBERED_TRADES)

    def handle(raw: bytes, received_ns: int) -> list[Event]:
        nonlocal last, newest
        data = _trades(raw).data
        topic.last_ns = received_ns
        topic.updates += 1
        events: list[Event] = []
        trades = 0
        for t in data:
            number = t.tradeId
            if number <= newest and number in seen:
                continue
            if number - t.count != last and last >= 0:
                events.append(_gap(received_ns, exchange, topic, last + 1, number - t.count + 1))
                counts.gaps += 1
            last = number
            if number > newest:
                newest = number
            seen.append(number)
            trades += 1
            volume = t.sz if plain else units.volume(t.sz, t.px)
            side = _BUY if t.side == "buy" else _SELL
            events.append(
                Trade(
                    received_ns, exchange, pair, t.ts * 1_000_000, t.px, volume, side, str(number)
                )
            )
        if trades:
            counts.trades += trades
            if trades > 1:
                counts.further += trades - 1
        else:
            counts.ignore("trades seen before")
        return events

    return handle


def _gap(received_ns: int, exchange: Exchange, topic: Topic, expected: int, got: int) -> Gap:
    missing = max(0, got - expected)
    reason = "trade ids missing" if missing else "trade ids went back"
    return Gap(
        received_ns,
        exchange,
        Channel.TRADE,
        topic.pair,
        str(expected),
        str(got),
        missing,
        reason,
    )


def book_handler(topic: Topic, book: PairBook, whole: bool, counts: FrameCounts) -> Handler:
    """Of any book channel to Book, by the pair's own book. whole: each frame is all of it."""

    def handle(raw: bytes, received_ns: int) -> list[Event]:
        frame = _books(raw)
        topic.last_ns = received_ns
        topic.updates += 1
        events: list[Event] = []
        for at, depth in enumerate(frame.data):
            is_whole = whole or frame.action == "snapshot" or depth.prevSeqId == -1
            if not is_whole and depth.seqId is None and not depth.checksum:
                raise WrongFrame("changes of a book without number and checksum")
            text = None
            if depth.checksum if is_whole else book.wants_text:
                text = _text_books(raw).data[at]
            if is_whole:
                events += book.load(depth, text, received_ns)
            else:
                events += book.update(depth, text, received_ns)
            if at:
                counts.further += 1
        return events

    return handle


def candle_handler(exchange: Exchange, topic: Topic, interval: str, counts: FrameCounts) -> Handler:
    """Of candle1m and so on to Candle. The venue says neither its time nor the count of trades."""
    pair, spot = topic.pair, exchange is Exchange.OKX
    assert pair is not None
    length_ns = wire.CANDLES[interval][1] * 1_000_000_000

    def handle(raw: bytes, received_ns: int) -> list[Event]:
        data = _candles(raw).data
        for c in data:
            if c.l > c.h:
                raise WrongFrame("the candle's low is above its high")
        topic.last_ns = received_ns
        topic.updates += 1
        counts.candles += len(data)
        counts.further += len(data) - 1
        return [
            Candle(
                received_ns,
                exchange,
                pair,
                0,
                interval,
                c.ts * 1_000_000,
                c.ts * 1_000_000 + length_ns,
                c.o,
                c.h,
                c.l,
                c.c,
                c.vol if spot else c.volCcy,
                0,
                c.confirm == "1",
            )
            for c in data
        ]

    return handle
