"""How much base currency a size is. Pure.

Spot: the size itself. A linear swap's size counts contracts of `ctVal` base currency each; an
inverse one's counts contracts of `ctVal` quote currency, which is base at the price traded.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from millstream.exchange.okx.wire import Instrument


class Contract(msgspec.Struct, frozen=True):
    """One contract: `value` base currency, or quote currency when inverse."""

    value: Decimal
    inverse: bool = False

    def volume(self, size: Decimal, price: Decimal | None) -> Decimal | None:
        """A size in base currency, exact; None: inverse, and no price to convert at."""
        if not self.inverse:
            return size * self.value
        return size * self.value / price if price else None


class Units:
    """The same of one pair's market data, in floats; set when the contract is known."""

    __slots__ = ("inverse", "known", "scale")

    def __init__(self, contract: Contract | None) -> None:
        self.known = False
        self.scale = 1.0
        self.inverse = False
        if contract is not None:
            self.set(contract)

    def set(self, contract: Contract) -> None:
        """From now on it is this contract."""
        self.known, self.scale, self.inverse = True, float(contract.value), contract.inverse

    def volume(self, size: float, price: float) -> float:
        """A size in base currency."""
        return size * self.scale / price if self.inverse else size * self.scale


SPOT = Contract(Decimal(1))


def contract(instrument: Instrument) -> Contract | None:
    """The contract of an instrument; None when its value is no number above zero."""
    try:
        value = Decimal(instrument.ctVal) * Decimal(instrument.ctMult or "1")
    except ArithmeticError:
        return None
    if not (value.is_finite() and value > 0):
        return None
    return Contract(value, instrument.ctType == "inverse")
