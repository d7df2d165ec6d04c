"""How Kraken Futures tells what became of orders, and what fills cost: by its history. Pure.

Orders come as a list of events, the newest first.

ccxt takes "placed, nothing filled" for canceled and "placed, something filled" for closed, whatever
came later; so the events are read here, each order by its last one:

    event                                       the order is
    OrderCancelled, OrderTriggerCancelled       canceled
    OrderRejected                               rejected
    OrderUpdated by a full fill, or any other   closed
      with nothing left to fill of it
    any other                                   open

Source: docs.kraken.com/api/docs/futures-api/history/get-order-events, and the answers in ccxt 4.5's
`krakenfutures.py`, where `quantity` is what is left.

A fill's fee is in the account's log, in the row whose `execution` is the fill's id. Each execution
has two rows: one of cash, with the fee, and one of the position, whose asset is the contract.
Source: docs.kraken.com/api/docs/futures-api/history/account-log, github.com/ccxt/ccxt/pull/29782.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

__all__ = ["fees_of", "latest_orders"]

_ENDS: Final = {
    "OrderCancelled": "canceled",
    "OrderTriggerCancelled": "canceled",
    "OrderRejected": "rejected",
}
_ORDER: Final = ("order", "newOrder", "orderTrigger")


def latest_orders(elements: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each order of these events as the last of them left it, with a `status` and its quantity."""
    found: dict[str, dict[str, Any]] = {}
    oldest_first = sorted(enumerate(elements), key=lambda one: (int(one[1]["timestamp"]), -one[0]))
    for _, element in oldest_first:
        for kind, event in element["event"].items():
            order = next((event[name] for name in _ORDER if event.get(name)), None)
            if order is not None:
                left, filled = (Decimal(order.get(one) or 0) for one in ("quantity", "filled"))
                full = event.get("reason") == "full_fill" or (filled and not left)
                status = _ENDS.get(kind, "closed" if full else "open")
                found[order["uid"]] = {**order, "quantity": str(left + filled), "status": status}
    return list(found.values())


def fees_of(rows: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Fees by the fill's id, as ccxt says them: cost (above 0: paid) and currency."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        asset = str(row.get("asset") or "")
        is_cash = asset.lower() != str(row.get("contract") or "").lower()
        if row.get("execution") and row.get("fee") is not None and is_cash:
            parts = row["fee"], row.get("liquidation_fee") or 0
            cost = sum(Decimal(str(part)) for part in parts)
            found[str(row["execution"])] = {"cost": str(cost), "currency": asset.upper()}
    return found
