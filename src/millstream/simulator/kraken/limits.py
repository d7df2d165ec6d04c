"""Kraken's limits: counters that go down by themselves. Pure.

REST calls have a counter for each key; orders and cancels have one for each account and pair, and a
cancel costs more the younger its order is. The figures are those of the Pro tier.
Source: docs.kraken.com, "Trading rate limits".
"""

from __future__ import annotations

from millstream.model import CurrencyPair
from millstream.simulator.kraken.problems import Problem

_CANCEL_COSTS = ((5, 8), (10, 6), (15, 5), (45, 4), (90, 2), (300, 1))  # younger than s: cost
_AMEND_COSTS = ((5, 4), (10, 3), (15, 2))


class Counter:
    """Goes up with each use, and down with time."""

    def __init__(self, most: float, less_a_second: float) -> None:
        self._most, self._rate = most, less_a_second
        self._value, self._at_ns = 0.0, 0

    def use(self, cost: float, now_ns: int) -> bool:
        """Count, unless that were too much: then False."""
        self._value = max(0.0, self._value - (now_ns - self._at_ns) / 1e9 * self._rate)
        self._at_ns = now_ns
        if self._value + cost > self._most:
            return False
        self._value += cost
        return True


class Limits:
    """All counters; `on` is False: nothing is counted."""

    def __init__(self, on: bool) -> None:
        self._on = on
        self._calls: dict[str, Counter] = {}
        self._orders: dict[tuple[str, CurrencyPair], Counter] = {}

    def call(self, account: str, cost: float, now_ns: int) -> None:
        """A private REST request that is no order; raises Problem."""
        counter = self._calls.setdefault(account, Counter(20, 1.0))
        if self._on and not counter.use(cost, now_ns):
            raise Problem("EAPI:Rate limit exceeded")

    def order(self, account: str, pair: CurrencyPair, now_ns: int) -> None:
        """A new order; raises Problem."""
        self._use(account, pair, 1, now_ns)

    def cancel(self, account: str, pair: CurrencyPair, age_ns: int, now_ns: int) -> None:
        """A cancel is never refused, but it counts."""
        counter = self._counter(account, pair)
        counter.use(_cost(_CANCEL_COSTS, age_ns, 0), now_ns)

    def amend(self, account: str, pair: CurrencyPair, age_ns: int, now_ns: int) -> None:
        """A change of an order; raises Problem."""
        self._use(account, pair, _cost(_AMEND_COSTS, age_ns, 1), now_ns)

    def _counter(self, account: str, pair: CurrencyPair) -> Counter:
        return self._orders.setdefault((account, pair), Counter(180, 3.75))

    def _use(self, account: str, pair: CurrencyPair, cost: float, now_ns: int) -> None:
        if self._on and not self._counter(account, pair).use(cost, now_ns):
            raise Problem("EOrder:Rate limit exceeded")


def _cost(costs: tuple[tuple[int, int], ...], age_ns: int, least: int) -> int:
    return next((cost for below_s, cost in costs if age_ns < below_s * 10**9), least)
