"""What Binance calls an order, a fill, a balance: the objects of its answers and events. Pure.

Source: developers.binance.com, "Trading endpoints", "Account endpoints", "User data streams".
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from millstream.model import CurrencyPair, OrderStatus, OrderType, Side, TimeInForce
from millstream.simulator.balances import Balances
from millstream.simulator.history import Bar
from millstream.simulator.orders import (
    ZERO,
    Change,
    ChangeKind,
    Fill,
    Order,
    PairRules,
    SelfTrade,
    Trade,
)

STATUS = {
    OrderStatus.WORKING: "NEW",
    OrderStatus.PARTIAL: "PARTIALLY_FILLED",
    OrderStatus.FILLED: "FILLED",
    OrderStatus.CANCELED: "CANCELED",
    OrderStatus.EXPIRED: "EXPIRED",
    OrderStatus.REJECTED: "REJECTED",
}
TYPES = {  # the venue's word: our type, post-only, takes profit
    "LIMIT": (OrderType.LIMIT, False, False),
    "MARKET": (OrderType.MARKET, False, False),
    "LIMIT_MAKER": (OrderType.LIMIT, True, False),
    "STOP_LOSS": (OrderType.STOP, False, False),
    "STOP_LOSS_LIMIT": (OrderType.STOP_LIMIT, False, False),
    "TAKE_PROFIT": (OrderType.STOP, False, True),
    "TAKE_PROFIT_LIMIT": (OrderType.STOP_LIMIT, False, True),
}
TIMES = {"GTC": TimeInForce.GTC, "IOC": TimeInForce.IOC, "FOK": TimeInForce.FOK}
SELF_TRADE = {SelfTrade.EXPIRE_MAKER: "EXPIRE_MAKER", SelfTrade.CANCEL_NEWEST: "EXPIRE_TAKER"}
ORDER_TYPES = list(TYPES)


def text(number: Decimal) -> str:
    """Eight decimals, always."""
    return f"{number:.8f}"


def symbol(pair: CurrencyPair) -> str:
    """BTCUSDT."""
    return pair.base + pair.quote


def ms(ns: int) -> int:
    """Milliseconds."""
    return ns // 1_000_000


def status_of(order: Order) -> str:
    """The venue's word; an order that met itself has one of its own."""
    if order.status is OrderStatus.EXPIRED and order.reason.startswith("Self trade"):
        return "EXPIRED_IN_MATCH"
    return STATUS[order.status]


def order(one: Order) -> dict[str, Any]:
    """As GET /api/v3/order answers."""
    wish = one.wish
    return {
        "symbol": symbol(wish.pair),
        "orderId": one.id,
        "orderListId": -1,
        "clientOrderId": wish.client_id,
        "price": text(one.price),
        "origQty": text(one.volume),
        "executedQty": text(one.filled),
        "cummulativeQuoteQty": text(one.quote_filled),
        "status": status_of(one),
        "timeInForce": wish.time_in_force.name,
        "type": wish.kind,
        "side": wish.side.name,
        "stopPrice": text(wish.stop_price),
        "icebergQty": text(ZERO),
        "time": ms(one.created_ns),
        "updateTime": ms(one.updated_ns),
        "isWorking": not one.asleep,
        "workingTime": -1 if one.asleep else ms(one.created_ns),
        "origQuoteOrderQty": text(wish.quote_volume),
        "selfTradePreventionMode": "EXPIRE_MAKER",
    }


def placed(one: Order, form: str) -> dict[str, Any]:
    """As POST /api/v3/order answers; form: ACK, RESULT or FULL."""
    whole = order(one)
    first = {name: whole[name] for name in ("symbol", "orderId", "orderListId", "clientOrderId")}
    first["transactTime"] = ms(one.updated_ns)
    if form == "ACK":
        return first
    left_out = ("time", "updateTime", "isWorking", "icebergQty")
    answer = first | {name: value for name, value in whole.items() if name not in left_out}
    if form == "FULL":
        answer["fills"] = [
            {
                "price": text(fill.price),
                "qty": text(fill.volume),
                "commission": text(fill.fee),
                "commissionAsset": fill.fee_currency,
                "tradeId": fill.trade_id,
            }
            for fill in one.fills
        ]
    return answer


def canceled(one: Order, asked_as: str) -> dict[str, Any]:
    """As DELETE /api/v3/order answers: the client id is the cancel's own."""
    whole = order(one)
    left_out = ("time", "updateTime", "isWorking", "icebergQty", "workingTime")
    answer = {name: value for name, value in whole.items() if name not in left_out}
    return answer | {
        "origClientOrderId": one.wish.client_id,
        "clientOrderId": asked_as,
        "transactTime": ms(one.updated_ns),
    }


def my_trade(fill: Fill) -> dict[str, Any]:
    """As GET /api/v3/myTrades answers."""
    return {
        "symbol": symbol(fill.pair),
        "id": fill.trade_id,
        "orderId": fill.order_id,
        "orderListId": -1,
        "price": text(fill.price),
        "qty": text(fill.volume),
        "quoteQty": text(fill.price * fill.volume),
        "commission": text(fill.fee),
        "commissionAsset": fill.fee_currency,
        "time": ms(fill.ns),
        "isBuyer": fill.side is Side.BUY,
        "isMaker": fill.maker,
        "isBestMatch": True,
    }


