"""One order explained: what a robot saw, what it was, what it did, and what became of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from millstream.analysis.lives import Life
from millstream.analysis.markets import Seen
from millstream.analysis.rows import plain
from millstream.journal.divergence import kind_of
from millstream.model import AnyEvent, MyOrder, OrderStatus

__all__ = [
    "Cause",
    "Changed",
    "Explanation",
    "Told",
    "changes_between",
    "event_of",
    "risk_of",
    "seen",
    "told",
]

_LEVELS = 5  # of a book, on a screen


class Changed(msgspec.Struct, frozen=True):
    """One field of a robot's state that its decision changed."""

    field: str  # "buy.order_id"
    before: Any
    after: Any


class Cause(msgspec.Struct, frozen=True):
    """The event that a robot answered, and what it knew and was."""

    sequence: int
    event_ns: int
    event: dict[str, Any]  # its fields, with "kind"
    ticker: dict[str, Any] | None  # the last of the order's market; None: none had come
    book: dict[str, Any] | None  # its best levels
    trade: dict[str, Any] | None
    state_before: Any
    state_after: Any
    changed: list[Changed]
    action: dict[str, Any]


class Told(msgspec.Struct, frozen=True):
    """One step of the order, to the venue or back."""

    happened_ns: int
    since_event_ns: int | None
    step: str  # "intent", "sent", "working", "fill", "partial", …
    detail: str
    heard_by_robot: int | None  # by which event; None: its robot never heard of it


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Everything there is to say of one order; `--json` prints it."""

    order_id: str
    run_id: str
    robot: str
    journal: str
    status: str
    cause: Cause | None  # None: no robot of this journal wished it
    risk: str  # "approved", "refused: …", or why nobody knows
    steps: list[Told]
    fills: list[dict[str, Any]]
    notes: list[str]


def seen(markets: Seen) -> tuple[Any, Any, Any]:
    """The last ticker, book and trade as plain values; a book's best levels only."""
    book = plain(markets.book)
    if book is not None:
        book["bids"], book["asks"] = book["bids"][:_LEVELS], book["asks"][:_LEVELS]
    return plain(markets.ticker), book, plain(markets.trade)


def event_of(event: AnyEvent) -> dict[str, Any]:
    """An event as plain values, its kind first."""
    return {"kind": kind_of(event), **plain(event)}


def changes_between(before: Any, after: Any, path: str = "") -> list[Changed]:
    """The innermost fields in which two plain values differ."""
    if before == after:
        return []
    if isinstance(before, dict) and isinstance(after, dict):
        keys = [*before, *(key for key in after if key not in before)]
        return [
            change
            for key in keys
            for change in changes_between(
                before.get(key), after.get(key), f"{path}.{key}" if path else key
            )
        ]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return [
            change
            for at, (one, other) in enumerate(zip(before, after, strict=True))
            for change in changes_between(one, other, f"{path}[{at}]")
        ]
    return [Changed(path, before, after)]


def risk_of(life: Life) -> str:
    """What the limits said of an order."""
    if not life.steps:
        return "not judged: the wish never reached the order store"
    first = life.steps[0].order
    if first.status is OrderStatus.REJECTED:
        return f"refused: {first.reason.removeprefix('risk: ')}"
    return "approved"


def told(life: Life) -> list[Told]:
    """Every step of an order and every fill, as the order store was told of them."""
    event_ns = life.event_ns
    steps = [
        (
            step.order.revision,
            step.order.received_ns,
            step.step,
            _detail(step.order, before.order if before is not None else None),
            step.heard,
        )
        for before, step in zip([None, *life.steps], life.steps, strict=False)
    ]
    for fill in life.fills:
        trade = fill.trade
        detail = (
            f"{_plain(trade.volume)} at {_plain(trade.price)}, fee {_plain(trade.fee)} "
            f"{trade.fee_currency}, {trade.liquidity}"
        )
        steps.append((trade.revision, trade.received_ns, "fill", detail, fill.heard))
    return [
        Told(when, None if event_ns is None else when - event_ns, step, detail, heard)
        for _, when, step, detail, heard in sorted(steps, key=lambda step: step[0])
    ]


def _detail(order: MyOrder, before: MyOrder | None) -> str:
    """What a change of an order brought, besides its status."""
    if before is not None and order.status is before.status and order.venue_id != before.venue_id:
        return f"the venue's id became known: {order.venue_id}"
    filled = f"{_plain(order.filled_volume)} of {_plain(order.volume)} filled"
    return order.reason or (filled if order.filled_volume else "")


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"
