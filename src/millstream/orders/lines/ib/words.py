"""Orders, fills and rules between our values and those of ib_async. Pure: it is not imported.

An order is ours by its `orderRef`; TWS's lasting id of it is the `permId`, while its `orderId`
belongs to one client. TWS's numbers arrive as floats: each becomes the shortest decimal of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final, Protocol

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
from millstream.orders.lines.venues import FACTS
from millstream.orders.machine import Fill

__all__ = [
    "Contracts",
    "balances_of",
    "definite",
    "fill_of",
    "first_versions",
    "instrument_of",
    "order_of",
    "order_words",
    "refusal_of",
    "without_accounts",
]

# TWS, or its server, read the order and said no. Whatever is not here leaves it in doubt.
_DEFINITE: Final = {
    *(110, 111, 116, 200, 201, 203, 321, 387, 388, 434, 435, 436, 460),
    *(10268, 10289),
}
# Notices about an order that lives on: held, adjusted, its time in force taken from a preset.
WARNINGS: Final = {105, 165, 399, 404, 481, 492, 10349}
_ACCOUNT: Final = re.compile(r"\b(?:DU|DF|U|F|I)[A-Z]?\d{5,9}\b")
_OUR_ID: Final = re.compile(r"[A-Za-z0-9]{1,18}")
_UNSET_FROM: Final = Decimal("1e300")  # TWS writes its greatest double for "none"
_LONGEST: Final = 300
_ZERO: Final = Decimal(0)

_KINDS: Final = {
    OrderType.MARKET: "MKT",
    OrderType.LIMIT: "LMT",
    OrderType.STOP: "STP",
    OrderType.STOP_LIMIT: "STP LMT",
}
_TYPES: Final = {word: kind for kind, word in _KINDS.items()}
_TIMES: Final = {TimeInForce.GTC: "GTC", TimeInForce.IOC: "IOC", TimeInForce.FOK: "FOK"}
_TIMES_OF: Final = {"IOC": TimeInForce.IOC, "FOK": TimeInForce.FOK}  # all others rest
_STATUSES: Final = {
    "ApiPending": OrderStatus.SENT,
    "PendingSubmit": OrderStatus.SENT,
    "Filled": OrderStatus.FILLED,
    "Cancelled": OrderStatus.CANCELED,
    "ApiCancelled": OrderStatus.CANCELED,
}


class Contracts(Protocol):
    """Which contract stands for a pair, and which pair for a contract."""

    def contract(self, pair: CurrencyPair) -> Any:
        """The contract, as ib_async has it. Raises ConfigError when the pair names none."""
        ...

    def pair(self, sec_type: str, symbol: str, currency: str, local_symbol: str) -> CurrencyPair:
        """The pair."""
        ...


def refusal_of(order: MyOrder, sec_type: str) -> str:
    """Why this order cannot be placed with Interactive Brokers; "" when it can."""
    buys = order.side is Side.BUY
    if order.post_only:
        return "post_only: Interactive Brokers has no such orders; wish a plain limit order"
    if order.reduce_only:
        return "reduce_only: Interactive Brokers has no such orders"
    if sec_type == "CRYPTO" and order.type is OrderType.MARKET and buys:
        return (
            "market buys of coins by volume are not taken by this venue: wish a limit order with "
            "IOC"
        )
    return FACTS[Exchange.IB].refuses(order.type, order.time_in_force, buys, order.reduce_only)


def order_words(order: MyOrder, sec_type: str, account: str) -> dict[str, Any]:
    """The fields of ib_async's Order. account: "" where the login has but one."""
    priced = order.type in (OrderType.LIMIT, OrderType.STOP_LIMIT)
    if priced or order.type is OrderType.STOP:
        time = _TIMES[order.time_in_force if priced else TimeInForce.GTC]
    else:  # coins at market are taken with IOC only
        time = "IOC" if sec_type == "CRYPTO" else "DAY"
    words: dict[str, Any] = {
        "action": "BUY" if order.side is Side.BUY else "SELL",
        "totalQuantity": float(order.volume),
        "orderType": _KINDS[order.type],
        "tif": time,
        "orderRef": order.order_id,
        "account": account,
        "transmit": True,
    }
    if priced and order.price is not None:
        words["lmtPrice"] = float(order.price)
    if order.stop_price is not None:
        words["auxPrice"] = float(order.stop_price)
    return words


def instrument_of(details: Any) -> Instrument:
    """The rules of a contract, from its ContractDetails."""
    return Instrument(
        tick=_positive(details.minTick),
        lot=_positive(details.sizeIncrement),
        min_volume=_positive(details.minSize),
    )


