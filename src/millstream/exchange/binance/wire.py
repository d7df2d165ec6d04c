"""Binance's own words, of spot and futures. `e`, `m`, `p`, `q` exist on pages like this only.

Source: developers.binance.com, "WebSocket Streams for Binance" and "Market Data endpoints".
Numbers come as text; a decoder with ``strict=False`` makes floats of it in one pass. A price of
zero, below zero, NaN or infinite is not a price.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Generic, TypeAlias, TypeVar

import msgspec
from msgspec import Meta

from millstream.errors import ConfigError
from millstream.model import Channel, CurrencyPair

Price: TypeAlias = Annotated[float, Meta(gt=0.0, le=1e300)]
Volume: TypeAlias = Annotated[float, Meta(ge=0.0, le=1e300)]
Milliseconds: TypeAlias = Annotated[int, Meta(ge=0, le=9_223_372_036_853)]  # fits as nanoseconds
Number: TypeAlias = Annotated[int, Meta(ge=0, le=9_223_372_036_854_775_806)]
Levels: TypeAlias = list[tuple[Price, Volume]]

WEBSOCKET_HOST = "wss://stream.binance.com:9443"
API_HOST = "wss://ws-api.binance.com:443"  # the WebSocket API
API_PATH = "/ws-api/v3"
REST_HOST = "https://api.binance.com"
COMBINED_PATH = "/stream"
STREAMS_PER_MESSAGE = 200
SNAPSHOT_LIMITS = (100, 500, 1000, 5000)  # what people ask for; a side of just so many was cut


INTERVALS = (
    *("1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h"),
    *("1d", "3d", "1w", "1M"),
)
EVENT_TYPES = {
    Channel.TICKER: "bookTicker",  # written by us: the frame itself has no event type
    Channel.TRADE: "trade",
    Channel.BOOK: "depthUpdate",
    Channel.CANDLE: "kline",
}
REQUEST_IDS = {channel: 1_000 * number for number, channel in enumerate(EVENT_TYPES, start=1)}


class Word(msgspec.Struct, frozen=True, gc=False):
    """Something Binance says. Unknown fields are no error: venues add fields."""


class BookTicker(Word, frozen=True):
    """<symbol>@bookTicker: has neither an event type nor a time. Whose it is, the stream says."""

    b: Price  # best bid
    B: Volume
    a: Price  # best ask
    A: Volume
    T: Milliseconds | None = None  # USD-M futures only


class Trade(Word, frozen=True, tag_field="e", tag="trade"):
    """<symbol>@trade. Whose it is, the stream says."""

    t: Number  # trade id, without gaps per symbol
    p: Price
    q: Volume
    T: Milliseconds
    m: bool  # the buyer is the maker
    X: str | None = None  # USD-M futures only: "MARKET", or what else printed the trade


class DepthUpdate(Word, frozen=True, tag_field="e", tag="depthUpdate"):
    """<symbol>@depth@100ms: absolute volumes of the changed prices."""

    s: str
    E: Milliseconds
    U: Number  # first update id in this event
    u: Number  # last update id in this event
    b: Levels
    a: Levels
    T: Milliseconds | None = None  # USD-M futures only: when it happened
    pu: int | None = None  # USD-M futures only: the last update id of the event before

    @property
    def before(self) -> int:
        """The id of the update that this one follows."""
        return self.U - 1 if self.pu is None else self.pu

    @property
    def exchange_ns(self) -> int:
        """The venue's time."""
        return (self.E if self.T is None else self.T) * 1_000_000


class KlineBody(Word, frozen=True):
    """The candle inside a kline event."""

    s: str
    t: Milliseconds  # first millisecond
    T: Milliseconds  # last millisecond
    i: str
    o: Price
    h: Price
    l: Price  # noqa: E741 - the venue's letter
    c: Price
    v: Volume
    n: Number  # trades
    x: bool  # closed


class Kline(Word, frozen=True, tag_field="e", tag="kline"):
    """<symbol>@kline_<interval>."""

    s: str
    E: Milliseconds
    k: KlineBody


class Depth(Word, frozen=True):
    """GET /api/v3/depth."""

    lastUpdateId: Number  # noqa: N815
    bids: Levels
    asks: Levels
    T: int | None = None  # USD-M futures only


Body = TypeVar("Body")


class Frame(Word, Generic[Body], frozen=True):
    """A combined-stream frame; its stream name is read from the bytes."""

    data: Body


class Problem(Word, frozen=True):
    """Why a request was refused."""

    code: int = 0
    msg: str = ""


class Anything(Word, frozen=True):
    """Just enough of any frame to see what it is."""

    stream: str | None = None
    data: msgspec.Raw = msgspec.Raw()  # empty: not there
    rest: str | None = None  # a tape's own mark: the path that `data` answered
    e: str | None = None
    s: str | None = None
    b: msgspec.Raw = msgspec.Raw()
    a: msgspec.Raw = msgspec.Raw()
    pu: int | None = None
    lastUpdateId: int | None = None  # noqa: N815
    id: msgspec.Raw = msgspec.Raw()
    result: msgspec.Raw = msgspec.Raw()
    error: Problem | None = None


def symbol(pair: CurrencyPair) -> str:
    """BTC/USDT as "BTCUSDT"."""
    return pair.base + pair.quote


def stream_name(pair: CurrencyPair, channel: Channel, candle_interval: str) -> str:
    """The stream that carries a channel of a pair: "btcusdt@bookTicker"."""
    suffix = {
        Channel.TICKER: "bookTicker",
        Channel.TRADE: "trade",
        Channel.BOOK: "depth@100ms",
        Channel.CANDLE: f"kline_{candle_interval}",
    }[channel]
    return f"{symbol(pair).lower()}@{suffix}"


def head(name: str) -> bytes:
    """What a stream's combined frames begin with, up to their first comma."""
    return b'{"stream":"' + name.encode() + b'"'


def combined(name: str, data: bytes) -> bytes:
    """The combined-stream frame of a stream's data."""
    return head(name) + b',"data":' + data + b"}"


def public(channel: Channel) -> Channel:
    """The channel, if Binance's market streams carry it."""
    if channel not in EVENT_TYPES:
        raise ConfigError(
            f'channel "{channel}" of binance comes with a later release; '
            f"accepted now: {', '.join(EVENT_TYPES)}."
        )
    return channel


def subscribe_messages(streams: Sequence[str], channel: Channel) -> list[bytes]:
    """SUBSCRIBE requests for all streams, few of them: each counts against 5 messages a second."""
    chunks = [
        streams[start : start + STREAMS_PER_MESSAGE]
        for start in range(0, len(streams), STREAMS_PER_MESSAGE)
    ]
    return [
        msgspec.json.encode(
            {"method": "SUBSCRIBE", "params": chunk, "id": REQUEST_IDS[channel] + number}
        )
        for number, chunk in enumerate(chunks)
    ]


def read_request_id(request_id: bytes) -> tuple[Channel | None, int]:
    """Whose subscription has this id, as it stands in the venue's answer, and which part of it."""
    number = int(request_id) if request_id.isdigit() and len(request_id) < 10 else 0
    first, chunk = number // 1_000 * 1_000, number % 1_000
    return next((c for c, start in REQUEST_IDS.items() if start == first), None), chunk


def depth_path(pair: CurrencyPair, limit: int) -> str:
    """Where a book's REST snapshot is, below the REST host."""
    return f"/api/v3/depth?symbol={symbol(pair)}&limit={limit}"
