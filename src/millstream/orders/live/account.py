"""Whether the account holds what the robots' fills add up to. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from millstream.model import MyTrade

__all__ = ["AccountSum", "Comparison"]

_ZERO: Final = Decimal(0)
_TOLERANCE: Final = Decimal("0.00000001")  # venues round what they show


class Comparison:
    """What should be there against what is, at one look after the other.

    A difference counts the second time: a fill may be on its way. It is told once, and then taken
    as it is.
    """

    def __init__(self) -> None:
        self._before: dict[str, Decimal] = {}  # differences at the last look
        self._told: dict[str, Decimal] = {}

    def look(
        self, expected: Mapping[str, Decimal], found: Mapping[str, Decimal]
    ) -> dict[str, tuple[Decimal, Decimal]]:
        """Expected and found by name, where they differ by the same as at the last look."""
        differing: dict[str, tuple[Decimal, Decimal]] = {}
        now: dict[str, Decimal] = {}
        for name in expected.keys() | found.keys():
            told, there = self._told.get(name, _ZERO), found.get(name, _ZERO)
            should = expected.get(name, _ZERO) + told
            if abs(there - should) <= _TOLERANCE:
                continue
            now[name] = there - should
            if self._before.get(name) == now[name]:
                differing[name] = should, there
                self._told[name] = told + now[name]
        self._before = now
        return differing


class AccountSum:
    """Balances from a first look on, and what own fills have moved since."""

    def __init__(self) -> None:
        self._expected: dict[str, Decimal] = {}
        self._comparison = Comparison()
        self._looked = False

    def book(self, trades: Iterable[MyTrade]) -> None:
        """Count own fills that came after the first look; earlier ones are in it."""
        if not self._looked:
            return
        for trade in trades:
            sign = trade.side.sign
            self._move(trade.symbol.base, trade.volume * sign)
            self._move(trade.symbol.quote, -trade.price * trade.volume * sign)
            self._move(trade.fee_currency, -trade.fee)

    def look(self, balances: Mapping[str, Decimal]) -> dict[str, tuple[Decimal, Decimal]]:
        """Expected and found by currency, where they differ; nothing at the first look."""
        if not self._looked:
            self._looked = True
            self._expected = dict(balances)
        return self._comparison.look(self._expected, balances)

    def _move(self, currency: str, amount: Decimal) -> None:
        if currency:
            self._expected[currency] = self._expected.get(currency, _ZERO) + amount
