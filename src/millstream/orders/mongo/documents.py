"""Orders, fills and transactions as documents: readable in a shell, exact for a program.

Numbers are text as a person writes it, times are nanoseconds since 1970 UTC, names are the words of
`model/enums.py`. So every document but `changes` and the `body` of an order is also plain JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, TypeAlias, cast

import msgspec

from millstream.model import CurrencyPair, Exchange, Liquidity, MyOrder, MyTrade, Side
from millstream.model.codec import batch, decode_events, encode
from millstream.orders.rows import text
from millstream.orders.store import Change, SavedRobot, fill_key

__all__ = [
    "Document",
    "changes_in",
    "fill_text",
    "order_document",
    "order_in",
    "position_key",
    "robot_document",
    "robot_in",
    "trade_document",
    "trade_in",
    "trades_of",
    "transaction",
]

Document: TypeAlias = dict[str, Any]


def transaction(
    changes: Sequence[Change], new_ids: Sequence[str], epoch: int, token: str, when: object
) -> Document:
    """The document of `changes` that one transaction is; `changes` is not empty.

    new_ids: of the orders that are inserted by it. epoch: of the owner. token: of this attempt.
    when: a datetime; it says how long the document is kept, and nothing else depends on it.
    """
    made: Document = {
        "_id": changes[0].revision,
        "last": changes[-1].revision,
        "epoch": epoch,
        "token": token,
        "when": when,
        "names": sorted({change.robot for change in changes}),
        "changes": [_change(change) for change in changes],
    }
    fills = [_fill_of(change) for change in changes if isinstance(change, MyTrade)]
    if new_ids:  # a sparse index holds nothing of a document without the field
        made["ids"] = list(new_ids)
    if fills:
        made["fills"] = fills
    return made


def _change(change: Change) -> Document:
    seen: Document = {
        "revision": change.revision,
        "kind": "order" if isinstance(change, MyOrder) else "trade",
        "order_id": change.order_id,
        "name": change.robot,
    }
    if isinstance(change, MyOrder):
        seen["status"] = str(change.status)
    else:
        seen["volume"] = text(change.volume)
        seen["price"] = text(change.price)
    seen["body"] = encode(change)
    return seen


def changes_in(document: Document, after: int = 0, robot: str | None = None) -> list[Change]:
    """The changes of a transaction with a revision above `after`, of one robot or of all (None).

    None of one that was pruned.
    """
    bodies = [
        change["body"]
        for change in document.get("changes", ())
        if change["revision"] > after and (robot is None or change["name"] == robot)
    ]
    return cast("list[Change]", decode_events(batch(bodies)))


def fill_text(order: MyOrder, trade_id: str) -> str:
    """What a fill is known by, as one text."""
    exchange, symbol, known, side = fill_key(order, trade_id)
    return f"{exchange}|{symbol}|{side}|{known}"


def _fill_of(trade: MyTrade) -> str:
    return f"{trade.exchange}|{trade.symbol}|{trade.side}|{trade.trade_id}"


def position_key(robot: str, exchange: Exchange, symbol: CurrencyPair) -> str:
    """The `_id` in `positions`; a robot's name may contain what it likes, the others may not."""
    return f"{exchange}|{symbol}|{robot}"


def order_document(order: MyOrder) -> Document:
    """What `orders` shows of an order, without its id and the revision of its insertion."""
    return {
        "name": order.robot,
        "from": order.robot,
        "to": str(order.exchange),
        "symbol": str(order.symbol),
        "side": str(order.side),
        "type": str(order.type),
        "price": text(order.price),
        "volume": text(order.volume),
        "time_in_force": str(order.time_in_force),
        "post_only": order.post_only,
        "stop_price": text(order.stop_price),
        "reduce_only": order.reduce_only,
        "status": str(order.status),
        "filled_volume": text(order.filled_volume),
        "average_price": text(order.average_price),
        "venue_id": order.venue_id,
        "reason": order.reason,
        "cancel_wished": order.cancel_wished,
        "received_ns": order.received_ns,
        "revision": order.revision,
        "body": encode(order),
    }


def order_in(document: Document) -> MyOrder:
    """The order that a document of `orders` shows."""
    return cast("MyOrder", decode_events(b"\x91" + document["body"])[0])


def trade_document(trade: MyTrade) -> Document:
    """A document of `trades`; its `_id` is the revision, so it cannot be inserted twice."""
    return {
        "_id": trade.revision,
        "name": trade.robot,
        "from": str(trade.exchange),
        "to": trade.robot,
        "order_id": trade.order_id,
        "trade_id": trade.trade_id,
        "symbol": str(trade.symbol),
        "side": str(trade.side),
        "price": text(trade.price),
        "volume": text(trade.volume),
        "fee": text(trade.fee),
        "fee_currency": trade.fee_currency,
        "liquidity": str(trade.liquidity),
        "synthetic": trade.synthetic,
        "exchange_ns": trade.exchange_ns,
        "received_ns": trade.received_ns,
        "revision": trade.revision,
    }


def trade_in(document: Document) -> MyTrade:
    """The fill that a document of `trades` shows."""
    return MyTrade(
        received_ns=document["received_ns"],
        exchange=Exchange.parse(document["from"]),
        symbol=CurrencyPair.parse(document["symbol"]),
        robot=document["name"],
        order_id=document["order_id"],
        trade_id=document["trade_id"],
        side=Side.parse(document["side"]),
        price=Decimal(document["price"]),
        volume=Decimal(document["volume"]),
        fee=Decimal(document["fee"]),
        fee_currency=document["fee_currency"],
        liquidity=Liquidity.parse(document["liquidity"]),
        exchange_ns=document["exchange_ns"],
        revision=document["revision"],
        synthetic=document["synthetic"],
    )


def trades_of(changes: Iterable[Change], robot: str | None) -> list[MyTrade]:
    """The fills among changes, of one robot or of all (None)."""
    return [
        change
        for change in changes
        if isinstance(change, MyTrade) and (robot is None or change.robot == robot)
    ]


def robot_document(robot: SavedRobot) -> Document:
    """What `robots` shows of a set-up, without its name: that is the `_id`."""
    shown = msgspec.structs.asdict(robot)
    del shown["name"]
    return shown | {"markets": list(robot.markets)}


def robot_in(document: Document) -> SavedRobot:
    """The set-up that a document of `robots` shows."""
    fields = {key: value for key, value in document.items() if key not in ("_id", "number")}
    fields["markets"] = tuple(fields["markets"])
    return SavedRobot(name=document["_id"], **fields)