def order_of(trade: Any, contracts: Contracts, now_ns: int) -> MyOrder:
    """How TWS lists an order, open or ended; of anybody's."""
    order, status = trade.order, trade.orderStatus
    kind = _TYPES.get(order.orderType, OrderType.OTHER)
    volume = _positive(order.totalQuantity) or _ZERO
    filled = _positive(status.filled) or _positive(order.filledQuantity) or _ZERO
    return MyOrder(
        received_ns=now_ns,
        exchange=Exchange.IB,
        symbol=_pair(trade.contract, contracts),
        robot="",
        order_id=_order_id(order.orderRef),
        venue_id=str(order.permId) if order.permId else "",
        side=Side.BUY if order.action == "BUY" else Side.SELL,
        type=kind,
        time_in_force=_TIMES_OF.get(order.tif, TimeInForce.GTC),
        post_only=False,
        price=_number(order.lmtPrice) if kind in (OrderType.LIMIT, OrderType.STOP_LIMIT) else None,
        volume=max(volume, filled),  # of ended orders TWS may tell but what was filled
        status=_status(str(status.status), filled),
        filled_volume=filled,
        average_price=_positive(status.avgFillPrice),
        reason=str(status.whyHeld or ""),
        revision=0,
        stop_price=(
            _number(order.auxPrice) if kind in (OrderType.STOP, OrderType.STOP_LIMIT) else None
        ),
    )


def fill_of(fill: Any, contracts: Contracts) -> SeenFill | None:
    """An execution with its commission; None for the sum of a combination."""
    execution, report = fill.execution, fill.commissionReport
    price, volume = _number(execution.price), _positive(execution.shares)
    if fill.contract.secType == "BAG" or price is None or volume is None:
        return None
    known = bool(report.execId)
    return SeenFill(
        str(execution.permId),
        _pair(fill.contract, contracts),
        Side.BUY if execution.side == "BOT" else Side.SELL,
        Fill(
            execution.execId,
            price,
            volume,
            (_number(report.commission) or _ZERO) if known else _ZERO,
            report.currency if known else "",
            Liquidity.MAKER if execution.lastLiquidity == 1 else Liquidity.TAKER,
            int(execution.time.timestamp()) * 1_000_000_000,
        ),
    )


def first_versions(fills: Iterable[Any]) -> list[Any]:
    """Executions without their corrections, which share all of the id but its last part."""
    found: dict[str, Any] = {}
    for fill in fills:
        name = str(fill.execution.execId)
        family = name.rpartition(".")[0] or name
        known = found.get(family)
        if known is None or name < known.execution.execId:
            found[family] = fill
    return list(found.values())


def balances_of(rows: Iterable[Any], positions: Iterable[Any]) -> dict[str, Decimal]:
    """Cash by currency, and stocks by their symbol, of one account or of all summed."""
    held: dict[str, Decimal] = {}
    for row in rows:
        if row.tag == "CashBalance" and row.currency != "BASE":
            amount = _number(row.value) or _ZERO
            held[row.currency] = held.get(row.currency, _ZERO) + amount
    for one in positions:
        if one.contract.secType in ("STK", "CRYPTO"):
            amount = _number(one.position) or _ZERO
            held[one.contract.symbol] = held.get(one.contract.symbol, _ZERO) + amount
    return held


def definite(code: int) -> bool:
    """Whether an error says for certain that there is no order."""
    return code in _DEFINITE


def without_accounts(text: object) -> str:
    """TWS's words in one line, and no account's number among them."""
    return _ACCOUNT.sub("(account)", " ".join(str(text).split()))[:_LONGEST]


def _status(word: str, filled: Decimal) -> OrderStatus:
    if word == "Inactive":  # refused, or held until a session opens: nobody can tell
        return OrderStatus.UNKNOWN
    working = OrderStatus.PARTIAL if filled else OrderStatus.WORKING
    return _STATUSES.get(word, working)


def _pair(contract: Any, contracts: Contracts) -> CurrencyPair:
    return contracts.pair(
        contract.secType, contract.symbol, contract.currency, contract.localSymbol
    )


def _order_id(reference: object) -> str:
    text = str(reference or "")
    return text if _OUR_ID.fullmatch(text) else ""


def _number(told: object) -> Decimal | None:
    """A number; None where there is none."""
    text = str(told if told is not None else "")
    number = Decimal(text) if text else None
    if number is None or not number.is_finite() or abs(number) >= _UNSET_FROM:
        return None
    return Decimal(text.removesuffix(".0"))


def _positive(told: object) -> Decimal | None:
    number = _number(told)
    return number if number is not None and number > 0 else None
