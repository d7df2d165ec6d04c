"""Coinbase Advanced Trade's own words: `l2_data`, `price_level`, `cumulative_quantity` live here.

Source: docs.cdp.coinbase.com, Advanced Trade, "WebSocket channels". Every frame is
`{"channel":..,"timestamp":..,"sequence_num":..,"events":[..]}`; numbers come as text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeAlias
from urllib.parse import urlencode

import msgspec
from msgspec import Meta

from millstream.exchange.coinbase.words import (
    Number,
    Price,
    Quote,
    Volume,
    Word,
    product_id,
)
from millstream.exchange.decoding import UNREADABLE
from millstream.model import Channel, CurrencyPair

Amount: TypeAlias = Annotated[str, Meta(pattern=r"^(-?[0-9]{1,40}(\.[0-9]{0,40})?)?$")]
Seconds: TypeAlias = Annotated[int, Meta(ge=0, le=9_223_372_000)]  # fits as nanoseconds

MARKET_HOST = "wss://advanced-trade-ws.coinbase.com"
USER_HOST = "wss://advanced-trade-ws-user.coinbase.com"
REST_HOST = "https://api.coinbase.com"
ORDERS_PATH = "/api/v3/brokerage/orders/historical/batch"

HEARTBEATS = "heartbeats"
INTERVAL, INTERVAL_NS = "5m", 300_000_000_000  # the only one Coinbase streams
IDS_PER_QUERY = 50
SNAPSHOT_BATCH = 50  # a snapshot of open orders comes in batches; a smaller one is the last
NAMES = {
    Channel.TICKER: "ticker",
    Channel.TRADE: "market_trades",
    Channel.BOOK: "level2",  # which calls itself l2_data in its frames
    Channel.CANDLE: "candles",
    Channel.MY_ORDER: "user",
    Channel.MY_TRADE: "user",
    Channel.MY_ORDER_BATCH: "user",
}


class Tick(Word, frozen=True):
    """One product of a ticker."""

    product_id: str
    best_bid: Quote
    best_bid_quantity: Volume
    best_ask: Quote
    best_ask_quantity: Volume


class Tickers(Word, frozen=True):
    """An event of ticker."""

    tickers: list[Tick]


class Match(Word, frozen=True):
    """One trade of market_trades."""

    product_id: str
    trade_id: Number  # sequential per product
    price: Price
    size: Volume
    time: str
    side: Literal["BUY", "SELL"]  # the maker's


class Matches(Word, frozen=True):
    """An event of market_trades: several trades, newest first."""

    trades: list[Match]


class Change(Word, frozen=True):
    """One price of a book; its volume is absolute, 0 removes it."""

    side: Literal["bid", "offer"]
    price_level: Price
    new_quantity: Volume


class Changes(Word, frozen=True):
    """An event of l2_data."""

    type: Literal["snapshot", "update"]
    product_id: str
    updates: list[Change]


class Bar(Word, frozen=True):
    """One product's candle."""

    product_id: str
    start: Seconds
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Volume


class Bars(Word, frozen=True):
    """An event of candles."""

    candles: list[Bar]


class Order(Word, frozen=True):
    """An own order, as the user channel tells it: cumulative numbers, and no fills."""

    order_id: str
    product_id: str
    status: str
    client_order_id: str = ""
    order_side: Literal["BUY", "SELL", ""] = ""
    order_type: str = ""
    time_in_force: str = ""
    cumulative_quantity: Amount = ""
    leaves_quantity: Amount = ""
    avg_price: Amount = ""
    filled_value: Amount = ""  # in quote currency; older frames have none
    total_fees: Amount = ""
    limit_price: Amount = ""
    post_only: str | bool = ""
    cancel_reason: str = ""
    reject_reason: str = ""


class Orders(Word, frozen=True):
    """An event of user."""

    type: Literal["snapshot", "update"]
    orders: tuple[Order, ...] = ()


class TickerFrame(Word, frozen=True, tag_field="channel", tag="ticker"):
    """ticker: the best bid and ask, when they change or a trade happens."""

    timestamp: str
    sequence_num: Number
    events: list[Tickers]


class TradeFrame(Word, frozen=True, tag_field="channel", tag="market_trades"):
    """market_trades."""

    timestamp: str
    sequence_num: Number
    events: list[Matches]


class BookFrame(Word, frozen=True, tag_field="channel", tag="l2_data"):
    """level2."""

    timestamp: str
    sequence_num: Number
    events: list[Changes]


class CandleFrame(Word, frozen=True, tag_field="channel", tag="candles"):
    """candles: at most one a second; the first has those of the past hours."""

    timestamp: str
    sequence_num: Number
    events: list[Bars]


