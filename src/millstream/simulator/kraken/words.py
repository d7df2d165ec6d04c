"""What Kraken calls an order, a fill, a balance: objects of its answers and of its channels. Pure.

Websocket numbers are bare JSON numbers whose text is exact, since checksums are made of it.
Source: docs.kraken.com, "Spot REST API" and "Spot WebSocket v2".
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from millstream.model import OrderStatus, OrderType, Side, TimeInForce
from millstream.simulator.kraken import names
from millstream.simulator.orders import ZERO, Change, ChangeKind, Fill, Order, plain

STATUS = {
    OrderStatus.WORKING: "open",
    OrderStatus.PARTIAL: "open",
    OrderStatus.FILLED: "closed",
    OrderStatus.CANCELED: "canceled",
    OrderStatus.EXPIRED: "canceled",  # an IOC's rest, too, is canceled here
    OrderStatus.REJECTED: "canceled",
}
STREAM_STATUS = {
    OrderStatus.WORKING: "new",
    OrderStatus.PARTIAL: "partially_filled",
    OrderStatus.FILLED: "filled",
    OrderStatus.CANCELED: "canceled",
    OrderStatus.EXPIRED: "canceled",
    OrderStatus.REJECTED: "canceled",
}
TYPES = {  # the venue's word: our type, takes profit
    "limit": (OrderType.LIMIT, False),
    "market": (OrderType.MARKET, False),
    "stop-loss": (OrderType.STOP, False),
    "stop-loss-limit": (OrderType.STOP_LIMIT, False),
    "take-profit": (OrderType.STOP, True),
    "take-profit-limit": (OrderType.STOP_LIMIT, True),
}
TIMES = {"gtc": TimeInForce.GTC, "ioc": TimeInForce.IOC, "fok": TimeInForce.FOK}
VOLUME_DECIMALS = 8


def bare(number: Decimal, decimals: int | None = None) -> msgspec.Raw:
    """A bare JSON number; decimals: None writes no zeros at its end."""
    text = plain(number) if decimals is None else names.fixed(number, decimals)
    return msgspec.Raw(text.encode())


def side(value: Side) -> str:
    """The venue's word."""
    return "buy" if value is Side.BUY else "sell"


def average(order: Order) -> Decimal:
    """The average price of what is filled; 0: nothing is."""
    return round(order.quote_filled / order.filled, 10) if order.filled else ZERO


def fees(order: Order) -> Decimal:
    """All fees of an order, in the quote currency."""
    return sum((fill.fee for fill in order.fills), ZERO)


# ---- REST ---------------------------------------------------------------------------------------


def description(order: Order) -> dict[str, str]:
    """What `descr` says of an order."""
    wish, limit, stop = order.wish, plain(order.price), plain(order.wish.stop_price)
    pair = names.altname(wish.pair)
    price, price2 = (stop, limit) if wish.stop_price else (limit, "0")
    words = f"{side(wish.side)} {names.fixed(order.volume, 8)} {pair} @ {wish.kind}"
    if wish.kind != "market":
        words += f" {price}"
    return {
        "pair": pair,
        "type": side(wish.side),
        "ordertype": wish.kind,
        "price": price,
        "price2": price2,
        "leverage": "none",
        "order": words,
        "close": "",
    }


def order(one: Order, with_trades: bool) -> dict[str, Any]:
    """As OpenOrders, ClosedOrders and QueryOrders answer."""
    wish = one.wish
    flags = "fciq,post" if wish.post_only else "fciq"
    told: dict[str, Any] = {
        "refid": None,
        "userref": 0,
        "status": STATUS[one.status],
        "opentm": names.seconds(one.created_ns),
        "starttm": 0,
        "expiretm": 0,
        "descr": description(one),
        "vol": names.fixed(one.volume, 8),
        "vol_exec": names.fixed(one.filled, 8),
        "cost": plain(one.quote_filled),
        "fee": plain(fees(one)),
        "price": plain(average(one)),
        "stopprice": plain(wish.stop_price),
        "limitprice": plain(one.price if wish.stop_price else ZERO),
        "misc": "",
        "oflags": flags,
        "timeinforce": wish.time_in_force.name,
    }
    if wish.client_id:
        told["cl_ord_id"] = wish.client_id
    if not one.open:
        told["closetm"] = names.seconds(one.updated_ns)
        told["reason"] = one.reason or None
    if with_trades:
        told["trades"] = [names.trade_id(fill.trade_id, fill.maker) for fill in one.fills]
    return told


