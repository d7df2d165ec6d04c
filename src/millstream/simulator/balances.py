"""What each account has, and what of it is held for its open orders. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from millstream.simulator.orders import ZERO, Reason, Refused


class Balance(msgspec.Struct):
    """One currency of one account; `held` is not part of `free`."""

    free: Decimal = ZERO
    held: Decimal = ZERO


class Balances:
    """All currencies of one account."""

    def __init__(self, start: Mapping[str, Decimal]) -> None:
        self.all = {currency: Balance(free) for currency, free in start.items()}
        self.changed_ns = 0

    def of(self, currency: str) -> Balance:
        """A currency's balance; zero when there never was any."""
        return self.all.setdefault(currency, Balance())

    def hold(self, currency: str, amount: Decimal) -> None:
        """Put aside; raises Refused when there is too little."""
        balance = self.of(currency)
        if amount > balance.free:
            raise Refused(Reason.NO_BALANCE, currency)
        balance.free -= amount
        balance.held += amount

    def release(self, currency: str, amount: Decimal) -> None:
        """Give back what was held."""
        balance = self.of(currency)
        balance.held -= amount
        balance.free += amount

    def add(self, currency: str, amount: Decimal) -> None:
        """More, or less if negative, of what is free."""
        self.of(currency).free += amount
