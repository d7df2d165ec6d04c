"""What really happened at a venue, for tests that compare it with what somebody believes. Pure."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from millstream.simulator.orders import Fill, Order
from millstream.simulator.venue import Venue


class TrueOrder(msgspec.Struct, frozen=True):
    """One order of a client; quantities and prices are Decimals, as text in JSON."""

    id: int
    account: str
    client_id: str
    pair: str
    side: str
    type: str
    volume: Decimal
    price: Decimal
    stop_price: Decimal
    post_only: bool
    time_in_force: str
    status: str
    filled: Decimal
    quote_filled: Decimal
    reason: str
    created_ns: int


class TrueFill(msgspec.Struct, frozen=True):
    """One account's side of one trade."""

    trade_id: int
    order_id: int
    account: str
    client_id: str
    pair: str
    side: str
    price: Decimal
    volume: Decimal
    fee: Decimal
    fee_currency: str
    maker: bool
    ns: int


class TrueBalance(msgspec.Struct, frozen=True):
    """What an account has of a currency."""

    free: Decimal
    held: Decimal


class Truth(msgspec.Struct, frozen=True):
    """Everything: orders and fills, oldest first; balances by account and currency."""

    orders: list[TrueOrder]
    fills: list[TrueFill]
    balances: dict[str, dict[str, TrueBalance]]

    def order(self, client_id: str) -> TrueOrder | None:
        """The newest order with a client id."""
        return next((one for one in reversed(self.orders) if one.client_id == client_id), None)


def truth(venue: Venue) -> Truth:
    """As of now."""
    return Truth(
        [_order(one) for one in venue.orders.values()],
        [_fill(one, venue.orders[one.order_id]) for one in venue.fills],
        {
            account: {
                currency: TrueBalance(one.free, one.held) for currency, one in held.all.items()
            }
            for account, held in venue.balances.items()
        },
    )


def _order(one: Order) -> TrueOrder:
    wish = one.wish
    return TrueOrder(
        id=one.id,
        account=wish.account,
        client_id=wish.client_id,
        pair=str(wish.pair),
        side=str(wish.side),
        type=str(wish.type),
        volume=one.volume,
        price=one.price,
        stop_price=wish.stop_price,
        post_only=wish.post_only,
        time_in_force=str(wish.time_in_force),
        status=str(one.status),
        filled=one.filled,
        quote_filled=one.quote_filled,
        reason=one.reason,
        created_ns=one.created_ns,
    )


def _fill(one: Fill, order: Order) -> TrueFill:
    return TrueFill(
        trade_id=one.trade_id,
        order_id=one.order_id,
        account=one.account,
        client_id=order.wish.client_id,
        pair=str(one.pair),
        side=str(one.side),
        price=one.price,
        volume=one.volume,
        fee=one.fee,
        fee_currency=one.fee_currency,
        maker=one.maker,
        ns=one.ns,
    )
