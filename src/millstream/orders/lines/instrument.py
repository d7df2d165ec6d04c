"""What a venue demands of an order's numbers, and how they are made to fit. Pure.

Numbers are rounded only the way that cannot hurt: a buy's price down, a sell's up, a volume down, a
stop away from the market. What does not fit then is refused with the name of the rule.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Final

import msgspec
from msgspec.structs import replace

from millstream.model import MyOrder, Side

__all__ = ["Instrument"]

_EXACT: Final = Context(prec=50)


class Instrument(msgspec.Struct, frozen=True):
    """The rules of one pair on one venue; None: it has no such rule."""

    tick: Decimal | None = None  # prices are multiples of it
    lot: Decimal | None = None  # volumes are multiples of it, in base currency
    min_volume: Decimal | None = None
    max_volume: Decimal | None = None
    min_notional: Decimal | None = None  # in quote currency
    contract: Decimal = Decimal(1)  # base currency in one contract

    def fit(self, order: MyOrder) -> MyOrder | str:
        """The order with numbers that the venue takes, or the rule that it breaks."""
        buys = order.side is Side.BUY
        price = _rounded(order.price, self.tick, down=buys)
        stop = _rounded(order.stop_price, self.tick, down=not buys)
        volume = _rounded(order.volume, self.lot, down=True) or Decimal(0)
        for name, number in (("price", price), ("stop price", stop)):
            if number is not None and number <= 0:
                return f"tick: the {name} is below one tick of {self.tick:f}"
        return self._beyond(volume, price) or replace(
            order, price=price, stop_price=stop, volume=volume
        )

    def _beyond(self, volume: Decimal, price: Decimal | None) -> str:
        if volume <= 0:
            return f"lot: the volume is below one lot of {self.lot:f}"
        if self.min_volume is not None and volume < self.min_volume:
            return f"min_volume: {volume:f} is below the least volume of {self.min_volume:f}"
        if self.max_volume is not None and volume > self.max_volume:
            return f"max_volume: {volume:f} is above the greatest volume of {self.max_volume:f}"
        if self.min_notional is not None and price is not None:
            notional = _EXACT.multiply(volume, price)
            if notional < self.min_notional:
                return (
                    f"min_notional: {notional:f} is below the least value of {self.min_notional:f}"
                )
        return ""


def _rounded(number: Decimal | None, step: Decimal | None, *, down: bool) -> Decimal | None:
    if number is None or step is None or step <= 0:
        return number
    rounding = ROUND_FLOOR if down else ROUND_CEILING
    steps = _EXACT.divide(number, step).to_integral_value(rounding)
    fitted = _EXACT.multiply(steps, step)
    return number if fitted == number else fitted