def balances(all_: Balances) -> list[dict[str, str]]:
    """As GET /api/v3/account has them."""
    return [
        {"asset": currency, "free": text(balance.free), "locked": text(balance.held)}
        for currency, balance in all_.all.items()
    ]


def position(all_: Balances, currencies: tuple[str, ...], ns: int) -> dict[str, Any]:
    """The event outboundAccountPosition."""
    found = [(currency, all_.of(currency)) for currency in currencies]
    return {
        "e": "outboundAccountPosition",
        "E": ms(ns),
        "u": ms(ns),
        "B": [{"a": name, "f": text(one.free), "l": text(one.held)} for name, one in found],
    }


_EXECUTIONS = {
    ChangeKind.NEW: "NEW",
    ChangeKind.FILLED: "TRADE",
    ChangeKind.CANCELED: "CANCELED",
    ChangeKind.EXPIRED: "EXPIRED",
    ChangeKind.AMENDED: "REPLACED",
    ChangeKind.TRIGGERED: "NEW",
}


def report(change: Change, execution_id: int) -> dict[str, Any]:
    """The event executionReport."""
    one, fill = change.order, change.fill
    wish = one.wish
    canceled_as = change.asked_as if change.kind is ChangeKind.CANCELED else ""
    execution = _EXECUTIONS[change.kind]
    if status_of(one) == "EXPIRED_IN_MATCH":
        execution = "TRADE_PREVENTION"
    told: dict[str, Any] = {
        "e": "executionReport",
        "E": ms(change.ns),
        "s": symbol(wish.pair),
        "c": canceled_as or wish.client_id,
        "S": wish.side.name,
        "o": wish.kind,
        "f": wish.time_in_force.name,
        "q": text(one.volume),
        "p": text(one.price),
        "P": text(wish.stop_price),
        "F": text(ZERO),
        "g": -1,
        "C": wish.client_id if canceled_as else "",
        "x": execution,
        "X": status_of(one),
        "r": "NONE",
        "i": one.id,
        "l": text(fill.volume if fill else ZERO),
        "z": text(one.filled),
        "L": text(fill.price if fill else ZERO),
        "n": text(fill.fee) if fill else "0",
        "N": fill.fee_currency if fill else None,
        "T": ms(change.ns),
        "t": fill.trade_id if fill else -1,
        "I": execution_id,
        "w": one.open and not one.asleep,
        "m": fill.maker if fill else False,
        "M": False,
        "O": ms(one.created_ns),
        "Z": text(one.quote_filled),
        "Y": text(fill.price * fill.volume if fill else ZERO),
        "Q": text(wish.quote_volume),
        "V": "EXPIRE_MAKER",
    }
    if not one.asleep:
        told["W"] = ms(one.created_ns)
    return told


# ---- the market ---------------------------------------------------------------------------------


def trade(one: Trade) -> dict[str, Any]:
    """As GET /api/v3/trades answers."""
    return {
        "id": one.id,
        "price": text(one.price),
        "qty": text(one.volume),
        "quoteQty": text(one.price * one.volume),
        "time": ms(one.ns),
        "isBuyerMaker": one.side is Side.SELL,
        "isBestMatch": True,
    }


def aggregate(one: Trade) -> dict[str, Any]:
    """As GET /api/v3/aggTrades answers; each trade is its own aggregate."""
    return {
        "a": one.id,
        "p": text(one.price),
        "q": text(one.volume),
        "f": one.id,
        "l": one.id,
        "T": ms(one.ns),
        "m": one.side is Side.SELL,
        "M": True,
    }


def kline(bar: Bar, interval_s: int) -> list[Any]:
    """As GET /api/v3/klines answers."""
    return [
        bar.start_s * 1_000,
        *(text(bar.open), text(bar.high), text(bar.low), text(bar.close), text(bar.volume)),
        (bar.start_s + interval_s) * 1_000 - 1,
        *(text(bar.quote), bar.trades, text(bar.bought), text(bar.bought_quote), "0"),
    ]


def market(rules: PairRules) -> dict[str, Any]:
    """A symbol of exchangeInfo."""
    lot, largest = text(rules.lot), "9000000.00000000"
    return {
        "symbol": symbol(rules.pair),
        "status": "TRADING",
        "baseAsset": rules.pair.base,
        "baseAssetPrecision": 8,
        "quoteAsset": rules.pair.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ORDER_TYPES,
        "icebergAllowed": False,
        "ocoAllowed": False,
        "otoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": True,
        "amendAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": text(rules.tick),
                "maxPrice": "1000000.00000000",
                "tickSize": text(rules.tick),
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": text(rules.min_volume),
                "maxQty": largest,
                "stepSize": lot,
            },
            {
                "filterType": "MARKET_LOT_SIZE",
                "minQty": text(rules.min_volume),
                "maxQty": largest,
                "stepSize": lot,
            },
            {
                "filterType": "NOTIONAL",
                "minNotional": text(rules.min_notional),
                "applyMinToMarket": True,
                "maxNotional": "9000000.00000000",
                "applyMaxToMarket": False,
                "avgPriceMins": 0,
            },
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_MAKER"],
    }
