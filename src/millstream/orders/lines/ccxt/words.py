"""Orders and fills between our values and the dicts of ccxt. Pure: ccxt is not imported."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeAlias

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
from millstream.orders.lines.venues import VenueFacts
from millstream.orders.machine import Fill

__all__ = [
    "Words",
    "arguments",
    "balances_of",
    "fill_of",
    "instrument_of",
    "order_of",
    "pair_of",
    "positions_of",
]

Words: TypeAlias = Mapping[str, Any]

_STATUSES: Final = {
    "open": OrderStatus.WORKING,
    "closed": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELED,
    "canceling": OrderStatus.WORKING,
    "expired": OrderStatus.EXPIRED,
    "rejected": OrderStatus.REJECTED,
}
_TYPES: Final = {"market": OrderType.MARKET, "limit": OrderType.LIMIT}
_TIMES: Final = {"IOC": TimeInForce.IOC, "FOK": TimeInForce.FOK}
_ZERO: Final = Decimal(0)


def arguments(order: MyOrder, facts: VenueFacts, instrument: Instrument) -> tuple[Any, ...]:
    """What `create_order` is called with."""
    priced = order.type in (OrderType.LIMIT, OrderType.STOP_LIMIT)
    parameters: dict[str, Any] = {facts.client_id_parameter: order.order_id}
    if priced and order.time_in_force is not TimeInForce.GTC:
        word = order.time_in_force.name
        parameters["timeInForce"] = word.lower() if facts.times_in_lower_case else word
    if order.post_only:
        parameters["postOnly"] = True
    if order.reduce_only:
        parameters["reduceOnly"] = True
    if order.stop_price is not None:
        parameters[facts.stop_parameter] = float(order.stop_price)
    if order.type is OrderType.MARKET and order.side is Side.BUY:
        parameters |= dict(facts.market_buy_parameters)
    return (
        facts.symbol(order.symbol),
        "limit" if priced else "market",
        str(order.side),
        float(order.volume / instrument.contract),
        float(order.price) if priced and order.price is not None else None,
        parameters,
    )


def instrument_of(market: Words) -> Instrument:
    """The rules of a pair, from the library's market."""
    precision, limits = market.get("precision") or {}, market.get("limits") or {}
    contract = _number(market.get("contractSize")) or Decimal(1)

    def volume(number: object) -> Decimal | None:
        found = _number(number)
        return found * contract if found else None

    amount, cost = limits.get("amount") or {}, limits.get("cost") or {}
    return Instrument(
        tick=_number(precision.get("price")) or None,
        lot=volume(precision.get("amount")),
        min_volume=volume(amount.get("min")),
        max_volume=volume(amount.get("max")),
        min_notional=_number(cost.get("min")) or None,
        contract=contract,
    )


def order_of(words: Words, exchange: Exchange, contract: Decimal, now_ns: int) -> MyOrder | None:
    """An order as the venue lists it; None when it is of no pair that we can name."""
    pair = pair_of(words.get("symbol"))
    side = words.get("side")
    if pair is None or side not in ("buy", "sell"):
        return None
    volume = (_number(words.get("amount")) or _ZERO) * contract
    filled = (_number(words.get("filled")) or _ZERO) * contract
    return MyOrder(
        received_ns=now_ns,
        exchange=exchange,
        symbol=pair,
        robot="",
        order_id=str(words.get("clientOrderId") or ""),
        venue_id=str(words.get("id") or ""),
        side=Side.BUY if side == "buy" else Side.SELL,
        type=_TYPES.get(str(words.get("type")), OrderType.OTHER),
        time_in_force=_TIMES.get(str(words.get("timeInForce")), TimeInForce.GTC),
        post_only=bool(words.get("postOnly")),
        price=_number(words.get("price")) or None,
        volume=volume,
        status=_status(str(words.get("status")), volume, filled),
        filled_volume=filled,
        average_price=_number(words.get("average")) or None,
        reason="",
        revision=0,
        stop_price=_number(words.get("triggerPrice")) or None,
        reduce_only=bool(words.get("reduceOnly")),
    )


def _status(word: str, volume: Decimal, filled: Decimal) -> OrderStatus:
    status = _STATUSES.get(word, OrderStatus.WORKING)
    if status is OrderStatus.WORKING and filled > 0:
        return OrderStatus.PARTIAL
    if status is OrderStatus.FILLED and filled < volume:
        return OrderStatus.EXPIRED  # closed before it was filled: the rest is gone
    return status


def fill_of(words: Words, contract: Decimal) -> SeenFill | None:
    """A fill as the venue lists it; None when it is of no pair that we can name."""
    pair, price, volume = (
        pair_of(words.get("symbol")),
        _number(words.get("price")),
        _number(words.get("amount")),
    )
    if pair is None or price is None or not volume or words.get("side") not in ("buy", "sell"):
        return None
    fee: Words = words.get("fee") or {}
    return SeenFill(
        venue_id=str(words.get("order") or ""),
        symbol=pair,
        side=Side.BUY if words["side"] == "buy" else Side.SELL,
        fill=Fill(
            trade_id=str(words.get("id") or ""),
            price=price,
            volume=volume * contract,
            fee=_number(fee.get("cost")) or _ZERO,
            fee_currency=str(fee.get("currency") or ""),
            liquidity=Liquidity.MAKER if words.get("takerOrMaker") == "maker" else Liquidity.TAKER,
            exchange_ns=int(words.get("timestamp") or 0) * 1_000_000,
        ),
    )


def balances_of(words: Words) -> dict[str, Decimal]:
    """What the account holds, free or in orders, by currency; zeros are left out."""
    total: Words = words.get("total") or {}
    found = {str(currency): _number(amount) or _ZERO for currency, amount in total.items()}
    return {currency: amount for currency, amount in found.items() if amount}


def positions_of(listed: Iterable[Words], contract: Callable[[str], Decimal]) -> dict[str, Decimal]:
    """What the account is long of (above 0) or short, in base currency, by pair.

    contract: base currency in one contract of a symbol. Of a pair that is held long and short at
    once, the difference.
    """
    found: dict[str, Decimal] = {}
    for words in listed:
        symbol = str(words.get("symbol") or "")
        pair = pair_of(symbol)
        if pair is None or ":" not in symbol:  # a margin position on spot is none of contracts
            continue
        sign = -1 if words.get("side") == "short" else 1
        volume = (_number(words.get("contracts")) or _ZERO) * contract(symbol) * sign
        found[str(pair)] = found.get(str(pair), _ZERO) + volume
    return {name: volume for name, volume in found.items() if volume}


def pair_of(symbol: object) -> CurrencyPair | None:
    """The pair of the library's symbol, like "BTC/USDT:USDT"; None when it is not one of ours."""
    base, slash, rest = str(symbol or "").partition("/")
    quote, _, settled = rest.partition(":")
    if not slash or settled not in ("", quote):
        return None  # inverse, dated, an option
    return CurrencyPair(base, quote)


def _number(value: object) -> Decimal | None:
    """A number of the library as the decimal that it was written as."""
    if value is None or value == "":
        return None
    if isinstance(value, float) and value.is_integer():
        return Decimal(int(value))
    try:
        number = Decimal(repr(value) if isinstance(value, float) else str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
