"""Kraken spot's own words, websocket v2. What they are called there is written on this page only.

Source: docs.kraken.com, "Spot WebSocket v2". Numbers come as bare JSON numbers whose text is exact:
market numbers become floats in one pass, own orders' become Decimal from the text, and a book keeps
the text, since its checksum is made of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta, Raw

from millstream.errors import ConfigError, UnknownName
from millstream.model import Channel, CurrencyPair

Price: TypeAlias = Annotated[float, Meta(gt=0.0, le=1e300)]
Volume: TypeAlias = Annotated[float, Meta(ge=0.0, le=1e300)]
Number: TypeAlias = Annotated[int, Meta(ge=0, le=9_223_372_036_854_775_806)]

PUBLIC_URL = "wss://ws.kraken.com/v2"
PRIVATE_URL = "wss://ws-auth.kraken.com/v2"
REST_HOST = "https://api.kraken.com"
TOKEN_PATH = "/0/private/GetWebSocketsToken"
ORDERS_PATH = "/0/private/QueryOrders"
ORDERS_PER_QUESTION = 20
ORDER_UNKNOWN = ("EOrder:", "EQuery:", "EGeneral:Invalid arguments")
KEY_REFUSED = ("EAPI:Invalid key", "EAPI:Invalid signature", "EGeneral:Permission denied")

NAMES = {
    Channel.TICKER: "ticker",
    Channel.TRADE: "trade",
    Channel.BOOK: "book",
    Channel.CANDLE: "ohlc",
    Channel.MY_ORDER: "executions",
    Channel.MY_TRADE: "executions",
    Channel.MY_ORDER_BATCH: "executions",
}
INTERVALS = {  # in minutes
    "1m": 1,
    "5m": 5,
    "15m": 15,
    "30m": 30,
    "1h": 60,
    "4h": 240,
    "1d": 1440,
    "1w": 10080,
    "15d": 21600,
}
BOOK_DEPTHS = (10, 25, 100, 500, 1000)
SYMBOLS_PER_MESSAGE = 100
AGAIN = 1000  # the request id of a pair's new subscription is this and the pair's place


class Word(msgspec.Struct, frozen=True, gc=False):
    """Something Kraken says. Unknown fields are no error: venues add fields."""


class Quote(Word, frozen=True):
    """Of ticker. A dead market sends zeros."""

    symbol: str
    bid: Volume
    bid_qty: Volume
    ask: Volume
    ask_qty: Volume
    timestamp: str = ""  # came in 2026


class TickerFrame(Word, frozen=True):
    """ticker."""

    channel: Literal["ticker"]
    data: list[Quote]


class Deal(Word, frozen=True):
    """One public trade; side is the taker's."""

    symbol: str
    side: Literal["buy", "sell"]
    price: Price
    qty: Volume
    trade_id: Number  # without gaps per symbol
    timestamp: str


class TradeFrame(Word, frozen=True):
    """trade: a snapshot holds the last 50."""

    channel: Literal["trade"]
    data: list[Deal]


class Level(Word, frozen=True):
    """A price and its absolute quantity, as text."""

    price: Raw
    qty: Raw


class Depth(Word, frozen=True):
    """A pair's book or what changed in it."""

    symbol: str
    bids: list[Level]
    asks: list[Level]
    checksum: int | None = None
    timestamp: str = ""


class BookFrame(Word, frozen=True):
    """book."""

    channel: Literal["book"]
    type: Literal["snapshot", "update"]
    data: list[Depth]


class Bar(Word, frozen=True):
    """A candle; whether it is closed is not said."""

    symbol: str
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Volume
    trades: Number
    interval_begin: str
    interval: int


class CandleFrame(Word, frozen=True):
    """ohlc."""

    channel: Literal["ohlc"]
    data: list[Bar]
    timestamp: str = ""


class Fee(Word, frozen=True):
    """Part of a fill's fee."""

    asset: str
    qty: Decimal


class Trigger(Word, frozen=True):
    """Of a stop order."""

    price: Decimal | None = None


class Execution(Word, frozen=True):
    """What happened to an own order; an update says little more than what has changed."""

    order_id: str
    exec_type: str = ""
    order_status: str = ""
    symbol: str = ""
    cl_ord_id: str = ""
    side: str = ""
    order_type: str = ""
    time_in_force: str = ""
    post_only: bool | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    triggers: Trigger | None = None
    order_qty: Decimal | None = None
    cum_qty: Decimal | None = None
    avg_price: Decimal | None = None
    reason: str = ""
    cancel_reason: str = ""
    timestamp: str = ""
    exec_id: str = ""  # of a fill, from here on
    last_price: Decimal | None = None
    last_qty: Decimal | None = None
    liquidity_ind: str = ""
    fees: list[Fee] = []


