"""What Binance says about one's own orders, on spot and on futures, by stream and by REST.

Numbers are Decimal from the text as sent. Source: developers.binance.com, "User Data Streams",
"USDS-M Futures: Event Order Update" and the REST pages of orders and trades.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from millstream.exchange.binance.wire import Milliseconds, Word
from millstream.model import OrderStatus, OrderType, Side, TimeInForce

SIDES: Final = {"BUY": Side.BUY, "SELL": Side.SELL}
STATUSES: Final = {
    "NEW": OrderStatus.WORKING,
    "PENDING_NEW": OrderStatus.WORKING,
    "NEW_INSURANCE": OrderStatus.WORKING,
    "NEW_ADL": OrderStatus.WORKING,
    "PARTIALLY_FILLED": OrderStatus.PARTIAL,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELED,
    "REJECTED": OrderStatus.REJECTED,
    "EXPIRED": OrderStatus.EXPIRED,
    "EXPIRED_IN_MATCH": OrderStatus.EXPIRED,
}  # PENDING_CANCEL changes nothing
TYPES_OF_SPOT: Final = {
    "LIMIT": OrderType.LIMIT,
    "LIMIT_MAKER": OrderType.LIMIT,
    "MARKET": OrderType.MARKET,
    "STOP_LOSS": OrderType.STOP,
    "STOP_LOSS_LIMIT": OrderType.STOP_LIMIT,
}
TYPES_OF_FUTURES: Final = {
    "LIMIT": OrderType.LIMIT,
    "MARKET": OrderType.MARKET,
    "STOP": OrderType.STOP_LIMIT,
    "STOP_MARKET": OrderType.STOP,
}
TIMES_IN_FORCE: Final = {"IOC": TimeInForce.IOC, "FOK": TimeInForce.FOK}  # others rest


class Report(Word, frozen=True):
    """An executionReport, or the `o` of an ORDER_TRADE_UPDATE."""

    s: str  # symbol
    c: str  # client order id; on spot's cancel the cancel's own
    S: str
    o: str  # type now
    f: str  # time in force
    q: Decimal  # volume
    p: Decimal  # price; 0: none
    x: str  # what happened
    X: str  # status
    i: int  # order id
    l: Decimal  # noqa: E741 - volume of this fill
    z: Decimal  # filled so far
    L: Decimal  # price of this fill
    T: Milliseconds
    t: int  # trade id; -1 or 0: none
    m: bool  # this fill was the maker's
    n: Decimal | None = None  # fee
    N: str | None = None  # its currency
    C: str | None = None  # spot: the client order id of what was cancelled
    Z: Decimal | None = None  # spot: filled so far in quote currency
    r: str | None = None  # spot: why it was rejected
    ap: Decimal | None = None  # futures: average price
    ot: str | None = None  # futures: the type it was placed with


class OrderTradeUpdate(Word, frozen=True):
    """Futures' event around a report."""

    o: Report


class TradeLite(Word, frozen=True):
    """TRADE_LITE: futures' early notice of a fill, without its fee."""

    s: str
    c: str
    S: str
    i: int
    l: Decimal  # noqa: E741
    L: Decimal
    t: int
    T: Milliseconds
    m: bool


class Order(Word, frozen=True, rename="camel"):
    """An order as REST tells it."""

    symbol: str
    order_id: int
    client_order_id: str
    price: Decimal
    orig_qty: Decimal
    executed_qty: Decimal
    status: str
    time_in_force: str
    type: str
    side: str
    update_time: Milliseconds
    cummulative_quote_qty: Decimal | None = None  # spot, in its own spelling
    avg_price: Decimal | None = None  # futures
    orig_type: str | None = None  # futures


class AccountTrade(Word, frozen=True, rename="camel"):
    """A fill as REST tells it: spot says isBuyer and isMaker, futures side and maker."""

    symbol: str
    id: int
    order_id: int
    price: Decimal
    qty: Decimal
    commission: Decimal
    commission_asset: str
    time: Milliseconds
    is_buyer: bool | None = None
    is_maker: bool | None = None
    side: str | None = None
    maker: bool | None = None

    @property
    def bought(self) -> bool:
        """Whether it was a buy."""
        return self.is_buyer if self.is_buyer is not None else self.side == "BUY"

    @property
    def rested(self) -> bool:
        """Whether it was the maker's."""
        return bool(self.is_maker if self.is_maker is not None else self.maker)


class ServerTime(Word, frozen=True, rename="camel"):
    """The venue's clock."""

    server_time: Milliseconds


class Failure(Word, frozen=True):
    """Why a request was refused."""

    code: int = 0
    msg: str = ""


class Answer(Word, frozen=True):
    """An answer of the WebSocket API."""

    id: str | int | None = None
    status: int = 0
    result: msgspec.Raw = msgspec.Raw()
    error: Failure | None = None


class Envelope(Word, frozen=True):
    """Just enough of a private frame to see what it is."""

    e: str | None = None
    event: msgspec.Raw = msgspec.Raw()  # the WebSocket API wraps so ...
    data: msgspec.Raw = msgspec.Raw()  # ... and combined streams so
    id: str | int | None = None
    status: int = 0
    error: Failure | None = None
