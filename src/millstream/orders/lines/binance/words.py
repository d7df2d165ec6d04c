"""Orders, fills and rules between our values and Binance spot's REST. Pure.

Source: Binance's REST pages; names as the venue writes them stay in this file.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, TypeAlias
from urllib.parse import urlencode

import msgspec

from millstream.model import (
    CurrencyPair,
    Exchange,
    Liquidity,
    MyOrder,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
)
from millstream.orders.lines.answers import SeenFill
from millstream.orders.lines.instrument import Instrument
from millstream.orders.machine import Fill

__all__ = [
    "Refusal",
    "Words",
    "balances_of",
    "fill_of",
    "instrument_of",
    "order_of",
    "order_parameters",
    "refusal_of",
    "signed",
    "symbol_of",
]

Words: TypeAlias = Mapping[str, Any]

_EXCHANGE: Final = Exchange.BINANCE
_KINDS: Final = {
    OrderType.MARKET: "MARKET",
    OrderType.LIMIT: "LIMIT",
    OrderType.STOP: "STOP_LOSS",
    OrderType.STOP_LIMIT: "STOP_LOSS_LIMIT",
}
_TYPES: Final = {word: kind for kind, word in _KINDS.items()} | {"LIMIT_MAKER": OrderType.LIMIT}
_TIMES: Final = {"IOC": TimeInForce.IOC, "FOK": TimeInForce.FOK}
_STATUSES: Final = {
    "NEW": OrderStatus.WORKING,
    "PENDING_NEW": OrderStatus.WORKING,
    "PARTIALLY_FILLED": OrderStatus.PARTIAL,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELED,
    "PENDING_CANCEL": OrderStatus.WORKING,
    "REJECTED": OrderStatus.REJECTED,
    "EXPIRED": OrderStatus.EXPIRED,
    "EXPIRED_IN_MATCH": OrderStatus.EXPIRED,
}
# Refusals that say nothing for certain about an order: its outcome is unknown, it is there already.
_UNSURE: Final = frozenset({-1000, -1001, -1006, -1007, -1016})
_DUPLICATE: Final = "Duplicate order sent."
_NOT_FOUND: Final = frozenset({-2011, -2013})
_KEYS: Final = frozenset({-1002, -1022, -2014, -2015, -2008})


class Refusal(msgspec.Struct, frozen=True):
    """The venue's answer of 4xx."""

    code: int
    message: str

    def __str__(self) -> str:
        return f"{self.message} (code {self.code})"

    @property
    def definite(self) -> bool:
        """Whether there is no order for certain."""
        unsure = self.code in _UNSURE or self.code in _NOT_FOUND
        return not unsure and self.message != _DUPLICATE

    @property
    def is_not_found(self) -> bool:
        """Whether the venue knows no such order; no proof before its grace is over."""
        return self.code in _NOT_FOUND

    @property
    def is_login(self) -> bool:
        """Whether the venue does not take the keys."""
        return self.code in _KEYS

    @property
    def is_late(self) -> bool:
        """Whether our idea of the venue's clock is wrong."""
        return self.code == -1021


def refusal_of(body: bytes) -> Refusal | None:
    """The venue's own words for a refusal; None when they are somebody else's."""
    try:
        told = msgspec.json.decode(body, type=dict[str, Any])
        return Refusal(int(told["code"]), str(told["msg"]))
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, ValueError, TypeError):
        return None


def signed(parameters: Mapping[str, str], secret: str, now_ms: int) -> str:
    """A query with its time and its signature."""
    query = urlencode([*parameters.items(), ("recvWindow", "5000"), ("timestamp", str(now_ms))])
    digest = hmac.new(secret.encode(), query.encode(), hashlib.sha256).hexdigest()
    return f"{query}&signature={digest}"


def symbol_of(pair: CurrencyPair) -> str:
    """The pair as the venue writes it."""
    return f"{pair.base}{pair.quote}"