class ExecutionFrame(Word, frozen=True):
    """executions: numbered one by one on each connection."""

    channel: Literal["executions"]
    type: Literal["snapshot", "update"]
    sequence: Number
    data: list[Execution]


class Subscribed(Word, frozen=True):
    """What was acknowledged."""

    channel: str = ""
    symbol: str | None = None


class Anything(Word, frozen=True):
    """Just enough of any frame to see what it is."""

    channel: str | None = None
    method: str | None = None
    success: bool | None = None
    error: str = ""
    symbol: str | None = None  # of a refusal
    req_id: int | None = None
    result: Subscribed | None = None


class TokenResult(Word, frozen=True):
    """A websocket token."""

    token: str = ""


class TokenAnswer(Word, frozen=True):
    """POST /0/private/GetWebSocketsToken."""

    error: list[str] = []
    result: TokenResult = TokenResult()


class RestOrder(Word, frozen=True):
    """An own order as REST knows it; what a report of the stream says is not asked for again."""

    status: str  # pending, open, closed (that is filled), canceled, expired
    vol_exec: Decimal = Decimal(0)
    price: Decimal = Decimal(0)  # the average of its fills
    reason: str | None = None


class OrdersAnswer(Word, frozen=True):
    """POST /0/private/QueryOrders, by the venue's ids."""

    error: list[str] = []
    result: dict[str, RestOrder] = {}


def head(channel: str) -> bytes:
    """What a channel's frames begin with, up to their first comma."""
    return b'{"channel":"' + channel.encode() + b'"'


def symbol(pair: CurrencyPair) -> str:
    """BTC/USD, as v2 says it, too."""
    return f"{pair.base}/{pair.quote}"


def pair_of(text: str) -> CurrencyPair | None:
    """The pair of a symbol; None when it is no currency pair of ours."""
    try:
        return CurrencyPair.parse(text)
    except UnknownName:
        return None


def subscribed_depth(levels: int) -> int:
    """The smallest depth on offer that holds so many levels."""
    for depth in BOOK_DEPTHS:
        if 1 <= levels <= depth:
            return depth
    raise ConfigError(f"book_depth is {levels}; Kraken accepts 1 to {BOOK_DEPTHS[-1]}.")


def minutes(interval: str) -> int:
    """A candle interval in minutes."""
    if interval not in INTERVALS:
        raise ConfigError(f'candle_interval is "{interval}"; accepted: {", ".join(INTERVALS)}.')
    return INTERVALS[interval]


def request(
    method: str,
    channel: Channel,
    pairs: Sequence[CurrencyPair],
    request_id: int,
    *,
    book_depth: int = 10,
    candle_interval: str = "1m",
    token: str = "",
    asset_class: str = "",
) -> bytes:
    """A subscribe or unsubscribe request."""
    parameters: dict[str, Any] = {"channel": NAMES[channel]}
    if channel.private:
        parameters["token"] = token
        if method == "subscribe":
            # Fills of the past are no orders: each connection asks for what it is for.
            parameters["snap_trades"] = channel is Channel.MY_TRADE
            parameters["snap_orders"] = channel is not Channel.MY_TRADE
            parameters["order_status"] = True
            parameters["ratecounter"] = False
    else:
        parameters["symbol"] = [symbol(pair) for pair in pairs]
        if method == "subscribe":
            parameters["snapshot"] = True
    if channel is Channel.TICKER:
        parameters["event_trigger"] = "bbo"  # else it is sent after trades only
    elif channel is Channel.BOOK:
        parameters["depth"] = subscribed_depth(book_depth)
    elif channel is Channel.CANDLE:
        parameters["interval"] = minutes(candle_interval)
    if asset_class:
        parameters["asset_class"] = asset_class
    return msgspec.json.encode({"method": method, "params": parameters, "req_id": request_id})


def chunks(pairs: Sequence[CurrencyPair]) -> list[Sequence[CurrencyPair]]:
    """The pairs of each subscribe request."""
    step = SYMBOLS_PER_MESSAGE
    return [pairs[start : start + step] for start in range(0, len(pairs), step)]
