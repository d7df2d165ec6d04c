"""An order book, exact at every price: both sides, absolute volumes, the best levels quickly.

Prices are floats and are looked up as such. Venues write at most 17 significant digits, so the
same text always gives the same float, and different prices different ones. Pure.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import TypeAlias

from millstream.model import Levels

Level: TypeAlias = tuple[float, float]  # price, volume

__all__ = ["BookSide", "Level", "OrderBook"]


class BookSide:
    """One side of a book.

    Keys are price times `sign`, in ascending order, so that the best price is always the last:
    changes gather near the best price, where a list is cheap to change.
    """

    __slots__ = ("_keys", "_levels", "_sign")

    def __init__(self, sign: int) -> None:
        self._sign = float(sign)  # +1 for bids, -1 for asks
        self._keys: list[float] = []
        self._levels: dict[float, Level] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def load(self, levels: Iterable[Level]) -> None:
        """Replace everything; levels without volume are left out."""
        sign = self._sign
        self._levels = {sign * level[0]: level for level in levels if level[1] > 0.0}
        self._keys = sorted(self._levels)

    def apply(self, levels: Iterable[Level]) -> None:
        """Set each price to its absolute volume; 0 removes it, known or not."""
        sign, keys, known = self._sign, self._keys, self._levels
        for level in levels:
            key = sign * level[0]
            if level[1] > 0.0:
                if key not in known:
                    keys.insert(bisect_left(keys, key), key)
                known[key] = level
            elif known.pop(key, None) is not None:
                del keys[bisect_left(keys, key)]

    @property
    def best_price(self) -> float | None:
        """The best price, None when this side is empty."""
        return self._sign * self._keys[-1] if self._keys else None

    def top(self, count: int) -> Levels:
        """At most `count` levels, best first."""
        return tuple(map(self._levels.__getitem__, self._keys[: -count - 1 : -1]))


class OrderBook:
    """Bids and asks of one pair."""

    __slots__ = ("asks", "bids")

    def __init__(self) -> None:
        self.bids = BookSide(+1)
        self.asks = BookSide(-1)

    def load(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Replace both sides."""
        self.bids.load(bids)
        self.asks.load(asks)

    def apply(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Set prices of both sides to their absolute volumes."""
        self.bids.apply(bids)
        self.asks.apply(asks)

    @property
    def crossed(self) -> bool:
        """True when the best bid is not below the best ask: such a book cannot be right."""
        bid, ask = self.bids.best_price, self.asks.best_price
        return bid is not None and ask is not None and bid >= ask
