"""Binance spot's frames to events. Pure: bytes and their receive time in, events out."""

from __future__ import annotations

from collections.abc import Iterable

from millstream.errors import ConfigError
from millstream.exchange.binance import wire
from millstream.exchange.binance.market import Market, MarketDecoder, check_settings
from millstream.model import Channel, CurrencyPair, Exchange


def _stream_names(pair: CurrencyPair, channel: Channel, candle_interval: str) -> tuple[str, ...]:
    return (wire.stream_name(pair, channel, candle_interval),)


SPOT = Market(
    exchange=Exchange.BINANCE,
    stream_names=_stream_names,
    depth_path=wire.depth_path,
    foreign="a frame of Binance USD-M futures, not of Binance spot: use binance_future",
)


class BinanceDecoder(MarketDecoder):
    """Typed events from the frames of Binance spot.

    pairs, channels: what was subscribed; frames of other streams are counted as ignored.
    book_depth: levels on each side of a `Book`.
    candle_interval: "1s", "1m", ... "1M".
    snapshot_limit: levels on each side of a REST snapshot, at most 5000.
    """

    def __init__(
        self,
        pairs: Iterable[CurrencyPair],
        channels: Iterable[Channel],
        *,
        book_depth: int = 20,
        candle_interval: str = "1m",
        snapshot_limit: int = 5000,
    ) -> None:
        if not 1 <= snapshot_limit <= 5000:
            raise ConfigError(f"snapshot_limit is {snapshot_limit}; Binance accepts 1 to 5000.")
        check_settings(book_depth, candle_interval, wire.INTERVALS, snapshot_limit)
        super().__init__(
            SPOT,
            pairs,
            [wire.public(channel) for channel in channels],
            book_depth,
            candle_interval,
            snapshot_limit,
        )
