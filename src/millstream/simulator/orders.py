"""What the simulated exchange trades: orders, fills, trades, and the rules they must keep. Pure.

Prices, volumes and money are Decimals: nothing is rounded but by a rule that says so.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from millstream.model import CurrencyPair, OrderStatus, OrderType, Side, TimeInForce

ZERO = Decimal(0)
MARKET = ""  # the account of everybody who is no client of ours
OPEN = frozenset({OrderStatus.WORKING, OrderStatus.PARTIAL})


class Reason(StrEnum):
    """Why an exchange refuses; each venue has its own code for it."""

    UNKNOWN_PAIR = "unknown pair"
    UNKNOWN_ORDER = "unknown order"
    DUPLICATE_CLIENT_ID = "client id of an open order"
    PRICE_TICK = "price is not on the tick"
    VOLUME_LOT = "volume is not on the lot"
    VOLUME_MINIMUM = "volume is too small"
    NOTIONAL_MINIMUM = "price times volume is too small"
    NO_BALANCE = "balance is too small"
    WOULD_TAKE = "post-only would take"
    WOULD_TRIGGER = "stop would trigger at once"
    NO_LIQUIDITY = "nothing to trade against"
    BAD_REQUEST = "what was asked makes no sense"
    FAULT = "a seeded fault"


class Refused(Exception):
    """The exchange refuses a request; nothing has changed."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


class SelfTrade(StrEnum):
    """What happens when an account would trade with itself."""

    EXPIRE_MAKER = "expire_maker"  # the resting order ends, the new one goes on
    CANCEL_NEWEST = "cancel_newest"  # the new order ends, the resting one stays


class PairRules(msgspec.Struct, frozen=True):
    """A pair and the grid of its prices and volumes."""

    pair: CurrencyPair
    tick: Decimal
    lot: Decimal
    min_volume: Decimal
    min_notional: Decimal  # in the quote currency

    @property
    def price_decimals(self) -> int:
        """Decimals of a price."""
        return decimals_of(self.tick)

    @property
    def volume_decimals(self) -> int:
        """Decimals of a volume."""
        return decimals_of(self.lot)


class VenueRules(msgspec.Struct, frozen=True):
    """How one exchange differs from another one in what it does."""

    maker_fee: Decimal  # a share: 0.001 is ten basis points
    taker_fee: Decimal
    fee_in_quote: bool  # else in what is received
    self_trade: SelfTrade
    refuses_live_stops: bool  # a stop that would wake up at once is refused


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """An order that a client would like.

    volume: in the base currency. quote_volume: for a market order instead of it, what to spend or
    to get in the quote currency. price: of a limit. stop_price: where a stop wakes up.
    """

    account: str
    pair: CurrencyPair
    side: Side
    type: OrderType
    volume: Decimal = ZERO
    quote_volume: Decimal = ZERO
    price: Decimal = ZERO
    stop_price: Decimal = ZERO
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False
    client_id: str = ""
    takes_profit: bool = False  # of a stop: it wakes up when the price has got better, not worse
    kind: str = ""  # the venue's own word for the type, kept for its answers


class Fill(msgspec.Struct, frozen=True):
    """One account's side of a trade; trade_id is the public one."""

    trade_id: int
    order_id: int
    account: str
    pair: CurrencyPair
    side: Side
    price: Decimal
    volume: Decimal
    fee: Decimal
    fee_currency: str
    maker: bool
    ns: int


class Order(msgspec.Struct):
    """An order's present state."""

    id: int
    wish: Wish
    volume: Decimal
    price: Decimal
    created_ns: int
    updated_ns: int
    status: OrderStatus = OrderStatus.WORKING
    filled: Decimal = ZERO
    quote_filled: Decimal = ZERO
    asleep: bool = False  # a stop that has not been triggered
    triggered: bool = False
    held: Decimal = ZERO  # of the currency it pays with
    reason: str = ""  # why it ended without being filled
    fills: list[Fill] = []

    @property
    def left(self) -> Decimal:
        """What is not filled."""
        return self.volume - self.filled

    @property
    def pays_with(self) -> str:
        """The currency it spends."""
        pair = self.wish.pair
        return pair.quote if self.wish.side is Side.BUY else pair.base

    def wakes_at(self, price: Decimal) -> bool:
        """Whether a trade at this price triggers it, a sleeping stop."""
        falls = (self.wish.side is Side.SELL) != self.wish.takes_profit
        return price <= self.wish.stop_price if falls else price >= self.wish.stop_price

    @property
    def open(self) -> bool:
        """Whether it can still be filled."""
        return self.status in OPEN


class Trade(msgspec.Struct, frozen=True):
    """A public trade; side is the taker's."""

    id: int
    pair: CurrencyPair
    side: Side
    price: Decimal
    volume: Decimal
    ns: int


class ChangeKind(StrEnum):
    """What happened to an order."""

    NEW = "new"
    FILLED = "filled"  # in part or whole: `fill` says how much
    CANCELED = "canceled"
    EXPIRED = "expired"
    AMENDED = "amended"
    TRIGGERED = "triggered"


class Change(msgspec.Struct, frozen=True):
    """Something that happened to a client's order; `order` is a copy as of then."""

    kind: ChangeKind
    order: Order
    ns: int
    fill: Fill | None = None
    asked_as: str = ""  # of a cancel: the client id of the request itself, where a venue has it


def decimals_of(step: Decimal) -> int:
    """How many decimals a grid has: 2 of 0.01."""
    exponent = step.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def plain(number: Decimal) -> str:
    """A number without exponent and without zeros at its end."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