def order_parameters(order: MyOrder) -> dict[str, str]:
    """What a new order is asked for with; its numbers fit the venue's grid already."""
    kind = _KINDS[order.type]
    given = {
        "symbol": symbol_of(order.symbol),
        "side": "BUY" if order.side is Side.BUY else "SELL",
        "type": "LIMIT_MAKER" if order.post_only and kind == "LIMIT" else kind,
        "quantity": f"{order.volume:f}",
        "newClientOrderId": order.order_id,
        "newOrderRespType": "RESULT",
    }
    if order.type in (OrderType.LIMIT, OrderType.STOP_LIMIT) and order.price is not None:
        given["price"] = f"{order.price:f}"
        if given["type"] != "LIMIT_MAKER":
            given["timeInForce"] = order.time_in_force.name
    if order.stop_price is not None:
        given["stopPrice"] = f"{order.stop_price:f}"
    return given


def instrument_of(words: Words) -> tuple[CurrencyPair, Instrument]:
    """A pair of `exchangeInfo`, and its rules."""
    rules = {str(one.get("filterType")): one for one in words.get("filters", ())}
    prices, lots = rules.get("PRICE_FILTER", {}), rules.get("LOT_SIZE", {})
    notional = rules.get("NOTIONAL") or rules.get("MIN_NOTIONAL") or {}
    pair = CurrencyPair(str(words["baseAsset"]), str(words["quoteAsset"]))
    return pair, Instrument(
        tick=_rule(prices.get("tickSize")),
        lot=_rule(lots.get("stepSize")),
        min_volume=_rule(lots.get("minQty")),
        max_volume=_rule(lots.get("maxQty")),
        min_notional=_rule(notional.get("minNotional")),
    )


def order_of(words: Words, pairs: Mapping[str, CurrencyPair], now_ns: int) -> MyOrder | None:
    """An order as the venue lists it; None when it is of no pair that it trades."""
    pair = pairs.get(str(words.get("symbol")))
    if pair is None:
        return None
    filled, quote = _number(words, "executedQty"), _number(words, "cummulativeQuoteQty")
    return MyOrder(
        received_ns=now_ns,
        exchange=_EXCHANGE,
        symbol=pair,
        robot="",
        order_id=str(words.get("clientOrderId") or ""),
        venue_id=str(words["orderId"]),
        side=_side(words.get("side") == "BUY"),
        type=_TYPES.get(str(words.get("type")), OrderType.OTHER),
        time_in_force=_TIMES.get(str(words.get("timeInForce")), TimeInForce.GTC),
        post_only=words.get("type") == "LIMIT_MAKER",
        price=_number(words, "price") or None,
        volume=_number(words, "origQty"),
        status=_STATUSES.get(str(words.get("status")), OrderStatus.WORKING),
        filled_volume=filled,
        average_price=quote / filled if filled and quote > 0 else None,
        reason="",
        revision=0,
        stop_price=_number(words, "stopPrice") or None,
    )


def fill_of(words: Words, pair: CurrencyPair) -> SeenFill:
    """A fill as the venue lists it."""
    return SeenFill(
        venue_id=str(words["orderId"]),
        symbol=pair,
        side=_side(bool(words.get("isBuyer"))),
        fill=Fill(
            trade_id=str(words["id"]),
            price=_number(words, "price"),
            volume=_number(words, "qty"),
            fee=_number(words, "commission"),
            fee_currency=str(words.get("commissionAsset") or ""),
            liquidity=Liquidity.MAKER if words.get("isMaker") else Liquidity.TAKER,
            exchange_ns=int(words.get("time") or 0) * 1_000_000,
        ),
    )


def balances_of(words: Words) -> dict[str, Decimal]:
    """What the account holds, free or in orders, by currency; zeros are left out."""
    held = {
        str(one["asset"]): _number(one, "free") + _number(one, "locked")
        for one in words.get("balances", ())
    }
    return {currency: amount for currency, amount in held.items() if amount}


def _side(buys: bool) -> Side:
    return Side.BUY if buys else Side.SELL


def _number(words: Words, name: str) -> Decimal:
    return Decimal(str(words.get(name) or 0)).normalize()


def _rule(text: object) -> Decimal | None:
    return Decimal(str(text)).normalize() if text and Decimal(str(text)) else None
