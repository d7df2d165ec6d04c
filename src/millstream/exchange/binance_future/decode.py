"""Binance USD-M futures' frames to events. Pure: bytes and their receive time in, events out."""

from __future__ import annotations

from collections.abc import Iterable

from millstream.errors import ConfigError
from millstream.exchange.binance.market import Market, MarketDecoder, check_settings
from millstream.exchange.binance.wire import public
from millstream.exchange.binance_future import wire
from millstream.model import Channel, CurrencyPair, Exchange

USD_M = Market(
    exchange=Exchange.BINANCE_FUTURE,
    stream_names=wire.stream_names,
    depth_path=wire.depth_path,
    foreign="a frame of Binance spot, not of Binance USD-M futures: use binance",
)


class BinanceFutureDecoder(MarketDecoder):
    """Typed events from the frames of Binance USD-M futures.

    pairs, channels: what was subscribed; frames of other streams are counted as ignored.
    book_depth: levels on each side of a `Book`.
    candle_interval: "1m", "3m", ... "1M".
    snapshot_limit: levels on each side of a REST snapshot: 5, 10, 20, 50, 100, 500 or 1000.
    """

    def __init__(
        self,
        pairs: Iterable[CurrencyPair],
        channels: Iterable[Channel],
        *,
        book_depth: int = 20,
        candle_interval: str = "1m",
        snapshot_limit: int = 1000,
    ) -> None:
        if snapshot_limit not in wire.SNAPSHOT_LIMITS:
            accepted = ", ".join(map(str, wire.SNAPSHOT_LIMITS))
            raise ConfigError(f"snapshot_limit is {snapshot_limit}; accepted: {accepted}.")
        check_settings(book_depth, candle_interval, wire.INTERVALS, snapshot_limit)
        super().__init__(
            USD_M,
            pairs,
            [public(channel) for channel in channels],
            book_depth,
            candle_interval,
            snapshot_limit,
        )
