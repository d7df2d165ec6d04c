"""The account's frames to own orders and fills, of spot and swap. Pure.

The orders channel tells each change of an order, and the fill that made it; it begins with nothing.
After a connect the stream asks REST and gives the answers to `rest_orders`, `rest_batch` and
`rest_fills`. The venue's own time of each change decides which of the two is newer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Final

from millstream.exchange.feeding import WrongFrame
from millstream.exchange.okx import wire
from millstream.exchange.okx.contracts import Contract
from millstream.exchange.own_orders import OwnOrders
from millstream.model import (
    Channel,
    CurrencyPair,
    Event,
    Exchange,
    Liquidity,
    MyOrder,
    MyOrderBatch,
    MyTrade,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
)

_ZERO = Decimal(0)
LARGEST_EXPONENT = 300  # beyond it arithmetic itself may raise
_SIDES: Final = {"buy": Side.BUY, "sell": Side.SELL}
_STATUSES: Final = {
    "live": OrderStatus.WORKING,
    "partially_filled": OrderStatus.PARTIAL,
    "filled": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELED,
    "mmp_canceled": OrderStatus.CANCELED,
}
OPEN: Final = frozenset({OrderStatus.WORKING, OrderStatus.PARTIAL})
_LIMIT, _MARKET = OrderType.LIMIT, OrderType.MARKET
_GTC, _IOC, _FOK = TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK
_TYPES: Final[dict[str, tuple[OrderType, TimeInForce, bool]]] = {  # kind, how long, post only
    "market": (_MARKET, _GTC, False),
    "limit": (_LIMIT, _GTC, False),
    "post_only": (_LIMIT, _GTC, True),
    "fok": (_LIMIT, _FOK, False),
    "ioc": (_LIMIT, _IOC, False),
    "optimal_limit_ioc": (_MARKET, _IOC, False),
    "mmp": (_LIMIT, _GTC, False),
    "mmp_and_post_only": (_LIMIT, _GTC, True),
}


class BadOrder(WrongFrame):
    """What no order or fill can be."""


class Account:
    """Own orders and fills of one account.

    find: the pair and contract of an instrument; None: not of this market.
    """

    def __init__(
        self,
        exchange: Exchange,
        channel: Channel,
        find: Callable[[str], tuple[CurrencyPair, Contract] | None],
    ) -> None:
        self._exchange, self._channel, self._find = exchange, channel, find
        self._own = OwnOrders(exchange)
        self._open: dict[str, str] = {}  # the venue's id to its instrument

    @property
    def open_orders(self) -> dict[str, str]:
        """The venue's ids of orders that are open as far as is known, and their instruments."""
        return dict(self._open)

    def orders(self, orders: Iterable[wire.Order], received_ns: int) -> list[Event]:
        """The events of a frame of the orders channel; raises BadOrder, with nothing changed."""
        events: list[Event] = []
        readings = [(order, self._find(order.instId)) for order in orders]
        for order, found in readings:
            if found is not None:
                _check(order)
        for order, found in readings:
            if found is None:
                continue
            changed = self._order(order, *found, received_ns)
            if changed is not None and self._channel is Channel.MY_ORDER:
                events.append(changed)
            if self._channel is Channel.MY_TRADE and order.tradeId not in ("", "0"):
                events += self._fill_of(order, *found, received_ns)
        return events

    def rest_orders(self, orders: Iterable[wire.Order], received_ns: int) -> list[Event]:
        """The events of orders that REST told of."""
        events: list[Event] = []
        for order in orders:
            found = self._find(order.instId)
            if found is not None:
                _check(order)
                changed = self._order(order, *found, received_ns)
                if changed is not None and self._channel is Channel.MY_ORDER:
                    events.append(changed)
        return events

    def rest_batch(
        self, orders: Iterable[wire.Order], asked_ns: int, received_ns: int
    ) -> MyOrderBatch:
        """Every open order: what REST named, and what the stream told of since REST was asked."""
        named = list(orders)
        self.rest_orders(named, received_ns)
        known = [self._own.known(order.ordId) for order in named]
        batch = self._own.batch(
            received_ns,
            [order for order in known if order is not None and order.status in OPEN],
            asked_ns=asked_ns,
        )
        is_open = {order.venue_id for order in batch.orders}
        self._open = {one: where for one, where in self._open.items() if one in is_open}
        return batch

    def rest_fills(self, fills: Iterable[wire.Fill], received_ns: int) -> list[Event]:
        """The events of fills that REST told of, oldest first."""
        events: list[Event] = []
        for fill in fills:
            found = self._find(fill.instId)
            if found is None:
                continue
            events += self._fill(
                received_ns,
                *found,
                fill.clOrdId,
                fill.tradeId,
                _side(fill.side),
                _number(fill.fillPx),
                _number(fill.fillSz),
                -_number(fill.fee),
                fill.feeCcy,
                fill.execType,
                _milliseconds(fill.ts),
            )
        return events

    def _order(
        self, order: wire.Order, pair: CurrencyPair, contract: Contract, received_ns: int
    ) -> MyOrder | None:
        kind, time_in_force, post_only = _TYPES.get(order.ordType, (OrderType.OTHER, _GTC, False))
        average = _number(order.avgPx) or None
        price = _number(order.px) if kind is not _MARKET else _ZERO
        filled = contract.volume(_number(order.accFillSz), average)
        status = _STATUSES.get(order.state)
        changed = self._own.order(
            received_ns,
            order.ordId,
            order_id=order.clOrdId,
            symbol=pair,
            side=_side(order.side),
            type=kind,
            time_in_force=time_in_force,
            post_only=post_only,
            price=price if price > 0 else None,
            volume=_volume(order, contract, price or average, status, filled or _ZERO),
            status=status,
            filled_volume=filled,
            average_price=average,
            reason=_reason(order) or None,
            updated_ns=_milliseconds(order.uTime) * 1_000_000,
        )
        known = self._own.known(order.ordId)
        if status in OPEN and (known is None or known.status in OPEN):
            self._open[order.ordId] = order.instId
        else:
            self._open.pop(order.ordId, None)
        return changed

    def _fill_of(
        self, order: wire.Order, pair: CurrencyPair, contract: Contract, received_ns: int
    ) -> list[Event]:
        """The fill that a change of an order tells of; its fee is there, or is the order's own."""
        size = _number(order.fillSz)
        if size <= 0:
            return []
        fee, currency = order.fillFee, order.fillFeeCcy
        if not fee and size == _number(order.accFillSz):
            fee, currency = order.fee, order.feeCcy
        return self._fill(
            received_ns,
            pair,
            contract,
            order.clOrdId,
            order.tradeId,
            _side(order.side),
            _number(order.fillPx),
            size,
            -_number(fee),
            currency or order.feeCcy,
            order.execType,
            _milliseconds(order.fillTime or order.uTime),
        )

    def _fill(
        self,
        received_ns: int,
        pair: CurrencyPair,
        contract: Contract,
        order_id: str,
        trade_id: str,
        side: Side,
        price: Decimal,
        size: Decimal,
        fee: Decimal,
        fee_currency: str,
        execution: str,
        time_ms: int,
    ) -> list[Event]:
        volume = contract.volume(size, price)
        if price <= 0 or volume is None or volume <= 0:
            raise BadOrder("a fill without price or volume")
        liquidity = Liquidity.MAKER if execution == "M" else Liquidity.TAKER
        fill = MyTrade(
            received_ns,
            self._exchange,
            pair,
            "",
            order_id,
            trade_id,
            side,
            price,
            volume,
            fee or _ZERO,  # not -0
            fee_currency,
            liquidity,
            time_ms * 1_000_000,
            0,
        )
        return [] if self._own.trade(fill) is None else [fill]


