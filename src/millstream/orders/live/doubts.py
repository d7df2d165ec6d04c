"""Which orders have to be asked for, and when next. Pure.

An order is in doubt from the first sign of it until evidence settles it:

    sign of doubt   ask after 0.5 s, then 1, 2, 4 … 30 s
    Moved           ask within 0.5 s, however long it has been in doubt
    settled, ended  asked for no more

Times are of a clock that nobody sets: how long an order has been in doubt decides what is believed.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

__all__ = ["Doubts"]

_SECOND_NS: Final = 1_000_000_000
_SOONEST_NS: Final = _SECOND_NS // 2
_LATEST_NS: Final = 30 * _SECOND_NS


class _Doubt:
    __slots__ = ("next_ns", "since_ns", "tries")

    def __init__(self, since_ns: int) -> None:
        self.since_ns = since_ns
        self.next_ns = since_ns + _SOONEST_NS
        self.tries = 0


class Doubts:
    """Orders in doubt, by id."""

    def __init__(self) -> None:
        self._doubts: dict[str, _Doubt] = {}

    def begin(self, order_id: str, steady_ns: int) -> int:
        """Doubt an order, if it is not in doubt already. Returns since when."""
        return self._doubts.setdefault(order_id, _Doubt(steady_ns)).since_ns

    def hurry(self, order_id: str, steady_ns: int) -> None:
        """Doubt an order, and ask soon."""
        self.begin(order_id, steady_ns)
        doubt = self._doubts[order_id]
        doubt.next_ns = min(doubt.next_ns, steady_ns + _SOONEST_NS)

    def settle(self, order_id: str) -> None:
        """Evidence has said how it stands."""
        self._doubts.pop(order_id, None)

    def keep(self, opened: Collection[str]) -> list[str]:
        """Forget whatever is not open any more. Returns what is left."""
        self._doubts = {one: doubt for one, doubt in self._doubts.items() if one in opened}
        return list(self._doubts)

    def due(self, steady_ns: int) -> bool:
        """Whether it is time to ask."""
        return any(doubt.next_ns <= steady_ns for doubt in self._doubts.values())

    def asked(self, steady_ns: int) -> None:
        """All are being asked for now."""
        for doubt in self._doubts.values():
            doubt.tries += 1
            doubt.next_ns = steady_ns + min(_LATEST_NS, _SOONEST_NS << min(doubt.tries, 10))
