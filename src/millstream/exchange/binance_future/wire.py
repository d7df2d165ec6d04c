"""Binance USD-M futures' own words: where its streams are, and what they are called.

The words inside market frames are spot's (`binance/wire.py`), with a few fields more.
Since April 2026 each stream lives below /public, /market or /private of one host.
Source: developers.binance.com, "USDS-M Futures: Websocket Market Streams", and its change log.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from millstream.exchange.binance import wire
from millstream.model import Channel, CurrencyPair

WEBSOCKET_HOST = "wss://fstream.binance.com"
REST_HOST = "https://fapi.binance.com"
INTERVALS = tuple(interval for interval in wire.INTERVALS if interval != "1s")
SNAPSHOT_LIMITS = (5, 10, 20, 50, 100, 500, 1000)

PATHS: Final = {
    Channel.TICKER: "/public/stream",
    Channel.TRADE: "/public/stream",
    Channel.BOOK: "/public/stream",
    Channel.CANDLE: "/market/stream",
}


LISTEN_KEY_PATH = "/fapi/v1/listenKey"


class ListenKey(wire.Word, frozen=True, rename="camel"):
    """POST /fapi/v1/listenKey."""

    listen_key: str


def private_path(listen_key: str, early_fills: bool) -> str:
    """The account's stream, with the events that are of use."""
    events = "ORDER_TRADE_UPDATE" + ("/TRADE_LITE" if early_fills else "")
    return f"/private/ws?listenKey={quote(listen_key, safe='')}&events={events}"


def stream_names(pair: CurrencyPair, channel: Channel, candle_interval: str) -> tuple[str, ...]:
    """The stream that carries a channel of a pair, then those that carry the same at another pace.

    A tape may hold any of these.
    """
    name = wire.stream_name(pair, channel, candle_interval)
    if channel is not Channel.BOOK:
        return (name,)
    whole = name.removesuffix("@100ms")  # 250 ms
    return name, whole, f"{whole}@0ms", f"{whole}@500ms"


def depth_path(pair: CurrencyPair, limit: int) -> str:
    """Where a book's REST snapshot is, below the REST host."""
    return f"/fapi/v1/depth?symbol={wire.symbol(pair)}&limit={limit}"
