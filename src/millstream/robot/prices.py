"""From market numbers (floats) to the numbers of orders (Decimal, on the venue's grid)."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal


def round_down(value: float | Decimal, step: Decimal) -> Decimal:
    """The largest multiple of `step` not above `value`. Exact: reads a float as printed."""
    return _round(value, step, ROUND_FLOOR)


def round_up(value: float | Decimal, step: Decimal) -> Decimal:
    """The smallest multiple of `step` not below `value`. Exact: reads a float as printed."""
    return _round(value, step, ROUND_CEILING)


def _round(value: float | Decimal, step: Decimal, rounding: str) -> Decimal:
    exact = Decimal(repr(value)) if isinstance(value, float) else value
    return (exact / step).to_integral_value(rounding) * step
