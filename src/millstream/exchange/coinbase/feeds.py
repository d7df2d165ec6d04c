"""Coinbase's two feeds, and what each of them offers. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from millstream.errors import ConfigError
from millstream.exchange.coinbase import exchange_wire, wire
from millstream.model import Channel

FEEDS = ("advanced", "exchange")
BOOK_CHANNELS = ("level2_batch", "level2")  # of the Exchange feed; level2 wants a login


def check_settings(
    feed: str,
    channels: Iterable[Channel],
    book_depth: int,
    candle_interval: str,
    book_channel: str,
) -> None:
    """Raise ConfigError for what Coinbase does not offer."""
    if feed not in FEEDS:
        raise ConfigError(f'feed is "{feed}"; accepted: {", ".join(FEEDS)}.')
    offered = exchange_wire.NAMES if feed == "exchange" else wire.NAMES
    for channel in channels:
        if channel not in offered:
            raise ConfigError(
                f'the {feed} feed of coinbase has no channel "{channel}"; '
                f"accepted: {', '.join(offered)}."
            )
    if candle_interval != wire.INTERVAL:
        raise ConfigError(
            f'candle_interval is "{candle_interval}"; Coinbase streams "{wire.INTERVAL}" only.'
        )
    if book_channel not in BOOK_CHANNELS:
        raise ConfigError(
            f'book_channel is "{book_channel}"; accepted: {", ".join(BOOK_CHANNELS)}.'
        )
    if book_depth < 1:
        raise ConfigError(f"book_depth is {book_depth}; accepted: 1 or more.")