def trade(fill: Fill, one: Order) -> dict[str, Any]:
    """As TradesHistory answers."""
    return {
        "ordertxid": names.order_id(fill.order_id),
        "postxid": "TKH2SE-M7IF5-CFI7LT",
        "pair": names.key(fill.pair),
        "time": names.seconds(fill.ns),
        "type": side(fill.side),
        "ordertype": one.wish.kind,
        "price": plain(fill.price),
        "cost": plain(fill.price * fill.volume),
        "fee": plain(fill.fee),
        "vol": names.fixed(fill.volume, 8),
        "margin": "0.00000",
        "leverage": "0",
        "misc": "",
        "trade_id": fill.trade_id,
        "maker": fill.maker,
    }


# ---- the executions channel ---------------------------------------------------------------------


def whole(one: Order, execution: str, ns: int) -> dict[str, Any]:
    """All there is to say of an order, as its first report and a snapshot have it."""
    wish = one.wish
    told: dict[str, Any] = {
        "order_id": names.order_id(one.id),
        "symbol": str(wish.pair),
        "order_qty": bare(one.volume),
        "cum_qty": bare(one.filled),
        "cum_cost": bare(one.quote_filled),
        "time_in_force": wish.time_in_force.name,
        "exec_type": execution,
        "side": side(wish.side),
        "order_type": wish.kind,
        "order_userref": 0,
        "limit_price_type": "static",
        "stop_price": bare(wish.stop_price),
        "order_status": "pending_new" if execution == "pending_new" else STREAM_STATUS[one.status],
        "avg_price": bare(average(one)),
        "fee_usd_equiv": bare(fees(one)),
        "fee_ccy_pref": "fciq",
        "timestamp": names.iso(ns),
    }
    if one.price:
        told["limit_price"] = bare(one.price)
    if wish.stop_price:
        told["triggers"] = {
            "price": bare(wish.stop_price),
            "price_type": "static",
            "reference": "last",
            "status": "triggered" if one.triggered else "untriggered",
        }
    if wish.post_only:
        told["post_only"] = True
    if wish.client_id:
        told["cl_ord_id"] = wish.client_id
    return told


def part(one: Order, execution: str, status: str, ns: int) -> dict[str, Any]:
    """What most reports say: who it is, and what has changed."""
    told: dict[str, Any] = {
        "order_id": names.order_id(one.id),
        "order_userref": 0,
        "exec_type": execution,
        "order_status": status,
        "timestamp": names.iso(ns),
    }
    if one.wish.client_id:
        told["cl_ord_id"] = one.wish.client_id
    return told


def fill(one: Fill, wish_of: Order, status: str) -> dict[str, Any]:
    """A fill's report."""
    told = {
        "order_id": names.order_id(one.order_id),
        "order_userref": 0,
        "exec_id": names.trade_id(one.trade_id, one.maker),
        "exec_type": "trade",
        "trade_id": one.trade_id,
        "symbol": str(one.pair),
        "side": side(one.side),
        "order_type": wish_of.wish.kind,
        "last_qty": bare(one.volume),
        "last_price": bare(one.price),
        "cost": bare(one.price * one.volume),
        "liquidity_ind": "m" if one.maker else "t",
        "fees": [{"asset": one.fee_currency, "qty": bare(one.fee)}],
        "fee_usd_equiv": bare(one.fee),
        "order_status": status,
        "timestamp": names.iso(one.ns),
    }
    if wish_of.wish.client_id:
        told["cl_ord_id"] = wish_of.wish.client_id
    return told


def reports(change: Change) -> list[tuple[dict[str, Any], bool]]:
    """What the channel tells of a change, one after another, and whether each is a fill."""
    one, ns = change.order, change.ns
    sums = {
        "cum_qty": bare(one.filled),
        "cum_cost": bare(one.quote_filled),
        "avg_price": bare(average(one)),
    }
    match change.kind:
        case ChangeKind.NEW:
            return [(whole(one, "pending_new", ns), False), (part(one, "new", "new", ns), False)]
        case ChangeKind.FILLED:
            assert change.fill is not None
            # A last fill, too, says "partially_filled": the report that follows decides.
            told = [(fill(change.fill, one, "partially_filled") | sums, True)]
            if not one.open:
                told.append((part(one, "filled", "filled", ns) | sums, False))
            return told
        case ChangeKind.AMENDED:
            amended = {"order_qty": bare(one.volume), "limit_price": bare(one.price)}
            return [(part(one, "amended", STREAM_STATUS[one.status], ns) | sums | amended, False)]
        case ChangeKind.TRIGGERED:
            return [(part(one, "status", "triggered", ns), False)]
    ended = {"reason": one.reason, "cancel_reason": one.reason}
    return [(part(one, "canceled", "canceled", ns) | sums | ended, False)]
