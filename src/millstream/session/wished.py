"""What the robots of a killed session wished last, and nobody may have taken. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from millstream.journal import Block, Kind
from millstream.model import CancelAll, CancelOrder, MyOrder, Output, PlaceOrder
from millstream.model.codec import decode_outputs
from millstream.model.tags import TAGS
from millstream.robot.moment import sequence_of

__all__ = ["LastWishes", "cancels_of", "one_by_one", "wishes_in"]

# Two queues of 1,000 messages lie between robots and orders, and 64 are in the orders' hand.
_ON_THEIR_WAY: Final = 2_064
_LOOKED_AT: Final = 8_192
_WISHES: Final = (PlaceOrder, CancelOrder, CancelAll)
_NUMBERS: Final = tuple(
    bytes((TAGS[name],)) for name in ("place_order.1", "cancel_order.1", "cancel_all.1")
)


class LastWishes:
    """Is shown the blocks of a journal, in order; `outputs` are the last wishes among them.

    Wishes wait for the disk and the store, however many events and checkpoints pass meanwhile.
    """

    def __init__(self) -> None:
        self._bodies: deque[bytes] = deque(maxlen=_LOOKED_AT)

    def see(self, block: Block) -> None:
        """The next block."""
        if block.kind is Kind.OUTPUTS and any(number in block.body for number in _NUMBERS):
            self._bodies.append(block.body)

    def outputs(self) -> list[Output]:
        """As many as can have been on their way, in their order."""
        found: deque[list[Output]] = deque()
        while self._bodies and len(found) < _ON_THEIR_WAY:
            if wishes := wishes_in(decode_outputs(self._bodies.pop())):
                found.appendleft(wishes)
        return [wish for wishes in found for wish in wishes]


def wishes_in(outputs: Iterable[Output]) -> list[Output]:
    """Those that place or cancel orders."""
    return [output for output in outputs if isinstance(output.body, _WISHES)]


def cancels_of(
    wishes: Iterable[Output], opened: Callable[[str], Sequence[MyOrder]], run_id: str
) -> list[Output]:
    """What of these wishes cancels, order by order. opened: a robot's open orders in the store."""
    cancels: list[Output] = []
    for wish in wishes:
        if isinstance(wish.body, CancelOrder):
            cancels.append(wish)
        elif isinstance(wish.body, CancelAll):
            cancels += one_by_one(wish, wish.body, (), opened, run_id)
    return cancels


def one_by_one(
    output: Output,
    wish: CancelAll,
    placed: Iterable[Output],
    opened: Callable[[str], Sequence[MyOrder]],
    run_id: str,
) -> list[Output]:
    """A "cancel all" of an earlier life: what was open then, by its ids. What came after it stays.

    placed: orders wished before it that the store may not have.
    """
    ids = [
        order.order_id
        for order in opened(output.robot)
        if wish.symbol in (None, order.symbol) and not _is_later(order, run_id, output.cause)
    ]
    for earlier in placed:
        order = earlier.body
        assert isinstance(order, PlaceOrder)
        if earlier.robot == output.robot and wish.symbol in (None, order.symbol):
            ids.append(order.order_id)
    return [
        Output(output.cause, output.robot, CancelOrder(order_id)) for order_id in dict.fromkeys(ids)
    ]


def _is_later(order: MyOrder, run_id: str, cause: int) -> bool:
    if not order.order_id.startswith(run_id):
        return False
    try:
        return sequence_of(order.order_id) > cause
    except ValueError:  # another program's
        return False
