"""The Exchange feed's frames to events, a handler per type. Pure.

Its frames are flat: one product each, and nothing numbers them but the trades' own ids. What a
heartbeat says of the last trade shows a trade that never came.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec

from millstream.exchange.coinbase import exchange_wire as wire
from millstream.exchange.coinbase.book import PairBook
from millstream.exchange.coinbase.series import PairTrades
from millstream.exchange.decoding import FrameCounts, Topic
from millstream.exchange.times import nanoseconds
from millstream.model import Channel, CurrencyPair, Event, Exchange, Side, Ticker

Told: TypeAlias = dict[tuple[Channel, str], int]  # by product: the last number it named
Handler: TypeAlias = Callable[[bytes, int], list[Event]]

_ticker = msgspec.json.Decoder(wire.Tick, strict=False).decode
_match = msgspec.json.Decoder(wire.Match, strict=False).decode
_snapshot = msgspec.json.Decoder(wire.Snapshot, strict=False).decode
_update = msgspec.json.Decoder(wire.Update, strict=False).decode
_heartbeat = msgspec.json.Decoder(wire.Heartbeat, strict=False).decode

_COINBASE = Exchange.COINBASE
_BUY, _SELL = Side.BUY, Side.SELL
_OTHER_PRODUCT = "a product that was not subscribed"


def ticker_handler(
    pairs: Mapping[str, tuple[CurrencyPair, Topic]], told: Told, counts: FrameCounts
) -> Handler:
    """Of ticker to Ticker; one older than the last of this connection makes none."""
    last = {product: (Channel.TICKER, product) for product in pairs}

    def handle(raw: bytes, received_ns: int) -> list[Event]:
        tick = _ticker(raw)
        product, number = tick.product_id, tick.sequence
        if product not in pairs:
            counts.ignore(_OTHER_PRODUCT)
            return []
        pair, topic = pairs[product]
        exchange_ns = nanoseconds(tick.time) if tick.time else 0
        topic.last_ns = received_ns
        topic.updates += 1
        if number <= told.get(last[product], -1):
            counts.ignore("a ticker seen before")
            return []
        told[last[product]] = number
        bid, ask = tick.best_bid, tick.best_ask
        if not (bid and ask):
            counts.ignore("a ticker without a bid or an ask")
            return []
        counts.tickers += 1
        bid_volume, ask_volume = tick.best_bid_size, tick.best_ask_size
        return [Ticker(received_ns, _COINBASE, pair, exchange_ns, bid, bid_volume, ask, ask_volume)]

    return handle


def match_handler(pairs: Mapping[str, PairTrades], counts: FrameCounts) -> Handler:
    """Of match and last_match to Trade, after a Gap where trade ids are missing."""

    def handle(raw: bytes, received_ns: int) -> list[Event]:
        match = _match(raw)
        trades = pairs.get(match.product_id)
        if trades is None:
            counts.ignore(_OTHER_PRODUCT)
            return []
        # side says who rested. Ours says who took.
        side = _SELL if match.side == "buy" else _BUY
        exchange_ns = nanoseconds(match.time)
        events: list[Event] = []
        trades.take(events, match.trade_id, match.price, match.size, side, exchange_ns, received_ns)
        if not events:
            counts.ignore("a trade seen before")
        return events

    return handle


def snapshot_handler(books: Mapping[str, PairBook], counts: FrameCounts) -> Handler:
    """Of snapshot to Book."""

    def handle(raw: bytes, received_ns: int) -> list[Event]:
        frame = _snapshot(raw)
        book = books.get(frame.product_id)
        if book is None:
            counts.ignore(_OTHER_PRODUCT)
            return []
        exchange_ns = nanoseconds(frame.time) if frame.time else 0
        events = book.load(frame.bids, frame.asks, 0, exchange_ns, received_ns)
        if not book.synced:
            counts.ignore("a snapshot that is crossed")
        return events

    return handle


def update_handler(books: Mapping[str, PairBook], counts: FrameCounts) -> Handler:
    """Of l2update to Book."""

    def handle(raw: bytes, received_ns: int) -> list[Event]:
        frame = _update(raw)
        book = books.get(frame.product_id)
        if book is None:
            counts.ignore(_OTHER_PRODUCT)
            return []
        exchange_ns = nanoseconds(frame.time)
        bids = [(price, volume) for side, price, volume in frame.changes if side == "buy"]
        asks = [(price, volume) for side, price, volume in frame.changes if side != "buy"]
        events = book.apply(bids, asks, 0, exchange_ns, received_ns)
        if not book.synced:
            counts.ignore("an update of a book that is not valid")
        return events

    return handle


def heartbeat_handler(pairs: Mapping[str, PairTrades], told: Told, counts: FrameCounts) -> Handler:
    """Of heartbeat to a Gap, when a trade of the heartbeat before has not come by now."""

    def handle(raw: bytes, received_ns: int) -> list[Event]:
        beat = _heartbeat(raw)
        product, trades = beat.product_id, pairs.get(beat.product_id)
        counts.ignore("a heartbeat")
        last = Channel.TRADE, product
        missed = told.get(last, -1)
        told[last] = beat.last_trade_id
        if trades is None or trades.expected < 0 or missed < trades.expected:
            return []
        gap = trades.missing(missed + 1, received_ns)
        trades.expected = missed + 1
        return [gap]

    return handle
