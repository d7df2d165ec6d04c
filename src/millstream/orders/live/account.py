"""Whether the account holds what the robots' fills add up to. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from millstream.model import MyTrade

__all__ = ["AccountSum"]

_TOLERANCE: Final = Decimal("0.00000001")  # venues round what they show


class AccountSum:
    """Balances from a first look on, and what own fills have moved since."""

    def __init__(self) -> None:
        self._expected: dict[str, Decimal] = {}
        self._before: dict[str, Decimal] = {}  # differences at the last look
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
        """Expected and found by currency, where they differ by the same as at the last look.

        A difference counts the second time: a fill may be on its way. It is told once, and then
        taken as it is.
        """
        if not self._looked:
            self._looked = True
            self._expected = dict(balances)
            return {}
        found: dict[str, tuple[Decimal, Decimal]] = {}
        now: dict[str, Decimal] = {}
        for currency in self._expected.keys() | balances.keys():
            expected = self._expected.get(currency, Decimal(0))
            there = balances.get(currency, Decimal(0))
            if abs(there - expected) <= _TOLERANCE:
                continue
            now[currency] = there - expected
            if self._before.get(currency) == now[currency]:
                found[currency] = expected, there
                self._expected[currency] = there
        self._before = now
        return found

    def _move(self, currency: str, amount: Decimal) -> None:
        if currency:
            self._expected[currency] = self._expected.get(currency, Decimal(0)) + amount
