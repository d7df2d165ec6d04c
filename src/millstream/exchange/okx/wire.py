"""OKX's own words, of spot and swap. `instId`, `sz`, `px` exist on pages of this room only.

Source: okx.com/docs-v5. Numbers come as text; ``strict=False`` makes floats of it in one pass. What
becomes an order or a fill stays text until it is a Decimal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from millstream.model import Channel, CurrencyPair

Price: TypeAlias = Annotated[float, Meta(gt=0.0, le=1e300)]
Volume: TypeAlias = Annotated[float, Meta(ge=0.0, le=1e300)]
Milliseconds: TypeAlias = Annotated[int, Meta(ge=0, le=9_223_372_036_853)]  # fits as nanoseconds
Number: TypeAlias = Annotated[int, Meta(ge=0, le=9_223_372_036_854_775_806)]
BookNumber: TypeAlias = Annotated[int, Meta(ge=-1, le=9_223_372_036_854_775_806)]
Level: TypeAlias = tuple[Price, Volume, str, str]  # price, size, always "0", count of orders
TextLevel: TypeAlias = tuple[str, str, str, str]

WEBSOCKET_HOST = "wss://ws.okx.com:8443"
SIMULATED_HOST = "wss://wspap.okx.com:8443"
REST_HOST = "https://www.okx.com"
PUBLIC, PRIVATE, BUSINESS = "/ws/v5/public", "/ws/v5/private", "/ws/v5/business"
INSTRUMENTS_PATH = "/api/v5/public/instruments"

PING, PONG = b"ping", b"pong"
PING_EVERY_S = 10.0  # after the answer to the last; the venue hangs up after 30 s of silence
ARGUMENTS_PER_MESSAGE = 100  # all arguments together must stay below 64 KB
CLOSING_SOON = "64008"  # the code of the notice that the connection will be closed

TRADE_CHANNELS: Final = ("trades", "trades-all")
BOOK_CHANNELS: Final = ("books", "books5", "bbo-tbt", "books50-l2-tbt", "books-l2-tbt")
WHOLE_BOOKS: Final = frozenset({"books5", "bbo-tbt"})  # every frame is the whole of it
BOOKS_WITH_LOGIN: Final = frozenset({"books50-l2-tbt", "books-l2-tbt"})
ORDERS: Final = "orders"

# The venue's candle and its seconds. From 6h on those without "utc" begin at 00:00 in Hong Kong.
CANDLES: Final[dict[str, tuple[str, int]]] = {
    "1s": ("candle1s", 1),
    "1m": ("candle1m", 60),
    "3m": ("candle3m", 180),
    "5m": ("candle5m", 300),
    "15m": ("candle15m", 900),
    "30m": ("candle30m", 1_800),
    "1h": ("candle1H", 3_600),
    "2h": ("candle2H", 7_200),
    "4h": ("candle4H", 14_400),
    "6h": ("candle6Hutc", 21_600),
    "12h": ("candle12Hutc", 43_200),
    "1d": ("candle1Dutc", 86_400),
    "1w": ("candle1Wutc", 604_800),
}


class Word(msgspec.Struct, frozen=True, gc=False):
    """Something OKX says. Unknown fields are no error: venues add fields."""


class Argument(Word, frozen=True):
    """What a frame belongs to."""

    channel: str = ""
    instId: str = ""  # noqa: N815


class Anything(Word, frozen=True):
    """A frame of any kind, seen from outside."""

    arg: Argument | None = None
    event: str | None = None
    channel: str = ""  # of channel-conn-count
    code: str = ""
    msg: str = ""
    rest: str | None = None  # a tape's
    data: msgspec.Raw = msgspec.Raw(b"")


class Ticker(Word, frozen=True):
    """tickers: the best prices and the last trade."""

    bidPx: Price  # noqa: N815
    bidSz: Volume  # noqa: N815
    askPx: Price  # noqa: N815
    askSz: Volume  # noqa: N815
    ts: Milliseconds


class Tickers(Word, frozen=True):
    """A frame of it."""

    data: Annotated[list[Ticker], Meta(min_length=1)]


class Trade(Word, frozen=True):
    """trades: one or more trades at one price, the last of which gives the id; trades-all: one."""

    tradeId: Number  # noqa: N815
    px: Price
    sz: Volume
    side: Literal["buy", "sell"]  # the taker's
    ts: Milliseconds
    count: Annotated[int, Meta(ge=1, le=1_000_000_000)] = 1


class Trades(Word, frozen=True):
    """A frame of it."""

    data: Annotated[list[Trade], Meta(min_length=1)]


class Depth(Word, frozen=True):
    """A whole book, or the prices that changed with their absolute sizes."""

    bids: list[Level]
    asks: list[Level]
    ts: Milliseconds
    seqId: BookNumber | None = None  # noqa: N815
    prevSeqId: BookNumber | None = None  # noqa: N815 - of the frame before; -1: of none
    checksum: int = 0  # 0: none, which is all that is sent since August 2026


class Books(Word, frozen=True):
    """A frame of any of the book channels."""

    data: Annotated[list[Depth], Meta(min_length=1)]
    action: str = ""


class TextDepth(Word, frozen=True):
    """The same as text, for the checksum."""

    bids: list[TextLevel]
    asks: list[TextLevel]


class TextBooks(Word, frozen=True):
    """A frame of it."""

    data: list[TextDepth]


class Candle(Word, frozen=True, array_like=True):
    """candle1m and so on: an array."""

    ts: Milliseconds  # the first of it
    o: Price
    h: Price
    l: Price  # noqa: E741 - the venue's letter
    c: Price
    vol: Volume  # spot: base currency; swap: contracts
    volCcy: Volume  # noqa: N815 - spot: quote currency; swap: base currency
    volCcyQuote: Volume  # noqa: N815
    confirm: str  # "1": closed


class Candles(Word, frozen=True):
    """A frame of it."""

    data: Annotated[list[Candle], Meta(min_length=1)]


class Instrument(Word, frozen=True):
    """/api/v5/public/instruments: what one contract is worth."""

    instId: str  # noqa: N815
    ctVal: str = ""  # noqa: N815 - "0.01"; "" of spot
    ctMult: str = ""  # noqa: N815
    ctType: str = ""  # noqa: N815 - "linear": in base currency; "inverse": in quote currency


class Order(Word, frozen=True):
    """An element of the orders channel, of orders-pending and of order."""

    instId: str  # noqa: N815
    ordId: str  # noqa: N815
    side: str
    ordType: str  # noqa: N815
    state: str
    sz: str
    accFillSz: str = ""  # noqa: N815
    avgPx: str = ""  # noqa: N815
    px: str = ""
    clOrdId: str = ""  # noqa: N815
    tgtCcy: str = ""  # noqa: N815 - "quote_ccy": sz is in quote currency
    uTime: str = "0"  # noqa: N815
    tradeId: str = ""  # noqa: N815
    fillPx: str = ""  # noqa: N815
    fillSz: str = ""  # noqa: N815
    fillTime: str = ""  # noqa: N815
    fillFee: str = ""  # noqa: N815 - of this fill; negative: paid
    fillFeeCcy: str = ""  # noqa: N815
    fee: str = ""  # of all fills so far
    feeCcy: str = ""  # noqa: N815
    execType: str = ""  # noqa: N815
    cancelSource: str = ""  # noqa: N815
    cancelSourceReason: str = ""  # noqa: N815
    code: str = ""
    msg: str = ""


class Orders(Word, frozen=True):
    """A frame of it."""

    data: list[Order]


class Fill(Word, frozen=True):
    """An element of fills-history."""

    instId: str  # noqa: N815
    tradeId: str  # noqa: N815
    ordId: str  # noqa: N815
    side: str
    fillPx: str  # noqa: N815
    fillSz: str  # noqa: N815
    billId: str = ""  # noqa: N815 - pages go by it
    clOrdId: str = ""  # noqa: N815
    fee: str = ""
    feeCcy: str = ""  # noqa: N815
    execType: str = ""  # noqa: N815
    ts: str = "0"


def symbol(pair: CurrencyPair, suffix: str = "") -> str:
    """The venue's name of a pair: "BTC-USDT", with suffix "BTC-USDT-SWAP"."""
    return f"{pair.base}-{pair.quote}{suffix}"


def subscription(channel: Channel, trades: str, book: str, candle: str) -> str:
    """The venue's name of a channel of market data."""
    match channel:
        case Channel.TICKER:
            return "tickers"
        case Channel.TRADE:
            return trades
        case Channel.BOOK:
            return book
        case _:
            return CANDLES[candle][0]


def request(op: str, arguments: Sequence[dict[str, Any]]) -> list[bytes]:
    """Messages that ask for all these, a hundred at a time."""
    return [
        msgspec.json.encode({"op": op, "args": arguments[at : at + ARGUMENTS_PER_MESSAGE]})
        for at in range(0, len(arguments), ARGUMENTS_PER_MESSAGE)
    ]


class Login(Word, frozen=True):
    """The answer to a login."""

    event: str = ""
    code: str = ""
    msg: str = ""


class Answer(Word, frozen=True):
    """Any REST answer."""

    code: str = ""
    msg: str = ""
    data: msgspec.Raw = msgspec.Raw(b"[]")