class UserFrame(Word, frozen=True, tag_field="channel", tag="user"):
    """user."""

    timestamp: str
    sequence_num: Number
    events: list[Orders]


class Subscriptions(Word, frozen=True):
    """Everything the connection is subscribed to: products by the name of their channel."""

    subscriptions: dict[str, list[str]] = msgspec.field(default_factory=dict)


class AckFrame(Word, frozen=True, tag_field="channel", tag="subscriptions"):
    """The answer to every subscribe."""

    sequence_num: Number
    events: list[Subscriptions]


class Anything(Word, frozen=True):
    """Just enough of any frame to see what it is."""

    channel: str | None = None
    type: str | None = None
    timestamp: str = ""
    sequence_num: Number | None = None
    message: str = ""
    reason: str = ""


class Terms(Word, frozen=True):
    """What an order asked for."""

    base_size: Amount = ""
    limit_price: Amount = ""
    post_only: bool = False


_anything = msgspec.json.Decoder(Anything, strict=False).decode


class RestOrder(Word, frozen=True):
    """An own order, as REST tells it."""

    order_id: str
    product_id: str
    status: str
    side: Literal["BUY", "SELL", ""] = ""
    client_order_id: str = ""
    order_type: str = ""
    time_in_force: str = ""
    filled_size: Amount = ""
    average_filled_price: Amount = ""
    filled_value: Amount = ""
    total_fees: Amount = ""
    last_fill_time: str | None = None
    reject_reason: str = ""
    cancel_message: str = ""
    order_configuration: dict[str, Terms] = msgspec.field(default_factory=dict)


class RestOrders(Word, frozen=True):
    """GET /api/v3/brokerage/orders/historical/batch."""

    orders: list[RestOrder]


class Page(Word, frozen=True):
    """Whether REST has more to say."""

    has_next: bool = False
    cursor: str = ""


_page = msgspec.json.Decoder(Page).decode


def subscribe_messages(
    pairs: Iterable[CurrencyPair], channel: Channel, token: Callable[[], str] | None = None
) -> list[bytes]:
    """What to send after a connect; the heartbeats keep a quiet connection open.

    The data comes first: whoever has not subscribed after five seconds is hung up on.
    token: makes a new token for each message; None: the channel needs none.
    """
    wanted: dict[str, Any] = {"type": "subscribe", "channel": NAMES[channel]}
    if not channel.private:
        wanted["product_ids"] = [product_id(pair) for pair in pairs]
    messages = [wanted, {"type": "subscribe", "channel": HEARTBEATS}]
    if token is not None:
        messages = [message | {"jwt": token()} for message in messages]
    return [msgspec.json.encode(message) for message in messages]


def answer_to_login(raw: bytes) -> str | None:
    """What the venue says to a subscription of the user channel.

    "" when it is acknowledged, the venue's reason when it is refused, None when this frame is
    about something else.
    """
    try:
        seen = _anything(raw)
    except UNREADABLE:
        return None
    if seen.type == "error":
        return seen.message or "no reason given"
    return "" if seen.channel == "subscriptions" else None


def resubscribe_messages(pair: CurrencyPair) -> list[bytes]:
    """What to send for a new snapshot of one pair's book."""
    wanted = {"product_ids": [product_id(pair)], "channel": NAMES[Channel.BOOK]}
    return [msgspec.json.encode({"type": kind} | wanted) for kind in ("unsubscribe", "subscribe")]


def order_queries(order_ids: Sequence[str], since: str) -> list[str]:
    """What to ask REST for these orders, and for those made since; nothing when nothing is known.

    since: the venue's time of a frame, as sent; "": there was none.
    """
    queries = [
        urlencode([("order_ids", one) for one in order_ids[start : start + IDS_PER_QUERY]])
        for start in range(0, len(order_ids), IDS_PER_QUERY)
    ]
    if since:
        queries.append(urlencode({"start_date": since}))
    return queries


def next_page(answer: bytes) -> str:
    """What to add to a query for the rest of its answer; "" when that was all."""
    try:
        page = _page(answer)
    except UNREADABLE:
        return ""
    return "&" + urlencode({"cursor": page.cursor}) if page.has_next and page.cursor else ""


def amount(text: Amount) -> Decimal:
    """An amount of an own order; 0 when there is none."""
    return Decimal(text or "0")


def served_as(pair: CurrencyPair) -> tuple[str, ...]:
    """The names a pair's market frames may bear: BTC/USDC is served as BTC-USD."""
    if pair.quote != "USDC":
        return (product_id(pair),)
    return product_id(pair), f"{pair.base}-USD"
