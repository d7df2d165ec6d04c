"""Indicators that take one value at a time and keep all they know in a struct.

So a robot's state can hold them, and be stored, hashed and compared. Checked value by value against
TA-Lib in the tests.
"""

from __future__ import annotations

from math import sqrt

import msgspec


class Ema(msgspec.Struct):
    """Exponential moving average over `length` values, begun with their plain average."""

    length: int
    count: int = 0
    value: float = 0.0  # until `length` values came: their sum

    def update(self, value: float) -> float | None:
        """The average with this value in it; None for the first length - 1 values."""
        self.count += 1
        if self.count < self.length:
            self.value += value
            return None
        if self.count == self.length:
            self.value = (self.value + value) / self.length
        else:
            self.value += (value - self.value) * 2 / (self.length + 1)
        return self.value


class Tema(msgspec.Struct):
    """Triple exponential moving average (Mulloy 1994): follows a trend with less delay."""

    first: Ema
    second: Ema
    third: Ema

    @staticmethod
    def over(length: int) -> Tema:
        """One that averages over `length` values."""
        return Tema(Ema(length), Ema(length), Ema(length))

    def update(self, value: float) -> float | None:
        """The average with this value in it; None for the first 3 * (length - 1) values."""
        once = self.first.update(value)
        twice = None if once is None else self.second.update(once)
        thrice = None if twice is None else self.third.update(twice)
        if once is None or twice is None or thrice is None:
            return None
        return 3 * once - 3 * twice + thrice


class Rsi(msgspec.Struct):
    """Relative strength index (Wilder 1978), from 0 to 100."""

    length: int
    count: int = 0  # changes seen
    last: float | None = None
    gain: float = 0.0  # until `length` changes came: sums; then Wilder's averages
    loss: float = 0.0

    def update(self, value: float) -> float | None:
        """The index with this value in it; None for the first `length` values."""
        last, self.last = self.last, value
        if last is None:
            return None
        change = value - last
        self.count += 1
        n = self.length
        if self.count <= n:
            self.gain += max(change, 0.0)
            self.loss += max(-change, 0.0)
            if self.count < n:
                return None
            self.gain /= n
            self.loss /= n
        else:
            self.gain = (self.gain * (n - 1) + max(change, 0.0)) / n
            self.loss = (self.loss * (n - 1) + max(-change, 0.0)) / n
        total = self.gain + self.loss
        return 100 * self.gain / total if total else 0.0


class Bollinger(msgspec.Struct):
    """The average of the last `length` values, and how far they scatter around it."""

    length: int
    values: list[float] = []

    def update(self, value: float) -> tuple[float, float] | None:
        """(average, standard deviation) with this value in it; None for the first length - 1."""
        self.values.append(value)
        if len(self.values) > self.length:
            del self.values[0]
        if len(self.values) < self.length:
            return None
        average = sum(self.values) / self.length
        variance = sum((x - average) ** 2 for x in self.values) / self.length
        return average, sqrt(variance)
