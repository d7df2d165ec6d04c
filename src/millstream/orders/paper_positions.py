"""What each robot holds of one pair of the paper venue, for orders that may only reduce it. Pure.

A live venue holds `reduce_only` against the account; here it is the robot's own position, as in the
limits: robots that share a session on paper do not get in each other's way.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from millstream.model import MyOrder
from millstream.orders.numbers import EXACT

__all__ = ["PaperPositions"]

_NOTHING: Final = Decimal(0)


class PaperPositions:
    """Positions in base currency, by robot.

    stored: what the fills of a robot add up to in the order store. Asked once for each robot,
    before its first fill here: fills of the venue itself are counted when they happen.
    """

    def __init__(self, stored: Callable[[str], Decimal]) -> None:
        self._stored = stored
        self._held: dict[str, Decimal] = {}

    def book(self, order: MyOrder, volume: Decimal) -> None:
        """Count a fill of an order."""
        held = self._of(order.robot)
        self._held[order.robot] = EXACT.add(held, volume * order.side.sign)

    def room(self, order: MyOrder) -> Decimal:
        """How much of a reduce-only order could fill before it would turn the position."""
        return max(_NOTHING, -self._of(order.robot) * order.side.sign)

    def _of(self, robot: str) -> Decimal:
        if robot not in self._held:
            self._held[robot] = self._stored(robot)
        return self._held[robot]
