"""What happened: every message a robot can be given.

Events are frozen and travel as msgpack arrays (`codec.py`). Times are integer nanoseconds since
1970 UTC: `received_ns` is ours, stamped once where the bytes came in; `exchange_ns` is the venue's
own, 0 when the venue sent none. Market numbers are floats; the numbers of own orders are Decimal.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, TypeAlias

import msgspec

from millstream.model.enums import (
    Channel,
    Exchange,
    Liquidity,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
)
from millstream.model.pairs import CurrencyPair
from millstream.model.tags import tag

Plain: TypeAlias = str | int | float | bool | list[Any] | dict[str, Any] | None  # as in JSON
Levels: TypeAlias = tuple[tuple[float, float], ...]  # (price, volume), best price first


class Message(msgspec.Struct, frozen=True, array_like=True, gc=False, tag_field="tag"):
    """Whatever travels: an array of its fields behind the number of its tag."""


class Event(Message, frozen=True):
    """Something that happened, and when we learned of it."""

    received_ns: int


# ---- market -------------------------------------------------------------------------------------


class MarketEvent(Event, frozen=True):
    """Something that happened on a market."""

    exchange: Exchange
    symbol: CurrencyPair
    exchange_ns: int  # the venue's own time; 0: it sent none


class Ticker(MarketEvent, frozen=True, tag=tag("ticker.1")):
    """The best bid and ask."""

    bid_price: float
    bid_volume: float
    ask_price: float
    ask_volume: float

    @property
    def bidPrice(self) -> float:  # noqa: N802 - the seed's spelling reads too
        """`bid_price`."""
        return self.bid_price

    @property
    def askPrice(self) -> float:  # noqa: N802
        """`ask_price`."""
        return self.ask_price

    @property
    def mid_price(self) -> float:
        """Half way between bid and ask."""
        return (self.bid_price + self.ask_price) / 2


class Trade(MarketEvent, frozen=True, tag=tag("trade.1")):
    """A public trade."""

    price: float
    volume: float
    side: Side  # the taker's
    trade_id: str


class Book(MarketEvent, frozen=True, tag=tag("book.1")):
    """The best levels of both sides of the book, as they stand after an update."""

    bids: Levels  # highest price first
    asks: Levels  # lowest price first
    update_id: int  # the venue's number of the last update in it; 0: it has none


class Candle(MarketEvent, frozen=True, tag=tag("candle.1")):
    """Open, high, low, close and volume of an interval."""

    interval: str  # "1s", "1m", "1h", "1d"
    open_ns: int  # the first nanosecond of the interval
    close_ns: int  # the first nanosecond after it
    open: float
    high: float
    low: float
    close: float
    volume: float  # in base currency
    trades: int
    closed: bool  # False while the interval runs and the candle still changes


# ---- the health of a stream ---------------------------------------------------------------------


class StreamEvent(Event, frozen=True):
    """Something that happened to a connection; `symbol` is None when it concerns all its pairs."""

    exchange: Exchange
    channel: Channel
    symbol: CurrencyPair | None


class Connected(StreamEvent, frozen=True, tag=tag("connected.1")):
    """A connection is open and its subscriptions were sent."""

    attempt: int  # 1: the first connection of this channel


class Disconnected(StreamEvent, frozen=True, tag=tag("disconnected.1")):
    """A connection ended, whoever ended it."""

    code: int  # the websocket close code; 1006: without one
    reason: str


class Gap(StreamEvent, frozen=True, tag=tag("gap.1")):
    """Something is missing: the venue's own numbering, or our own full queue, says so."""

    expected: str  # the number that should have come
    got: str
    missing: int  # how many messages; 0: not known
    reason: str


class Stale(StreamEvent, frozen=True, tag=tag("stale.1")):
    """A subscription has sent nothing for too long."""

    silent_ns: int
    reason: str


class Resynced(StreamEvent, frozen=True, tag=tag("resynced.1")):
    """What was invalid after a gap is exact again."""

    update_id: int


class Refused(StreamEvent, frozen=True, tag=tag("refused.1")):
    """The venue refused a subscription, or never acknowledged it."""

    reason: str


# ---- own orders ---------------------------------------------------------------------------------


class MyOrder(Event, frozen=True, tag=tag("my_order.1")):
    """An own order, whole: as the order store holds it, or as a venue's private stream tells it.

    A private stream knows neither robot nor revision: they are "" and 0. An order that carries no
    client id of ours has order_id "".
    """

    exchange: Exchange
    symbol: CurrencyPair
    robot: str  # the name of the robot that wished it
    order_id: str  # ours: computed, at most 18 letters and digits
    venue_id: str  # the venue's; "" until it is known
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    post_only: bool
    price: Decimal | None  # None for a market order
    volume: Decimal  # in base currency
    status: OrderStatus
    filled_volume: Decimal  # cumulative
    average_price: Decimal | None  # of what is filled
    reason: str  # of a refusal, rejection or cancel, as the venue or the risk limit says it
    revision: int  # the order store's number of this change
    stop_price: Decimal | None = None  # of STOP and STOP_LIMIT: where it becomes an order
    reduce_only: bool = False  # never opens or turns a position; futures
    cancel_wished: bool = False  # somebody wants it canceled; the venue has not said so yet

    @property
    def open_volume(self) -> Decimal:
        """What is not filled yet."""
        return self.volume - self.filled_volume


class MyTrade(Event, frozen=True, tag=tag("my_trade.1")):
    """An own fill."""

    exchange: Exchange
    symbol: CurrencyPair
    robot: str
    order_id: str
    trade_id: str  # unique on the venue for this pair
    side: Side
    price: Decimal
    volume: Decimal
    fee: Decimal  # positive: paid
    fee_currency: str  # "": nobody has told the fee
    liquidity: Liquidity
    exchange_ns: int
    revision: int
    synthetic: bool = False  # derived from an order's change: the venue sends no fills


class MyOrderBatch(Event, frozen=True, tag=tag("my_order_batch.1")):
    """Every open order of the account on a venue: it overwrites whatever was known before."""

    exchange: Exchange
    orders: tuple[MyOrder, ...]


# ---- time and people ----------------------------------------------------------------------------


class Timer(Event, frozen=True, tag=tag("timer.1")):
    """A timer that a robot asked for went off."""

    robot: str
    name: str
    due_ns: int  # when it should have gone off; received_ns says when it did


class Control(Event, frozen=True, tag=tag("control.1")):
    """Somebody's command to a robot, or to all of them when `robot` is empty.

    One that bears a request is answered by a `ControlAnswer`, and may change the robots themselves.
    """

    robot: str
    command: str  # "pause", "resume", "stop", "start", or a robot's own word; see robot/control.py
    parameters: dict[str, Plain]
    who: str
    why: str
    request: str = ""  # the asker's own name for it; "": nobody waits for an answer
    robot_type: str = ""  # of "add": "module:Class"
    markets: tuple[str, ...] = ()  # of "add": "binance@btc/usdt"
    code_hash: str = ""  # of "add": of the robot's source, as in a journal's manifest
    source_file: str = ""  # of "add": its name, without the directory


class SessionEnd(Event, frozen=True, tag=tag("session_end.1")):
    """The last event of a session that ended in good order."""

    reason: str
