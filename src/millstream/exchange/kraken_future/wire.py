"""Kraken Futures' own words, websocket v1. What they are called there is written on this page only.

Source: docs.kraken.com, "Derivatives WebSocket". Numbers come as bare JSON numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from millstream.errors import ConfigError
from millstream.model import Channel, CurrencyPair

Price: TypeAlias = Annotated[float, Meta(gt=0.0, le=1e300)]
Volume: TypeAlias = Annotated[float, Meta(ge=0.0, le=1e300)]
Milliseconds: TypeAlias = Annotated[int, Meta(ge=0, le=9_223_372_036_853)]  # fits as nanoseconds
Number: TypeAlias = Annotated[int, Meta(ge=0, le=9_223_372_036_854_775_806)]

URL = "wss://futures.kraken.com/ws/v1"
REST_HOST = "https://futures.kraken.com"
HISTORY_PATH = "/api/history/v2/orders"  # what happened to own orders, newest first
PREFIXES = ("PF_", "PI_")  # margined in many currencies; inverse, margined in the base currency
PING = b'{"event":"ping"}'
PING_EVERY_S = 30.0  # the venue hangs up after 60 s
PRODUCTS_PER_MESSAGE = 100

FEEDS: dict[Channel, tuple[str, ...]] = {
    Channel.TICKER: ("ticker",),
    Channel.TRADE: ("trade",),
    Channel.BOOK: ("book",),
    # An order that is filled at once may never be told of as open: its fills are.
    Channel.MY_ORDER: ("open_orders", "fills"),
    Channel.MY_TRADE: ("fills",),
    Channel.MY_ORDER_BATCH: ("open_orders",),
}
_ASSETS = {"BTC": "XBT"}
_OUR_ASSETS = {theirs: ours for ours, theirs in _ASSETS.items()}
_QUOTES = ("USD", "EUR", "GBP", "USDT", "USDC")


class Word(msgspec.Struct, frozen=True, gc=False):
    """Something Kraken Futures says. Unknown fields are no error: venues add fields."""


class Ticker(Word, frozen=True):
    """ticker; a market may have no bid or no ask."""

    feed: Literal["ticker"]
    product_id: str
    time: Milliseconds
    bid: Volume | None = None
    ask: Volume | None = None
    bid_size: Volume | None = None
    ask_size: Volume | None = None


class Trade(Word, frozen=True):
    """trade; side is the taker's."""

    feed: Literal["trade"]
    product_id: str
    side: Literal["buy", "sell"]
    type: str  # "fill", "liquidation", "termination", "block", ...
    seq: Number  # without gaps per product
    time: Milliseconds
    qty: Volume
    price: Price
    uid: str = ""


class TradeSnapshot(Word, frozen=True):
    """trade_snapshot: the last 100, newest first."""

    feed: Literal["trade_snapshot"]
    product_id: str
    trades: list[Trade]


class Level(Word, frozen=True):
    """A price and its absolute quantity."""

    price: Price
    qty: Volume


class BookSnapshot(Word, frozen=True):
    """book_snapshot."""

    feed: Literal["book_snapshot"]
    product_id: str
    seq: Number
    bids: list[Level]
    asks: list[Level]
    timestamp: Milliseconds = 0


class BookLevel(Word, frozen=True):
    """book: one changed price."""

    feed: Literal["book"]
    product_id: str
    side: Literal["buy", "sell"]
    seq: Number  # one by one per product
    price: Price
    qty: Volume
    timestamp: Milliseconds = 0


class Order(Word, frozen=True):
    """An open order; `qty` is what remains."""

    instrument: str
    order_id: str
    qty: Decimal
    filled: Decimal
    direction: Literal[0, 1]  # 0: buy
    type: str = ""
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    cli_ord_id: str | None = None
    time: Milliseconds = 0
    last_update_time: Milliseconds = 0


