"""Which prices and volumes are carried: exactly, by every venue and every store. Pure.

Python's Decimal holds what no venue takes: NaN that raises when it is compared, 1E+999999 that
overflows when it is multiplied, Decimal(0.1) with 55 digits that is rounded when it is added.
"""

from __future__ import annotations

from decimal import Context, Decimal
from typing import Final

from msgspec.structs import replace

from millstream.model import AmendOrder, PlaceOrder

__all__ = ["EXACT", "not_carried", "with_carried_numbers"]

_MOST_DIGITS: Final = 28  # what a division of two Decimals has
_GREATEST: Final = 17  # the power of ten of the first digit
_LEAST: Final = -20
_LONGEST_SHOWN: Final = 40
# The widest sum of carried numbers has 18 digits before the point and 47 after it.
EXACT: Final = Context(prec=100)


def not_carried(wish: PlaceOrder | AmendOrder) -> str:
    """A sentence about the first number of a wish that is not carried; "" when all are."""
    for name, number in _numbers(wish).items():
        if number is not None and not _is_carried(number):
            shown = str(number)
            shown = shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}…"
            return (
                f"the {name} is {shown}: carried are numbers from 1E-20 to below 1E+18 with at "
                f"most {_MOST_DIGITS} digits (of a float: Decimal(str(number)))"
            )
    return ""


def with_carried_numbers(wish: PlaceOrder) -> PlaceOrder:
    """The wish as its refusal can be stored: 0 stands for what is not carried."""
    nothing = {
        name.replace(" ", "_"): Decimal(0)
        for name, number in _numbers(wish).items()
        if number is not None and not _is_carried(number)
    }
    return replace(wish, **nothing) if nothing else wish


def _numbers(wish: PlaceOrder | AmendOrder) -> dict[str, Decimal | None]:
    stop_price = wish.stop_price if isinstance(wish, PlaceOrder) else None
    return {"volume": wish.volume, "price": wish.price, "stop price": stop_price}


def _is_carried(number: Decimal) -> bool:
    """Whatever its sign, and zero as it is usually written: these the limits judge."""
    return (
        number.is_finite()
        and _LEAST <= number.adjusted() <= _GREATEST
        and len(number.as_tuple().digits) <= _MOST_DIGITS
    )