def _volume(
    order: wire.Order,
    contract: Contract,
    price: Decimal | None,
    status: OrderStatus | None,
    filled: Decimal,
) -> Decimal | None:
    """How much was ordered, in base currency; None: not known yet.

    A market order on spot may be sized in quote currency: then it is known how much base that is
    when a first fill has a price, and exactly when the order has ended.
    """
    size = _number(order.sz)
    if order.tgtCcy != "quote_ccy" or order.ordType != "market":
        return contract.volume(size, price)
    if status not in OPEN:
        return filled
    return max(filled, size / price) if price else None


def _reason(order: wire.Order) -> str:
    if order.code not in ("", "0"):
        return f"{order.msg} (code {order.code})"
    if order.cancelSourceReason:
        return order.cancelSourceReason
    return f"cancel source {order.cancelSource}" if order.cancelSource else ""


def _check(order: wire.Order) -> None:
    """Raise BadOrder for what no order can be, before anything is remembered of it."""
    _side(order.side)
    for text in (order.sz, order.accFillSz, order.avgPx, order.fillPx, order.fillSz):
        if _number(text) < 0:
            raise BadOrder("a price or volume below zero")
    for text in (order.px, order.fillFee, order.fee):
        _number(text)
    for text in (order.uTime, order.fillTime):
        _milliseconds(text)
    if order.tradeId not in ("", "0") and _number(order.fillSz) > 0 >= _number(order.fillPx):
        raise BadOrder("a fill without a price")


def _number(text: str) -> Decimal:
    """The text as sent; "" is 0: the venue writes it where there is nothing."""
    if not text:
        return _ZERO
    try:
        number = Decimal(text)
    except ArithmeticError:
        raise BadOrder("a number that is none") from None
    if not number.is_finite() or abs(number.adjusted()) > LARGEST_EXPONENT:
        raise BadOrder("a number that is none")
    return number


def _milliseconds(text: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise BadOrder("a time that is none")
    return min(int(text), 9_223_372_036_853)


def _side(word: str) -> Side:
    side = _SIDES.get(word)
    if side is None:
        raise BadOrder("an order that neither buys nor sells")
    return side
