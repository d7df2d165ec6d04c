"""Orders, their steps and their fills as rows of `tables.py`."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from millstream.analysis.lives import Booked, Life, Step
from millstream.analysis.rows import json_of
from millstream.analysis.tables import Row

__all__ = ["fill_rows", "order_row", "step_rows"]


def order_row(run_id: str, life: Life) -> Row:
    """A row of `orders`."""
    decided, order = life.decided, life.order
    what = order or life.wish
    quote = decided.quote if decided else None
    event, durable, sent = life.event_ns, life.durable_ns, life.sent_ns
    acknowledged, first_fill = life.acknowledged_ns, life.first_fill_ns
    return (
        run_id,
        life.order_id,
        life.robot,
        decided.sequence if decided else None,
        decided.cause if decided else None,
        str(what.exchange),
        str(what.symbol),
        str(what.side),
        str(what.type),
        str(what.time_in_force),
        what.post_only,
        _real(what.price),
        _real(what.volume),
        str(order.status) if order else "wished",
        order.reason if order else None,
        life.refused_by,
        order.venue_id or None if order else None,
        _real(order.filled_volume) if order else None,
        _real(order.average_price) if order else None,
        float(sum(fill.trade.fee for fill in life.fills)) if life.fills else None,
        life.fills[-1].trade.fee_currency if life.fills else None,
        quote.bid_price if quote else None,
        quote.ask_price if quote else None,
        quote.mid_price if quote else None,
        event,
        durable,
        sent,
        acknowledged,
        first_fill,
        life.filled_ns,
        life.ended_ns,
        _between(event, durable),
        _between(durable, sent),
        _between(sent, acknowledged),
        _between(acknowledged, first_fill),
    )


def step_rows(run_id: str, life: Life) -> Iterator[Row]:
    """Rows of `order_steps`."""
    event = life.event_ns
    return (_step_row(run_id, event, step) for step in life.steps)


def fill_rows(run_id: str, life: Life) -> Iterator[Row]:
    """Rows of `fills`."""
    return (_fill_row(run_id, fill) for fill in life.fills)


def _step_row(run_id: str, event_ns: int | None, step: Step) -> Row:
    order = step.order
    return (
        run_id, order.revision, order.order_id, order.robot, step.step, order.received_ns,
        _between(event_ns, order.received_ns), _real(order.filled_volume), order.reason,
        step.heard, json_of(order),
    )  # fmt: skip


def _fill_row(run_id: str, fill: Booked) -> Row:
    trade = fill.trade
    return (
        run_id, trade.revision, fill.heard, trade.received_ns, trade.exchange_ns or None,
        trade.robot, trade.order_id, trade.trade_id, str(trade.exchange), str(trade.symbol),
        str(trade.side), _real(trade.price), _real(trade.volume), _real(trade.fee),
        trade.fee_currency, str(trade.liquidity), fill.mid_price, _real(fill.position),
        trade.synthetic, json_of(trade),
    )  # fmt: skip


def _between(earlier_ns: int | None, later_ns: int | None) -> int | None:
    return None if earlier_ns is None or later_ns is None else later_ns - earlier_ns


def _real(number: Decimal | None) -> float | None:
    return None if number is None else float(number)
