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
CheckedLevel: TypeAlias = tuple[float, float, bytes]  # and what a checksum is made of

__all__ = ["BookSide", "CheckedLevel", "CheckedSide", "Level", "OrderBook"]


class SortedSide:
    """What both kinds of side are.

    Keys are price times `sign`, in ascending order, so that the best price is always the last:
    changes gather near the best price, where a list is cheap to change. Each level stands in the
    place of its key, so that the best ones are a slice: a book is read once for each change.
    """

    __slots__ = ("_keys", "_levels", "_sign")

    def __init__(self, sign: int) -> None:
        self._sign = float(sign)  # +1 for bids, -1 for asks
        self._keys: list[float] = []
        self._levels: list[Level] = []

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def best_price(self) -> float | None:
        """The best price, None when this side is empty."""
        return self._sign * self._keys[-1] if self._keys else None

    def top(self, count: int) -> Levels:
        """At most `count` levels, best first."""
        return tuple(self._levels[: -count - 1 : -1])


class BookSide(SortedSide):
    """One side of a book."""

    __slots__ = ()

    def load(self, levels: Iterable[Level]) -> None:
        """Replace everything; levels without volume are left out."""
        sign = self._sign
        known = {sign * level[0]: level for level in levels if level[1] > 0.0}
        self._keys = sorted(known)
        self._levels = [known[key] for key in self._keys]

    def apply(self, levels: Iterable[Level]) -> None:
        """Set each price to its absolute volume; 0 removes it, known or not."""
        sign, keys, known = self._sign, self._keys, self._levels
        for level in levels:
            key = sign * level[0]
            at = bisect_left(keys, key)
            if at < len(keys) and keys[at] == key:
                if level[1] > 0.0:
                    known[at] = level
                else:
                    del keys[at], known[at]
            elif level[1] > 0.0:
                keys.insert(at, key)
                known.insert(at, level)


class CheckedSide(SortedSide):
    """One side whose levels carry text, for a checksum made of it."""

    __slots__ = ("_texts",)

    def __init__(self, sign: int) -> None:
        super().__init__(sign)
        self._texts: list[bytes] = []

    def clear(self) -> None:
        """Forget everything."""
        self._keys, self._levels, self._texts = [], [], []

    def apply(self, levels: Iterable[CheckedLevel]) -> None:
        """Set each price to its absolute volume and its text; volume 0 removes it."""
        sign, keys, known, texts = self._sign, self._keys, self._levels, self._texts
        for price, volume, text in levels:
            key = sign * price
            at = bisect_left(keys, key)
            if at < len(keys) and keys[at] == key:
                if volume > 0.0:
                    known[at], texts[at] = (price, volume), text
                else:
                    del keys[at], known[at], texts[at]
            elif volume > 0.0:
                keys.insert(at, key)
                known.insert(at, (price, volume))
                texts.insert(at, text)

    def cut(self, depth: int) -> None:
        """Forget what is deeper than `depth` levels."""
        excess = len(self._keys) - depth
        if excess > 0:
            del self._keys[:excess], self._levels[:excess], self._texts[:excess]

    def texts(self, count: int) -> list[bytes]:
        """The texts of at most `count` levels, best first."""
        return self._texts[: -count - 1 : -1]


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
        bids, asks = self.bids._keys, self.asks._keys
        return bool(bids and asks) and bids[-1] >= -asks[-1]  # asks' keys are negative prices