class OrderChange(Word, frozen=True):
    """open_orders: with the order when it was placed, changed or filled, else with its id."""

    feed: Literal["open_orders", "open_orders_verbose"]
    order: Order | None = None
    order_id: str = ""
    cli_ord_id: str | None = None
    is_cancel: bool = False
    reason: str = ""


class OrderSnapshot(Word, frozen=True):
    """open_orders_snapshot: all that are open."""

    feed: Literal["open_orders_snapshot", "open_orders_verbose_snapshot"]
    orders: list[Order]


class Fill(Word, frozen=True):
    """An own fill."""

    instrument: str
    time: Milliseconds
    price: Decimal
    buy: bool
    qty: Decimal
    order_id: str
    fill_id: str
    fill_type: str = ""
    fee_paid: Decimal = Decimal(0)
    fee_currency: str = ""
    cli_ord_id: str | None = None
    remaining_order_qty: Decimal | None = None
    order_type: str = ""
    taker_order_type: str = ""


class Fills(Word, frozen=True):
    """fills, and fills_snapshot."""

    feed: Literal["fills", "fills_snapshot"]
    fills: list[Fill]


class Anything(Word, frozen=True):
    """Just enough of any frame to see what it is."""

    feed: str | None = None
    event: str | None = None
    message: str = ""
    product_ids: list[str] = []


class Challenge(Word, frozen=True):
    """The answer to a request for a challenge."""

    event: Literal["challenge", "alert", "error"]
    message: str = ""


class PastOrder(Word, frozen=True):
    """An own order as the history has it; `quantity` is what remained."""

    uid: str
    quantity: Decimal = Decimal(0)
    filled: Decimal = Decimal(0)


class PastEvent(Word, frozen=True, rename="camel"):
    """What happened to an own order, and how it was afterwards."""

    order: PastOrder | None = None  # placed, cancelled, rejected
    new_order: PastOrder | None = None  # updated
    reason: str = ""


class PastElement(Word, frozen=True):
    """One thing that happened, by the name of its kind: "OrderCancelled"."""

    event: dict[str, msgspec.Raw]


class History(Word, frozen=True, rename="camel"):
    """GET of the history of own orders."""

    elements: list[PastElement]
    continuation_token: str = ""


def product(pair: CurrencyPair, prefix: str) -> str:
    """BTC/USD as "PF_XBTUSD"."""
    return prefix + _ASSETS.get(pair.base, pair.base) + _ASSETS.get(pair.quote, pair.quote)


def pair_of(product_id: str, prefix: str) -> CurrencyPair | None:
    """The pair of a product of this kind; None for any other kind, and for dated ones."""
    name = product_id.upper()
    if not name.startswith(prefix) or "_" in name[len(prefix) :]:
        return None
    name = name[len(prefix) :]
    for quote in _QUOTES:
        base = name[: -len(quote)]
        if name.endswith(quote) and base.isalnum() and len(base) <= 20:
            return CurrencyPair(_OUR_ASSETS.get(base, base), quote)
    return None


def check_prefix(prefix: str) -> None:
    """Raise ConfigError for a kind of product that is no currency pair."""
    if prefix not in PREFIXES:
        raise ConfigError(
            f'product_prefix is "{prefix}"; accepted: {", ".join(PREFIXES)} '
            "(dated futures are no currency pair)."
        )


def requests(
    event: str,
    channel: Channel,
    products: Sequence[str],
    proof: Mapping[str, str] | None = None,
) -> list[bytes]:
    """The subscribe or unsubscribe requests of a channel."""
    messages: list[dict[str, object]] = []
    for feed in FEEDS[channel]:
        if channel.private:
            messages.append({"event": event, "feed": feed, **(proof or {})})
            continue
        for start in range(0, len(products), PRODUCTS_PER_MESSAGE):
            part = list(products[start : start + PRODUCTS_PER_MESSAGE])
            messages.append({"event": event, "feed": feed, "product_ids": part})
    return [msgspec.json.encode(message) for message in messages]
