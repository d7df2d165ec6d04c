"""A small limit order book in ticks and lots: whole numbers, so that nothing is rounded."""

from __future__ import annotations

from bisect import bisect_left, insort


class Ladder:
    """One side of a book: volume at each price, the best price last.

    A level's `key` is its price in ticks for bids and that price negated for asks, so that on both
    sides a higher key is a better price and the same code serves both.
    """

    __slots__ = ("changed", "keys", "lots", "sign")

    def __init__(self, sign: int) -> None:
        self.sign = sign  # +1: bids, -1: asks
        self.keys: list[int] = []  # ascending
        self.lots: dict[int, int] = {}
        self.changed: set[int] = set()  # keys changed since the last diff

    def set(self, key: int, lots: int) -> None:
        """Put the volume of a level; 0 removes it."""
        self.changed.add(key)
        if lots:
            if key not in self.lots:
                insort(self.keys, key)
            self.lots[key] = lots
        elif key in self.lots:
            del self.lots[key]
            if self.keys[-1] == key:
                self.keys.pop()
            else:
                del self.keys[bisect_left(self.keys, key)]

    def take_changes(self) -> list[tuple[int, int]]:
        """(price in ticks, volume in lots) of each level changed since last asked, best first."""
        sign, lots = self.sign, self.lots
        changes = [(key * sign, lots.get(key, 0)) for key in sorted(self.changed, reverse=True)]
        self.changed.clear()
        return changes

    def levels(self, limit: int) -> list[tuple[int, int]]:
        """(price in ticks, volume in lots) of the best levels, best first."""
        sign, lots = self.sign, self.lots
        return [(key * sign, lots[key]) for key in self.keys[: -limit - 1 : -1]]
