"""What is known of one account's own orders, from its frames and from REST. Pure.

The venue's own time of each change decides which of the two is newer.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

import msgspec

from millstream.exchange.binance import account_wire as words
from millstream.exchange.binance.wire import symbol as symbol_of
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

OPEN: Final = frozenset({OrderStatus.WORKING, OrderStatus.PARTIAL})
LARGEST: Final = Decimal("1E+30")

_orders = msgspec.json.Decoder(list[words.Order]).decode
_one_order = msgspec.json.Decoder(words.Order).decode
_trades = msgspec.json.Decoder(list[words.AccountTrade]).decode


class BadOrder(ValueError):
    """What no order or fill can be."""


class Account:
    """Own orders and fills of some pairs; it gives what belongs to its channel.

    Symbols of other pairs cannot be split safely: their orders are passed over.
    """

    def __init__(self, exchange: Exchange, pairs: Iterable[CurrencyPair], channel: Channel) -> None:
        self._exchange, self._channel = exchange, channel
        self._pairs = {symbol_of(pair): pair for pair in pairs}
        self._own = OwnOrders(exchange)
        self._open: dict[str, CurrencyPair] = {}  # by the venue's id
        spot = exchange is Exchange.BINANCE
        self._types = words.TYPES_OF_SPOT if spot else words.TYPES_OF_FUTURES

    def pair(self, symbol: str) -> CurrencyPair | None:
        """The pair of a symbol; None: it was not asked for."""
        return self._pairs.get(symbol)

    # ---- what frames say ------------------------------------------------------------------------

    def report(self, report: words.Report, pair: CurrencyPair, received_ns: int) -> list[Event]:
        """The order, or the fill, of a report. Raises BadOrder."""
        _check(report.q, report.z, report.l, report.L, report.p, report.Z, report.ap)
        venue_id = str(report.i)
        rejected = report.r if report.r not in (None, "NONE") else ""
        average = report.ap if report.Z is None else _average(report.Z, report.z)
        orders = self._order(
            received_ns,
            pair,
            venue_id,
            report.C or report.c,
            report.S,
            report.ot or report.o,
            report.f,
            report.p,
            report.q,
            report.X,
            report.z,
            average,
            rejected or (report.X if report.X == "EXPIRED_IN_MATCH" else ""),
            report.T,
        )
        fills: list[Event] = []
        # CALCULATED is the liquidation of a position. A fill without a price is left to REST.
        if report.x in ("TRADE", "CALCULATED") and report.l > 0 and report.L > 0 and report.t > 0:
            fills = self._fill(
                received_ns,
                pair,
                venue_id,
                report.t,
                _side(report.S),
                report.L,
                report.l,
                (report.n or Decimal(0), report.N or ""),
                report.m,
                report.T,
            )
        return orders if self._channel is Channel.MY_ORDER else fills

    def early_fill(
        self, lite: words.TradeLite, pair: CurrencyPair, received_ns: int
    ) -> list[Event]:
        """The fill of an early notice, without its fee. Raises BadOrder."""
        _check(lite.l, lite.L)
        return self._fill(
            received_ns,
            pair,
            str(lite.i),
            lite.t,
            _side(lite.S),
            lite.L,
            lite.l,
            (Decimal(0), ""),
            lite.m,
            lite.T,
            order_id=lite.c,
        )

    # ---- what REST says -------------------------------------------------------------------------

    def open_orders(self, pair: CurrencyPair) -> list[str]:
        """The venue's ids of the orders of a pair that are open as far as is known."""
        return [venue_id for venue_id, of in self._open.items() if of == pair]

    def knows(self, venue_id: str) -> bool:
        """Whether this order was ever told of."""
        return self._own.known(venue_id) is not None

    def is_news(self, event: Event) -> bool:
        """False for an own order of which something newer is known by now."""
        return not isinstance(event, MyOrder) or self._own.known(event.venue_id) == event

    def rest_orders(self, raw: bytes, received_ns: int) -> list[Event]:
        """The events of a REST answer with one or more orders; raises what msgspec raises."""
        orders = _orders(raw) if raw.lstrip()[:1] == b"[" else [_one_order(raw)]
        return [event for order in orders for event in self._rest_order(order, received_ns)]

    def rest_trades(self, raw: bytes, received_ns: int) -> list[Event]:
        """The events of a REST answer with fills; raises what msgspec raises."""
        events: list[Event] = []
        for trade in _trades(raw):
            pair = self._pairs.get(trade.symbol)
            if pair is None:
                continue
            events += self._fill(
                received_ns,
                pair,
                str(trade.order_id),
                trade.id,
                Side.BUY if trade.bought else Side.SELL,
                trade.price,
                trade.qty,
                (trade.commission, trade.commission_asset),
                trade.rested,
                trade.time,
            )
        return events

    def batch(self, venue_ids: Iterable[str], asked_ns: int, received_ns: int) -> MyOrderBatch:
        """Everything open: what REST named, and what the stream told of since REST was asked."""
        named = [order for order in map(self._own.known, venue_ids) if order is not None]
        batch = self._own.batch(received_ns, named, asked_ns=asked_ns)
        self._open = {order.venue_id: order.symbol for order in batch.orders}
        return batch

    # ---- orders and fills -----------------------------------------------------------------------

    def _rest_order(self, order: words.Order, received_ns: int) -> list[Event]:
        pair = self._pairs.get(order.symbol)
        if pair is None:
            return []
        quote = order.cummulative_quote_qty
        average = order.avg_price if quote is None else _average(quote, order.executed_qty)
        events = self._order(
            received_ns,
            pair,
            str(order.order_id),
            order.client_order_id,
            order.side,
            order.orig_type or order.type,
            order.time_in_force,
            order.price,
            order.orig_qty,
            order.status,
            order.executed_qty,
            average,
            "",
            order.update_time,
        )
        return events if self._channel is Channel.MY_ORDER else []

    def _order(
        self,
        received_ns: int,
        pair: CurrencyPair,
        venue_id: str,
        order_id: str,
        side: str,
        kind: str,
        time_in_force: str,
        price: Decimal,
        volume: Decimal,
        status: str,
        filled_volume: Decimal,
        average_price: Decimal | None,
        reason: str,
        updated_ms: int,
    ) -> list[Event]:
        merged = self._own.order(
            received_ns,
            venue_id,
            order_id=order_id,
            symbol=pair,
            side=_side(side),
            type=self._types.get(kind, OrderType.OTHER),
            time_in_force=words.TIMES_IN_FORCE.get(time_in_force, TimeInForce.GTC),
            post_only=kind == "LIMIT_MAKER" or time_in_force == "GTX",
            price=price if price > 0 else None,
            volume=volume,
            status=words.STATUSES.get(status),
            filled_volume=filled_volume,
            average_price=average_price if average_price else None,
            reason=reason or None,
            updated_ns=updated_ms * 1_000_000,
        )
        known = self._own.known(venue_id)
        if known is not None and known.status in OPEN:
            self._open[venue_id] = pair
        else:
            self._open.pop(venue_id, None)
        return [merged] if merged is not None else []

    def _fill(
        self,
        received_ns: int,
        pair: CurrencyPair,
        venue_id: str,
        trade_id: int,
        side: Side,
        price: Decimal,
        volume: Decimal,
        fee: tuple[Decimal, str],
        rested: bool,
        time_ms: int,
        order_id: str = "",
    ) -> list[Event]:
        if self._channel is not Channel.MY_TRADE:
            return []
        order = self._own.known(venue_id)
        trade = self._own.trade(
            MyTrade(
                received_ns,
                self._exchange,
                pair,
                "",
                order_id or (order.order_id if order is not None else ""),
                str(trade_id),
                side,
                price,
                volume,
                *fee,
                Liquidity.MAKER if rested else Liquidity.TAKER,
                time_ms * 1_000_000,
                0,
            )
        )
        return [trade] if trade is not None else []


def _average(quote: Decimal, base: Decimal) -> Decimal | None:
    return quote / base if base > 0 else None


def _check(*numbers: Decimal | None) -> None:
    for number in numbers:
        if number is not None and not (number.is_finite() and 0 <= number <= LARGEST):
            raise BadOrder("a price or volume that is impossible")


def _side(word: str) -> Side:
    side = words.SIDES.get(word)
    if side is None:
        raise BadOrder("an order that neither buys nor sells")
    return side


def order_ids(raw: bytes) -> list[str]:
    """The venue's ids of the orders in a REST answer; raises what msgspec raises."""
    return [str(order.order_id) for order in _orders(raw)]


def trade_and_order_ids(raw: bytes) -> list[tuple[int, str]]:
    """The ids of the fills in a REST answer, and of their orders; raises what msgspec raises."""
    return [(trade.id, str(trade.order_id)) for trade in _trades(raw)]
