"""The desk takes the robots' wishes, has them judged, and stores the intents."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

from millstream.model import (
    Book,
    CancelAll,
    CancelOrder,
    CurrencyPair,
    Event,
    Exchange,
    MyOrder,
    OrderStatus,
    Output,
    PlaceOrder,
    Ticker,
    Trade,
)
from millstream.orders.machine import is_open
from millstream.orders.risk import Approved, Refusal, RiskBook
from millstream.orders.store import OrderStore

__all__ = ["OrderDesk"]

_log = logging.getLogger(__name__)
_QUOTES: Final = (Ticker, Trade, Book)
_ORDER_ID: Final = re.compile("[A-Za-z0-9]{1,18}")  # what the tightest venue takes


class OrderDesk:
    """Turns wishes into stored intents, or into stored refusals so that the robot hears of them."""

    def __init__(self, store: OrderStore, risk: RiskBook) -> None:
        self._store = store
        self._risk = risk
        self._quotes: dict[tuple[Exchange, CurrencyPair], Ticker | Trade | Book] = {}

    def observe(self, events: Iterable[Event]) -> None:
        """Remember the latest price of each pair; the risk limits need one."""
        quotes = self._quotes
        for event in events:
            if isinstance(event, _QUOTES):
                quotes[event.exchange, event.symbol] = event

    def handle(self, outputs: Sequence[Output], now_ns: int) -> list[str]:
        """Store the new orders of a batch, in one insert; returns the ids of orders to cancel.

        What a batch says is taken in its order: each order counts as open for those behind it.
        An order id that is in the store already is a replayed wish, and is ignored.
        """
        batch: dict[str, MyOrder] = {}
        opened: dict[str, list[MyOrder]] = {}  # by robot, as the next wish must see it
        cancels: dict[str, None] = {}  # as a set that keeps its order
        for output in outputs:
            robot, wish = output.robot, output.body
            if not isinstance(wish, PlaceOrder | CancelOrder | CancelAll):
                continue
            if robot not in opened:
                opened[robot] = self._store.orders(robot, open_only=True)
            if isinstance(wish, PlaceOrder):
                order = self._judged(robot, wish, opened[robot], batch, now_ns)
                if order is not None:
                    batch[order.order_id] = order
                    if is_open(order):
                        opened[robot].append(order)
            elif isinstance(wish, CancelOrder):
                if any(order.order_id == wish.order_id for order in opened[robot]):
                    cancels[wish.order_id] = None
                else:
                    _log.info("%s: order %s is not open or not its own", robot, wish.order_id)
            else:
                for order in opened[robot]:
                    if wish.symbol is None or order.symbol == wish.symbol:
                        cancels[order.order_id] = None
        if batch:
            self._store.insert(list(batch.values()))
        return list(cancels)

    def _judged(
        self,
        robot: str,
        wish: PlaceOrder,
        opened: Sequence[MyOrder],
        batch: dict[str, MyOrder],
        now_ns: int,
    ) -> MyOrder | None:
        """The order to store for a wish; None when there is nothing to store."""
        if not _ORDER_ID.fullmatch(wish.order_id):
            _log.error("%s: order id %r is not 1 to 18 letters and digits", robot, wish.order_id)
            return None
        if wish.order_id in batch or self._store.get(wish.order_id) is not None:
            _log.info("%s: order %s is stored already, ignored", robot, wish.order_id)
            return None
        position = self._store.position(robot, wish.exchange, wish.symbol)
        price = self._reference_price(wish.exchange, wish.symbol)
        answer = self._risk.judge(wish, robot, position, opened, price, now_ns)
        if isinstance(answer, Refusal):
            return _rejected(wish, robot, answer, now_ns)
        return _intent(answer, now_ns)

    def _reference_price(self, exchange: Exchange, symbol: CurrencyPair) -> Decimal | None:
        quote = self._quotes.get((exchange, symbol))
        if isinstance(quote, Ticker):
            price = quote.mid_price
        elif isinstance(quote, Trade):
            price = quote.price
        elif quote is not None and quote.bids and quote.asks:
            price = (quote.bids[0][0] + quote.asks[0][0]) / 2
        else:
            return None
        return Decimal(repr(price)) if 0 < price < float("inf") else None


def _intent(approved: Approved, now_ns: int) -> MyOrder:
    return _order(approved.wish, approved.robot, OrderStatus.INTENT, "", now_ns)


def _rejected(wish: PlaceOrder, robot: str, refusal: Refusal, now_ns: int) -> MyOrder:
    return _order(wish, robot, OrderStatus.REJECTED, refusal.reason, now_ns)


def _order(wish: PlaceOrder, robot: str, status: OrderStatus, reason: str, now_ns: int) -> MyOrder:
    return MyOrder(
        received_ns=now_ns,
        exchange=wish.exchange,
        symbol=wish.symbol,
        robot=robot,
        order_id=wish.order_id,
        venue_id="",
        side=wish.side,
        type=wish.type,
        time_in_force=wish.time_in_force,
        post_only=wish.post_only,
        price=wish.price,
        volume=wish.volume,
        status=status,
        filled_volume=Decimal(0),
        average_price=None,
        reason=reason,
        revision=0,
    )
