"""The orders of two runs beside each other: which only one of them has, and which differ by what.

For runs whose events differ anyway, as those of two live sessions do: orders are matched by what
was wished, robot by robot and in their order, never by their time or id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from millstream.analysis.rows import plain
from millstream.errors import JournalDamaged
from millstream.journal import Journal, Kind
from millstream.journal.divergence import differences, text
from millstream.model import MyOrder, PlaceOrder
from millstream.model.codec import decode_events, decode_outputs

__all__ = ["OrderField", "OrderPair", "PairedOrders", "RunOrder", "pair_orders"]

_AHEAD: Final = 64  # orders of one robot that may be missing from the other run in a row
_PROGRESS_EVENTS: Final = 10_000
_OUTCOME: Final = ("status", "filled_volume", "average_price", "reason")


class RunOrder(msgspec.Struct):
    """One order of a run: what its robot wished, and what it last heard became of it."""

    robot: str
    order_id: str
    sequence: int  # of the event that caused it
    wish: PlaceOrder
    last: MyOrder | None = None  # None: nobody told the robot of it

    def told(self) -> dict[str, Any]:
        """Everything that is compared, as plain values."""
        wished: dict[str, Any] = plain(self.wish)
        del wished["order_id"]
        return wished | {name: self._became(name) for name in _OUTCOME}

    def _became(self, name: str) -> Any:
        value = None if self.last is None else getattr(self.last, name)
        # A sum of fills has as many zeros as they had: the same volume all the same.
        return plain(value.normalize() if isinstance(value, Decimal) else value)

    def __str__(self) -> str:
        wish = self.wish
        price = "" if wish.price is None else f" at {wish.price}"
        return (
            f"{self.robot} {wish.side} {wish.volume} {wish.symbol}{price} ({wish.type}), "
            f"{self.last.status if self.last else 'wished'}, event {self.sequence}, {self.order_id}"
        )


class OrderField(msgspec.Struct, frozen=True):
    """One field of an order that is not the same in both runs."""

    field: str  # of the wish; or status, filled_volume, average_price, reason
    a: str
    b: str


class OrderPair(msgspec.Struct, frozen=True):
    """One order in both runs, not the same in both."""

    a: RunOrder
    b: RunOrder
    fields: list[OrderField]


class PairedOrders(msgspec.Struct, frozen=True, kw_only=True):
    """What a comparison of two runs' orders found."""

    equal: bool
    orders_a: int
    orders_b: int
    same: int
    different: list[OrderPair]
    only_a: list[RunOrder]
    only_b: list[RunOrder]
    damage: list[str]  # of each journal that is damaged: its orders up to there are compared


def pair_orders(
    a: Journal, b: Journal, progress: Callable[[int], None] | None = None
) -> PairedOrders:
    """Match the orders of two journals. Raises JournalError when one cannot be read."""
    damage: list[str] = []
    in_a, in_b = _orders(a, damage, progress), _orders(b, damage, progress)
    same, different = 0, list[OrderPair]()
    only_a, only_b = list[RunOrder](), list[RunOrder]()
    for robot in {order.robot: None for order in (*in_a, *in_b)}:
        of_a = [order for order in in_a if order.robot == robot]
        of_b = [order for order in in_b if order.robot == robot]
        for one, other in _matched(of_a, of_b):
            if one is None:
                only_b += [other] if other else []
            elif other is None:
                only_a.append(one)
            elif fields := _fields(one, other):
                different.append(OrderPair(one, other, fields))
            else:
                same += 1
    return PairedOrders(
        equal=not (different or only_a or only_b or damage),
        orders_a=len(in_a),
        orders_b=len(in_b),
        same=same,
        different=different,
        only_a=only_a,
        only_b=only_b,
        damage=damage,
    )


def _orders(
    journal: Journal, damage: list[str], progress: Callable[[int], None] | None
) -> list[RunOrder]:
    """Every order that a robot of the journal wished, in their order."""
    found: dict[str, RunOrder] = {}
    next_progress = _PROGRESS_EVENTS
    try:
        for block in journal.blocks():
            if block.kind is Kind.EVENTS:
                for event in decode_events(block.body):
                    if isinstance(event, MyOrder) and event.order_id in found:
                        found[event.order_id].last = event
                if progress is not None and block.first_sequence >= next_progress:
                    next_progress = block.first_sequence + _PROGRESS_EVENTS
                    progress(block.first_sequence)
            elif block.kind is Kind.OUTPUTS:
                for output in decode_outputs(block.body):
                    wish = output.body
                    if isinstance(wish, PlaceOrder):
                        order = RunOrder(output.robot, wish.order_id, output.cause, wish)
                        found.setdefault(wish.order_id, order)
    except JournalDamaged as error:
        damage.append(str(error))
    return list(found.values())


def _fields(a: RunOrder, b: RunOrder) -> list[OrderField]:
    return [
        OrderField(field, text(was), text(now))
        for field, was, now in differences(a.told(), b.told())
    ]


_Matched = Iterator[tuple[RunOrder | None, RunOrder | None]]


def _matched(a: Sequence[RunOrder], b: Sequence[RunOrder]) -> _Matched:
    """Each order with its like; between two such pairs, those of one market and side by turn."""
    wishes_a, wishes_b = [_wish(order) for order in a], [_wish(order) for order in b]
    i = j = 0
    while i < len(a) and j < len(b):
        if wishes_a[i] == wishes_b[j]:
            yield a[i], b[j]
            i, j = i + 1, j + 1
            continue
        skip_a, skip_b = _nearest(wishes_a[i : i + _AHEAD], wishes_b[j : j + _AHEAD])
        yield from _by_turn(a[i : i + skip_a], b[j : j + skip_b])
        i, j = i + skip_a, j + skip_b
    yield from _by_turn(a[i:], b[j:])


def _wish(order: RunOrder) -> bytes:
    return msgspec.msgpack.encode(msgspec.structs.replace(order.wish, order_id=""))


def _nearest(a: Sequence[bytes], b: Sequence[bytes]) -> tuple[int, int]:
    """How many of each to pass over until both go on alike; all of both when they do not."""
    at_b: dict[bytes, int] = {}
    for position, wish in enumerate(b):
        at_b.setdefault(wish, position)
    likes = ((i, at_b[wish]) for i, wish in enumerate(a) if wish in at_b)
    return min(likes, key=sum, default=(len(a), len(b)))


def _by_turn(a: Sequence[RunOrder], b: Sequence[RunOrder]) -> _Matched:
    left = list(b)
    for order in a:
        place = (order.wish.exchange, order.wish.symbol, order.wish.side)
        like = next(
            (o for o in left if (o.wish.exchange, o.wish.symbol, o.wish.side) == place), None
        )
        if like is not None:
            left.remove(like)
        yield order, like
    yield from ((None, order) for order in left)
